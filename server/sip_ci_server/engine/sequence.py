"""The order of messages, and the time between them."""

from __future__ import annotations

from sip_ci.trace.message import SipMessage

SURE = 0.005
"""Seconds by which two messages must be apart for their order to mean something: a capture may swap what is nearer."""


def seconds_between(first: SipMessage, second: SipMessage) -> float | None:
    """Seconds from one message to another; None where a time is unknown."""
    start, end = first.observation.time, second.observation.time
    return None if start is None or end is None else end - start


def surely_before(first: SipMessage, second: SipMessage) -> bool:
    """Whether a message came before another, and not only by the chance of a capture; in a log the order is enough."""
    if first.index >= second.index:
        return False
    elapsed = seconds_between(first, second)
    return elapsed is None or elapsed >= SURE


def name_of(message: SipMessage) -> str:
    """Who sent a message, for a sentence."""
    source = message.observation.source
    if source is not None:
        return str(source)
    return "the far end" if message.is_response else "the sender"


def phrase_of(response: SipMessage) -> str:
    """The status code with its reason phrase."""
    return f"{response.status} {response.reason}".strip()
