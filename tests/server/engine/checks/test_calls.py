"""How calls end, and what happens inside them."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Call, Ladder, assert_healthy, sdp, serious

from sip_ci.findings import Confidence, Severity
from sip_ci_server.engine.checks.calls import meaning_of


def _established(*path: object, **options: object) -> tuple[Ladder, Call]:
    ladder = Ladder()
    call = ladder.call(*path, **options)  # type: ignore[arg-type]
    call.established()
    ladder.end(4000.0)
    return ladder, call


# -- bye-rejected ---------------------------------------------------------------------------------------------------


def test_a_bye_refused_in_a_dialog_that_the_trace_saw_begin() -> None:
    ladder, call = _established()
    call.respond(call.bye(10.0), 481, 10.1)
    finding = ladder.findings()["bye-rejected"]

    assert finding.severity is Severity.MEDIUM
    assert "481" in finding.title
    assert "so the dialog existed" in finding.detail
    assert [proof.message for proof in finding.evidence] == [5, 6]


def test_a_bye_with_other_tags_is_told_apart() -> None:
    ladder, call = _established()
    call.respond(call.bye(10.0, to_tag="zz"), 481, 10.1)

    assert "other tags" in ladder.findings()["bye-rejected"].detail


def test_both_sides_hanging_up_at_once_is_no_fault() -> None:
    ladder, call = _established()
    one, other = call.bye(10.0), call.bye(10.01, by_callee=True)
    call.respond(one, 481, 10.03)
    call.respond(other, 481, 10.04)

    assert ladder.findings()["bye-rejected"].severity is Severity.INFO


def test_a_bye_of_a_call_that_began_before_the_trace_is_low() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.bye(0.0), 481, 0.1)

    assert ladder.end(60.0).findings()["bye-rejected"].severity is Severity.LOW


def test_a_refusal_that_a_proxy_passes_on_counts_once() -> None:
    ladder, call = _established(ALICE, PROXY, BOB, record_route=True)
    call.respond(call.bye(10.0), 481, 10.1)
    finding = ladder.findings()["bye-rejected"]

    assert finding.occurrences == 1
    assert f"{BOB} -> {PROXY}" in finding.evidence[1].summary


def test_a_challenged_bye_is_not_refused() -> None:
    ladder, call = _established()
    call.respond(call.bye(10.0), 407, 10.1, 'Proxy-Authenticate: Digest realm="r", nonce="n"')
    call.respond(call.bye(10.2, 'Proxy-Authorization: Digest realm="r", nonce="n", response="1"'), 200, 10.3)

    assert_healthy(ladder)


# -- reinvite-rejected ----------------------------------------------------------------------------------------------


def _refused(status: int, *, method: str = "INVITE", bye_after: float | None = 1.0) -> tuple[Ladder, Call]:
    ladder, call = _established()
    change = call.request(method, 5.0, body=sdp(ALICE, version=2))
    call.respond(change, status, 5.1)
    if method == "INVITE":
        call.ack(change, 5.15)
    if bye_after is not None:
        call.respond(call.bye(5.1 + bye_after), 200, 5.2 + bye_after)
    return ladder, call


def test_a_refused_reinvite_that_ends_the_call_is_high() -> None:
    finding = _refused(488)[0].findings()["reinvite-rejected"]

    assert finding.severity is Severity.HIGH
    assert finding.title == "re-INVITE inside the call was refused with 488 Not Acceptable Here"
    assert "ended right after" in finding.detail
    assert [proof.message for proof in finding.evidence] == [5, 6]


def test_a_call_that_goes_on_as_before_is_medium() -> None:
    finding = _refused(488, bye_after=60.0)[0].findings()["reinvite-rejected"]

    assert finding.severity is Severity.MEDIUM
    assert "went on with the old session" in finding.detail


def test_an_update_is_named() -> None:
    assert _refused(488, method="UPDATE")[0].findings()["reinvite-rejected"].title.startswith("UPDATE")


def test_t38_refused_and_audio_accepted_is_a_fallback() -> None:
    ladder, call = _established()
    fax = call.request("INVITE", 5.0, body=sdp(ALICE, version=2, media="m=image 40002 udptl t38"))
    call.respond(fax, 488, 5.1)
    call.ack(fax, 5.15)
    audio = call.request("INVITE", 5.3, body=sdp(ALICE, version=3))
    call.respond(audio, 200, 5.4)
    call.ack(audio, 5.5)
    call.respond(call.bye(30.0), 200, 30.1)

    assert_healthy(ladder)
    assert ladder.findings()["t38-reinvite-rejected"].severity is Severity.LOW


@pytest.mark.parametrize("repeated", [True, False])
def test_glare_is_no_refusal(repeated: bool) -> None:
    ladder, call = _refused(491, bye_after=None)
    if repeated:
        again = call.request("INVITE", 7.5, body=sdp(ALICE, version=2))
        call.respond(again, 200, 7.6)
        call.ack(again, 7.7)
    call.respond(call.bye(30.0), 200, 30.1)

    assert_healthy(ladder)


def test_an_update_that_comes_too_soon_is_put_off_and_not_refused() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 183, 0.1, "Require: 100rel", "RSeq: 1")
    call.respond(call.request("PRACK", 0.2, "RAck: 1 1 INVITE"), 200, 0.25)
    call.respond(call.request("UPDATE", 0.3, body=sdp(ALICE, version=2)), 500, 0.35, "Retry-After: 2")
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    call.respond(call.bye(9.0), 200, 9.1)

    assert_healthy(ladder.end(60.0))


@pytest.mark.parametrize("status", [481, 487])
def test_a_reinvite_that_the_bye_overtakes_is_not_refused(status: int) -> None:
    ladder, call = _established()
    change = call.request("INVITE", 5.0, body=sdp(ALICE, version=2))
    bye = call.bye(5.05, by_callee=True)
    call.respond(bye, 200, 5.1)
    call.respond(change, status, 5.12)
    call.ack(change, 5.15)

    assert_healthy(ladder)


def test_a_reinvite_that_its_sender_cancels_is_not_refused() -> None:
    ladder, call = _established()
    change = call.request("INVITE", 5.0, body=sdp(ALICE, version=2))
    call.respond(change, 180, 5.1)
    call.respond(call.cancel(change, 6.0), 200, 6.05)
    call.respond(change, 487, 6.1)
    call.ack(change, 6.15)
    call.respond(call.bye(30.0), 200, 30.1)

    assert_healthy(ladder)


def test_a_challenged_reinvite_that_succeeds_is_healthy() -> None:
    ladder, call = _refused(407, bye_after=None)
    again = call.request("INVITE", 5.2, "Proxy-Authorization: Digest nonce=n, response=1", body=sdp(ALICE, version=2))
    call.respond(again, 200, 5.3)
    call.ack(again, 5.4)
    call.respond(call.bye(30.0), 200, 30.1)

    assert_healthy(ladder)


def test_a_refused_reinvite_relayed_by_a_proxy_counts_once() -> None:
    ladder, call = _established(ALICE, PROXY, BOB, record_route=True)
    change = call.request("INVITE", 5.0, body=sdp(ALICE, version=2))
    call.respond(change, 488, 5.1)

    assert ladder.findings()["reinvite-rejected"].occurrences == 1


# -- bye-abnormal-cause ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "cause", "meaning"),
    [
        ("Q.850;cause=38", "Q.850 cause 38", "network out of order"),
        ('Q.850 ;cause=102 ;text="timer"', "Q.850 cause 102", "timer"),
        ("SIP;cause=503", "SIP cause 503", "service unavailable"),
        ("Q.850;cause=16, SIP;cause=408", "SIP cause 408", "timeout"),
    ],
)
def test_a_bye_that_names_a_fault(reason: str, cause: str, meaning: str) -> None:
    ladder, call = _established()
    call.respond(call.bye(10.0, f"Reason: {reason}"), 200, 10.1)
    finding = ladder.findings()["bye-abnormal-cause"]

    assert finding.severity is Severity.MEDIUM
    assert cause in finding.title
    assert meaning in finding.detail
    assert finding.evidence[0].message == 5
    assert finding.evidence[0].text == f"Reason: {reason}"


@pytest.mark.parametrize(
    "reason",
    ["Q.850;cause=16", "Q.850;cause=31", "Q.850;cause=0", "SIP;cause=200", "SIP;cause=487", "Q.850", "Q.850;cause=x",
     "X.1;cause=99", ""],
)  # fmt: skip
def test_a_bye_that_names_no_fault(reason: str) -> None:
    ladder, call = _established()
    call.respond(call.bye(10.0, f"Reason: {reason}"), 200, 10.1)

    assert_healthy(ladder)


def test_a_cancel_because_another_phone_answered_is_no_fault() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    cancel = call.cancel(invite, 2.0, 'Reason: Q.850;cause=26, SIP;cause=200;text="Call completed elsewhere"')
    call.respond(cancel, 200, 2.1)
    call.respond(invite, 487, 2.1)
    call.ack(invite, 2.2)

    assert_healthy(ladder.end(60.0))


def test_a_cause_that_a_proxy_passes_on_counts_once() -> None:
    ladder, call = _established(ALICE, PROXY, BOB, record_route=True)
    call.respond(call.bye(10.0, "Reason: Q.850;cause=38"), 200, 10.1)

    assert ladder.findings()["bye-abnormal-cause"].occurrences == 1


def test_every_cause_has_a_meaning() -> None:
    assert meaning_of("Q.850", 3) == "no route to the destination"
    assert meaning_of("Q.850", None)
    assert meaning_of("SIP", 599)


# -- drop-at-fixed-interval -----------------------------------------------------------------------------------------


def _ended(talk: float, *lines: str, by_callee: bool = False, answer: tuple[str, ...] = ()) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0, *answer)
    call.ack(invite, 1.03)
    call.respond(call.bye(1.0 + talk, *lines, by_callee=by_callee), 200, 1.1 + talk)
    return ladder.end(talk + 100.0)


@pytest.mark.parametrize("talk", [30.5, 32.0, 61.0, 180.0, 899.0, 1800.0])
def test_a_call_that_fails_at_the_value_of_a_timer(talk: float) -> None:
    finding = _ended(talk, "Reason: SIP;cause=408").findings()["drop-at-fixed-interval"]

    assert finding.severity is Severity.HIGH
    assert finding.confidence is Confidence.LIKELY
    assert f"{talk:.1f} s" in finding.detail
    assert [proof.message for proof in finding.evidence] == [2, 4]


@pytest.mark.parametrize("talk", [30.0, 32.0, 60.0, 900.0, 1800.0])
@pytest.mark.parametrize("by_callee", [False, True])
def test_people_and_scenarios_talk_for_round_numbers_too(talk: float, by_callee: bool) -> None:
    assert_healthy(_ended(talk, by_callee=by_callee))


def test_a_failure_at_any_other_time_is_no_timer() -> None:
    assert "drop-at-fixed-interval" not in _ended(47.0, "Reason: SIP;cause=408").findings()


@pytest.mark.parametrize("talk", [1768.0, 1800.0, 1830.0])
def test_a_session_that_nobody_refreshed(talk: float) -> None:
    findings = _ended(talk, answer=("Session-Expires: 1800;refresher=uac",)).findings()

    assert findings["st-refresh-missing"].severity is Severity.HIGH
    assert "session interval of 1800 s" in findings["st-refresh-missing"].detail
    assert "drop-at-fixed-interval" not in findings


@pytest.mark.parametrize("talk", [30.0, 400.0, 1300.0, 1700.0])
def test_a_call_that_ends_well_before_its_session_interval_is_healthy(talk: float) -> None:
    assert_healthy(_ended(talk, answer=("Session-Expires: 1800;refresher=uac",)))


def test_a_refreshed_session_may_last_as_long_as_it_likes() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, "Session-Expires: 90;refresher=uac")
    call.ack(invite, 1.1)
    call.respond(call.request("UPDATE", 46.0), 200, 46.1)
    call.respond(call.bye(91.0), 200, 91.1)

    assert not serious(ladder.end(200.0).report().findings)


def test_a_malformed_session_interval_is_none() -> None:
    findings = _ended(1800.0, answer=("Session-Expires: soon",)).report().findings

    assert serious(findings) == ["se-malformed: medium"]
