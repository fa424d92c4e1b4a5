"""Reliable provisional responses, UPDATE and extensions that are required."""

from __future__ import annotations

from tests.e2e.faults.parts import (
    ACKNOWLEDGE,
    ANSWERED,
    ASKED,
    ASKED_AND_KEPT,
    OK,
    TRYING,
    calling,
    hang_up,
)
from tests.e2e.live.calls import Call
from tests.e2e.live.case import Case, broken, healthy
from tests.support.scenario import (
    LATE,
    Scenario,
    ack_refusal,
    expect,
    inside,
    invite,
    pause,
    response,
    sdp,
    send,
)

from sip_ci.findings import Severity

_RELIABLE = invite("Supported: 100rel")
_ANSWER_LATE = send(response(200, *LATE))
_END = (_ANSWER_LATE, expect("ACK"), expect("BYE"), OK)


def _progress(number: int | None = 1, *lines: str, code: int = 183, body: str | None = None) -> str:
    sequence = () if number is None else (f"RSeq: {number}",)
    return response(code, "Require: 100rel", *sequence, *lines, body=sdp("answer") if body is None else body)


def _prack(number: int, acknowledged: str) -> str:
    return inside("PRACK", number, f"RAck: {acknowledged}")


def _caller(name: str, *early: str, bye: int = 5, offer: str = _RELIABLE) -> Scenario:
    answered = (ANSWERED, ACKNOWLEDGE, pause(0.5), *hang_up(bye))
    return Scenario(f"caller-{name}", send(offer), TRYING, *early, *answered)


def _callee(name: str, *early: str) -> Scenario:
    return Scenario(f"callee-{name}", ASKED_AND_KEPT, *early, *_END)


_PROGRESS_COMES = expect(183, routes=True)
_PRACKED = (_PROGRESS_COMES, send(_prack(2, "1 1 INVITE")), expect(200))
_PRACK_COMES = (send(_progress()), expect("PRACK"), OK)


def _refused_extension(name: str, what: str, check: tuple[str, ...], *lines: str, severity: Severity) -> Case:
    caller = Scenario(
        f"caller-{name}",
        send(invite("Require: 100rel, foo")),
        TRYING,
        expect(420),
        send(ack_refusal(), again=False),
    )
    callee = Scenario(f"callee-{name}", ASKED, send(response(420, *lines, contact=False)), expect("ACK"))
    return broken(name, what, Call(caller, callee), *check, severity=severity)


CASES = (
    healthy(
        "two-reliable-provisionals",
        "183 with the answer and then 180, both reliable and acknowledged",
        Call(
            _caller("prack-twice", *_PRACKED, expect(180), send(_prack(3, "2 1 INVITE")), expect(200)),
            _callee(
                "prack-twice",
                *_PRACK_COMES,
                pause(0.3),
                send(_progress(2, *LATE, code=180, body="")),
                expect("PRACK"),
                OK,
                pause(0.5),
            ),
        ),
    ),
    healthy(
        "update-before-answer",
        "The offer is changed by UPDATE between the reliable 183 and the answer",
        Call(
            _caller(
                "update",
                *_PRACKED,
                send(inside("UPDATE", 3, body=sdp("offer", 2))),
                expect(200),
            ),
            _callee(
                "update",
                *_PRACK_COMES,
                expect("UPDATE"),
                send(response(200, "[last_To:]", body=sdp("answer", 2)), again=False),
                pause(0.3),
            ),
        ),
    ),
    healthy(
        "update-in-call",
        "The call is held by UPDATE",
        Call(
            calling(
                "update-hold",
                pause(0.5),
                send(inside("UPDATE", 2, body=sdp("offer", 2, "a=sendonly"))),
                expect(200),
                pause(0.5),
                send(inside("UPDATE", 3, body=sdp("offer", 3))),
                expect(200),
                pause(0.5),
                bye=4,
                request=invite("Allow: INVITE, ACK, BYE, CANCEL, UPDATE"),
            ),
            Scenario(
                "callee-update-hold",
                ASKED,
                send(response(180), again=False),
                send(response(200, "Allow: INVITE, ACK, BYE, CANCEL, UPDATE", body=sdp("answer"))),
                expect("ACK"),
                expect("UPDATE"),
                send(response(200, "[last_To:]", body=sdp("answer", 2, "a=recvonly")), again=False),
                expect("UPDATE"),
                send(response(200, "[last_To:]", body=sdp("answer", 3)), again=False),
                expect("BYE"),
                OK,
            ),
        ),
    ),
    broken(
        "prack-never-sent",
        "The caller supports 100rel and never acknowledges the reliable 183, which comes again and again",
        Call(
            Scenario("caller-no-prack", send(_RELIABLE), TRYING, expect(183), pause()),
            Scenario("callee-no-prack", ASKED, send(_progress()), expect("PRACK")),
            talk=8,
            timeout=9,
        ),
        "prack-missing",
    ),
    broken(
        "prack-of-another-number",
        "The PRACK acknowledges RSeq 7, the response had 1; it is refused with 481 and the 183 comes again",
        Call(
            _caller(
                "rack",
                _PROGRESS_COMES,
                send(_prack(2, "7 1 INVITE"), again=False),
                expect(481),
                expect(183),
                send(_prack(3, "1 1 INVITE")),
                expect(200),
            ),
            _callee(
                "rack",
                send(_progress(), again=False),
                expect("PRACK"),
                send(response(481, "[last_To:]", contact=False), again=False),
                pause(0.5),
                send(_progress(1, *LATE), again=False),
                expect("PRACK"),
                OK,
                pause(0.3),
            ),
        ),
        "rack-mismatch",
    ),
    broken(
        "reliable-without-support",
        "The callee sends a reliable 183 to a caller that did not say that it supports 100rel, and gives up",
        Call(
            Scenario(
                "caller-no-100rel",
                send(invite()),
                TRYING,
                *[expect(183, optional=True)] * 5,
                expect(500),
                send(ack_refusal(), again=False),
            ),
            Scenario(
                "callee-no-100rel",
                ASKED_AND_KEPT,
                *(step for wait in (0.5, 1, 2, 4) for step in (send(_progress(1, *LATE), again=False), pause(wait))),
                send(_progress(1, *LATE), again=False),
                pause(1),
                send(response(500, *LATE, contact=False)),
                expect("ACK"),
            ),
            timeout=15,
        ),
        "reliable-1xx-unsolicited",
    ),
    broken(
        "reliable-without-number",
        "The reliable 183 has no RSeq",
        Call(
            _caller("no-rseq", expect(183), offer=_RELIABLE, bye=2),
            _callee("no-rseq", send(_progress(None), again=False), pause(0.5)),
        ),
        "rseq-missing",
    ),
    broken(
        "reliable-numbers-with-gap",
        "The second reliable response has RSeq 5, the first had 1",
        Call(
            _caller("rseq-gap", *_PRACKED, expect(180), send(_prack(3, "5 1 INVITE")), expect(200)),
            _callee(
                "rseq-gap",
                *_PRACK_COMES,
                pause(0.3),
                send(_progress(5, *LATE, code=180, body="")),
                expect("PRACK"),
                OK,
                pause(0.3),
            ),
        ),
        "rseq-gap",
        severity=Severity.MEDIUM,
    ),
    broken(
        "reliable-again-after-prack",
        "The 183 comes again although its PRACK was accepted",
        Call(
            _caller("again", *_PRACKED, *[expect(183, optional=True)] * 2),
            _callee(
                "again",
                *_PRACK_COMES,
                pause(1),
                send(_progress(1, *LATE), again=False),
                pause(1),
                send(_progress(1, *LATE), again=False),
                pause(0.5),
            ),
        ),
        "reliable-1xx-after-prack",
        severity=Severity.MEDIUM,
    ),
    broken(
        "prack-refused",
        "A right PRACK is refused with 481",
        Call(
            _caller("prack-481", _PROGRESS_COMES, send(_prack(2, "1 1 INVITE"), again=False), expect(481)),
            _callee(
                "prack-481",
                send(_progress(), again=False),
                expect("PRACK"),
                send(response(481, "[last_To:]", contact=False), again=False),
                pause(0.3),
            ),
        ),
        "prack-rejected",
        severity=Severity.MEDIUM,
    ),
    _refused_extension(
        "extension-unsupported",
        "The caller requires extensions, and the callee refuses with 420 and Unsupported",
        ("ext-required-unsupported",),
        "Unsupported: foo",
        severity=Severity.HIGH,
    ),
    _refused_extension(
        "extension-unsupported-unnamed",
        "The same, and the 420 does not name the extension",
        ("final-420",),
        severity=Severity.HIGH,
    ),
    broken(
        "update-before-answer-refused",
        "The UPDATE before the answer is refused with 500, and the call goes on",
        Call(
            _caller("update-500", *_PRACKED, send(inside("UPDATE", 3, body=sdp("offer", 2)), again=False), expect(500)),
            _callee(
                "update-500",
                *_PRACK_COMES,
                expect("UPDATE"),
                send(response(500, "[last_To:]", contact=False), again=False),
                pause(0.3),
            ),
        ),
        "early-update-rejected",
        severity=Severity.MEDIUM,
    ),
)
