"""The page of this folder tells what its calls are."""

from __future__ import annotations

from tests.e2e.faults.matrix import CASES
from tests.e2e.faults.table import README, page


def test_the_page_is_that_of_the_calls() -> None:
    assert README.read_text() == page(CASES), "write it anew: python -m tests.e2e.faults.table"


def test_every_fault_says_what_must_be_found_and_how_bad_it_is() -> None:
    for case in CASES:
        if not case.name.startswith("healthy-"):
            assert case.capture_checks, case.name
            assert None not in [case.severity_of(check) for check in case.capture_checks], case.name
