"""Messages that cross or come out of turn: CANCEL, changes from both sides, a BYE before the answer."""

from __future__ import annotations

from tests.e2e.faults.parts import (
    ACKNOWLEDGE,
    ANSWERED,
    ASKED,
    ASKED_AND_KEPT,
    OK,
    RING,
    RINGING,
    TRYING,
    called,
    calling,
    hang_up,
)
from tests.e2e.live.calls import Call, Side
from tests.e2e.live.case import broken, healthy
from tests.support.scenario import (
    LATE,
    Scenario,
    ack,
    ack_refusal,
    expect,
    from_callee,
    inside,
    invite,
    outside,
    pause,
    reply,
    response,
    sdp,
    send,
)

from sip_ci.findings import Severity

_CHANGE = inside("INVITE", 2, body=sdp("offer", 2, "a=sendonly"))
_CHANGE_BACK = inside("INVITE", 3, body=sdp("offer", 3))
_ACCEPT_CHANGE = response(200, "[last_To:]", body=sdp("answer", 2, "a=recvonly"))
_THEIR_CHANGE = from_callee("INVITE", 1, body=sdp("answer", 2, "a=inactive"))
_BRANCH = "Via: SIP/2.0/[transport] [via];branch=z9hG4bK[call_number]x[pid]"
"""CANCEL has the branch of its INVITE."""
_CANCELLABLE = send(invite(_BRANCH))
_CANCEL = send(outside("CANCEL", _BRANCH, "CSeq: 1 CANCEL", "Contact"), again=False)
_CANCEL_FOUND = send(response(200, contact=False), again=False)
_ANSWER_LATE = send(response(200, *LATE, body=sdp("answer")))
_CROSSED = (ASKED_AND_KEPT, RING, expect("CANCEL"), _CANCEL_FOUND, _ANSWER_LATE, expect("ACK"))
_FIREWALL = ("-p", "udp", "--dport", "5060", "-m", "string", "--algo", "bm", "--string")

_HEALTHY = (
    healthy(
        "changes-cross",
        "Both change the call at the same time: each refuses with 491, and the caller tries again after 3 s",
        Call(
            calling(
                "glare",
                expect("INVITE"),
                send(_CHANGE, again=False),
                send(reply(491, "CSeq: 1 INVITE", "[last_Via:]"), again=False),
                expect("ACK"),
                expect(491),
                send(ack_refusal(2, "[last_From:]"), again=False),
                pause(3),
                send(_CHANGE_BACK),
                ANSWERED,
                send(ack(3), again=False),
                pause(0.5),
                bye=4,
            ),
            called(
                "glare",
                pause(0.5),
                send(_THEIR_CHANGE, again=False),
                expect("INVITE", keep={"open": ("Via", ".*")}),
                expect(491),
                send(from_callee("ACK", 1, "[last_Via:]"), again=False),
                send(
                    reply(
                        491,
                        "Via: [$open]",
                        "From: [$caller]",
                        "To: [$callee];tag=[call_number]s[pid]",
                        "CSeq: 2 INVITE",
                    )
                ),
                expect("ACK"),
                ASKED,
                send(_ACCEPT_CHANGE),
                expect("ACK"),
                keeps=True,
            ),
            recorded_at=Side.CALLEE,
            logged_by=Side.CALLEE,
        ),
    ),
    healthy(
        "answered-while-cancelled",
        "CANCEL and the answer cross: the caller acknowledges and hangs up",
        Call(
            Scenario(
                "caller-crossing",
                _CANCELLABLE,
                expect(180),
                pause(0.5),
                _CANCEL,
                expect(200),
                ANSWERED,
                ACKNOWLEDGE,
                *hang_up(2),
            ),
            Scenario("callee-crossing", *_CROSSED, expect("BYE"), OK),
        ),
    ),
)

_BROKEN = (
    broken(
        "glare-accepted",
        "Both change the call at the same time, and the callee accepts the caller's change while its own is open",
        Call(
            calling(
                "glare-accepted",
                expect(
                    "INVITE", keep={"theirs": ("Via", ".*"), "their_from": ("From", ".*"), "their_to": ("To", ".*")}
                ),
                pause(0.02),
                send(_CHANGE, again=False),
                expect(200),
                send(ack(2), again=False),
                pause(0.5),
                send(
                    reply(491, "Via: [$theirs]", "From: [$their_from]", "To: [$their_to]", "CSeq: 1 INVITE"),
                    again=False,
                ),
                expect("ACK"),
                pause(0.5),
                bye=3,
            ),
            called(
                "glare-accepted",
                pause(0.5),
                send(_THEIR_CHANGE, again=False),
                ASKED,
                pause(0.1),
                send(_ACCEPT_CHANGE),
                expect("ACK"),
                expect(491),
                send(from_callee("ACK", 1, "[last_Via:]"), again=False),
                keeps=True,
            ),
            recorded_at=Side.CALLEE,
            logged_by=Side.CALLEE,
        ),
        "glare-answered",
        severity=Severity.MEDIUM,
    ),
    broken(
        "change-before-answer-of-change",
        "The caller sends a second re-INVITE before the first is answered; it is refused with 500",
        Call(
            calling(
                "overlapping",
                pause(0.5),
                send(_CHANGE, again=False),
                pause(0.1),
                send(_CHANGE_BACK, again=False),
                expect(500),
                send(ack_refusal(3, "[last_From:]"), again=False),
                ANSWERED,
                send(ack(2), again=False),
                pause(0.5),
                bye=4,
            ),
            called(
                "overlapping",
                expect("INVITE", keep={"first": ("Via", ".*")}),
                ASKED,
                pause(0.05),
                send(reply(500, "Retry-After: 3")),
                expect("ACK"),
                pause(0.1),
                send(
                    response(200, "[last_To:]", "Via: [$first]", "CSeq: 2 INVITE", body=sdp("answer", 2, "a=recvonly"))
                ),
                expect("ACK"),
            ),
        ),
        "invite-overlapping",
        severity=Severity.MEDIUM,
    ),
    broken(
        "cancel-without-487",
        "CANCEL is answered with 200, and the callee rings on",
        Call(
            Scenario("caller-no-487", _CANCELLABLE, expect(180), pause(0.5), _CANCEL, expect(200), *[expect(180)] * 3),
            Scenario(
                "callee-no-487",
                ASKED_AND_KEPT,
                RING,
                expect("CANCEL"),
                _CANCEL_FOUND,
                *(step for _ in range(3) for step in (pause(3), send(response(180, *LATE), again=False))),
            ),
        ),
        "cancel-no-487",
        severity=Severity.MEDIUM,
    ),
    broken(
        "cancel-not-found",
        "The callee answers 481 to CANCEL, rings on, and gives up later with 480",
        Call(
            Scenario(
                "caller-cancel-481",
                _CANCELLABLE,
                expect(180),
                pause(0.5),
                _CANCEL,
                expect(481),
                expect(480),
                send(ack_refusal(), again=False),
            ),
            Scenario(
                "callee-cancel-481",
                ASKED_AND_KEPT,
                RING,
                expect("CANCEL"),
                send(response(481, contact=False), again=False),
                pause(0.5),
                send(response(480, *LATE, contact=False)),
                expect("ACK"),
            ),
        ),
        "cancel-mismatch-481",
        severity=Severity.MEDIUM,
    ),
    broken(
        "cancel-unanswered",
        "CANCEL is never answered, and the INVITE is ended by the callee after 10 s",
        Call(
            Scenario(
                "caller-cancel-unanswered",
                _CANCELLABLE,
                expect(180),
                pause(0.5),
                send(outside("CANCEL", _BRANCH, "CSeq: 1 CANCEL", "Contact")),
                expect(480),
                send(ack_refusal(), again=False),
            ),
            Scenario(
                "callee-cancel-unanswered",
                ASKED_AND_KEPT,
                RING,
                expect("CANCEL"),
                pause(10),
                send(response(480, *LATE, contact=False)),
                expect("ACK"),
            ),
            timeout=14,
        ),
        "txn-no-response",
        severity=Severity.MEDIUM,
    ),
    broken(
        "answered-while-cancelled-and-left",
        "CANCEL and the answer cross; the caller acknowledges the answer and never hangs up; a second call follows",
        Call(
            Scenario(
                "caller-race",
                _CANCELLABLE,
                expect(180),
                pause(0.5),
                _CANCEL,
                expect(200),
                ANSWERED,
                ACKNOWLEDGE,
                pause(6),
            ),
            Scenario("callee-race", *_CROSSED, pause(6)),
            then=Call(talk=1),
        ),
        "cancel-200-race",
        severity=Severity.MEDIUM,
    ),
    broken(
        "bye-before-answer",
        "The callee sends BYE while it still rings",
        Call(
            Scenario(
                "caller-early-bye",
                send(invite()),
                expect(180),
                expect("BYE"),
                OK,
                expect(487),
                send(ack_refusal(), again=False),
            ),
            Scenario(
                "callee-early-bye",
                ASKED_AND_KEPT,
                RING,
                pause(0.5),
                send(from_callee("BYE", 1)),
                expect(200),
                pause(0.05),
                send(response(487, *LATE, "From: [$caller]", contact=False)),
                expect("ACK"),
            ),
        ),
        "early-bye",
        severity=Severity.MEDIUM,
    ),
    broken(
        "responses-lost",
        "A firewall drops all responses to the caller's OPTIONS. Recorded at the callee",
        Call(
            Scenario("caller-options", send(outside("OPTIONS")), expect(200)),
            Scenario(
                "callee-options",
                *(step for _ in range(6) for step in (expect("OPTIONS"), send(response(200), again=False))),
            ),
            timeout=12,
            dropped=(("-s", "198.51.100.20", *_FIREWALL, "SIP/2.0 200"),),
            recorded_at=Side.CALLEE,
            logged_by=Side.CALLEE,
        ),
        "txn-response-ignored",
    ),
    broken(
        "ack-lost-on-the-way",
        "A firewall drops every ACK. Recorded at the caller, whose ACKs go out",
        Call(
            Scenario(
                "caller-ack-lost",
                send(invite()),
                TRYING,
                RINGING,
                *(step for _ in range(5) for step in (ANSWERED, ACKNOWLEDGE)),
            ),
            "callee-no-ack",
            timeout=12,
            talk=9,
            dropped=((*_FIREWALL, "ACK sip:"),),
        ),
        "ack-ignored",
    ),
)

CASES = (*_HEALTHY, *_BROKEN)
