"""Where media flows: one way, nowhere, to and from other places than agreed; behind NAT; through hold and resume."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.faults.media_call import Exchange, MediaCall, media, talking
from tests.e2e.live.calls import CALLEE, CALLEE_IPV6, CALLER, CALLER_IPV6, Side
from tests.e2e.live.case import broken, capture_only, healthy
from tests.support.playback import Sound
from tests.support.sipp import PCMU

from sip_ci.findings import Severity

_PRIVATE = "192.168.1.100"
"""An address of nobody in these calls."""
_OTHER = "198.51.100.77"
"""Another address in front of the callee's media."""
_SPEECH = (Sound(4),)
_PLAIN = talking(Exchange(media(PCMU)))
_CALL = MediaCall(_PLAIN, (_SPEECH,), (_SPEECH,))
_TO_CALLER = ("-p", "udp", "-d", CALLER, "--dport", "6000")
_TO_CALLEE = ("-p", "udp", "-d", CALLEE, "--dport", "6000")
_BLOCK = ("-A", "FORWARD")
_HOLD = talking(
    Exchange(media(PCMU)),
    Exchange(media(f"{PCMU}\r\na=sendonly"), media(f"{PCMU}\r\na=recvonly")),
    Exchange(media(f"{PCMU}\r\na=sendrecv")),
)


def _translated(to: str) -> tuple[str, ...]:
    """The rule by which the callee's RTP comes from elsewhere."""
    return ("-t", "nat", "-A", "POSTROUTING", "-p", "udp", "-s", CALLEE, "--sport", "6000", "-j", "SNAT", "--to", to)


_STRETCHES = ((Sound(3),), (Sound(3, marker=False),), (Sound(3),))
_MOVED = talking(Exchange(media(PCMU)), Exchange(media(PCMU, "6004"), media(PCMU)))

CASES = (
    healthy("media-both-ways", "G.711 both ways for 4 s", _CALL),
    healthy(
        "media-hold-and-resume",
        "Talk, hold by sendonly with music to the held side, and talk again; each for 3 s",
        MediaCall(_HOLD, _STRETCHES, ((Sound(3),), (), (Sound(3, restarted=True),)), talk=3),
    ),
    healthy(
        "media-hold-silent",
        "Talk, hold by inactive without any media, and talk again",
        MediaCall(
            talking(
                Exchange(media(PCMU)),
                Exchange(media(f"{PCMU}\r\na=inactive")),
                Exchange(media(f"{PCMU}\r\na=sendrecv")),
            ),
            ((Sound(3),), (), (Sound(3, restarted=True),)),
            ((Sound(3),), (), (Sound(3, restarted=True),)),
            talk=3,
        ),
    ),
    healthy(
        "media-ipv6",
        "G.711 both ways over IPv6",
        replace(_CALL, caller_address=CALLER_IPV6, callee_address=CALLEE_IPV6),
    ),
    healthy(
        "media-follows-to-another-port",
        "The caller moves to port 6004 by a re-INVITE, and the callee's media follows",
        MediaCall(_MOVED, ((Sound(4),), (Sound(4),)), ((Sound(8),), ()), talk=4),
    ),
    healthy("media-short-call", "A call of half a second", replace(_CALL, talk=0.5)),
    healthy(
        "media-source-translated",
        "A NAT before the callee gives its media another port; the caller's goes where the SDP says. Both ways",
        replace(
            _CALL,
            rules=(_translated(f"{CALLEE}:6100"),),
        ),
    ),
    capture_only(
        broken(
            "media-blocked-to-caller",
            "A firewall drops the RTP towards the caller; recorded at the caller",
            replace(_CALL, rules=((*_BLOCK, *_TO_CALLER, "-j", "DROP"),)),
            "media-one-way",
            severity=Severity.CRITICAL,
        )
    ),
    capture_only(
        broken(
            "media-blocked-to-callee",
            "A firewall drops the RTP towards the callee; recorded at the callee",
            replace(_CALL, rules=((*_BLOCK, *_TO_CALLEE, "-j", "DROP"),), recorded_at=Side.CALLEE),
            "media-one-way",
            severity=Severity.CRITICAL,
        )
    ),
    broken(
        "media-private-answer",
        "The answer names a private address, where the caller's RTP is lost; recorded at the callee",
        replace(_CALL, answer_address=_PRIVATE, recorded_at=Side.CALLEE),
        "nat-sdp-private",
    ),
    capture_only(
        broken(
            "media-wrong-port",
            "A middlebox puts another port in the answer, where the caller's RTP is lost; recorded at the callee",
            replace(_CALL, middlebox=("in:m=audio 6000=>m=audio 6500",), recorded_at=Side.CALLEE),
            "rtp-port-undeclared",
            severity=Severity.MEDIUM,
        )
    ),
    capture_only(
        broken(
            "media-from-another-address",
            "The callee's RTP comes from another address than its SDP names, and nothing is sent back to it",
            replace(_CALL, caller_plays=(), rules=(_translated(_OTHER),)),
            "rtp-source-mismatch",
            severity=Severity.MEDIUM,
        )
    ),
    capture_only(
        broken(
            "media-in-one-call-only",
            "Two calls of 4 s, the second without any RTP",
            replace(_CALL, then=replace(_CALL, caller_plays=(), callee_plays=())),
            "media-none",
        )
    ),
    capture_only(
        broken(
            "media-stops",
            "The callee stops sending 6 s before the end",
            replace(_CALL, caller_plays=((Sound(11),),), callee_plays=((Sound(5),),), talk=11),
            "media-stopped-early",
            severity=Severity.LOW,
        )
    ),
    capture_only(
        broken(
            "media-late",
            "The callee begins to send 2.6 s after its answer",
            MediaCall(talking(Exchange(media(PCMU)), callee_waits=2.6), ((Sound(6),),), ((Sound(3.4),),), talk=6),
            "media-late",
            severity=Severity.MEDIUM,
        )
    ),
    capture_only(
        broken(
            "media-lost-after-hold",
            "After hold and resume the callee sends nothing any more",
            MediaCall(_HOLD, ((Sound(4),), (), (Sound(5),)), ((Sound(4),), (), ()), talk=4.05),
            "media-one-way",
            severity=Severity.CRITICAL,
        )
    ),
)
