"""The calls that are made: what is done in each, and which checks its capture and its log must show."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.live.calls import CALLEE_IPV6, CALLER, CALLER_IPV6, RELAY, Call, Side
from tests.e2e.live.case import Case, broken, capture_only, healthy
from tests.e2e.live.phones import PhoneCall
from tests.e2e.live.proxy import PASSWORD
from tests.support.relay import Impairment
from tests.support.sipp import audio

from sip_ci.findings import Severity

PRIVATE_ADDRESS = "192.168.1.100"
"""An address of nobody in these calls."""
_PCMA = "8 PCMA/8000"
_PCMU = "0 PCMU/8000"
_G729 = "18 G729/8000"
_RTP = Call("caller-rtp", "callee-rtp")
_MANY_FORMATS = "\r\n".join(f"a=fmtp:0 x-padding-{number}={'0123456789' * 12}" for number in range(16))
"""Attributes that make an offer larger than a packet."""
_VIDEO = audio(_PCMU) + "\r\nm=video 6002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=fmtp:99 packetization-mode=1"

_HEALTHY = (
    healthy("call", "A call of 1.5 s without media", Call()),
    healthy("rtp", "A call of 4 s with G.711 both ways", replace(_RTP, talk=4)),
    healthy("ten-calls", "Ten calls at ten a second, 1 s each", Call(calls=10, talk=1)),
    healthy("hold", "Hold by sendonly, then back to sendrecv", Call("caller-hold", "callee-hold", talk=1)),
    healthy(
        "early-media",
        "183 with SDP and 1.5 s of early media, then the answer",
        Call("caller-rtp", "callee-early-media", talk=1.5, callee_speech=3),
    ),
    healthy(
        "cancelled",
        "The caller gives up after 1.5 s of ringing: CANCEL, 487",
        Call("caller-cancel", "callee-cancelled"),
    ),
    healthy("busy", "The callee is busy: 486", Call("caller-refused", "callee-refuses-486")),
    healthy("tcp", "A call over TCP", Call(transport="t1")),
    healthy(
        "ipv6",
        "A call over IPv6, with media",
        replace(_RTP, talk=3, caller_address=CALLER_IPV6, callee_address=CALLEE_IPV6),
    ),
    healthy(
        "delayed-offer",
        "INVITE without SDP, offer in the 200, answer in the ACK",
        Call("caller-delayed-offer", "callee-offers"),
    ),
    healthy("prack", "183 with Require: 100rel, PRACK, 200", Call("caller-prack", "callee-prack")),
    healthy(
        "private-network",
        "A call with media between two hosts of one private network",
        replace(_RTP, talk=3, caller_address="10.20.0.11", callee_address="10.20.0.12"),
    ),
    healthy(
        "every-frame-twice",
        "A call with media, captured on all interfaces of the router between the two: each frame comes twice",
        replace(_RTP, talk=2, recorded_at=Side.ROUTER),
        log=False,
    ),
    healthy(
        "rtp-echo",
        "The callee sends the caller's RTP back (sipp -rtp_echo), as SIPp tests do",
        Call("caller-rtp", "callee", talk=3, callee_arguments=("-rtp_echo",)),
        log=False,
    ),
)

_RELAYED = replace(_RTP, caller_keys={"offer_address": RELAY}, callee_keys={"answer_address": RELAY})


def _first(text: str) -> tuple[str, ...]:
    """An `iptables` match of the first datagram that contains `text`."""
    contains = ("-p", "udp", "--dport", "5060", "-m", "string", "--algo", "bm", "--string", text)
    return (*contains, "-m", "statistic", "--mode", "nth", "--every", "1000", "--packet", "0")


_AWARE_OF_NAT = replace(
    _RTP,
    talk=4,
    caller_address="10.20.0.11",
    nat=CALLER,
    caller_keys={"via_parameters": ";rport", "contact": f"{CALLER}:5060", "offer_address": CALLER},
)
_UNUSUAL = (
    healthy(
        "announcement",
        "The caller offers sendonly, the callee answers recvonly: media one way by agreement",
        Call(
            "caller-rtp",
            "callee",
            talk=4,
            caller_keys={"offer": f"{audio(_PCMU)}\r\na=sendonly"},
            callee_keys={"answer": f"{audio(_PCMU)}\r\na=recvonly"},
        ),
    ),
    healthy(
        "video-declined",
        "Audio and video offered, video declined with port 0",
        Call(
            caller_keys={"offer": _VIDEO},
            callee_keys={"answer": f"{audio(_PCMU)}\r\nm=video 0 RTP/AVP 99"},
        ),
    ),
    healthy(
        "two-private-networks",
        "A call with media between hosts of two private networks that are routed",
        replace(_RTP, talk=3, caller_address="172.17.0.2", callee_address="10.0.5.9"),
    ),
    healthy(
        "behind-nat",
        "The caller is behind a NAT and names its outside address. Recorded at the callee",
        replace(_AWARE_OF_NAT, recorded_at=Side.CALLEE, logged_by=Side.CALLEE),
    ),
    healthy("behind-nat-inside", "The same kind of call, recorded at the caller inside the NAT", _AWARE_OF_NAT),
    healthy(
        "callee-hangs-up",
        "The callee hangs up with Q.850 cause 16, normal call clearing",
        Call(
            "caller-no-bye",
            "callee-hangs-up",
            callee_keys={"bye_header": 'Reason: Q.850;cause=16;text="Normal call clearing"'},
        ),
    ),
)
_LOSSY = (
    healthy(
        "lost-invite", "The first INVITE is lost and comes again after 500 ms", Call(dropped=(_first("INVITE sip:"),))
    ),
    healthy(
        "lost-answer", "The first 200 is lost and comes again after 500 ms", Call(dropped=(_first("SIP/2.0 200"),))
    ),
    healthy(
        "lost-ack",
        "The first ACK is lost; the 200 comes again and is acknowledged. Recorded at the callee",
        Call(dropped=(_first("ACK sip:"),), recorded_at=Side.CALLEE, logged_by=Side.CALLEE),
    ),
    healthy(
        "media-relay",
        "Media goes through a relay that delays it by 40 ms",
        replace(_RELAYED, talk=3, relay=Impairment(delay=0.04)),
        log=False,
    ),
    capture_only(
        broken(
            "rtp-loss-bursts",
            "Media goes through a relay that drops five packets in a row of every fifty (10 %)",
            replace(_RELAYED, talk=5, relay=Impairment(dropped=5)),
            "rtp-loss",
        )
    ),
)
_PHONES = (
    healthy("phones", "A call of 5 s between two phones, with RTP and RTCP both ways", PhoneCall(5), log=False),
    healthy(
        "phones-pcapng", "Another such call of 4 s, recorded by dumpcap as pcapng", PhoneCall(4, ".pcapng"), log=False
    ),
)
_CREDENTIALS = ("-au", "alice", "-ap", PASSWORD)
_WRONG_PASSWORD = ("-au", "alice", "-ap", "not-the-password")
_WITH_AUTH = ("WITH_AUTH",)
_PROXIED = (
    healthy(
        "register",
        "REGISTER through Kamailio: 401, then 200 with credentials",
        Call("register", None, proxy=_WITH_AUTH, caller_arguments=_CREDENTIALS),
    ),
    healthy(
        "proxy",
        "A call through Kamailio with Record-Route and 407, with media",
        Call("caller-authenticated", "callee-rtp", talk=3, proxy=_WITH_AUTH, caller_arguments=_CREDENTIALS),
    ),
    healthy(
        "proxy-all-interfaces",
        "A call through Kamailio, captured on all interfaces of the proxy: both legs",
        Call(
            "caller-authenticated",
            "callee",
            talk=2,
            recorded_at=Side.PROXY,
            proxy=_WITH_AUTH,
            caller_arguments=_CREDENTIALS,
        ),
        log=False,
    ),
    broken(
        "register-wrong-password",
        "REGISTER with a wrong password, tried twice",
        Call("register-refused", None, proxy=_WITH_AUTH, caller_arguments=_WRONG_PASSWORD),
        "auth-failed-credentials",
    ),
    broken(
        "invite-wrong-password",
        "INVITE with a wrong password",
        Call("caller-wrong-password", None, proxy=_WITH_AUTH, caller_arguments=_WRONG_PASSWORD),
        "auth-failed-credentials",
    ),
    capture_only(
        broken(
            "register-no-credentials",
            "REGISTER whose challenge is never answered",
            Call("register-no-credentials", None, proxy=_WITH_AUTH, talk=1, linger=6),
            "auth-no-credentials",
        )
    ),
    broken(
        "loop-483",
        "Kamailio sends the call to itself until Max-Forwards is used up; recorded on all its interfaces",
        Call("caller-refused", None, proxy=("WITH_LOOP",), recorded_at=Side.PROXY, caller_keys={"max_forwards": "8"}),
        "too-many-hops-483",
    ),
)

_FIVE_TRIES = 10
"""Seconds in which an INVITE goes out five times, at 0, 0.5, 1.5, 3.5 and 7.5 s (RFC 3261 §17.1.1.2), and more."""
_NO_ACK = ("ack-missing-2xx",)
_BROKEN = (
    broken(
        "ack-missing",
        "The caller never acknowledges the 200, which is sent again and again",
        Call("caller-no-ack", "callee-no-ack", talk=9, timeout=9.5, logged_by=Side.CALLEE),
        *_NO_ACK,
        severity=Severity.CRITICAL,
    ),
    broken(
        "ack-lost",
        "The router drops every ACK; recorded at the callee",
        Call(
            "caller",
            "callee-no-ack",
            talk=9,
            timeout=15,
            recorded_at=Side.CALLEE,
            logged_by=Side.CALLEE,
            dropped=(("-p", "udp", "-m", "string", "--algo", "bm", "--string", "ACK sip:"),),
        ),
        *_NO_ACK,
        severity=Severity.MEDIUM,
    ),
    broken(
        "ack-missing-refusal",
        "The callee refuses with 486 and nobody acknowledges it",
        Call("caller-no-ack-refused", "callee-refuses-486", talk=9, timeout=9.5, logged_by=Side.CALLEE),
        "ack-missing-non2xx",
    ),
    broken(
        "port-closed",
        "Nobody listens on the callee's port: the kernel answers with ICMP port unreachable",
        Call("caller-unanswered", None, timeout=_FIVE_TRIES),
        "txn-icmp-unreachable",
        log=("txn-no-response",),
        severity=Severity.CRITICAL,
    ),
    broken(
        "no-response",
        "A firewall drops everything to the callee",
        Call("caller-unanswered", "callee", timeout=_FIVE_TRIES, dropped=(("-p", "udp", "--dport", "5060"),)),
        "txn-no-response",
        severity=Severity.CRITICAL,
    ),
    broken(
        "private-sdp",
        "The offer names a private address towards a public peer, and the two sides want 20 and 30 ms packets",
        Call(caller_keys={"offer_address": PRIVATE_ADDRESS}, callee_keys={"answer": audio(_PCMU, ptime=30)}),
        "nat-sdp-private",
    ),
    broken(
        "loopback-sdp",
        "The answer names 127.0.0.1 towards another host",
        Call(callee_keys={"answer_address": "127.0.0.1"}),
        "nat-sdp-loopback",
        severity=Severity.CRITICAL,
    ),
    broken(
        "behind-nat",
        "The caller is behind a NAT and does not know it; media is lost on its way back. Recorded at the callee",
        replace(
            _RTP,
            talk=4,
            caller_address="10.20.0.11",
            nat=CALLER,
            recorded_at=Side.CALLEE,
            logged_by=Side.CALLEE,
            caller_keys={"via_parameters": ";rport"},
        ),
        "nat-sdp-private",
    ),
    capture_only(
        broken(
            "behind-nat-inside",
            "The same kind of call, recorded at the caller inside the NAT: nothing comes back",
            replace(
                _RTP,
                talk=4,
                caller_address="10.20.0.11",
                nat=CALLER,
                caller_keys={"via_parameters": ";rport"},
            ),
            "nat-sdp-private",
            "media-one-way",
            severity=Severity.CRITICAL,
            milder=(("nat-sdp-private", Severity.HIGH),),
        )
    ),
    capture_only(
        broken(
            "no-media",
            "Two calls of 4 s, the first with RTP both ways, the second without any",
            replace(_RTP, talk=4, then=Call(talk=4)),
            "media-none",
        )
    ),
    broken(
        "no-codec-488",
        "The caller offers G.729 only and is refused with 488",
        Call("caller-refused", "callee-refuses-488", caller_keys={"offer": audio(_G729)}),
        "sdp-488",
    ),
    broken(
        "no-common-codec",
        "PCMU offered, PCMA answered",
        Call(callee_keys={"answer": audio(_PCMA)}),
        "sdp-no-common-codec",
        severity=Severity.CRITICAL,
    ),
    broken(
        "bye-rejected",
        "BYE is answered 481",
        Call("caller-bye-rejected", "callee-bye-481"),
        "bye-rejected",
        severity=Severity.MEDIUM,
    ),
    capture_only(
        broken(
            "one-way-media",
            "Only the caller sends RTP, for 5 s",
            Call("caller-rtp", "callee", talk=5),
            "media-one-way",
            severity=Severity.CRITICAL,
        )
    ),
    capture_only(
        broken(
            "rtp-loss",
            "The router drops every twelfth RTP packet of the callee (8.3 %)",
            replace(
                _RTP,
                talk=6,
                dropped=(
                    (
                        "-p",
                        "udp",
                        "-s",
                        "198.51.100.20",
                        "--sport",
                        "6000",
                        "-m",
                        "statistic",
                        "--mode",
                        "nth",
                        "--every",
                        "12",
                        "--packet",
                        "0",
                    ),
                ),
            ),
            "rtp-loss",
        )
    ),
    *(
        broken(
            f"final-{code}",
            f"The callee refuses with {code}",
            Call("caller-refused", f"callee-refuses-{code}"),
            f"final-{code}",
        )
        for code in (403, 404, 500, 503)
    ),
    broken(
        "loop-482",
        "The callee refuses with 482",
        Call("caller-refused", "callee-refuses-482"),
        "loop-482",
    ),
    broken(
        "udp-fragments",
        "An INVITE of more than 3000 bytes over UDP, in fragments",
        Call(caller_keys={"offer": audio(_PCMU) + "\r\n" + _MANY_FORMATS}),
        "udp-too-large",
        severity=Severity.LOW,
    ),
    broken(
        "udp-fragments-lost",
        "An INVITE of more than 3000 bytes over UDP; a firewall drops its later fragments",
        Call(
            "caller-unanswered",
            "callee",
            timeout=_FIVE_TRIES,
            caller_keys={"offer": audio(_PCMU) + "\r\n" + _MANY_FORMATS},
            dropped=(("-m", "length", "--length", "1000:65535"),),
        ),
        "udp-too-large",
    ),
    broken(
        "no-sdp-answer",
        "The 200 to an offer carries no SDP",
        Call("caller", "callee-no-answer-sdp"),
        "sdp-answer-missing",
    ),
    broken(
        "no-sdp-in-ack",
        "INVITE without SDP, offer in the 200, no answer in the ACK",
        Call("caller-delayed-no-answer", "callee-offers"),
        "ack-sdp-missing",
    ),
    capture_only(
        broken(
            "response-to-wrong-port",
            "The caller asks for rport and the callee answers to the port in Via",
            Call(
                "caller-unanswered",
                "callee-no-ack",
                timeout=6,
                caller_keys={"via": f"{CALLER}:5070", "via_parameters": ";rport"},
                callee_arguments=("-rsa", f"{CALLER}:5070"),
                dropped=(("-p", "icmp"),),
            ),
            "resp-misrouted",
        )
    ),
    broken(
        "reinvite-rejected",
        "Hold is refused with 488 and the call is dropped at once",
        Call("caller-reinvite-rejected", "callee-reinvite-488"),
        "reinvite-rejected",
    ),
    capture_only(
        broken(
            "tcp-refused",
            "Nobody listens on the callee's TCP port",
            Call("caller-unanswered", None, transport="t1", timeout=4),
            "tcp-connect-refused",
            severity=Severity.CRITICAL,
        )
    ),
    broken(
        "drop-at-32-seconds",
        "The callee hangs up 32 s after the answer, as a stack does whose ACK was lost",
        Call(
            "caller-no-bye",
            "callee-hangs-up",
            talk=32,
            timeout=40,
            callee_keys={"bye_header": 'Reason: Q.850;cause=102;text="Recovery on timer expiry"'},
        ),
        "drop-at-fixed-interval",
        "bye-abnormal-cause",
        milder=(("bye-abnormal-cause", Severity.MEDIUM),),
    ),
    broken(
        "bye-abnormal",
        "The callee hangs up with Q.850 cause 38",
        Call(
            "caller-no-bye",
            "callee-hangs-up",
            callee_keys={"bye_header": 'Reason: Q.850;cause=38;text="Network out of order"'},
        ),
        "bye-abnormal-cause",
        severity=Severity.MEDIUM,
    ),
    broken(
        "answer-lacks-media",
        "Audio and video offered with 100rel; the answer in the 183 has one media line",
        Call("caller-prack", "callee-prack", caller_keys={"offer": _VIDEO}),
        "sdp-mline-count",
    ),
    broken(
        "same-sdp-version",
        "Hold is asked for with a changed offer under the old o= version",
        Call("caller-hold-same-version", "callee-hold-once"),
        "sdp-version-not-incremented",
        severity=Severity.MEDIUM,
    ),
    broken(
        "slow-callee",
        "The callee is silent for 2.5 s: the INVITE goes out three times",
        Call("caller", "callee-slow", callee_talk=2.5),
        "txn-invite-retransmitted",
        severity=Severity.MEDIUM,
    ),
)

CASES: tuple[Case, ...] = (*_HEALTHY, *_UNUSUAL, *_LOSSY, *_PHONES, *_PROXIED, *_BROKEN)
