"""Plans, and how many analyses each gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sip_ci_server.settings import ServerSettings

UNLIMITED = 1_000_000_000
"""The limit of the plan `local`: a number, because the headers need one, that nobody reaches in a day."""


class Plan(StrEnum):
    """What a user pays for, or `local` for an operator's own."""

    FREE = "free"
    PRO = "pro"
    TEAMS = "teams"
    LOCAL = "local"

    @property
    def has_api_access(self) -> bool:
        """Whether keys of this plan may call the API."""
        return self is not Plan.FREE


@dataclass(frozen=True, slots=True)
class Quotas:
    """Analyses a day."""

    pro: int
    team_user: int
    team: int

    @classmethod
    def from_settings(cls, settings: ServerSettings) -> Quotas:
        """Take the quotas that the operator set."""
        return cls(pro=settings.pro_daily, team_user=settings.team_user_daily, team=settings.team_daily)

    def for_user(self, plan: Plan) -> int:
        """Return what one user of `plan` has."""
        return {Plan.FREE: 0, Plan.PRO: self.pro, Plan.TEAMS: self.team_user, Plan.LOCAL: UNLIMITED}[plan]
