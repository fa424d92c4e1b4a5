"""Whether a message crosses the Internet, and whether a test tool made it: the policy on severity in a lab (F8).

Findings about exposure keep their severity where a public address takes part; between private, loopback or link-local
addresses they are at most low. What a load generator does on purpose is never more than a note.
"""

from __future__ import annotations

from sip_ci.findings import Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Transport
from sip_ci_server.engine.addresses import Scope, scope_of

_TOOLS = ("sipp", "sipp-", "siptest", "sip-load", "seagull")
_MARKS = ("sipptag", "performance test")


def ends_of(message: SipMessage) -> tuple[str | None, str | None]:
    """The hosts that sent and received a message: as observed, else as its Via and Request-URI say."""
    observation = message.observation
    source = observation.source.host if observation.source and not observation.source.is_unnamed else None
    destination = (
        observation.destination.host if observation.destination and not observation.destination.is_unnamed else None
    )
    if source is not None and destination is not None:
        return source, destination
    via = message.top_via
    client = via.parameter("received") or via.host or None
    if message.is_request:
        route = next((entry.uri.host for entry in message.routes), "")
        return source or client, destination or route or message.request_uri.host or None
    server = message.contacts[0].uri.host if message.contacts else None
    return source or server, destination or client


def is_exposed(message: SipMessage) -> bool:
    """Whether a public address sent or received a message."""
    return any(host is not None and scope_of(host) is Scope.PUBLIC for host in ends_of(message))


def is_from_test_tool(message: SipMessage) -> bool:
    """Whether a load generator made a message: SIPp's default scenarios name themselves in From, Contact or Subject."""
    agent = (message.header("user-agent") or "").lower()
    if agent.startswith(_TOOLS):
        return True
    sender = message.from_
    if sender.uri.user.lower() == "sipp" or sender.display_name.strip().lower() == "sipp":
        return True
    return any(mark in sender.tag.lower() for mark in _MARKS) or (
        (message.header("subject") or "").strip().lower() in _MARKS
    )


def exposure_severity(message: SipMessage, in_lab: Severity = Severity.LOW) -> Severity | None:
    """The severity that an exposure finding is lowered to; None where a public address takes part."""
    if is_from_test_tool(message) and not is_exposed(message):
        return Severity.INFO
    return None if is_exposed(message) else in_lab


def load_severity(message: SipMessage) -> Severity | None:
    """The severity that a finding about load is lowered to: what a test tool or a lab does is only noted."""
    return Severity.INFO if is_from_test_tool(message) or not is_exposed(message) else None


def lowest_of(*severities: Severity | None) -> Severity | None:
    """The lowest severity that any of several policies asks for; None where none asks."""
    asked = [severity for severity in severities if severity is not None]
    return max(asked, key=lambda severity: severity.rank, default=None)


def is_readable_on_the_way(message: SipMessage) -> bool:
    """Whether whoever stands on the path can read a message: it is not carried in TLS."""
    return message.observation.transport not in (Transport.TLS, Transport.WSS)
