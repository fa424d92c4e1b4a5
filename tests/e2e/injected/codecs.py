"""Faults of keys, DTLS, ICE, codecs and T.38 (RFC 4568, RFC 8839, RFC 8842)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.e2e.injected.parts import (
    ANSWER,
    HUNG_UP,
    NOT_ACCEPTABLE,
    NOTHING,
    OPUS,
    VIDEO,
    answered,
    offered,
    two_lines,
)
from tests.support.injection import Scene, body, on, sub
from tests.support.injection_bases import (
    NEAR_KEY,
    direct_call,
    dtmf_call,
    fax_call,
    sdes_call,
    webrtc_call,
)  # fmt: skip
from tests.support.injection_cases import Injection, case
from tests.support.injection_consequences import both, refused, silent

from sip_ci.trace.observation import Transport

G729 = "m=audio {} RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb={}"
AMR = "m=audio {} RTP/AVP 97\r\na=rtpmap:97 AMR/8000\r\na=fmtp:97 octet-align={}"


def amr(near: int, far: int) -> Callable[[], Scene]:
    """A call of AMR."""
    return two_lines(AMR.format(40_000, near), AMR.format(42_000, far), media=False)


def _same_key(scene: Scene) -> None:
    on(ANSWER, body(r"inline:[^\r]*", f"inline:{NEAR_KEY}"))(scene)


def _over_udp(scene: Scene) -> None:
    for packet in scene.packets:
        packet.transport = Transport.UDP
        packet.raw = packet.raw.replace(b"SIP/2.0/TLS", b"SIP/2.0/UDP")


def _plain(scene: Scene) -> None:
    scene.streams[0] = replace(scene.streams[0], size=172)


# fmt: off
CODECS: tuple[Injection, ...] = (
    # keys
    case("sdes-none", "RTP/SAVP without keys", sdes_call, answered(r"a=crypto[^\r]*\r\n", ""), HUNG_UP, "srtp-no-keys"),
    case(
        "sdes-offer-none", "an offer of RTP/SAVP without keys", sdes_call, offered(r"a=crypto[^\r]*\r\n", ""),
        NOT_ACCEPTABLE, "srtp-no-keys"
    ),
    case(
        "sdes-tag", "the answer's tag was not offered", sdes_call, answered("crypto:1", "crypto:5"), HUNG_UP,
        "sdes-crypto-mismatch"
    ),
    case(
        "sdes-suite", "the answer's suite was not offered", sdes_call, answered("SHA1_80", "SHA1_32"), HUNG_UP,
        "sdes-crypto-mismatch"
    ),
    case(
        "sdes-short", "the key is too short", sdes_call, offered("inline:.{20}", "inline:"), NOT_ACCEPTABLE,
        "sdes-key-malformed"
    ),
    case(
        "sdes-no-inline", "the key lacks inline", sdes_call, offered("inline:", ""), NOT_ACCEPTABLE,
        "sdes-key-malformed"
    ),
    case("sdes-same", "both sides use the same key", sdes_call, _same_key, None, "sdes-key-reuse"),
    case("sdes-clear", "keys over UDP", sdes_call, _over_udp, None, "sdes-key-in-clear"),
    case(
        "sdes-plain", "the phone sends plain RTP though SRTP was agreed", sdes_call, _plain, None, "srtp-auth-suspected"
    ),
    # WebRTC
    case(
        "dtls-no-fingerprint", "no fingerprint in the offer", webrtc_call, offered(r"a=fingerprint[^\r]*\r\n", ""),
        NOT_ACCEPTABLE, "dtls-fingerprint-missing", beside="sdp-488"
    ),
    case(
        "dtls-answer-no-fingerprint", "no fingerprint in the answer", webrtc_call,
        answered(r"a=fingerprint[^\r]*\r\n", ""), HUNG_UP, "dtls-fingerprint-missing"
    ),
    case(
        "dtls-fingerprint-short", "a fingerprint that is too short", webrtc_call,
        offered(r"(sha-256 [0-9A-F:]{40})[^\r]*", r"\1"), NOT_ACCEPTABLE, "dtls-fingerprint-malformed"
    ),
    case(
        "dtls-actpass", "the answer leaves the role open", webrtc_call, answered("setup:active", "setup:actpass"),
        HUNG_UP, "dtls-setup-conflict"
    ),
    case(
        "dtls-both-active", "both sides want to begin", webrtc_call, both(offered("setup:actpass", "setup:active")),
        HUNG_UP, "dtls-setup-conflict dtls-offer-role"
    ),
    case(
        "dtls-no-setup", "the answer says no role", webrtc_call, answered(r"a=setup[^\r]*\r\n", ""), HUNG_UP,
        "dtls-setup-conflict"
    ),
    case(
        "ice-no-ufrag", "candidates without credentials", webrtc_call,
        offered(r"a=ice-ufrag[^\r]*\r\na=ice-pwd[^\r]*\r\n", ""), NOT_ACCEPTABLE, "ice-credentials-missing",
        beside="sdp-488"
    ),
    case(
        "ice-short-pwd", "a password of a few characters", webrtc_call,
        offered("ice-pwd:asd88fgpdd777uzjYhagZg", "ice-pwd:abc"), NOT_ACCEPTABLE, "ice-pwd-short", beside="sdp-488"
    ),
    case(
        "ice-no-candidates", "credentials without candidates", webrtc_call, answered(r"a=candidate.*", ""), HUNG_UP,
        "ice-no-candidates"
    ),
    case(
        "ice-candidate-form", "a candidate that lacks its type", webrtc_call, offered(" typ host", ""), NOT_ACCEPTABLE,
        "ice-candidate-malformed sdp-488"
    ),
    case(
        "mux-none", "no rtcp-mux in the offer of a browser", webrtc_call, offered("a=rtcp-mux\r\n", ""), NOT_ACCEPTABLE,
        "webrtc-rtcp-mux-missing", beside="sdp-488"
    ),
    case(
        "avp-answer-to-browser", "a plain answer to a browser", webrtc_call, answered("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        HUNG_UP, "sdp-profile-mismatch"
    ),
    case(
        "bundle", "the answer bundles what was not offered", webrtc_call,
        answered("^t=0 0", "t=0 0\r\na=group:BUNDLE 0 1"), HUNG_UP, "bundle-mismatch"
    ),
    # codecs
    case(
        "g729-annexb", "annexb differs", two_lines(G729.format(40_000, "no"), G729.format(42_000, "no"), media=False),
        answered("annexb=no", "annexb=yes"), None, "codec-g729-annexb"
    ),
    case(
        "amr-align", "octet-align differs", amr(1, 1), answered("octet-align=1", "octet-align=0"), HUNG_UP,
        "codec-amr-mode-mismatch"
    ),
    case(
        "opus-mono", "opus with one channel", two_lines(OPUS.format(40_000), OPUS.format(42_000), media=False),
        offered("opus/48000/2", "opus/48000"), NOT_ACCEPTABLE, "codec-opus-fmtp"
    ),
    case(
        "opus-rate", "opus with 16000 Hz", two_lines(OPUS.format(40_000), OPUS.format(42_000), media=False),
        offered("opus/48000/2", "opus/16000/2"), NOT_ACCEPTABLE, "codec-opus-fmtp"
    ),
    case(
        "pcmu-rate", "PCMU with 16000 Hz", direct_call, offered("RTP/AVP 0 8", "RTP/AVP 0\r\na=rtpmap:0 PCMU/16000"),
        NOT_ACCEPTABLE, "sdp-static-pt-redefined"
    ),
    case(
        "h264-mode", "packetization-mode differs",
        two_lines(VIDEO.format(40_000, 40_010), VIDEO.format(42_000, 42_010)),
        answered("packetization-mode=1", "packetization-mode=0"), HUNG_UP, "codec-h264-profile"
    ),
    case(
        "dtmf-not-answered", "the answer has no telephone-event", dtmf_call,
        answered(r" 101\r\na=rtpmap:101[^\r]*\r\na=fmtp:101[^\r]*", ""), None,
        "dtmf-not-negotiated rtp-pt-undeclared dtmf-pt-mismatch"
    ),
    case(
        "dtmf-clock", "events of 48000 beside audio of 8000", dtmf_call,
        both(
            offered("telephone-event/8000", "telephone-event/48000"),
            answered("telephone-event/8000", "telephone-event/48000")
        ), None, "dtmf-clock-mismatch"
    ),
    case(
        "ptime-max", "ptime above maxptime", direct_call,
        offered(r"RTP/AVP 0 8", "RTP/AVP 0 8\r\na=ptime:60\r\na=maxptime:20"), None,
        "sdp-ptime-mismatch sdp-maxptime-exceeded"
    ),
    case(
        "ptime-zero", "ptime 0", direct_call, offered(r"RTP/AVP 0 8", "RTP/AVP 0 8\r\na=ptime:0"), NOT_ACCEPTABLE,
        "sdp-ptime-invalid"
    ),
    # fax
    case(
        "t38-488", "the switch to T.38 is refused", fax_call,
        on("INVITE 2", sub("Max-Forwards: 70", "Max-Forwards: 69")), refused("INVITE 2", 488), "t38-reinvite-rejected",
        unseen=NOTHING
    ),
    case(
        "t38-rate", "the answer raises the bit rate", fax_call,
        on("INVITE 2 200", body("T38MaxBitRate:14400", "T38MaxBitRate:33600")), None, "t38-param-drift"
    ),
    case(
        "t38-tcf", "the answer changes the rate management", fax_call,
        on("INVITE 2 200", body("transferredTCF", "localTCF")), None, "t38-param-drift"
    ),
    case(
        "t38-silent", "nobody sends T.38", fax_call, on("INVITE 2", sub("Max-Forwards: 70", "Max-Forwards: 69")),
        silent(2, 3), "t38-no-udptl", unseen=NOTHING
    ),
)
# fmt: on
