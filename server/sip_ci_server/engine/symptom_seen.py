"""What a trace shows of a symptom."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """What a trace shows of a symptom."""

    hidden: str = ""
    """Why it cannot show it; empty where it can."""
    well: str = ""
    """What it shows where nothing is wrong."""
    certain: bool = False
    """Whether `well` holds whatever a check could not see."""
    wrong: str = ""
    """What it shows where the symptom is there, though no check says so."""
    absent: bool = False
    """Whether nothing that could have the symptom is in the trace: then nothing can lead to it either."""
    calls: frozenset[str] | None = None
    """The Call-IDs that can have the symptom; None where any can."""

    def concerns(self, calls: tuple[str, ...]) -> bool:
        """Whether a finding in these calls is about what can have the symptom; one in no call is about all."""
        return self.calls is None or not calls or any(call in self.calls for call in calls)
