"""Healthy calls in which one element misbehaves: found where the peer fails of it, and never taken for another fault.

Each row of `tests/e2e/injected` is a fault from the clauses of the RFCs, made in a healthy call in two ways: the peer
puts up with it, or the call fails of it as a real one would.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from tests.e2e.injected.addresses import ADDRESSES
from tests.e2e.injected.answers import ANSWERS
from tests.e2e.injected.codecs import CODECS
from tests.e2e.injected.descriptions import DESCRIPTIONS
from tests.e2e.injected.dialogs import DIALOGS
from tests.e2e.injected.headers import HEADERS
from tests.e2e.injected.media import MEDIA
from tests.e2e.injected.registrations import REGISTRATIONS
from tests.e2e.injected.routes import ROUTES
from tests.e2e.injected.services import SERVICES
from tests.e2e.injected.timers import TIMERS
from tests.e2e.injected.transactions import TRANSACTIONS
from tests.support.calls import serious
from tests.support.injection import Scene
from tests.support.injection_bases import BASES
from tests.support.injection_cases import Injection

from sip_ci.findings import Severity
from sip_ci.service.wire import AnalysisResponse
from sip_ci_server.engine.checks.registry import all_checks

INJECTIONS = (
    *ADDRESSES, *HEADERS, *DIALOGS, *TRANSACTIONS, *ROUTES, *REGISTRATIONS, *TIMERS, *SERVICES, *DESCRIPTIONS,
    *ANSWERS, *CODECS, *MEDIA,
)  # fmt: skip
FAILING = tuple(item for item in INJECTIONS if item.fails is not None)


def _roots(report: AnalysisResponse) -> set[str]:
    """The checks of the roots that can fail a build."""
    return {item.check for item in report.findings if item.root and item.severity.at_least(Severity.MEDIUM)}


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.__name__)
def test_the_call_is_healthy_before(base: Callable[[], Scene]) -> None:
    assert serious(base().report().findings) == []


@pytest.mark.parametrize("injection", FAILING, ids=lambda item: item.name)
def test_the_fault_is_a_root_where_the_call_fails(injection: Injection) -> None:
    roots = _roots(injection.failing().report())
    if injection.undecidable:
        assert not roots - injection.checks - injection.beside, injection.undecidable
    else:
        assert roots & injection.checks, sorted(roots)


@pytest.mark.parametrize("injection", FAILING, ids=lambda item: item.name)
def test_nothing_else_is_taken_for_the_fault(injection: Injection) -> None:
    assert _roots(injection.failing().report()) <= injection.checks | injection.beside


@pytest.mark.parametrize("injection", INJECTIONS, ids=lambda item: item.name)
def test_a_fault_that_the_peer_puts_up_with(injection: Injection) -> None:
    report = injection.tolerated().report()
    assert _roots(report) <= injection.checks | injection.beside
    assert injection.unseen or {item.check for item in report.findings} & injection.checks


def test_every_row_is_one_fault_and_names_checks_that_exist() -> None:
    assert len(INJECTIONS) >= 300
    assert [name for name, count in Counter(item.name for item in INJECTIONS).items() if count > 1] == []
    known = set(all_checks())
    assert {name for item in INJECTIONS for name in item.checks | item.beside} - known == set()


def test_few_rows_cannot_be_decided() -> None:
    assert sum(bool(item.undecidable) for item in INJECTIONS) <= len(INJECTIONS) // 20
