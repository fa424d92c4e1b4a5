"""What is known of a test call: how it is made, and which checks its capture and its log must show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sip_ci.findings import Severity


class Recordable(Protocol):
    """A call that can be made now; a frozen dataclass of what it is made of."""

    @property
    def suffix(self) -> str:
        """The ending of the capture's name."""

    @property
    def seen_from_one_place(self) -> bool:
        """Whether the log's writer is where the capture was taken, so that both tell of the same messages."""

    @property
    def seconds(self) -> float:
        """How long the call may take; the longest are begun first."""

    @property
    def programs(self) -> str:
        """Which programs made the call, in a few words."""

    def missing(self) -> str:
        """Which program it needs and is not here, in one sentence; empty where none is missing."""

    def record(self, folder: Path) -> tuple[Path, Path | None]:
        """Makes the call; returns the capture and the log, where one is written. RuntimeError where a tool fails."""


@dataclass(frozen=True, slots=True)
class Case:
    """One call and what must be found in what it leaves behind."""

    name: str
    what: str
    """What was done, in one line."""
    call: Recordable
    capture_checks: frozenset[str] = frozenset()
    """Checks that the capture must show; none means that the call is healthy."""
    log_checks: frozenset[str] | None = frozenset()
    """Checks that the caller's or callee's log must show; None where the log is not kept."""
    severity: Severity | None = None
    """Each of the checks must be found at least as bad as this, so that a gate acts; None for a healthy call."""
    milder: tuple[tuple[str, Severity], ...] = ()
    """The checks that are found beside the main one and are less severe, each with its own least severity."""

    @property
    def capture_suffix(self) -> str:
        """The ending of the capture's name."""
        return self.call.suffix

    def severity_of(self, check: str) -> Severity | None:
        """How bad the finding of an expected check is at least; None for a healthy call."""
        return dict(self.milder).get(check, self.severity)

    @property
    def seen_from_one_place(self) -> bool:
        """Whether the log's writer is where the capture was taken, so that both tell of the same messages."""
        return self.call.seen_from_one_place

    @property
    def programs(self) -> str:
        """Which programs made the call, in a few words."""
        return self.call.programs

    def record(self, folder: Path) -> tuple[Path, Path | None]:
        """Makes the call; returns the capture and the log, where one is written."""
        return self.call.record(folder)


def healthy(name: str, what: str, call: Recordable, *, log: bool = True) -> Case:
    """A call in which nothing is wrong."""
    return Case(f"healthy-{name}", what, call, log_checks=frozenset() if log else None)


def broken(
    name: str,
    what: str,
    call: Recordable,
    *checks: str,
    log: tuple[str, ...] | None = None,
    severity: Severity = Severity.HIGH,
    milder: tuple[tuple[str, Severity], ...] = (),
) -> Case:
    """A call in which something is; `log` are the checks of its log where they are fewer."""
    return Case(name, what, call, frozenset(checks), frozenset(checks if log is None else log), severity, milder)


def capture_only(case: Case) -> Case:
    """The same call, of which the log says nothing worth keeping."""
    return replace(case, log_checks=None)
