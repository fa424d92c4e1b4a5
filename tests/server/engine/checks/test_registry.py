"""Checks are registered with their metadata, and run on their subjects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.calls import Ladder

from sip_ci.findings import Category, Severity
from sip_ci.trace.observation import Clock
from sip_ci.trace.trace import TraceOrigin
from sip_ci_server.engine.checks.registry import (
    NotCheckable,
    Outcome,
    all_checks,
    at,
    at_header,
    check,
    missing_need,
    run_check,
)
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.transactions import Transaction


def _reasons(name: str, ladder: Ladder) -> list[str]:
    return [item.reason for item in run_check(all_checks()[name], ladder.model()) if isinstance(item, NotCheckable)]


def test_a_check_is_registered_once_and_on_a_known_subject() -> None:
    def again(transaction: Transaction, model: Model) -> Iterator[Outcome]:
        yield from ()

    def strange(number: int, model: Model) -> Iterator[Outcome]:
        yield from ()

    all_checks()
    with pytest.raises(ValueError, match="ack-missing-2xx"):
        check("ack-missing-2xx", title="", severity=Severity.LOW, category=Category.MEDIA, rfc="")(again)
    with pytest.raises(TypeError, match="no-such-subject"):
        check("no-such-subject", title="", severity=Severity.LOW, category=Category.MEDIA, rfc="")(strange)
    assert "no-such-subject" not in all_checks()


def test_checks_come_sorted_by_id() -> None:
    assert list(all_checks()) == sorted(all_checks())


@pytest.mark.parametrize(
    ("name", "reason"),
    [("kpi-pdd", "times"), ("tcp-connect-refused", "capture"), ("media-one-way", "log"), ("resp-misrouted", "sent")],
)
def test_a_trace_that_cannot_answer_says_why(name: str, reason: str) -> None:
    ladder = Ladder(origin=TraceOrigin.TEXT, clock=Clock.ORDINAL)
    ladder.call().answered()
    for packet in ladder.packets:
        packet.source = packet.destination = None

    assert reason in missing_need(all_checks()[name], ladder.model())
    assert len(_reasons(name, ladder)) == 1


def test_a_trace_without_the_subject_says_so() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.request("OPTIONS", 0.0, inside=False), 200, 0.1)

    assert _reasons("ack-missing-2xx", ladder.end(60.0))
    assert _reasons("reg-failed", ladder)
    assert not _reasons("txn-no-response", ladder)


def test_proof_points_at_the_header_or_the_start_line() -> None:
    ladder = Ladder()
    ladder.call().invite(0.0)
    message = ladder.trace().messages[0]
    proof = at_header(message, "cseq", "why")

    assert at(message, "why").offset is None
    assert at_header(message, "reason", "why").offset is None
    assert proof.offset is not None
    assert message.raw[proof.offset :].startswith(b"CSeq:")
