"""How media arrives: lost, late, out of order, twice; and how senders keep time, numbers and sources."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.faults.media_call import Exchange, MediaCall, media, talking
from tests.e2e.live.calls import CALLER, CALLER_SSRC
from tests.e2e.live.case import Case, broken, capture_only, healthy
from tests.support.playback import Digit, Piece, Silence, Sound
from tests.support.relay import Impairment
from tests.support.sipp import PCMU, audio

from sip_ci.findings import Severity

_TALKING = talking(Exchange(media(PCMU)))
_CALL = MediaCall(_TALKING, ((Sound(6),),), ((Sound(6),),), talk=6)
_G729 = "18 G729/8000"


def _relayed(name: str, what: str, check: str, severity: Severity, impairment: Impairment, seconds: float = 6) -> Case:
    sounds = ((Sound(seconds),),)
    call = replace(_CALL, relay=impairment, caller_plays=sounds, callee_plays=sounds, talk=seconds)
    return capture_only(broken(f"media-{name}", what, call, check, severity=severity))


def _sent(name: str, what: str, check: str, severity: Severity, *pieces: Piece) -> Case:
    """The callee sends `pieces`."""
    talk = sum(piece.seconds for piece in pieces if not isinstance(piece, Digit))
    call = replace(_CALL, caller_plays=((Sound(talk),),), callee_plays=(pieces,), talk=talk)
    return capture_only(broken(f"media-{name}", what, call, check, severity=severity))


CASES = (
    healthy(
        "media-delayed-40-ms",
        "A relay delays all media by 40 ms",
        replace(_CALL, relay=Impairment(delay=0.04)),
    ),
    healthy(
        "media-jitter-15-ms",
        "A relay delays each packet by up to 15 ms",
        replace(_CALL, relay=Impairment(jitter=0.015)),
    ),
    healthy(
        "media-loss-half-a-percent",
        "A call of 20 s through a relay that drops one packet in two hundred",
        replace(
            _CALL,
            relay=Impairment(period=200, dropped=1),
            caller_plays=((Sound(20),),),
            callee_plays=((Sound(20),),),
            talk=20,
        ),
    ),
    healthy(
        "media-source-changed-by-transfer",
        "After a re-INVITE the callee's media comes from another source: another SSRC, other numbers",
        MediaCall(
            talking(Exchange(media(PCMU)), Exchange(media(PCMU))),
            ((Sound(3),), (Sound(3),)),
            ((Sound(3),), (Sound(3, ssrc=0x77, restarted=True),)),
            talk=3,
        ),
    ),
    healthy(
        "media-silence-suppressed",
        "Talkspurts with silence between them, in which nothing is sent and the timestamps go on",
        replace(_CALL, callee_plays=((Sound(2), Silence(1.5), Sound(1), Silence(0.8), Sound(0.7)),)),
    ),
    healthy(
        "media-30-ms-packets",
        "Packets of 30 ms, as both descriptions say",
        MediaCall(
            talking(Exchange(media(audio("0 PCMU/8000", ptime=30)))),
            ((Sound(4, ptime=30),),),
            ((Sound(4, ptime=30),),),
        ),
    ),
    _relayed(
        "loss-3-percent",
        "A relay drops three packets in a hundred, here and there",
        "rtp-loss",
        Severity.MEDIUM,
        Impairment(lost=0.03),
        8,
    ),
    _relayed(
        "loss-10-percent",
        "A relay drops ten packets in a hundred, here and there",
        "rtp-loss",
        Severity.HIGH,
        Impairment(lost=0.1),
    ),
    _relayed(
        "loss-in-bursts",
        "A relay drops eight packets in a row once in 8 s towards the caller",
        "rtp-burst-loss",
        Severity.LOW,
        Impairment(period=900, dropped=8, toward=CALLER),
        19,
    ),
    _relayed(
        "jitter-60-ms",
        "A relay delays each packet by up to 250 ms",
        "rtp-jitter",
        Severity.HIGH,
        Impairment(jitter=0.25),
    ),
    _relayed(
        "jitter-30-ms",
        "A relay delays each packet by up to 130 ms",
        "rtp-jitter",
        Severity.MEDIUM,
        Impairment(jitter=0.13),
    ),
    _relayed(
        "out-of-order",
        "A relay delays every tenth packet towards the caller by 30 ms",
        "rtp-out-of-order",
        Severity.LOW,
        Impairment(period=10, late=0.03, toward=CALLER),
    ),
    _relayed(
        "repeated",
        "A relay sends every twentieth packet twice, 5 ms apart",
        "rtp-duplicate",
        Severity.LOW,
        Impairment(repeated=20),
    ),
    _relayed(
        "interrupted",
        "A relay drops the media of 2.4 s towards the caller",
        "rtp-loss",
        Severity.HIGH,
        Impairment(period=300, dropped=120, toward=CALLER),
        8,
    ),
    _sent(
        "timestamps-jump",
        "The callee's timestamps jump by 5 s again and again",
        "rtp-timestamp-jump",
        Severity.MEDIUM,
        Sound(1.5),
        *(Sound(1.5, jump=5, marker=False) for _ in range(3)),
    ),
    _sent(
        "clock-drift",
        "The callee's clock runs 2 % fast",
        "rtp-clock-drift",
        Severity.LOW,
        Sound(31.5, speed=1.02),
    ),
    _sent(
        "source-changes",
        "The callee's SSRC changes six times though nothing is agreed anew",
        "rtp-ssrc-change",
        Severity.LOW,
        *(Sound(1, ssrc=0x5E6F7081 + number, restarted=number % 2 == 1) for number in range(7)),
    ),
    capture_only(
        broken(
            "media-same-source",
            "Both sides send under the same SSRC, each with its own numbers",
            replace(_CALL, callee_plays=((Sound(6, restarted=True),),), callee_ssrc=CALLER_SSRC),
            "rtp-ssrc-collision",
            severity=Severity.LOW,
        )
    ),
    capture_only(
        broken(
            "media-g729-poor",
            "G.729 through a relay that drops ten packets in a hundred",
            replace(
                _CALL,
                scenarios=talking(Exchange(media(audio(_G729)))),
                caller_plays=((Sound(8, "G729", 18),),),
                callee_plays=((Sound(8, "G729", 18),),),
                relay=Impairment(lost=0.1),
                talk=8,
            ),
            "rtp-loss",
        )
    ),
)
