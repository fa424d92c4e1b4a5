"""Session timers: what Session-Expires and Min-SE say (RFC 4028)."""

from __future__ import annotations

from dataclasses import dataclass

from sip_ci.trace.digits import parse_digits
from sip_ci.trace.message import SipMessage
from sip_ci.trace.uri import split_parameters
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.transactions import Transaction

SHORTEST = 90
"""The least session interval in seconds (RFC 4028 §4, §5)."""
_LARGEST = 2**32 - 1


@dataclass(frozen=True, slots=True)
class SessionInterval:
    """A Session-Expires value."""

    seconds: int
    refresher: str
    """`uac`, `uas`, or the empty string."""


def interval_of(message: SipMessage) -> SessionInterval | None:
    """The session interval in a message; None where it has none that can be read."""
    value = message.header("session-expires")
    if value is None:
        return None
    seconds = parse_digits(value.partition(";")[0].strip(), _LARGEST)
    if seconds is None:
        return None
    parameters = dict(split_parameters(value.partition(";")[2]))
    return SessionInterval(seconds, (parameters.get("refresher") or "").lower())


def is_well_formed(value: str) -> bool:
    """Whether a Session-Expires value is `delta-seconds *(;param)` with at most a known refresher (RFC 4028 §4)."""
    digits, _, rest = value.partition(";")
    if parse_digits(digits.strip(), _LARGEST) is None:
        return False
    refreshers = [text for name, text in split_parameters(rest) if name.lower() == "refresher"]
    return len(refreshers) <= 1 and all((text or "").lower() in ("uac", "uas") for text in refreshers)


def minimum_of(message: SipMessage) -> int | None:
    """The Min-SE in a message, in seconds; None where it has none that can be read."""
    value = message.header("min-se")
    return parse_digits(value.partition(";")[0].strip(), _LARGEST) if value is not None else None


def is_refresh_request(transaction: Transaction) -> bool:
    """Whether a request can refresh a session: INVITE or UPDATE (RFC 4028 §3)."""
    return transaction.method in ("INVITE", "UPDATE")


def refreshes_of(leg: Leg) -> list[Transaction]:
    """The session refresh requests of an answered call that got a 2xx, the initial INVITE first."""
    return [item for item in (leg.invite, *leg.transactions) if is_refresh_request(item) and item.success is not None]
