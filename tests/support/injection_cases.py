"""One row of the table of injected faults: what is done to which healthy call, and what has to be said about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.injection import Change, Scene


@dataclass(frozen=True, slots=True)
class Injection:
    """An element of a healthy call misbehaves from here on."""

    name: str
    fault: str
    """What an engineer would call it."""
    base: Callable[[], Scene]
    misbehaves: Change
    fails: Change | None
    """What becomes of it where the peer does not put up with it; None where the fault is its own consequence."""
    checks: frozenset[str]
    """Checks that name the fault; one of them is a root."""
    beside: frozenset[str]
    """Checks that are true of the same trace and may stand beside it as roots."""
    undecidable: str
    """Why the trace with the consequence cannot tell; empty where it can."""
    unseen: str
    """Why the trace in which the peer puts up with it need not say anything; empty where it must."""

    def tolerated(self) -> Scene:
        """The call in which the peer puts up with the fault."""
        scene = self.base()
        self.misbehaves(scene)
        return scene

    def failing(self) -> Scene:
        """The call that fails of the fault."""
        scene = self.tolerated()
        if self.fails is not None:
            self.fails(scene)
        return scene


def case(
    name: str, fault: str, base: Callable[[], Scene], misbehaves: Change, fails: Change | None, checks: str, *,
    beside: str = "", undecidable: str = "", unseen: str = "",
) -> Injection:  # fmt: skip
    """A row; `checks` and `beside` are ids between blanks."""
    return Injection(
        name, fault, base, misbehaves, fails, frozenset(checks.split()), frozenset(beside.split()), undecidable, unseen
    )
