"""Requests that ended in failure."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, SECOND_PROXY, Ladder, assert_healthy

from sip_ci.findings import Severity
from sip_ci_server.engine.checks.finals import SEVERITIES


def _refused(status: int, *lines: str, method: str = "INVITE", ring: bool = False) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    request = call.invite(0.0) if method == "INVITE" else call.request(method, 0.0, inside=False)
    if ring:
        call.respond(request, 180, 0.1)
    call.respond(request, status, 2.0, *lines)
    if method == "INVITE":
        call.ack(request, 2.1)
    return ladder.end(60.0)


@pytest.mark.parametrize(("status", "severity"), SEVERITIES.items())
def test_each_code_has_a_check_with_its_severity(status: int, severity: Severity) -> None:
    finding = _refused(status).findings()[f"final-{status}"]

    assert finding.severity is severity
    assert finding.title.startswith(f"INVITE failed with {status}")
    assert str(BOB) in finding.detail
    assert [proof.message for proof in finding.evidence] == [0, 1]


def test_what_the_element_says_of_it_is_evidence() -> None:
    finding = _refused(503, "Reason: Q.850;cause=34", 'Warning: 399 pbx "trunk full"').findings()["final-503"]

    assert "Q.850;cause=34" in finding.detail
    assert "trunk full" in finding.detail
    assert [proof.text.split(":")[0] for proof in finding.evidence[2:]] == ["Reason", "Warning"]


@pytest.mark.parametrize("status", [486, 600, 603, 607])
def test_what_people_choose_is_context(status: int) -> None:
    assert_healthy(_refused(status))


@pytest.mark.parametrize(("lines", "ring"), [((), True), (("Reason: Q.850;cause=19",), False)])
def test_nobody_at_home_is_context(lines: tuple[str, ...], ring: bool) -> None:
    assert_healthy(_refused(480, *lines, ring=ring))


def test_487_after_cancel_is_what_cancel_asks_for() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    call.respond(call.cancel(invite, 3.0), 200, 3.05)
    call.respond(invite, 487, 3.1)
    call.ack(invite, 3.2)

    assert_healthy(ladder.end(60.0))
    assert ladder.findings()["final-487"].severity is Severity.INFO


def test_487_without_cancel_is_low() -> None:
    assert _refused(487).findings()["final-487"].severity is Severity.LOW


@pytest.mark.parametrize("status", [404, 405, 481, 488])
def test_any_answer_to_options_is_a_sign_of_life(status: int) -> None:
    assert_healthy(_refused(status, method="OPTIONS"))


def test_a_server_that_answers_options_with_503_is_not_well() -> None:
    assert _refused(503, method="OPTIONS").findings()["final-503"].severity is Severity.MEDIUM


def test_a_failed_message_is_less_than_a_failed_call() -> None:
    assert _refused(404, method="MESSAGE").findings()["final-404"].severity is Severity.MEDIUM


@pytest.mark.parametrize("way", [(PROXY, CAROL), (PROXY, BOB)])
def test_a_failover_that_succeeds_is_no_failure(way: tuple[object, ...]) -> None:
    ladder = Ladder()
    call = ladder.call(PROXY, BOB)
    first = call.invite(0.0)
    call.respond(first, 503, 0.1)
    call.ack(first, 0.12)
    second = call.invite(0.2, way=way)
    call.respond(second, 200, 1.0)
    call.ack(second, 1.1, way=way)
    call.respond(call.bye(5.0, way=way), 200, 5.1)

    assert_healthy(ladder.end(60.0))
    assert ladder.findings()["final-503"].severity is Severity.INFO


def test_a_busy_branch_of_a_fork_that_another_phone_answered_is_context() -> None:
    ladder = Ladder()
    call = ladder.call(PROXY, BOB)
    refused = call.invite(0.0, way=(PROXY, CAROL))
    answered = call.request("INVITE", 0.01, inside=False, number=1)
    call.respond(refused, 404, 0.1)
    call.respond(answered, 200, 1.0)
    call.ack(answered, 1.1)
    call.respond(call.bye(5.0), 200, 5.1)

    assert_healthy(ladder.end(60.0))


def test_a_failure_that_proxies_pass_on_is_reported_once_where_it_was_given() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, SECOND_PROXY, BOB)
    invite = call.invite(0.0)
    call.respond(invite, 404, 0.1)
    call.ack(invite, 0.2)
    finding = ladder.end(60.0).findings()["final-404"]

    assert finding.occurrences == 1
    assert f"{BOB} -> {SECOND_PROXY}" in finding.evidence[1].summary


def test_a_500_that_a_proxy_made_of_a_503_is_the_503() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0)
    call.respond(invite, 503, 0.1, hops=(1,))
    call.respond(invite, 500, 0.11, hops=(0,))
    findings = ladder.end(60.0).findings()

    assert findings["final-503"].severity is Severity.HIGH
    assert "final-500" not in findings


def test_a_failure_that_the_proxy_gave_itself_is_the_proxys() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0, hops=(0,))
    call.respond(invite, 404, 0.1, hops=(0,))

    assert str(PROXY) in ladder.end(60.0).findings()["final-404"].detail


def test_a_b2bua_that_repeats_the_code_only_passes_it_on() -> None:
    ladder = Ladder()
    outer, inner = ladder.call(ALICE, PROXY), ladder.call(PROXY, BOB)
    first, second = outer.invite(0.0), inner.invite(0.01)
    inner.respond(second, 404, 0.1)
    inner.ack(second, 0.11)
    outer.respond(first, 404, 0.12)
    outer.ack(first, 0.13)
    finding = ladder.end(60.0).findings()["final-404"]

    assert finding.calls == (inner.call_id,)


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_that_is_met_is_no_failure(status: int) -> None:
    ladder = Ladder()
    call = ladder.call()
    header, answer = ("WWW-Authenticate", "Authorization")
    if status == 407:
        header, answer = "Proxy-Authenticate", "Proxy-Authorization"
    invite = call.invite(0.0)
    call.respond(invite, status, 0.1, f'{header}: Digest realm="r", nonce="n"')
    call.ack(invite, 0.11)
    again = call.invite(0.2, f'{answer}: Digest username="alice", realm="r", nonce="n", response="0"')
    call.respond(again, 200, 1.0)
    call.ack(again, 1.1)
    call.respond(call.bye(5.0), 200, 5.1)

    assert_healthy(ladder.end(60.0))


@pytest.mark.parametrize("method", ["INFO", "NOTIFY"])
def test_requests_inside_a_dialog_are_judged_elsewhere(method: str) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.request(method, 2.0), 500, 2.1)
    call.respond(call.bye(5.0), 200, 5.1)

    assert "final-500" not in ladder.end(60.0).findings()


def test_the_same_failure_in_many_calls_is_one_finding() -> None:
    ladder = Ladder()
    for number in range(7):
        call = ladder.call()
        invite = call.invite(float(number))
        call.respond(invite, 404, number + 0.1)
        call.ack(invite, number + 0.2)
    finding = ladder.end(60.0).findings()["final-404"]

    assert finding.occurrences == 7
    assert len(finding.calls) == 5
    assert "7 of 7 calls" in finding.detail


@pytest.mark.parametrize(
    ("status", "check"), [(430, "final-400"), (470, "final-400"), (555, "final-500"), (699, "final-600")]
)
def test_an_unknown_code_counts_as_the_first_of_its_class(status: int, check: str) -> None:
    finding = _refused(status).findings()[check]
    assert str(status) in finding.title


@pytest.mark.parametrize("status", [401, 407, 422, 482, 483, 488])
def test_codes_with_checks_of_their_own_are_not_counted_twice(status: int) -> None:
    assert not {"final-400", "final-500", "final-600"} & set(_refused(status).findings())


def test_a_text_message_of_an_unknown_type_is_refused_for_its_type() -> None:
    assert "415" in _refused(415, method="MESSAGE").findings()["final-400"].title


@pytest.mark.parametrize(
    ("cause", "progress", "waited", "words", "severity"),
    [
        (21, 183, 0.05, "rejected", Severity.INFO), (20, 0, 0.05, "not connected", Severity.INFO),
        (19, 0, 20.0, "It rang", Severity.INFO), (0, 180, 2.0, "It rang", Severity.INFO),
        (0, 183, 20.0, "It rang", Severity.INFO), (0, 183, 0.05, "", SEVERITIES[480]),
    ],
)  # fmt: skip
def test_what_480_says_of_the_phone(cause: int, progress: int, waited: float, words: str, severity: Severity) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 100, 0.05)
    if progress:
        call.respond(invite, progress, 0.1)
    call.respond(invite, 480, 0.1 + waited, *([f"Reason: Q.850;cause={cause}"] if cause else []))
    call.ack(invite, 0.2 + waited)
    finding = ladder.end(60.0).findings()["final-480"]

    assert finding.severity is severity
    assert words in finding.detail
    assert ("It rang" in finding.detail) is (words == "It rang")
