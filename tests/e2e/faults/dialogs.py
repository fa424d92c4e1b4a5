"""Calls whose dialog breaks: ACK, BYE, CSeq, tags, targets; and unusual calls that are right."""

from __future__ import annotations

from tests.e2e.faults.parts import ANSWERED, ASKED, OK, RINGING, called, calling, hang_up
from tests.e2e.live.calls import Call
from tests.e2e.live.case import broken, healthy
from tests.support.scenario import (
    LATE,
    Scenario,
    ack,
    expect,
    from_callee,
    inside,
    invite,
    pause,
    reply,
    response,
    sdp,
    send,
)

from sip_ci.findings import Severity

_ACCEPT_CHANGE_BACK = send(response(200, "[last_To:]", body=sdp("answer", 3)))


def _ending(name: str, bye: str, code: int = 200) -> Call:
    """A call whose BYE is this one, and answered with this code."""
    return Call(
        calling(name, pause(), send(bye), expect(code), bye=None),
        called(name, expect("BYE"), send(reply(code), again=False), bye=False),
    )


_ELSEWHERE = "sip:[callee]@198.51.100.99:5060"

_HEALTHY = (
    healthy(
        "held-and-resumed-twice",
        "Hold and resume, two times",
        Call(
            calling(
                "hold-twice",
                *(
                    step
                    for number in (2, 3, 4, 5)
                    for step in (
                        pause(0.4),
                        send(inside("INVITE", number, body=sdp("offer", number, "a=sendonly" * (number % 2 == 0)))),
                        ANSWERED,
                        send(ack(number), again=False),
                    )
                ),
                bye=6,
            ),
            called(
                "hold-twice",
                *(
                    step
                    for number in (2, 3, 4, 5)
                    for step in (
                        ASKED,
                        send(response(200, "[last_To:]", body=sdp("answer", number, "a=recvonly" * (number % 2 == 0)))),
                        expect("ACK"),
                    )
                ),
            ),
        ),
    ),
    healthy(
        "hundred-short-calls",
        "A hundred calls of 0.2 s at fifty a second",
        Call(calls=100, rate=50, talk=0.2, linger=2),
    ),
)

_BROKEN = (
    broken(
        "ack-other-cseq",
        "The ACK of the answer has CSeq 2, that of the INVITE was 1; the callee sends the answer again, then hangs up",
        Call(
            Scenario(
                "caller-ack-cseq",
                send(invite()),
                RINGING,
                *(step for _ in range(4) for step in (ANSWERED, send(ack(2), again=False))),
                expect("BYE"),
                OK,
            ),
            called(
                "ack-cseq",
                *(
                    step
                    for wait in (0.5, 1, 2)
                    for step in (
                        pause(wait),
                        send(response(200, *LATE, body=sdp("answer")), again=False),
                        expect("ACK"),
                    )
                ),
                pause(1),
                send(from_callee("BYE", 1)),
                expect(200),
                keeps=True,
                bye=False,
            ),
        ),
        "ack-cseq-mismatch",
    ),
    broken(
        "ack-other-target",
        "The ACK names another host than the Contact of the answer, and the proxy sends it there: it is lost",
        Call(
            calling("ack-target", pause(), bye=None, acknowledge=send(ack(uri=_ELSEWHERE), again=False)),
            "callee-no-ack",
            proxy=(),
            timeout=12,
            talk=9,
        ),
        "ack-wrong-target",
    ),
    broken(
        "bye-unanswered",
        "BYE is never answered",
        Call(
            calling("bye-unanswered", pause(0.5)),
            called("bye-unanswered", expect("BYE"), pause(9), bye=False),
            timeout=9,
        ),
        "bye-no-response",
        severity=Severity.MEDIUM,
    ),
    broken(
        "answer-without-contact",
        "The 200 has no Contact; the caller sends ACK and BYE to where it sent the INVITE, and that works",
        Call(
            calling(
                "no-contact",
                pause(),
                *hang_up(2, uri="sip:[callee]@[domain]"),
                bye=None,
                acknowledge=send(ack(uri="sip:[callee]@[domain]"), again=False),
            ),
            called("no-contact", answer=send(response(200, "Contact", body=sdp("answer")))),
        ),
        "contact-missing-2xx",
        severity=Severity.MEDIUM,
    ),
    broken(
        "answer-without-to-tag",
        "The 200 has no To tag; the caller goes on all the same",
        Call(
            calling("untagged", pause()),
            Scenario(
                "callee-untagged",
                ASKED,
                send(response(200, "[last_To:]", body=sdp("answer"))),
                expect("ACK"),
                expect("BYE"),
                OK,
            ),
        ),
        "to-tag-missing",
        severity=Severity.MEDIUM,
    ),
    broken(
        "bye-other-target",
        "BYE names another host than the Contact of the answer, and gets 404",
        _ending("bye-target", inside("BYE", 2, uri=_ELSEWHERE), 404),
        "request-wrong-target",
    ),
    broken(
        "bye-other-tag",
        "BYE has another From tag than the call, and gets 481",
        _ending("bye-tag", inside("BYE", 2, "From: <sip:[caller]@[domain]>;tag=another"), 481),
        "dialog-tag-changed",
    ),
    broken(
        "bye-without-to-tag",
        "BYE has no To tag, and gets 481",
        _ending("bye-untagged", inside("BYE", 2, "To: <sip:[callee]@[domain]>"), 481),
        "bye-outside-dialog",
        severity=Severity.MEDIUM,
    ),
    broken(
        "cseq-goes-back",
        "After a re-INVITE with CSeq 20 the BYE has CSeq 2, and gets 500",
        Call(
            calling(
                "cseq-back",
                pause(0.5),
                send(inside("INVITE", 20, body=sdp("offer", 2))),
                ANSWERED,
                send(ack(20), again=False),
                pause(0.5),
                send(inside("BYE", 2)),
                expect(500),
                bye=None,
            ),
            called(
                "cseq-back",
                ASKED,
                _ACCEPT_CHANGE_BACK,
                expect("ACK"),
                expect("BYE"),
                send(reply(500), again=False),
                bye=False,
            ),
        ),
        "cseq-decreasing",
    ),
)

CASES = (*_HEALTHY, *_BROKEN)
