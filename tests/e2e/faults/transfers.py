"""Transfers by REFER, subscriptions, and requests outside of calls."""

from __future__ import annotations

from tests.e2e.faults.parts import OK, called, calling
from tests.e2e.live.calls import Call
from tests.e2e.live.case import Case, broken, healthy
from tests.support.scenario import Scenario, expect, from_callee, inside, outside, pause, reply, response, send

from sip_ci.findings import Severity

_TARGET = "Refer-To: <sip:carol@198.51.100.50>"
_REPLACING = "Refer-To: <sip:carol@198.51.100.50?Replaces=call-2%3Bto-tag%3D1%3Bfrom-tag%3D2>"
_UNESCAPED = "Refer-To: <sip:carol@198.51.100.50?Replaces=call-2;to-tag=1;from-tag=2>"
_ACCEPTED = send(response(202, "[last_To:]"), again=False)
_STATE = {
    "via": ("Via", ".*"),
    "caller": ("From", ".*"),
    "callee": ("To", ".*"),
    "target": ("Contact", "sip:[^>]+"),
}


def _report(number: int, line: str, state: str) -> str:
    """The callee's NOTIFY of how the transfer goes."""
    text = from_callee(
        "NOTIFY",
        number,
        "Event: refer",
        f"Subscription-State: {state}",
        "Content-Type: message/sipfrag;version=2.0",
        "Content-Length: [len]",
    )
    return f"{text}{line}\n"


def _transfer(
    name: str,
    *reports: tuple[str, str],
    refer: str = _TARGET,
    answer: str = _ACCEPTED,
    code: int = 202,
    wait: float = 0.5,
) -> Call:
    """The caller transfers the callee, which reports with these status lines and subscription states."""
    steps = [send(inside("REFER", 2, refer)), expect(code)]
    others = [expect("REFER"), answer]
    for number, (line, state) in enumerate(reports, 1):
        steps += [expect("NOTIFY"), OK]
        others += [pause(0.3), send(_report(number, line, state)), expect(200)]
    return Call(
        calling(name, pause(0.5), *steps, pause(wait), bye=3),
        called(name, *others, keeps=True),
        timeout=wait + 12,
    )


_ACTIVE = "active;expires=60"
_DONE = "terminated;reason=noresource"
_SUBSCRIBE = (
    "From: <sip:[caller]@[domain]>;tag=[call_number]c[pid]",
    "Event: presence",
    "Expires: 60",
    "Accept: application/pidf+xml",
)
_SUBSCRIBED = send(response(200, "Expires: 60"), again=False)


def _notify(number: int, state: str | None = "active;expires=60", *lines: str) -> str:
    states = () if state is None else (f"Subscription-State: {state}",)
    return send(from_callee("NOTIFY", number, "Event: presence", *states, *lines))


def _subscription(name: str, caller: tuple[str, ...], callee: tuple[str, ...], *lines: str, talk: float = 1.5) -> Call:
    return Call(
        Scenario(f"caller-{name}", send(outside("SUBSCRIBE", *_SUBSCRIBE, *lines)), *caller),
        Scenario(f"callee-{name}", expect("SUBSCRIBE", keep=_STATE), *callee),
        talk=talk,
        timeout=talk + 10,
    )


def _single(name: str, what: str, method: str, code: int, *checks: str, lines: tuple[str, ...] = ()) -> Case:
    """One request outside of a dialog and its answer."""
    call = Call(
        Scenario(f"caller-{name}", send(outside(method)), expect(code)),
        Scenario(f"callee-{name}", expect(method), send(response(code, *lines, contact=False), again=False)),
    )
    return broken(name, what, call, *checks, severity=Severity.MEDIUM) if checks else healthy(name, what, call)


CASES = (
    healthy(
        "blind-transfer",
        "REFER: 202, NOTIFY 100, NOTIFY 200, then BYE",
        _transfer("blind", ("SIP/2.0 100 Trying", _ACTIVE), ("SIP/2.0 200 OK", _DONE)),
    ),
    healthy(
        "attended-transfer",
        "REFER with Replaces, escaped: 202, NOTIFY 100, NOTIFY 200, then BYE",
        _transfer("attended", ("SIP/2.0 100 Trying", _ACTIVE), ("SIP/2.0 200 OK", _DONE), refer=_REPLACING),
    ),
    healthy(
        "subscribed",
        "SUBSCRIBE, NOTIFY, signed off with Expires 0 and a last NOTIFY",
        _subscription(
            "subscribed",
            (
                expect(200, routes=True),
                expect("NOTIFY"),
                OK,
                pause(0.5),
                send(inside("SUBSCRIBE", 2, "Event: presence", "Expires: 0")),
                expect(200),
                expect("NOTIFY"),
                OK,
            ),
            (
                _SUBSCRIBED,
                pause(0.05),
                _notify(1),
                expect(200),
                expect("SUBSCRIBE"),
                send(response(200, "[last_To:]", "Expires: 0"), again=False),
                pause(0.05),
                _notify(2, "terminated;reason=timeout"),
                expect(200),
            ),
        ),
    ),
    healthy(
        "options-keepalive",
        "Five OPTIONS, one a second, each answered 200",
        Call(
            Scenario(
                "caller-keepalive",
                *(
                    step
                    for number in range(1, 6)
                    for step in (send(outside("OPTIONS", number=number)), expect(200), pause(0.6))
                ),
            ),
            Scenario(
                "callee-keepalive",
                *(
                    step
                    for _ in range(5)
                    for step in (expect("OPTIONS"), send(response(200, "Allow: INVITE, ACK, BYE, CANCEL"), again=False))
                ),
            ),
        ),
    ),
    _single("message", "MESSAGE, answered 200", "MESSAGE", 200),
    _single(
        "keepalive-405", "OPTIONS is refused with 405: the callee is alive", "OPTIONS", 405, lines=("Allow: INVITE",)
    ),
    broken(
        "transfer-without-report",
        "REFER is accepted with 202 and nothing is reported for 10 s",
        _transfer("silent", wait=10),
        "refer-no-notify",
        severity=Severity.MEDIUM,
    ),
    broken(
        "transfer-without-outcome",
        "REFER is accepted, NOTIFY says 100 Trying and that the subscription ends, and no outcome follows",
        _transfer("unfinished", ("SIP/2.0 100 Trying", "terminated;reason=noresource"), wait=8),
        "refer-no-final-notify",
        severity=Severity.MEDIUM,
    ),
    broken(
        "transfer-target-unknown",
        "REFER is accepted, and NOTIFY says 404",
        _transfer("target-404", ("SIP/2.0 100 Trying", _ACTIVE), ("SIP/2.0 404 Not Found", _DONE)),
        "refer-target-failed",
    ),
    broken(
        "transfer-refused",
        "REFER is refused with 403",
        _transfer("refused", answer=send(reply(403), again=False), code=403),
        "refer-rejected",
    ),
    broken(
        "transfer-without-target",
        "REFER has no Refer-To and is refused with 400",
        _transfer("no-target", refer="Refer-To", answer=send(reply(400), again=False), code=400),
        "refer-to-count",
    ),
    broken(
        "transfer-unescaped",
        "Refer-To has a Replaces that is not escaped, and the REFER is refused with 400",
        _transfer("unescaped", refer=_UNESCAPED, answer=send(reply(400), again=False), code=400),
        "refer-replaces-unescaped",
    ),
    broken(
        "subscription-without-notify",
        "SUBSCRIBE is accepted and no NOTIFY comes; the client asks again after 8 s",
        _subscription(
            "no-notify",
            (
                expect(200, routes=True),
                pause(8),
                send(inside("SUBSCRIBE", 2, "Event: presence", "Expires: 60")),
                expect(200),
            ),
            (_SUBSCRIBED, expect("SUBSCRIBE"), send(response(200, "[last_To:]", "Expires: 60"), again=False)),
            talk=8,
        ),
        "sub-no-notify",
    ),
    broken(
        "subscription-of-unknown-event",
        "SUBSCRIBE is refused with 489",
        _subscription("bad-event", (expect(489),), (send(response(489, contact=False), again=False),)),
        "sub-489",
        severity=Severity.MEDIUM,
    ),
    broken(
        "notify-of-nobody",
        "NOTIFY is answered 481 although the subscription lives",
        _subscription(
            "notify-481",
            (expect(200, routes=True), expect("NOTIFY"), send(reply(481), again=False)),
            (_SUBSCRIBED, pause(0.05), _notify(1), expect(481)),
        ),
        "notify-481",
        severity=Severity.MEDIUM,
    ),
    broken(
        "notify-without-state",
        "NOTIFY has no Subscription-State and is refused with 400",
        _subscription(
            "stateless",
            (expect(200, routes=True), expect("NOTIFY"), send(reply(400), again=False)),
            (_SUBSCRIBED, pause(0.05), _notify(1, None), expect(400)),
        ),
        "notify-no-state",
    ),
    broken(
        "subscribe-without-event",
        "SUBSCRIBE has no Event and is refused with 489",
        _subscription("no-event", (expect(489),), (send(response(489, contact=False), again=False),), "Event"),
        "event-missing",
        severity=Severity.MEDIUM,
    ),
    _single(
        "message-not-allowed", "MESSAGE is refused with 405", "MESSAGE", 405, "final-405", lines=("Allow: INVITE",)
    ),
)
