"""Where a message ends: lengths and line ends that routers spoil, and streams that are cut, joined and reset."""

from __future__ import annotations

from tests.e2e.faults.parts import ASKED, called, calling
from tests.e2e.live.calls import CALLEE, Call, Side
from tests.e2e.live.case import Case, broken, capture_only, healthy
from tests.support.scenario import Scenario, ack_refusal, expect, invite, pause, response, send
from tests.support.stream_relay import Segments

from sip_ci.findings import Severity

_BANDWIDTH = r"out:^(c=IN IP4 [0-9.]*)\r\n=>\g<1>\r\nb=AS:64\r\n"
"""A router writes a line into the session description, and leaves Content-Length as it is."""
_LINE_ENDS = r"out:\r\n(?=.*\r\n\r\n)=>\n"
"""The lines of the headers end in LF alone; the empty line behind them is left whole, and so is the body."""
_REFUSED = Scenario(
    "caller-400",
    send(invite()),
    expect(400),
    send(ack_refusal(), again=False),
)
_REFUSES = Scenario("callee-400", ASKED, send(response(400, contact=False)), expect("ACK"))


def _spoilt(name: str, what: str, rule: str, check: str, caller: Scenario | str, callee: Scenario) -> Case:
    """A call whose INVITE a router changes, recorded behind the router."""
    severity = Severity.HIGH
    call = Call(caller, callee, middlebox=(rule,), timeout=9, recorded_at=Side.CALLEE, logged_by=Side.CALLEE)
    return broken(name, what, call, check, severity=severity)


CASES = (
    _spoilt(
        "router-lengthens-body",
        "A router writes a line into the SDP and leaves Content-Length as it was; the callee refuses with 400",
        _BANDWIDTH,
        "msg-content-length-mismatch",
        _REFUSED,
        _REFUSES,
    ),
    _spoilt(
        "router-lengthens-body-unheard",
        "The same, and the callee drops the INVITE each time that it comes",
        _BANDWIDTH,
        "msg-content-length-mismatch",
        "caller-unanswered",
        Scenario("callee-drops", ASKED, pause(9)),
    ),
    capture_only(
        _spoilt(
            "lines-without-cr",
            "A router ends the header lines of the INVITE with LF alone, and the callee does not understand it",
            _LINE_ENDS,
            "msg-lf-only",
            "caller-unanswered",
            Scenario("callee-strict", ASKED, pause(9)),
        )
    ),
    broken(
        "via-stripped-from-answer",
        "A router takes Kamailio's Via out of what the callee answers; Kamailio does not know what it is for",
        Call(
            Scenario("caller-waits", send(invite()), expect(100), expect(200)),
            "callee",
            proxy=(),
            middlebox=(r"in:^Via: SIP/2\.0/UDP 198\.51\.100\.30[^\r\n]*\r\n=>",),
            timeout=9,
            recorded_at=Side.PROXY,
            logged_by=Side.PROXY,
        ),
        "msg-mandatory-missing",
        severity=Severity.HIGH,
    ),
    broken(
        "branch-stripped-from-via",
        "A router takes the branch out of the Via of what the callee answers",
        Call(middlebox=(r"in:;branch=[^;\r\n]*=>",)),
        "resp-headers-changed",
        severity=Severity.MEDIUM,
    ),
    healthy(
        "padding-behind-body",
        "A router appends line ends to every datagram",
        Call(middlebox=(r"out:\Z=>\r\n\r\n", r"in:\Z=>\r\n"), recorded_at=Side.CALLEE, logged_by=Side.CALLEE),
    ),
    healthy(
        "tcp-in-pieces",
        "Each message over TCP comes in segments of 90 bytes. Recorded at the callee",
        Call(transport="t1", segments=Segments(piece=90), recorded_at=Side.CALLEE, logged_by=Side.CALLEE),
    ),
    healthy(
        "tcp-messages-joined",
        "Ten calls over one TCP connection, several messages in a segment",
        Call(transport="t1", calls=10, rate=100, talk=0.5, segments=Segments(wait=0.1)),
    ),
    capture_only(
        broken(
            "tcp-reset-in-call",
            "A firewall resets the TCP connection when BYE passes",
            Call(
                calling("tcp-reset", pause(1)),
                called("tcp-reset", expect("BYE"), bye=False),
                transport="t1",
                timeout=6,
                reset=(("-d", CALLEE, "-m", "string", "--algo", "bm", "--string", "BYE sip:"),),
            ),
            "tcp-reset-mid-dialog",
            severity=Severity.MEDIUM,
        )
    ),
)
