"""Calls between two baresip phones: their codecs, transports, encryption, ICE, video, hold and digits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tests.e2e.live.calls import CALLEE, CALLER
from tests.e2e.live.case import Case, broken, capture_only, healthy
from tests.e2e.live.phones import PLAIN_PHONE, Phone, call_between_phones, reason_without_baresip
from tests.support.pacing import was_held_up

from sip_ci.findings import Severity

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class PhoneTalk:
    """A call between two phones, of which the caller's prints the messages."""

    caller: Phone
    callee: Phone
    pressed: tuple[tuple[float, str, str], ...] = ()
    """What the caller does in the call: seconds after the one before, a command of the menu, and its parameters."""
    talk: float = 4.0
    dropped: tuple[tuple[str, ...], ...] = ()
    """`iptables` matches of what the router between them drops."""

    @property
    def suffix(self) -> str:
        """The ending of the capture's name."""
        return ".pcap"

    @property
    def seen_from_one_place(self) -> bool:
        """The capture is taken at the caller, too."""
        return True

    @property
    def seconds(self) -> float:
        """How long the call may take."""
        return self.talk + sum(seconds for seconds, _, _ in self.pressed) + 1

    @property
    def programs(self) -> str:
        """Which programs made the call, in a few words."""
        return "baresip → baresip"

    def missing(self) -> str:
        """What it needs and is not here, in one sentence; empty where nothing is missing."""
        return reason_without_baresip()

    def record(self, folder: Path) -> tuple[Path, Path | None]:
        """Makes the call; returns the capture and the caller's output. RuntimeError where a phone does not start.

        A call in which the machine itself was held up is made again.
        """
        for number in range(_ATTEMPTS):
            attempt = folder / str(number)
            attempt.mkdir()
            capture = attempt / "call.pcap"
            call_between_phones(
                capture,
                self.talk,
                "-s",
                caller_phone=self.caller,
                callee_phone=self.callee,
                pressed=self.pressed,
                dropped=self.dropped,
            )
            if not was_held_up(capture, CALLER, CALLEE):
                break
        return capture, attempt / "caller" / "output.log"


def _both(phone: Phone, **options: object) -> PhoneTalk:
    return PhoneTalk(phone, phone, **options)  # type: ignore[arg-type]


def _fine(name: str, what: str, phone: Phone, **options: object) -> Case:
    return healthy(f"phones-{name}", what, _both(phone, **options))


_SRTP = Phone(("g711", "srtp"), "audio_codecs=PCMU;mediaenc=srtp-mand")
_DTLS = Phone(("g711", "dtls_srtp"), "audio_codecs=PCMU;mediaenc=dtls_srtp")
_ICE = Phone(("g711", "ice"), "audio_codecs=PCMU;medianat=ice")

_COUNTED = ("-m", "statistic", "--mode", "nth", "--every", "12", "--packet", "0")
_EVERY_TWELFTH = ("-p", "udp", "-s", CALLER, "-m", "length", "--length", "200", *_COUNTED)

_FROM_CALLER = ("-p", "udp", "-s", CALLER, "-m", "string", "--algo", "bm", "--string")
_FROM_CALLEE = ("-p", "udp", "-s", CALLEE, "-m", "string", "--algo", "bm", "--string")

CASES = (
    _fine("opus", "Opus at 48 kHz", Phone(("opus",), "audio_codecs=opus/48000/2", sample_rate=48_000)),
    _fine("g722", "G.722 at 16 kHz", Phone(("g722",), "audio_codecs=G722/16000/1", sample_rate=16_000)),
    _fine("gsm", "GSM full rate", Phone(("gsm",), "audio_codecs=gsm")),
    _fine("g726", "G.726, payload types by agreement", Phone(("g726",), "audio_codecs=G726-32")),
    _fine("tcp", "A call over TCP", replace(PLAIN_PHONE, transport="tcp")),
    _fine("dtls", "DTLS-SRTP", _DTLS),
    _fine("srtp-over-tls", "SRTP with keys in the SDP, over TLS that nobody can read", replace(_SRTP, transport="tls")),
    _fine("ice", "ICE with host candidates", _ICE),
    _fine("rtcp-mux", "RTCP on the port of RTP, by agreement", replace(PLAIN_PHONE, settings=("rtcp_mux yes",))),
    _fine("video", "Audio and VP8 video both ways", Phone(("g711", "vp8", "fakevideo"))),
    _fine(
        "hold",
        "The caller holds and resumes",
        PLAIN_PHONE,
        talk=3,
        pressed=((2, "hold", ""), (2, "resume", "")),
    ),
    _fine(
        "digits",
        "Three keys as telephone events",
        PLAIN_PHONE,
        talk=2,
        pressed=((2, "sndcode", "1"), (0.5, "sndcode", "2"), (0.5, "sndcode", "3")),
    ),
    broken(
        "phones-no-common-codec",
        "One phone has PCMA alone, the other G.722: it refuses",
        PhoneTalk(Phone(("g711",), "audio_codecs=PCMA"), Phone(("g722",), "audio_codecs=G722/16000/1")),
        "sdp-488",
    ),
    broken(
        "phones-encryption-refused",
        "The caller insists on SRTP with keys in the SDP, the other phone cannot do it",
        PhoneTalk(_SRTP, PLAIN_PHONE),
        "sdp-488",
        "sdes-key-in-clear",
        milder=(("sdes-key-in-clear", Severity.MEDIUM),),
    ),
    broken(
        "phones-acks-lost",
        "A firewall drops every ACK of the caller, and the callee sends its answer again and again",
        _both(PLAIN_PHONE, talk=9.0, dropped=((*_FROM_CALLER, "ACK sip:"),)),
        "ack-ignored",
    ),
    broken(
        "phones-answers-lost",
        "A firewall drops every answer of the callee: the caller's phone sends the INVITE again and again",
        _both(PLAIN_PHONE, talk=9.0, dropped=((*_FROM_CALLEE, "SIP/2.0"),)),
        "txn-no-response",
        severity=Severity.CRITICAL,
    ),
    broken(
        "phones-srtp-in-clear",
        "SRTP whose keys go over UDP for everybody to read",
        _both(_SRTP),
        "sdes-key-in-clear",
        severity=Severity.MEDIUM,
    ),
    capture_only(
        broken(
            "phones-loss-behind-capture",
            "The router drops every twelfth RTP packet of the caller; its own capture knows by the callee's RTCP alone",
            _both(PLAIN_PHONE, talk=13.0, dropped=(_EVERY_TWELFTH,)),
            "rtcp-far-loss",
            severity=Severity.MEDIUM,
        )
    ),
    capture_only(
        broken(
            "phones-one-way",
            "A firewall drops the callee's RTP towards the caller",
            _both(PLAIN_PHONE, dropped=(("-p", "udp", "-s", "198.51.100.20", "-m", "length", "--length", "200"),)),
            "media-one-way",
            severity=Severity.CRITICAL,
        )
    ),
)
