"""Encrypted media, RTCP and ICE as the descriptions ask for them, and packets that are otherwise."""

from __future__ import annotations

from tests.e2e.faults.media_call import Exchange, MediaCall, media, talking
from tests.e2e.live.case import Case, broken, capture_only, healthy
from tests.support.playback import Piece, Sound
from tests.support.sipp import PCMU

from sip_ci.findings import Severity

_SECURE, _PLAIN, _DTLS = "RTP/SAVP", "RTP/AVP", "UDP/TLS/RTP/SAVP"
_KEYS = ("d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj", "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz")
_OFFERED, _ANSWERED = (f"{PCMU}\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}" for key in _KEYS)
_FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(f"{number:02X}" for number in range(160, 192))


def _call(offer: str, answer: str, piece: Piece) -> MediaCall:
    return MediaCall(
        talking(Exchange(offer, answer)), ((piece,),), ((piece,),), caller_address="10.20.0.11",
        callee_address="10.20.0.12",
    )  # fmt: skip


def _wrong(
    name: str, what: str, check: str, severity: Severity, offer: str, answer: str, piece: Piece, *, log: bool = True
) -> Case:
    case = broken(f"secure-{name}", what, _call(offer, answer, piece), check, severity=severity)
    return case if log else capture_only(case)


CASES = (
    healthy(
        "secure-sdes",
        "SRTP with keys in the SDP inside one private network",
        _call(media(_OFFERED, profile=_SECURE), media(_ANSWERED, profile=_SECURE), Sound(4, tag=10)),
    ),
    _wrong(
        "fallback",
        "SRTP is asked for by RTP/AVP with keys and answered without",
        "srtp-fallback",
        Severity.LOW,
        media(_OFFERED),
        media(PCMU),
        Sound(4),
    ),
    _wrong(
        "no-keys",
        "RTP/SAVP is offered and answered without any key",
        "srtp-no-keys",
        Severity.HIGH,
        media(PCMU, profile=_SECURE),
        media(PCMU, profile=_SECURE),
        Sound(4, tag=10),
    ),
    _wrong(
        "sent-in-clear",
        "SRTP is agreed, and both send RTP without a tag",
        "srtp-auth-suspected",
        Severity.MEDIUM,
        media(_OFFERED, profile=_SECURE),
        media(_ANSWERED, profile=_SECURE),
        Sound(4),
        log=False,
    ),
    _wrong(
        "profile-differs",
        "RTP/SAVP is offered and RTP/AVP answered",
        "sdp-profile-mismatch",
        Severity.HIGH,
        media(_OFFERED, profile=_SECURE),
        media(PCMU),
        Sound(4),
    ),
    _wrong(
        "fingerprint-missing",
        "DTLS-SRTP is offered without a fingerprint",
        "dtls-fingerprint-missing",
        Severity.HIGH,
        media(f"{PCMU}\r\na=setup:actpass", profile=_DTLS),
        media(f"{PCMU}\r\na=setup:active\r\n{_FINGERPRINT}", profile=_DTLS),
        Sound(4, tag=10),
    ),
    _wrong(
        "roles-conflict",
        "Both ends of DTLS-SRTP want to be active",
        "dtls-setup-conflict",
        Severity.HIGH,
        media(f"{PCMU}\r\na=setup:active\r\n{_FINGERPRINT}", profile=_DTLS),
        media(f"{PCMU}\r\na=setup:active\r\n{_FINGERPRINT}", profile=_DTLS),
        Sound(4, tag=10),
    ),
    _wrong(
        "other-tag",
        "The answer picks a crypto line that was not offered",
        "sdes-crypto-mismatch",
        Severity.MEDIUM,
        media(_OFFERED, profile=_SECURE),
        media(_ANSWERED.replace("crypto:1 ", "crypto:2 "), profile=_SECURE),
        Sound(4, tag=10),
    ),
    _wrong(
        "mux-not-offered",
        "The answer has rtcp-mux, which was not offered",
        "rtcp-mux-answered-unoffered",
        Severity.LOW,
        media(PCMU),
        media(f"{PCMU}\r\na=rtcp-mux"),
        Sound(4),
    ),
)
