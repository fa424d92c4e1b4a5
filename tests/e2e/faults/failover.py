"""Calls that have to go elsewhere: redirections, dead peers, refusals that ask for patience."""

from __future__ import annotations

from tests.e2e.faults.parts import ANSWERED, ASKED, RINGING, TRYING, hang_up
from tests.e2e.live.calls import CALLEE, CALLER, THIRD, Call, Side
from tests.e2e.live.case import broken, healthy
from tests.support.scenario import Scenario, ack, ack_refusal, expect, invite, outside, pause, response, send

from sip_ci.findings import Severity

_TO_THIRD = f'<nop><action><setdest host="{THIRD}" port="5060" protocol="udp" /></action></nop>'
_DEAD = (("-s", CALLER, "-d", CALLEE),)
"""The callee's host is gone, and no router says so."""
_PING = "Call-ID: ping///[call_id]"
"""Another Call-ID than that of the call, and SIPp takes it for the same."""
_BRANCH = "Via: SIP/2.0/[transport] [via];branch=z9hG4bK{}[call_number]x[pid]"
_OVERLOADED = Call(
    Scenario("caller-503", send(invite()), expect(503), send(ack_refusal(), again=False)),
    Scenario("callee-503", ASKED, send(response(503, "Retry-After: 30", contact=False)), expect("ACK")),
)


def _again_and_again(message: str, *waits: float) -> tuple[str, ...]:
    """The steps that send a message over UDP until it is given up, each time followed by one of these waits."""
    return tuple(step for wait in waits for step in (send(message, again=False), pause(wait)))


def _follow(number: int, code: int) -> tuple[str, ...]:
    """The steps of a caller that goes where it is told to, with this CSeq number."""
    return (
        send(invite(number=number, uri=f"sip:bob@{CALLEE}:5060")),
        expect(code),
        send(ack_refusal(number), again=False),
    )


def _redirect(times: int, *lines: str) -> tuple[str, ...]:
    return (ASKED, send(response(302, *lines)), expect("ACK")) * times


CASES = (
    broken(
        "redirected-to-itself",
        "302 to the address that was called; the caller follows it four times",
        Call(
            Scenario("caller-circle", *(step for number in range(1, 5) for step in _follow(number, 302))),
            Scenario("callee-circle", *_redirect(4, f"Contact: <sip:bob@{CALLEE}:5060>")),
        ),
        "redirect-to-itself",
        severity=Severity.MEDIUM,
    ),
    broken(
        "redirected-in-a-circle",
        "Bob's phone redirects to Carol's, and Carol's to Bob's; the caller gives up after four turns",
        Call(
            Scenario(
                "caller-two-circle",
                *(
                    step
                    for number in range(1, 5)
                    for step in (
                        send(invite(number=number, uri=f"sip:{'carol' if number % 2 == 0 else 'bob'}@{CALLEE}:5060")),
                        expect(302),
                        send(ack_refusal(number), again=False),
                    )
                ),
            ),
            Scenario(
                "callee-two-circle",
                *(
                    step
                    for name in ("carol", "bob", "carol", "bob")
                    for step in _redirect(1, f"Contact: <sip:{name}@{CALLEE}:5060>")
                ),
            ),
        ),
        "redirect-to-itself",
        severity=Severity.MEDIUM,
    ),
    broken(
        "redirected-and-not-followed",
        "302 to another address, which the caller does not follow",
        Call(
            Scenario("caller-302", send(invite()), expect(302), send(ack_refusal(), again=False)),
            Scenario("callee-302", *_redirect(1, f"Contact: <sip:mobile@{THIRD}:5060>")),
            linger=5,
        ),
        "redirect-302",
        log=(),
        severity=Severity.MEDIUM,
    ),
    healthy(
        "redirected-to-another-host",
        "302 to another host, which the caller calls",
        Call(
            Scenario(
                "caller-moves",
                send(invite()),
                TRYING,
                expect(302),
                send(ack_refusal(), again=False),
                _TO_THIRD,
                send(invite(number=2, uri=f"sip:mobile@{THIRD}:5060")),
                RINGING,
                ANSWERED,
                send(ack(2), again=False),
                pause(),
                *hang_up(3),
            ),
            Scenario("callee-moved", *_redirect(1, f"Contact: <sip:mobile@{THIRD}:5060>")),
            third="callee",
        ),
    ),
    broken(
        "called-again-in-spite-of-503",
        "503 with Retry-After 30, and the caller calls again at once, twice",
        Call(_OVERLOADED.caller, _OVERLOADED.callee, then=Call(_OVERLOADED.caller, _OVERLOADED.callee)),
        "final-503",
        "retry-after-ignored",
        milder=(("retry-after-ignored", Severity.LOW),),
    ),
    broken(
        "dead-peer-then-another",
        "The peer answers neither OPTIONS nor INVITE; after 4 s the caller calls by way of another one",
        Call(
            Scenario(
                "caller-failover",
                *_again_and_again(outside("OPTIONS", _BRANCH.format("o"), _PING), 0.5, 1, 2, 4, 0.5),
                *_again_and_again(invite(_BRANCH.format("i"), number=2), 0.5, 1, 2),
                _TO_THIRD,
                send(invite(number=2, uri=f"sip:bob@{THIRD}:5060")),
                RINGING,
                ANSWERED,
                send(ack(2), again=False),
                pause(),
                *hang_up(3),
            ),
            Scenario("callee-dead", ASKED),
            third="callee",
            dropped=_DEAD,
            timeout=20,
        ),
        "txn-no-response",
        "failover-slow",
        log=("txn-no-response",),
        severity=Severity.MEDIUM,
    ),
    broken(
        "given-up-after-timeout",
        "Kamailio gets no answer from the callee's host, and gives up with 408 after 30 s. Recorded at the caller",
        Call(
            Scenario("caller-408", send(invite()), TRYING, expect(408, seconds=40), send(ack_refusal(), again=False)),
            None,
            proxy=(),
            dropped=(("-d", CALLEE),),
            timeout=40,
            talk=32,
        ),
        "final-408",
        severity=Severity.MEDIUM,
    ),
    broken(
        "given-up-after-timeout-at-proxy",
        "The same, recorded on all interfaces of Kamailio",
        Call(
            Scenario("caller-408", send(invite()), TRYING, expect(408, seconds=40), send(ack_refusal(), again=False)),
            None,
            proxy=(),
            dropped=(("-d", CALLEE),),
            timeout=40,
            talk=32,
            recorded_at=Side.PROXY,
            logged_by=Side.PROXY,
        ),
        "txn-no-response",
        severity=Severity.MEDIUM,
    ),
    healthy(
        "busy-dialled-again",
        "486 with Retry-After 2, and the caller calls again after 3 s",
        Call(
            Scenario("caller-busy", send(invite()), expect(486), send(ack_refusal(), again=False), pause(3)),
            Scenario("callee-busy", ASKED, send(response(486, "Retry-After: 2", contact=False)), expect("ACK")),
            then=Call(),
        ),
    ),
    healthy(
        "called-through-two-proxies",
        "A call through two Kamailios, both of which record themselves",
        Call(proxy=(), second_proxy=True),
    ),
    healthy(
        "called-through-two-proxies-inside",
        "The same, recorded on all interfaces of the first one",
        Call(proxy=(), second_proxy=True, recorded_at=Side.PROXY, logged_by=Side.PROXY),
    ),
)
