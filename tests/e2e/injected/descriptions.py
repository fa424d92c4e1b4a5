"""Faults in the form of a session description and in its addresses (RFC 8866)."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.injected.parts import ANSWER, INVITE, NO_MEDIA, NOT_ACCEPTABLE, answered, offered
from tests.support.calls import ALICE, PROXY
from tests.support.injection import Scene, body, on, sub
from tests.support.injection_bases import (
    direct_call,
    ipv6_call,
    proxied_call,
)  # fmt: skip
from tests.support.injection_cases import Injection, case
from tests.support.injection_consequences import both, refused, silent

from sip_ci.trace.observation import Endpoint

BAD = refused(INVITE, 400)


def _to_rewritten_port(scene: Scene) -> None:
    scene.streams[1] = replace(scene.streams[1], destination=Endpoint(ALICE.host, 61_000))


# fmt: off
DESCRIPTIONS: tuple[Injection, ...] = (
    # the form of a description
    case("sdp-no-v", "no v=", direct_call, offered("^v=0\r\n", ""), BAD, "sdp-mandatory-line"),
    case("sdp-no-o", "no o=", direct_call, offered(r"^o=[^\r]*\r\n", ""), BAD, "sdp-mandatory-line"),
    case("sdp-no-s", "no s=", direct_call, offered("^s=-\r\n", ""), BAD, "sdp-mandatory-line"),
    case("sdp-no-t", "no t=", direct_call, offered("^t=0 0\r\n", ""), BAD, "sdp-mandatory-line"),
    case(
        "sdp-order", "c= before o=", direct_call, offered(r"^(o=[^\r]*\r\n)(s=-\r\n)(c=[^\r]*\r\n)", r"\3\1\2"), BAD,
        "sdp-mandatory-line"
    ),
    case(
        "sdp-o-fields", "o= lacks a field", direct_call, offered("^o=- 1 1 IN", "o=- 1 IN"), BAD,
        "sdp-mandatory-line sdp-key-line sdp-origin-range"
    ),
    case(
        "sdp-o-range", "a version beyond 64 bits", direct_call,
        offered("^o=- 1 1 IN", "o=- 1 99999999999999999999999 IN"), BAD, "sdp-origin-range"
    ),
    case("sdp-no-c", "no c=", direct_call, offered(r"^c=[^\r]*\r\n", ""), NOT_ACCEPTABLE, "sdp-missing-connection"),
    case(
        "sdp-c-type", "IP4 with an address of IPv6", direct_call,
        offered("^c=IN IP4 192.0.2.10", "c=IN IP4 2001:db8::1"), NOT_ACCEPTABLE, "ipv6-sdp-type"
    ),
    case(
        "sdp-c-template", "c= with a template that was not filled", direct_call,
        offered("^c=IN IP4 192.0.2.10", r"c=IN IP4 ${local_ip_v4}"), NOT_ACCEPTABLE, "sdp-connection-malformed"
    ),
    case(
        "sdp-c-empty", "c= without an address", direct_call, offered("^c=IN IP4 192.0.2.10", "c=IN IP4 "),
        NOT_ACCEPTABLE, "sdp-connection-malformed sdp-missing-connection"
    ),
    case(
        "sdp-c-zone", "c= with a zone", ipv6_call, offered("^c=IN IP6 2001:db8::10", "c=IN IP6 fe80::1%eth0"), NO_MEDIA,
        "ipv6-scope-zone ipv6-linklocal nat-sdp-linklocal"
    ),
    case(
        "sdp-c-broadcast", "c= 255.255.255.255", direct_call,
        answered("^c=IN IP4 198.51.100.20", "c=IN IP4 255.255.255.255"), silent(0), "sdp-connection-malformed",
        beside="media-one-way"
    ),
    case(
        "sdp-no-format", "an m-line without formats", direct_call, offered("RTP/AVP 0 8", "RTP/AVP"), NOT_ACCEPTABLE,
        "sdp-format-missing"
    ),
    case(
        "sdp-format-word", "an m-line with codec names as formats", direct_call,
        offered("RTP/AVP 0 8", "RTP/AVP PCMU PCMA"), NOT_ACCEPTABLE,
        "sdp-format-missing sdp-dynamic-pt-without-rtpmap sdp-rtpmap-malformed sdp-mandatory-line"
    ),
    case(
        "sdp-port-range", "an m-line with port 70000", direct_call, offered("audio 40000", "audio 70000"),
        NOT_ACCEPTABLE, "sdp-mandatory-line sdp-format-missing"
    ),
    case(
        "sdp-port-word", "an m-line without a port number", direct_call, offered("audio 40000", "audio $$port"),
        NOT_ACCEPTABLE, "sdp-mandatory-line sdp-format-missing"
    ),
    case(
        "sdp-profile-unknown", "a profile that nobody knows", direct_call, offered("RTP/AVP", "RTP/AVPX"),
        NOT_ACCEPTABLE, "sdp-profile-unknown"
    ),
    case(
        "sdp-no-rtpmap", "a dynamic type without rtpmap", direct_call, offered("RTP/AVP 0 8", "RTP/AVP 97"),
        NOT_ACCEPTABLE, "sdp-dynamic-pt-without-rtpmap"
    ),
    case(
        "sdp-rtpmap-no-rate", "rtpmap without a clock rate", direct_call,
        offered("RTP/AVP 0 8", "RTP/AVP 97\r\na=rtpmap:97 opus"), NOT_ACCEPTABLE, "sdp-rtpmap-malformed"
    ),
    case(
        "sdp-rtpmap-redefined", "PCMU called another codec", direct_call,
        offered("RTP/AVP 0 8", "RTP/AVP 0 8\r\na=rtpmap:0 G722/8000"), NOT_ACCEPTABLE, "sdp-static-pt-redefined"
    ),
    case(
        "sdp-pt-twice", "one type for two codecs", direct_call,
        offered("RTP/AVP 0 8", "RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\na=rtpmap:97 iLBC/8000"), NOT_ACCEPTABLE,
        "sdp-duplicate-pt"
    ),
    case(
        "sdp-truncated", "the description breaks off", direct_call, offered(r"^t=0 0\r\n.*", "t=0 0\r\nm=aud"), BAD,
        "sdp-mandatory-line sdp-format-missing"
    ),
    case(
        "sdp-empty-line", "an empty line inside the description", direct_call, offered("^t=0 0\r\n", "t=0 0\r\n\r\n"),
        NOT_ACCEPTABLE, "sdp-mandatory-line"
    ),
    case(
        "sdp-space", "blanks around the equals sign", direct_call, offered("^s=-", "s = -"), BAD, "sdp-mandatory-line"
    ),
    # addresses
    case(
        "sdp-private", "the offer holds the address behind the NAT", direct_call,
        on(INVITE, body("192.0.2.10", "192.168.1.5")), silent(1), "nat-sdp-private", beside="media-one-way"
    ),
    case(
        "sdp-answer-private", "the answer holds the address behind the NAT", direct_call,
        on(ANSWER, body("198.51.100.20", "10.9.8.7")), silent(0), "nat-sdp-private", beside="media-one-way"
    ),
    case(
        "sdp-loopback", "the answer holds 127.0.0.1", direct_call, on(ANSWER, body("198.51.100.20", "127.0.0.1")),
        silent(0), "nat-sdp-loopback", beside="media-one-way"
    ),
    case(
        "sdp-linklocal", "the offer holds 169.254.1.1", direct_call, on(INVITE, body("192.0.2.10", "169.254.1.1")),
        silent(1), "nat-sdp-linklocal", beside="media-one-way"
    ),
    case(
        "sdp-zero", "the answer holds 0.0.0.0", direct_call, answered("^c=IN IP4 198.51.100.20", "c=IN IP4 0.0.0.0"),
        silent(0), "sdp-zero-connection",
        undecidable="the null address is the old way to hold, and only the callee knows whether it was meant"
    ),
    case(
        "sdp-family", "an offer of IPv6 in a call over IPv4", direct_call,
        on(INVITE, body("IN IP4 192.0.2.10", "IN IP6 2001:db8::10")), NOT_ACCEPTABLE, "ipv6-family-mixed"
    ),
    case(
        "alg-port", "a router rewrites the port of the m-line", proxied_call,
        both(on(INVITE, body("audio 40000", "audio 61000"), leaving=PROXY), _to_rewritten_port), None,
        "nat-alg-suspected nat-alg-rewriting rtp-port-undeclared media-one-way"
    ),
    case(
        "alg-length", "a router rewrites the address and not the length", direct_call,
        on(INVITE, sub("c=IN IP4 192.0.2.10", "c=IN IP4 203.0.113.205")), BAD,
        "msg-content-length-mismatch nat-alg-suspected"
    ),
)
# fmt: on
