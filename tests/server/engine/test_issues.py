"""The symptoms that users name, and the answer to each."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import filter as filter_names

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder, sdp

from sip_ci_server.engine.checks.registry import all_checks
from sip_ci_server.engine.issues import relevance, symptom_of
from sip_ci_server.engine.knowledge.symptom_files import Sight, symptoms


@pytest.mark.parametrize(
    ("text", "symptom"),
    [
        ("one-way audio", "one-way-audio"), ("We have ONE_WAY  AUDIO since Monday", "one-way-audio"),
        ("the caller can't hear anything, caller cannot hear", "one-way-audio"),
        ("no audio", "no-audio"), ("registration failing", "registration-failing"),
        ("calls_dropping", "calls-dropping"), ("calls drop after 32 seconds", "calls-dropping"),
        ("robotic voice", "choppy-audio"), ("no ringback on outgoing calls", "no-ringback"),
        ("WebRTC no audio", "webrtc-no-media"), ("calls fail with 488", "call-setup-failing"),
        ("getting 603 from the carrier", "call-setup-failing"), ("T.38 broken", "fax-failing"),
        ("wrong caller ID", "caller-id-wrong"), ("all calls fail under load", "load-failures"),
        ("I hear an echo", "echo"), ("latency", "delay"), ("music on hold is silent", "hold-failing"),
        ("something else", None), ("10.0.0.488 is odd", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_a_symptom_is_recognised_in_free_text(text: str | None, symptom: str | None) -> None:
    assert symptom_of(text) == symptom


@pytest.mark.parametrize("name", sorted(symptoms()))
def test_every_symptom_is_recognised_by_each_of_its_phrases(name: str) -> None:
    for phrase in (name, *symptoms()[name].words):
        assert symptom_of(f"since monday {phrase} again") == name, phrase


@pytest.mark.parametrize("name", sorted(symptoms()))
def test_every_symptom_names_checks_that_exist(name: str) -> None:
    symptom = symptoms()[name]
    for pattern in (*symptom.decides, *symptom.explains):
        assert filter_names(all_checks(), pattern), pattern


def test_a_check_that_explains_the_symptom_comes_first() -> None:
    assert relevance("reg-failed", "registration failing") < relevance("media-one-way", "registration failing")
    assert relevance("nat-sdp-private", "one-way audio") == 0
    assert relevance("reg-failed", None) == relevance("reg-failed", "?") == 1


def _verdict(ladder: Ladder, issue: str) -> tuple[str, str]:
    verdict = ladder.end(60.0).report(issue).meta.issue
    assert verdict is not None
    assert verdict.hint == issue
    return verdict.verdict, verdict.reason


def _registration(status: int) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    request = call.request("REGISTER", 0.0, inside=False)
    call.respond(request, status, 0.1, f"Contact: <sip:{ALICE}>;expires=3600")
    return ladder


def _refused(*statuses: int) -> Ladder:
    ladder = Ladder()
    for number, status in enumerate(statuses):
        call = ladder.call()
        invite = call.invite(float(number))
        call.respond(invite, status, number + 0.1)
        call.ack(invite, number + 0.2)
    return ladder


def _healthy() -> Ladder:
    ladder = Ladder()
    ladder.call().answered()
    return ladder


def _challenged(*, accepted: bool) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 401, 0.1, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
    call.ack(invite, 0.11)
    credentials = (
        'Authorization: Digest username="alice", realm="r", nonce="n", uri="sip:bob@example.com", qop=auth,'
        ' nc=00000001, cnonce="c", response="0123456789abcdef0123456789abcdef"'
    )
    again = call.invite(0.2, credentials)
    call.respond(again, 200 if accepted else 403, 1.0)
    call.ack(again, 1.1)
    return ladder


def _waiting(*, rings: bool) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 100, 0.01)
    if rings:
        call.respond(invite, 180, 0.5)
    call.respond(invite, 200, 6.0)
    call.ack(invite, 6.1)
    return ladder


def _transferred(status: int, report: bytes = b"") -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    call.established(0.0)
    refer = call.request("REFER", 10.0, "Refer-To: <sip:carol@example.com>")
    call.respond(refer, status, 10.1)
    if report:
        notify = call.request(
            "NOTIFY", 12.0, "Event: refer", "Subscription-State: terminated;reason=noresource",
            "Content-Type: message/sipfrag", body=report, by_callee=True,
        )  # fmt: skip
        call.respond(notify, 200, 12.1)
    return ladder


def _held(status: int) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    call.established(0.0)
    hold = call.request("INVITE", 10.0, body=sdp(ALICE, version=2) + b"a=sendonly\r\n")
    body = sdp(BOB, 42_000, version=2) + b"a=recvonly\r\n" if status == 200 else b""
    call.respond(hold, status, 10.1, body=body)
    call.ack(hold, 10.2)
    return ladder


def _digits(status: int) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    call.established(0.0)
    info = call.request("INFO", 5.0, "Content-Type: application/dtmf-relay", body=b"Signal=5\r\nDuration=160\r\n")
    call.respond(info, status, 5.1)
    return ladder


def _fax(status: int) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    call.established(0.0)
    image = "m=image 40000 udptl t38"
    change = call.request("INVITE", 10.0, body=sdp(ALICE, version=2, media=image))
    call.respond(change, status, 10.1, body=sdp(BOB, version=2, media=image) if status == 200 else b"")
    call.ack(change, 10.2)
    return ladder


def _identity(number: str) -> Ladder:
    ladder = Ladder()
    outer, inner = ladder.call(ALICE, PROXY), ladder.call(PROXY, BOB)
    outer.invite(0.0, "P-Asserted-Identity: <sip:+4930123@example.com>")
    inner.invite(0.01, f"P-Asserted-Identity: <sip:{number}@example.com>")
    return ladder


CASES: dict[str, list[tuple[Callable[[], Ladder], str]]] = {
    "registration failing": [
        (lambda: _registration(500), "confirmed"), (lambda: _registration(200), "refuted"),
        (_healthy, "not observable"),
    ],
    "call setup failing": [
        (lambda: _refused(503), "confirmed"), (lambda: _refused(486), "refuted"),
        (lambda: _registration(200), "not observable"),
    ],
    "calls fail with 404": [
        (lambda: _refused(404, 503), "confirmed"), (lambda: _refused(503), "refuted"), (Ladder, "not observable"),
    ],
    "calls dropping": [
        (_healthy, "refuted"), (lambda: _refused(486), "not observable"),
    ],
    "authentication failing": [
        (lambda: _challenged(accepted=False), "confirmed"), (lambda: _challenged(accepted=True), "refuted"),
        (_healthy, "not observable"),
    ],
    "no ringback": [
        (lambda: _waiting(rings=False), "confirmed"), (lambda: _waiting(rings=True), "refuted"),
        (lambda: _refused(404), "not observable"),
    ],
    "early media": [(_healthy, "not observable")],
    "transfer failing": [
        (lambda: _transferred(603), "confirmed"),
        (lambda: _transferred(202, b"SIP/2.0 486 Busy Here\r\n"), "confirmed"),
        (lambda: _transferred(202, b"SIP/2.0 200 OK\r\n"), "refuted"), (_healthy, "not observable"),
    ],
    "hold failing": [
        (lambda: _held(488), "confirmed"), (_healthy, "not observable"),
    ],
    "dtmf failing": [
        (lambda: _digits(415), "confirmed"), (lambda: _digits(200), "refuted"), (_healthy, "not observable"),
    ],
    "fax failing": [
        (lambda: _fax(488), "confirmed"), (lambda: _fax(200), "refuted"), (_healthy, "not observable"),
    ],
    "caller id": [
        (lambda: _identity("anonymous"), "confirmed"), (lambda: _identity("+4930123"), "not observable"),
    ],
    "under load": [
        (lambda: _refused(*[503] * 5, *[486] * 15), "confirmed"), (lambda: _refused(*[486] * 20), "refuted"),
        (_healthy, "not observable"),
    ],
    "no audio": [(_healthy, "not observable")], "one-way audio": [(_healthy, "not observable")],
    "choppy": [(_healthy, "not observable")], "tls failing": [(_healthy, "not observable")],
    "wrong codec": [(_healthy, "not observable")], "webrtc": [(_healthy, "not observable")],
    "latency": [(_healthy, "refuted"), (lambda: _registration(200), "not observable")],
    "echo": [(_healthy, "not observable")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("issue", "make", "verdict"),
    [(issue, make, verdict) for issue, cases in CASES.items() for make, verdict in cases],
)
def test_each_symptom_is_confirmed_refuted_or_not_observable(
    issue: str, make: Callable[[], Ladder], verdict: str
) -> None:
    answer, reason = _verdict(make(), issue)

    assert answer == verdict, reason
    assert reason


def test_every_symptom_has_cases() -> None:
    assert {symptom_of(issue) for issue in CASES} == set(symptoms())


def test_every_sight_is_that_of_a_symptom() -> None:
    assert {symptom.sight for symptom in symptoms().values()} >= set(Sight)


@pytest.mark.parametrize("issue", sorted(CASES))
def test_a_trace_without_anything_shows_nothing(issue: str) -> None:
    assert _verdict(Ladder(), issue)[0] == "not observable"


def test_the_reason_names_the_root() -> None:
    ladder = Ladder()
    outer, inner = ladder.call(ALICE, PROXY), ladder.call(PROXY, BOB)
    first, second = outer.invite(0.0), inner.invite(0.05)
    inner.respond(second, 404, 0.2)
    inner.ack(second, 0.21)
    outer.respond(first, 500, 0.25)
    outer.ack(first, 0.26)

    assert "404" in _verdict(ladder, "calls fail with 500")[1]


def test_a_symptom_without_a_procedure_is_not_observable() -> None:
    assert _verdict(_healthy(), "the moon is full")[0] == "not observable"


def test_no_hint_has_no_answer() -> None:
    assert _registration(200).report().meta.issue is None


def test_the_recognised_symptom_is_told() -> None:
    verdict = _healthy().report("We have ONE_WAY audio").meta.issue
    assert verdict is not None
    assert verdict.symptom == "one-way-audio"
