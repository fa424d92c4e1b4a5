"""Requests inside a call that change nothing of it, and calls whose ways are of another kind: IPv6, early media."""

from __future__ import annotations

from tests.e2e.faults.parts import ACKNOWLEDGE, ANSWERED, ASKED_AND_KEPT, OK, TRYING, called, calling, hang_up
from tests.e2e.live.calls import CALLEE_IPV6, CALLER_IPV6, Call, Side
from tests.e2e.live.case import Case, broken, healthy
from tests.support.scenario import (
    LATE,
    Scenario,
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

_EARLY_SOUND = '<nop><action><exec play_pcap_audio="speech.pcap" /></action></nop>'


def _asked(method: str, number: int, *lines: str, code: int = 200, body: str = "") -> tuple[str, ...]:
    """The caller's request inside the dialog and its answer."""
    return pause(0.3), send(inside(method, number, *lines, body=body)), expect(code)


def _asks(method: str, number: int) -> tuple[str, ...]:
    """The same of the callee."""
    return pause(0.4), send(from_callee(method, number)), expect(200)


def _answered(method: str, *lines: str, code: int = 200) -> tuple[str, ...]:
    return expect(method), send(reply(code, *lines), again=False)


_DIGIT = ("Content-Type: application/dtmf-relay", "Content-Length: [len]")
_INFO = inside("INFO", 3, *_DIGIT) + "Signal=5\nDuration=160\n"


def _refused_digit(name: str, code: int) -> Case:
    return broken(
        name,
        f"A digit by INFO is refused with {code}",
        Call(
            calling(name, pause(0.3), send(_INFO.replace("CSeq: 3", "CSeq: 2")), expect(code), pause(0.5), bye=3),
            called(name, *_answered("INFO", code=code)),
        ),
        "dtmf-info-rejected",
        severity=Severity.MEDIUM,
    )


CASES = (
    healthy(
        "asked-inside-the-call",
        "OPTIONS and a digit by INFO inside the call, each answered 200",
        Call(
            calling("inside", *_asked("OPTIONS", 2), pause(0.3), send(_INFO), expect(200), pause(0.3), bye=4),
            called("inside", *_answered("OPTIONS", "Allow: INVITE, ACK, BYE, CANCEL, INFO"), *_answered("INFO")),
        ),
    ),
    healthy(
        "asked-by-the-callee",
        "The callee asks by OPTIONS inside the call whether the caller is alive",
        Call(
            calling("alive", *(expect("OPTIONS"), OK) * 2, pause(0.3)),
            called(
                "alive",
                *(
                    step
                    for number in (1, 2)
                    for step in (pause(0.4), send(from_callee("OPTIONS", number)), expect(200))
                ),
                keeps=True,
            ),
        ),
    ),
    healthy(
        "message-inside-the-call",
        "A text by MESSAGE inside the call, answered 200",
        Call(
            calling(
                "text",
                pause(0.3),
                send(inside("MESSAGE", 2, "Contact", "Content-Type: text/plain", "Content-Length: [len]") + "Hello"),
                expect(200),
                bye=3,
            ),
            called("text", *_answered("MESSAGE")),
        ),
    ),
    _refused_digit("digit-by-info-refused", 415),
    healthy(
        "proxy-over-ipv6",
        "A call through Kamailio over IPv6",
        Call(proxy=(), caller_address=CALLER_IPV6, callee_address=CALLEE_IPV6),
    ),
    healthy(
        "proxy-over-ipv6-inside",
        "The same, recorded on all interfaces of the proxy",
        Call(
            proxy=(),
            caller_address=CALLER_IPV6,
            callee_address=CALLEE_IPV6,
            recorded_at=Side.PROXY,
            logged_by=Side.PROXY,
        ),
    ),
    broken(
        "early-media-undescribed",
        "183 without SDP; the callee plays an announcement that nobody knows of, and answers after 2 s",
        Call(
            Scenario(
                "caller-undescribed",
                send(invite()),
                TRYING,
                expect(183),
                ANSWERED,
                ACKNOWLEDGE,
                pause(1),
                *hang_up(2),
            ),
            Scenario(
                "callee-undescribed",
                ASKED_AND_KEPT,
                send(response(183), again=False),
                _EARLY_SOUND,
                pause(2),
                send(response(200, *LATE, body=sdp("answer"))),
                expect("ACK"),
                expect("BYE"),
                OK,
            ),
            callee_speech=2,
        ),
        "early-media-no-sdp",
        severity=Severity.LOW,
    ),
)
