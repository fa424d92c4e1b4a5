"""Registrations with SIPp and Kamailio, and what goes wrong with them."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.live.calls import Call, Side
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
_OTHER_REALM = (
    'Authorization: Digest username="alice", realm="example.net", nonce="dd01", uri="sip:[domain]", qop=auth,'
    ' nc=0000000[cseq], cnonce="7a", response="0123456789abcdef0123456789abcdef", algorithm=MD5'
)
_FROM_CROWD = (
    "User-Agent: Desk phone",
    "From: <sip:user[call_number]@[domain]>;tag=[call_number]c[pid]",
    "To: <sip:user[call_number]@[domain]>",
    "Contact: <sip:user[call_number]@[contact]>",
)


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
    healthy(
        "register-interval-raised",
        "423 with Min-Expires 60: the client asks for 60 s and is registered",
        replace(
            _PRIVATE,
            caller=Scenario(
                "register-raised",
                send(register(1, "Expires: 10")),
                expect(423),
                send(register(2, "Expires: 60")),
                expect(200),
            ),
            callee=_registrar("raised", *_ask(_refusal(423, "Min-Expires: 60"), _ok(60))),
        ),
    ),
    healthy(
        "bindings-asked-for",
        "REGISTER without Contact asks for the bindings",
        replace(
            _PRIVATE,
            caller=Scenario("register-query", send(register(1, "Contact", "Expires")), expect(200)),
            callee=_registrar("query", *_ask(_ok(120))),
        ),
    ),
    broken(
        "register-stale-for-ever",
        "Each nonce is refused as stale, although it was just given",
        Call(
            Scenario(
                "register-stale-loop",
                send(register(1)),
                expect(401, auth=True),
                *(
                    step
                    for number in range(2, 6)
                    for step in (send(register(number, _WITH_CREDENTIALS)), expect(401, auth=True))
                ),
            ),
            _registrar(
                "stale-loop",
                *_ask(_challenge("bb00"), *(_challenge(f"bb0{one}", parameters=", stale=true") for one in range(1, 5))),
            ),
            caller_arguments=_CREDENTIALS,
        ),
        "auth-loop",
    ),
    broken(
        "register-other-realm",
        "The client answers a challenge of example.com with credentials for example.net, and gets 401 again",
        Call(
            Scenario(
                "register-realm",
                send(register(1)),
                expect(401),
                send(register(2, _OTHER_REALM)),
                expect(401),
                send(register(3, _OTHER_REALM)),
                expect(401),
            ),
            _registrar("realm", *_ask(_challenge("dd01"), _challenge("dd01"), _challenge("dd01"))),
        ),
        "auth-realm-mismatch",
    ),
    broken(
        "register-storm",
        "Sixty phones register anew within a second, as after an outage; Kamailio accepts them all",
        Call(
            Scenario(
                "register-crowd",
                send(register(1, *_FROM_CROWD)),
                expect(401, auth=True),
                send(register(2, *_FROM_CROWD, _WITH_CREDENTIALS)),
                expect(200),
            ),
            None,
            proxy=("WITH_AUTH",),
            logged_by=Side.PROXY,
            caller_arguments=_CREDENTIALS,
            calls=60,
            rate=100,
        ),
        "reg-storm",
        severity=Severity.MEDIUM,
    ),
    broken(
        "register-challenge-missing",
        "The registrar answers 401 without a challenge",
        Call(
            Scenario("register-unchallenged", send(register()), expect(401)),
            _registrar("unchallenged", _ASKED, _refusal(401)),
        ),
        "auth-challenge-missing",
    ),
    broken(
        "register-refreshed-late",
        "A registration of 3 s is refreshed after 8 s",
        replace(
            _PRIVATE,
            caller=Scenario(
                "register-late",
                send(register(1, "Expires: 3")),
                expect(200),
                pause(8),
                send(register(2, "Expires: 3")),
                expect(200),
            ),
            callee=_registrar("late", *_ask(_ok(3), _ok(3))),
            talk=8,
        ),
        "reg-not-refreshed",
        severity=Severity.MEDIUM,
    ),
    broken(
        "register-star-without-zero",
        "Contact: * with Expires 300, refused with 400",
        Call(
            Scenario("register-star", send(register(1, "Contact: *")), expect(400)),
            _registrar("star", _ASKED, _refusal(400)),
        ),
        "contact-star-nonzero",
        severity=Severity.MEDIUM,
    ),
    broken(
        "register-too-brief-unsaid",
        "423 without Min-Expires",
        Call(
            Scenario("register-no-minimum", send(register(1, "Expires: 10")), expect(423)),
            _registrar("no-minimum", _ASKED, _refusal(423)),
        ),
        "msg-423-no-min-expires",
        severity=Severity.MEDIUM,
    ),
    broken(
        "register-binding-unlisted",
        "The 200 to REGISTER lists another contact than the one that was registered",
        replace(
            _PRIVATE,
            caller=_ONCE,
            callee=_registrar(
                "unlisted",
                _ASKED,
                send(response(200, "Contact: <sip:carol@10.20.0.99:5060>;expires=300"), again=False),
            ),
        ),
        "reg-binding-missing-in-200",
        severity=Severity.MEDIUM,
    ),
)
