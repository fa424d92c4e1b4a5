"""Session timers (RFC 4028): refreshed, forgotten, refused, and written wrongly."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.faults.parts import ASKED, OK, RINGING, called, calling, hang_up
from tests.e2e.live.calls import Call
from tests.e2e.live.case import Case, broken, healthy
from tests.support.scenario import (
    Scenario,
    ack,
    ack_refusal,
    expect,
    from_callee,
    inside,
    invite,
    pause,
    response,
    sdp,
    send,
)

from sip_ci.findings import Severity

_TIMER = ("Supported: timer", "Session-Expires: 90")
_AGREED = ("Require: timer", "Session-Expires: 90;refresher=uac")
_LONG = Call(timeout=115, talk=95)


def _answer(*lines: str, body: str | None = None) -> str:
    return send(response(200, *lines, body=sdp("answer") if body is None else body))


def _too_small(name: str, what: str, *checks: str, minimum: tuple[str, ...], again: str, then: int) -> Case:
    """A call whose session interval is refused with 422, and what follows on it."""
    caller = Scenario(
        f"caller-{name}",
        send(invite("Supported: timer", "Session-Expires: 90")),
        RINGING,
        expect(422),
        send(ack_refusal(), again=False),
        send(invite("Supported: timer", again, "Min-SE: 1800", number=2) if then == 200 else invite(*_TIMER, number=2)),
        *(
            (expect(200, routes=True), send(ack(2), again=False), pause(0.5), *hang_up(3))
            if then == 200
            else (expect(422), send(ack_refusal(2), again=False))
        ),
    )
    refuse = send(response(422, *minimum, contact=False))
    callee = Scenario(
        f"callee-{name}",
        ASKED,
        refuse,
        expect("ACK"),
        ASKED,
        *(
            (_answer("Require: timer", "Session-Expires: 1800;refresher=uac"), expect("ACK"), expect("BYE"), OK)
            if then == 200
            else (refuse, expect("ACK"))
        ),
    )
    call = Call(caller, callee)
    return broken(name, what, call, *checks, severity=Severity.MEDIUM) if checks else healthy(name, what, call)


CASES = (
    healthy(
        "session-refreshed-by-caller",
        "A session of 90 s is refreshed by the caller with UPDATE after 45 s, and ends after 100 s",
        replace(
            _LONG,
            caller=calling(
                "refreshing",
                pause(45),
                send(inside("UPDATE", 2, "Supported: timer", "Session-Expires: 90;refresher=uac")),
                expect(200),
                pause(45),
                send(inside("UPDATE", 3, "Supported: timer", "Session-Expires: 90;refresher=uac")),
                expect(200),
                pause(8),
                bye=4,
                request=invite(*_TIMER, "Allow: INVITE, ACK, BYE, CANCEL, UPDATE"),
            ),
            callee=called(
                "refreshed",
                *(
                    step
                    for _ in range(2)
                    for step in (
                        expect("UPDATE"),
                        send(response(200, "[last_To:]", *_AGREED), again=False),
                    )
                ),
                answer=_answer(*_AGREED, "Allow: INVITE, ACK, BYE, CANCEL, UPDATE"),
            ),
        ),
    ),
    healthy(
        "session-refreshed-by-callee",
        "A session of 90 s is refreshed by the callee with re-INVITE after 45 s, and ends after 98 s",
        replace(
            _LONG,
            caller=calling(
                "refreshed",
                *(
                    step
                    for _ in range(2)
                    for step in (
                        ASKED,
                        send(
                            response(
                                200,
                                "[last_To:]",
                                "Require: timer",
                                "Contact: <sip:[caller]@[contact];transport=[transport]>",
                                "Session-Expires: 90;refresher=uac",
                                body=sdp("offer"),
                            )
                        ),
                        expect("ACK"),
                    )
                ),
                pause(8),
                request=invite(*_TIMER),
            ),
            callee=called(
                "refreshing",
                *(
                    step
                    for number in (1, 2)
                    for step in (
                        pause(45),
                        send(
                            from_callee(
                                "INVITE",
                                number,
                                "Supported: timer",
                                "Session-Expires: 90;refresher=uac",
                                body=sdp("answer"),
                            )
                        ),
                        expect(200),
                        send(from_callee("ACK", number), again=False),
                    )
                ),
                answer=_answer("Require: timer", "Session-Expires: 90;refresher=uas"),
                keeps=True,
            ),
        ),
    ),
    _too_small(
        "session-interval-raised",
        "422 with Min-SE 1800: the caller asks again for 1800 s and is answered",
        minimum=("Min-SE: 1800",),
        again="Session-Expires: 1800",
        then=200,
    ),
    _too_small(
        "session-interval-kept",
        "422 with Min-SE 1800, and the caller asks for 90 s again",
        "st-too-small-422",
        minimum=("Min-SE: 1800",),
        again="",
        then=422,
    ),
    _too_small(
        "session-interval-unnamed",
        "422 without Min-SE",
        "msg-422-no-min-se",
        minimum=(),
        again="",
        then=422,
    ),
    broken(
        "session-not-refreshed",
        "The caller agrees to refresh the session of 90 s and never does; the callee hangs up when it runs out",
        replace(
            _LONG,
            caller=calling("forgetful", expect("BYE"), OK, request=invite(*_TIMER), bye=None),
            callee=called(
                "waiting",
                pause(90),
                send(from_callee("BYE", 1)),
                expect(200),
                answer=_answer(*_AGREED),
                keeps=True,
                bye=False,
            ),
        ),
        "st-refresh-missing",
    ),
    broken(
        "session-refresh-refused",
        "The refresh after 45 s is refused with 500, and the callee hangs up when the interval of 90 s runs out",
        replace(
            _LONG,
            caller=calling(
                "refused",
                pause(45),
                send(inside("INVITE", 2, "Supported: timer", "Session-Expires: 90;refresher=uac", body=sdp())),
                expect(500),
                send(inside("ACK", 2, "[last_Via:]"), again=False),
                expect("BYE"),
                OK,
                request=invite(*_TIMER),
                bye=None,
            ),
            callee=called(
                "refusing",
                ASKED,
                send(response(500, "[last_To:]", contact=False)),
                expect("ACK"),
                pause(45),
                send(from_callee("BYE", 1)),
                expect(200),
                answer=_answer(*_AGREED),
                keeps=True,
                bye=False,
            ),
        ),
        "st-refresh-rejected",
    ),
    broken(
        "session-interval-of-30",
        "Both agree on a session of 30 s",
        Call(
            calling("st-30", pause(), request=invite("Supported: timer", "Session-Expires: 30")),
            called("st-30", answer=_answer("Require: timer", "Session-Expires: 30;refresher=uac")),
        ),
        "st-se-below-90",
        severity=Severity.MEDIUM,
    ),
    broken(
        "session-interval-below-own-minimum",
        "The caller asks for 100 s and says itself that 1800 s is the least; it is refused with 400",
        Call(
            Scenario(
                "caller-min-se",
                send(invite("Supported: timer", "Session-Expires: 100", "Min-SE: 1800")),
                expect(400),
                send(ack_refusal(), again=False),
            ),
            Scenario("callee-min-se", ASKED, send(response(400, contact=False)), expect("ACK")),
        ),
        "st-se-below-min-se",
    ),
    broken(
        "session-without-refresher",
        "The answer agrees on 1800 s and does not say who refreshes",
        Call(
            calling("no-refresher", pause(), request=invite("Supported: timer", "Session-Expires: 1800")),
            called("no-refresher", answer=_answer("Require: timer", "Session-Expires: 1800")),
        ),
        "st-refresher-missing",
        severity=Severity.MEDIUM,
    ),
    broken(
        "session-interval-below-minimum",
        "The caller asks for 1800 s and at least 600 s; the answer agrees on 300 s",
        Call(
            calling("shorter", pause(), request=invite("Supported: timer", "Session-Expires: 1800", "Min-SE: 600")),
            called("shorter", answer=_answer("Require: timer", "Session-Expires: 300;refresher=uac")),
        ),
        "st-answer-out-of-range",
        severity=Severity.MEDIUM,
    ),
)
