"""Calls through Kamailio: with and without Record-Route, forked, behind NAT; and what proxies and clients do wrong."""

from __future__ import annotations

from tests.e2e.faults.parts import (
    ACKNOWLEDGE,
    ANSWERED,
    ASKED,
    RING,
    RINGING,
    TRYING,
    called,
    calling,
    hang_up,
)
from tests.e2e.live.calls import CALLEE, CALLER, Call, Side
from tests.e2e.live.case import broken, healthy
from tests.support.scenario import (
    Scenario,
    ack_refusal,
    expect,
    inside,
    invite,
    outside,
    pause,
    response,
    sdp,
    send,
)

from sip_ci.findings import Severity

_DIRECT = f'<nop><action><setdest host="{CALLEE}" port="5060" protocol="udp" /></action></nop>'
"""From here on the caller sends to the callee itself, as it must where no proxy recorded a route."""
_TO_TAG = "To: <sip:[callee]@[domain]>[peer_tag_param]"
_BOTH_VIAS = ("", "Via:.*Via:.*branch=[-A-Za-z0-9.]*")
"""Those of an INVITE that came through one proxy."""
_PRIVATE = "192.168.1.100:5060"


def _unrouted(method: str, number: int) -> str:
    """A request inside the dialog that leaves the recorded route out."""
    return outside(method, _TO_TAG, number=number, uri="[next_url]")


_TERMINATED = response(487, "To: [$callee];tag=[call_number]s[pid]", "CSeq: 1 INVITE", contact=False)
_RINGING_PHONE = Scenario(
    "callee-rings",
    expect("INVITE", keep={"vias": _BOTH_VIAS, "callee": ("To", ".*")}),
    RING,
    expect("CANCEL"),
    send(response(200, contact=False), again=False),
    # CANCEL has the Via of the proxy alone, the INVITE that of the caller too.
    send(_TERMINATED.replace("[last_Via:]", "[$vias]")),
    expect("ACK"),
)
_ANSWERING_PHONE = Scenario(
    "third-answers",
    expect(
        "INVITE",
        keep={
            "vias": _BOTH_VIAS,
            "route": ("Record-Route", ".*"),
            "callee": ("To", ".*"),
        },
    ),
    RING,
    expect("CANCEL"),
    send(response(200, contact=False), again=False),
    send(
        response(
            200,
            "To: [$callee];tag=[call_number]s[pid]",
            "CSeq: 1 INVITE",
            "+Record-Route: [$route]",
            body=sdp("answer"),
        ).replace("[last_Via:]", "[$vias]"),
    ),
    expect("ACK"),
)
_FORKED = Scenario(
    "caller-forked",
    send(invite()),
    TRYING,
    RINGING,
    RINGING,
    ANSWERED,
    ACKNOWLEDGE,
    pause(1.5),
    *hang_up(2),
)
_HEALTHY = (
    healthy(
        "forked-to-two",
        "Kamailio rings two phones: one answers, the other is cancelled",
        Call(
            _FORKED,
            _RINGING_PHONE,
            third=called("slow", answer=pause(0.5) + send(response(200, body=sdp("answer")))),
            proxy=("WITH_FORK",),
        ),
    ),
    healthy(
        "forked-to-two-at-proxy",
        "The same, recorded on all interfaces of the proxy",
        Call(
            _FORKED,
            _RINGING_PHONE,
            third=called("slow", answer=pause(0.5) + send(response(200, body=sdp("answer")))),
            proxy=("WITH_FORK",),
            recorded_at=Side.PROXY,
            logged_by=Side.PROXY,
        ),
    ),
    healthy(
        "busy-then-next",
        "The callee is busy, and Kamailio tries another phone, which answers",
        Call(_FORKED, "callee-refuses-486", third="callee", proxy=("WITH_SERIAL_FORK",)),
    ),
    healthy(
        "cancelled-through-proxy",
        "The caller gives up while the phone behind Kamailio rings",
        Call("caller-cancel", _RINGING_PHONE, proxy=()),
    ),
    healthy(
        "behind-nat-with-proxy",
        "The caller is behind a NAT and does not know it; Kamailio fixes rport and Contact. Recorded at the proxy",
        Call(
            caller_address="10.20.0.11",
            nat=CALLER,
            proxy=("WITH_NAT_FIX",),
            recorded_at=Side.PROXY,
            logged_by=Side.PROXY,
            caller_keys={"via_parameters": ";rport", "offer_address": CALLER},
        ),
    ),
    healthy(
        "redirected",
        "302 to another address of the callee, which the caller follows",
        Call(
            Scenario(
                "caller-redirected",
                send(invite()),
                TRYING,
                expect(302),
                send(ack_refusal(), again=False),
                send(invite(number=2, uri="sip:mobile@[domain]")),
                RINGING,
                ANSWERED,
                send(inside("ACK", 2), again=False),
                pause(),
                *hang_up(3),
            ),
            Scenario(
                "callee-redirects",
                ASKED,
                send(response(302, f"Contact: <sip:mobile@{CALLEE}:5060>")),
                expect("ACK"),
                *called("redirected").steps,
            ),
        ),
    ),
)
_BROKEN = (
    broken(
        "proxy-forgets-record-route",
        "Kamailio leaves the dialog, and a firewall drops what the caller sends to the callee directly",
        Call(
            Scenario(
                "caller-cut-off",
                send(invite()),
                TRYING,
                RINGING,
                ANSWERED,
                _DIRECT,
                ACKNOWLEDGE,
                *(step for _ in range(4) for step in (ANSWERED, ACKNOWLEDGE)),
            ),
            "callee-no-ack",
            proxy=("WITHOUT_RECORD_ROUTE",),
            dropped=(("-s", CALLER, "-d", CALLEE),),
            talk=9,
            timeout=12,
        ),
        "ack-ignored",
    ),
    broken(
        "record-route-without-lr",
        "A proxy records itself without lr. Recorded at the proxy",
        Call(proxy=("WITHOUT_LR",), timeout=6, recorded_at=Side.PROXY, logged_by=Side.PROXY),
        "record-route-no-lr",
        severity=Severity.LOW,
    ),
    broken(
        "record-route-not-copied",
        "The callee answers without the Record-Route of the INVITE. Recorded at the callee",
        Call(
            calling("uncopied", pause(), bye=None),
            called("uncopied", answer=send(response(200, "Record-Route", body=sdp("answer"))), bye=False),
            proxy=(),
            talk=8,
            timeout=12,
            recorded_at=Side.CALLEE,
            logged_by=Side.PROXY,
        ),
        "record-route-not-copied",
    ),
    broken(
        "record-route-left-out",
        "The caller sends ACK and BYE without the Route that Kamailio recorded, which drops and refuses them",
        Call(
            Scenario(
                "caller-unrouted",
                send(invite()),
                TRYING,
                RINGING,
                ANSWERED,
                send(_unrouted("ACK", 1), again=False),
                pause(6),
                send(_unrouted("BYE", 2)),
                expect(404),
            ),
            "callee-no-ack",
            proxy=(),
            logged_by=Side.PROXY,
            talk=9,
            timeout=12,
        ),
        "record-route-not-honored",
    ),
    broken(
        "hops-not-counted",
        "A proxy passes requests on without counting Max-Forwards down. Recorded on all its interfaces",
        Call(proxy=("WITHOUT_HOP_COUNT",), recorded_at=Side.PROXY, logged_by=Side.PROXY),
        "max-forwards-not-decremented",
        severity=Severity.MEDIUM,
    ),
    broken(
        "two-phones-answer",
        "The second phone of a fork answers as it is cancelled; the caller neither acknowledges nor releases it",
        Call(
            Scenario(
                "caller-two-answers",
                send(invite()),
                TRYING,
                RINGING,
                RINGING,
                ANSWERED,
                ACKNOWLEDGE,
                expect(200),
                pause(8),
            ),
            called("first", answer=pause(0.3) + send(response(200, body=sdp("answer")))),
            third=_ANSWERING_PHONE,
            proxy=("WITH_FORK",),
            logged_by=Side.PROXY,
            talk=8,
            timeout=12,
        ),
        "fork-multiple-2xx",
        severity=Severity.CRITICAL,
    ),
    broken(
        "private-contact-behind-proxy",
        "The callee answers with a private Contact, to which Kamailio relays the ACK: it is lost",
        Call(
            Scenario(
                "caller-private-contact",
                send(invite()),
                TRYING,
                RINGING,
                *(step for _ in range(5) for step in (ANSWERED, ACKNOWLEDGE)),
            ),
            "callee-no-ack",
            proxy=(),
            logged_by=Side.PROXY,
            callee_keys={"contact": _PRIVATE},
            talk=9,
            timeout=12,
        ),
        "nat-contact-private",
    ),
    broken(
        "dropped-32-seconds-after-answer",
        "The same, and the callee hangs up 32 s after its answer; its BYE arrives",
        Call(
            Scenario(
                "caller-dropped",
                send(invite()),
                TRYING,
                RINGING,
                *(step for _ in range(3) for step in (ANSWERED, ACKNOWLEDGE)),
                pause(35),
            ),
            "callee-no-ack",
            proxy=(),
            callee_keys={"contact": _PRIVATE},
            talk=40,
            timeout=44,
            linger=1,
            recorded_at=Side.PROXY,
            logged_by=Side.PROXY,
        ),
        "nat-contact-private",
    ),
    broken(
        "proxy-target-gone",
        "Nobody listens where Kamailio sends the call. Recorded on all interfaces of the proxy",
        Call("caller-unanswered", None, proxy=(), recorded_at=Side.PROXY, timeout=6),
        "txn-icmp-unreachable",
        log=(),
        severity=Severity.HIGH,
    ),
)
CASES = (*_HEALTHY, *_BROKEN)
