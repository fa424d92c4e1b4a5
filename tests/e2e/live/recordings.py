"""The test calls of a run: made several at a time, each once, and diagnosed all together by the command line."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.live.case import Case
from tests.support.command import analyzed

from sip_ci.report.json_models import Report


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """What the command line says of one call, and perhaps of others."""

    report: Report
    capture: str
    """The name of the capture's input in the report."""
    log: str | None
    """The name of the log's; None where no log is kept."""


class Recordings:
    """The calls of this run, each made once."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor, ahead: list[Case]) -> None:
        self._folder = folder
        self._pool = pool
        self._cases = {case.name: case for case in ahead}
        # The longest first, so that the run does not wait for one of them at its end.
        self._calls = {case.name: self._place(case) for case in sorted(ahead, key=_seconds, reverse=True)}
        self._diagnosis: Future[Report] | None = None

    def _place(self, case: Case) -> Future[tuple[Path, Path | None]]:
        folder = self._folder / case.name
        folder.mkdir()
        return self._pool.submit(case.record, folder)

    def _traces(self, case: Case) -> list[Path]:
        capture, log = self._calls[case.name].result()
        return [capture, log] if log is not None and case.log_checks is not None else [capture]

    def diagnosed(self, case: Case) -> Diagnosed:
        """The call of this case and its diagnosis; made now where it was not made ahead."""
        if case.name in self._cases:
            report = self._diagnose_all()
        else:
            self._calls[case.name] = self._place(case)
            report = analyzed(*self._traces(case), folder=self._folder)
        self._assert_readable(report, case)
        names = [str(trace.relative_to(self._folder)) for trace in self._traces(case)]
        return Diagnosed(report, names[0], names[1] if len(names) > 1 else None)

    def _assert_readable(self, report: Report, case: Case) -> None:
        names = {str(trace.relative_to(self._folder)) for trace in self._traces(case)}
        read = {each.name for each in report.inputs if each.error is None}
        assert names <= read, [each for each in report.inputs if each.name in names]

    def _diagnose_all(self) -> Report:
        if self._diagnosis is None:
            # The analysis begins when the calls are over, so that it does not disturb the timing of media.
            wait(self._calls.values())
            made = [case for case in self._cases.values() if self._calls[case.name].exception() is None]
            traces = [trace for case in made for trace in self._traces(case)]
            # One trace that cannot be read must not fail the tests of all others.
            self._diagnosis = self._pool.submit(analyzed, *traces, folder=self._folder, all_readable=False)
        return self._diagnosis.result()


def _seconds(case: Case) -> float:
    return case.call.seconds
