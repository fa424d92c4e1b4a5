"""Writes what the matrix does into `README.md` of this folder: `python -m tests.e2e.faults.table`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.e2e.faults.matrix import CASES
from tests.e2e.live.case import Case

README = Path(__file__).with_name("README.md")
_INTRODUCTION = """\
# Real calls, and what must be found in them

Real programs make these calls in every run of the tests, each on hosts of its own (network namespaces) and several at
a time. Each is recorded, most of them also as the log of a program that took part (SIPp, Kamailio, baresip), and the
command line diagnoses all of them. Of a fault, the checks named here must be found as roots, at least as severe as the
brackets say, and nothing else at medium or worse may be there but their effects. A healthy call must be silent at
medium and worse.

`scripts/test tests/e2e/faults -k NAME` makes one of them; `python -m tests.e2e.faults.table` writes this page, and a
test holds it to the calls.
"""


def page(cases: Iterable[Case]) -> str:
    """The whole page."""
    faults = [case for case in cases if case.capture_checks or case.log_checks]
    healthy = [case for case in cases if not (case.capture_checks or case.log_checks)]
    lines = [_INTRODUCTION, f"## {len(faults)} faults", ""]
    lines += ["| call | what was done | made with | found in the capture | in the log |", "|---|---|---|---|---|"]
    lines += [_row(case, _named(case, case.capture_checks), _in_log(case)) for case in faults]
    lines += ["", f"## {len(healthy)} healthy calls", ""]
    lines += ["| call | what was done | made with | log |", "|---|---|---|---|"]
    lines += [_row(case, "–" if case.log_checks is None else "silent") for case in healthy]
    return "\n".join(lines) + "\n"


def _row(case: Case, *results: str) -> str:
    what = case.what.replace("|", "\\|")
    return f"| {case.name} | {what} | {case.programs} | {' | '.join(results)} |"


def _named(case: Case, checks: frozenset[str]) -> str:
    return ", ".join(f"`{check}` ({case.severity_of(check)})" for check in sorted(checks)) or "silent"


def _in_log(case: Case) -> str:
    if case.log_checks is None:
        return "–"
    return "the same" if case.log_checks == case.capture_checks else _named(case, case.log_checks)


if __name__ == "__main__":
    README.write_text(page(CASES))
