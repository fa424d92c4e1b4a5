"""What happens to messages on their way: TCP, lengths, routers that rewrite, addresses that nobody can reach."""

from __future__ import annotations

from tests.e2e.faults.parts import ASKED, called, calling
from tests.e2e.live.calls import CALLEE_IPV6, CALLER_IPV6, Call, Side
from tests.e2e.live.case import broken, capture_only, healthy
from tests.support.scenario import (
    Scenario,
    ack_refusal,
    expect,
    from_callee,
    invite,
    outside,
    pause,
    response,
    send,
)
from tests.support.sipp import PCMU

from sip_ci.findings import Severity

_LARGE = PCMU + "".join(f"\r\na=fmtp:0 x-padding-{number}={'0123456789' * 12}" for number in range(16))
_ROUTER = "192.0.2.254"
_TCP = ("-p", "tcp", "--dport", "5060")

CASES = (
    healthy(
        "large-invite-over-tcp",
        "An INVITE of more than 2000 bytes over TCP",
        Call(transport="t1", caller_keys={"offer": _LARGE}),
    ),
    healthy(
        "tcp-over-ipv6",
        "A call over TCP and IPv6",
        Call(transport="t1", caller_address=CALLER_IPV6, callee_address=CALLEE_IPV6),
    ),
    healthy(
        "ten-calls-on-one-connection",
        "Ten calls over one TCP connection",
        Call(transport="t1", calls=10, talk=0.5),
    ),
    healthy("tcp-cancelled", "A call over TCP is cancelled", Call("caller-cancel", "callee-cancelled", transport="t1")),
    capture_only(
        broken(
            "tcp-filtered",
            "A firewall drops connections to the TCP port of the callee",
            Call("caller-unanswered", "callee", transport="t1", timeout=9, dropped=(_TCP,)),
            "tcp-connect-timeout",
            severity=Severity.CRITICAL,
        )
    ),
    broken(
        "tcp-closed-in-call",
        "The callee closes the TCP connection while BYE waits for its answer",
        Call(
            calling("tcp-closed", pause(1)),
            called("tcp-closed", expect("BYE"), bye=False),
            transport="t1",
            timeout=6,
        ),
        "tcp-reset-mid-dialog",
        log=(),
        severity=Severity.LOW,
    ),
    broken(
        "tcp-without-content-length",
        "An INVITE over TCP has no Content-Length; the callee refuses with 400",
        Call(
            Scenario(
                "caller-no-length",
                send(invite("Content-Length"), again=False),
                expect(400),
                send(ack_refusal(), again=False),
            ),
            Scenario("callee-no-length", ASKED, send(response(400, contact=False), again=False), expect("ACK")),
            transport="t1",
            timeout=6,
        ),
        "msg-content-length-missing-tcp",
    ),
    broken(
        "content-length-too-large",
        "Content-Length says 900 bytes, fewer follow; the callee refuses with 400",
        Call(
            Scenario(
                "caller-length", send(invite("Content-Length: 900")), expect(400), send(ack_refusal(), again=False)
            ),
            Scenario("callee-length", ASKED, send(response(400, contact=False)), expect("ACK")),
        ),
        "msg-content-length-mismatch",
    ),
    broken(
        "cseq-twice",
        "The INVITE has two CSeq headers; the callee refuses with 400",
        Call(
            Scenario(
                "caller-double",
                send(invite("+CSeq: 7 INVITE")),
                expect(400),
                send(ack_refusal(), again=False),
            ),
            Scenario("callee-double", ASKED, send(response(400, "CSeq: 1 INVITE", contact=False)), expect("ACK")),
        ),
        "msg-duplicate-single",
    ),
    broken(
        "router-rewrites-body",
        "A router writes its own address into Contact and SDP of the INVITE. Recorded on both its sides",
        Call(
            middlebox=(
                rf"out:^(Contact: <sip:[^@]*@)203\.0\.113\.10=>\g<1>{_ROUTER}",
                rf"out:^c=IN IP4 203\.0\.113\.10=>c=IN IP4 {_ROUTER}",
            ),
            recorded_at=Side.ROUTER,
        ),
        "nat-alg-rewriting",
        log=(),
    ),
    broken(
        "contact-of-nowhere",
        "The caller names a private Contact towards a public callee, whose BYE goes there and is lost",
        Call(
            calling("nowhere", pause(), bye=None),
            called(
                "nowhere",
                pause(0.5),
                '<nop><action><setdest host="192.168.1.100" port="5060" protocol="udp" /></action></nop>',
                send(from_callee("BYE", 1)),
                expect(200),
                keeps=True,
                bye=False,
            ),
            caller_keys={"contact": "192.168.1.100:5060"},
            talk=9,
            timeout=10,
            recorded_at=Side.CALLEE,
            logged_by=Side.CALLEE,
        ),
        "nat-contact-private",
    ),
    broken(
        "options-unanswered",
        "OPTIONS to a host that answers nothing",
        Call(
            Scenario("caller-options-lost", send(outside("OPTIONS")), expect(200)),
            Scenario("callee-deaf", expect("OPTIONS"), pause(12)),
            timeout=12,
        ),
        "txn-no-response",
        severity=Severity.MEDIUM,
    ),
)
