"""Registrations with SIPp and Kamailio, and what goes wrong with them."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.live.calls import Call
from tests.e2e.live.case import broken, healthy
from tests.e2e.live.proxy import PASSWORD
from tests.support.scenario import Scenario, expect, pause, register, response, send

from sip_ci.findings import Severity

_CREDENTIALS = ("-au", "alice", "-ap", PASSWORD)
_PRIVATE = Call(caller_address="10.20.0.11", callee_address="10.20.0.12")
"""A registrar without passwords is one of a lab, not of the Internet."""
_BINDING = "Contact: <sip:[caller]@10.20.0.11:5060;transport=UDP>"
_CHALLENGE = 'WWW-Authenticate: Digest realm="example.com", nonce="{}", qop="auth", algorithm=MD5'


def _registrar(name: str, *steps: str) -> Scenario:
    return Scenario(f"registrar-{name}", *steps)


def _ok(expires: int = 300, *lines: str) -> str:
    return send(response(200, f"{_BINDING};expires={expires}", *lines), again=False)


def _challenge(nonce: str, *lines: str, parameters: str = "") -> str:
    challenge = _CHALLENGE.format(nonce) + parameters
    return send(response(401, challenge, *lines, contact=False), again=False)


def _refusal(code: int, *lines: str) -> str:
    return send(response(code, *lines, contact=False), again=False)


_ASKED = expect("REGISTER")


def _ask(*answers: str) -> tuple[str, ...]:
    """The steps of a registrar that gives these answers, one after the other."""
    return tuple(step for answer in answers for step in (_ASKED, answer))


_WITH_CREDENTIALS = "+[authentication]"

_REFRESHING = Scenario(
    "register-refresh",
    send(register(1, "Expires: 3")),
    expect(200),
    pause(1.5),
    send(register(2, "Expires: 3")),
    expect(200),
    pause(1.5),
    send(register(3, "Expires: 0")),
    expect(200),
)
_ONCE = Scenario("register-once", send(register()), expect(200))

CASES = (
    healthy(
        "registered-and-refreshed",
        "A registration of 3 s is refreshed in time, then removed with Expires 0",
        replace(
            _PRIVATE,
            caller=_REFRESHING,
            callee=_registrar(
                "refresh", _ASKED, _ok(3), _ASKED, _ok(3), _ASKED, send(response(200, contact=False), again=False)
            ),
        ),
    ),
    healthy(
        "register-stale-once",
        "The nonce ran out once: 401 with stale=true, and the new nonce is used",
        Call(
            Scenario(
                "register-stale",
                send(register(1)),
                expect(401, auth=True),
                send(register(2, _WITH_CREDENTIALS)),
                expect(401, auth=True),
                send(register(3, _WITH_CREDENTIALS)),
                expect(200),
            ),
            _registrar(
                "stale",
                _ASKED,
                _challenge("aa01"),
                _ASKED,
                _challenge("aa02", parameters=", stale=true"),
                _ASKED,
                _ok(),
            ),
            caller_arguments=_CREDENTIALS,
        ),
    ),
    broken(
        "register-forbidden",
        "The registrar refuses with 403",
        Call(Scenario("register-403", send(register()), expect(403)), _registrar("403", _ASKED, _refusal(403))),
        "reg-failed",
    ),
    broken(
        "register-too-brief-ignored",
        "423 with Min-Expires 60, and the client asks for 10 s again",
        Call(
            Scenario(
                "register-brief",
                send(register(1, "Expires: 10")),
                expect(423),
                pause(0.2),
                send(register(2, "Expires: 10")),
                expect(423),
            ),
            _registrar("423", _ASKED, _refusal(423, "Min-Expires: 60"), _ASKED, _refusal(423, "Min-Expires: 60")),
        ),
        "reg-interval-too-brief",
        severity=Severity.MEDIUM,
    ),
)
