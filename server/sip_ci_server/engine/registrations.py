"""Registrations: one address-of-record and contact at one registrar over time (RFC 3261 §10)."""

from __future__ import annotations

from dataclasses import dataclass

from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.nodes import Node
from sip_ci_server.engine.transactions import Transaction, Transactions

MAXIMUM_EXPIRES = 2**32 - 1
"""Seconds (RFC 3261 §20.19)."""


@dataclass(slots=True, eq=False)
class Registration:
    """The REGISTER transactions of one address-of-record between one client and one registrar, in order."""

    address_of_record: str
    client: Node
    registrar: Node
    transactions: list[Transaction]


def build_registrations(transactions: Transactions) -> list[Registration]:
    """Group the REGISTER requests of a trace."""
    groups: dict[tuple[str, Node, Node], Registration] = {}
    for transaction in transactions:
        if transaction.method != "REGISTER":
            continue
        key = (address_of_record(transaction.request), transaction.source_node, transaction.destination_node)
        registration = groups.get(key)
        if registration is None:
            registration = groups[key] = Registration(key[0], key[1], key[2], [])
        registration.transactions.append(transaction)
    return list(groups.values())


def address_of_record(request: SipMessage) -> str:
    """The user and host that a REGISTER binds (RFC 3261 §10.2): the URI of its To."""
    return f"{request.to.uri.user}@{request.to.uri.host}"


def _seconds(text: str | None) -> int | None:
    text = (text or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MAXIMUM_EXPIRES:
        return int(text)
    return None


def requested_expires(request: SipMessage) -> int | None:
    """The lifetime in seconds that a REGISTER asks for: the Contact's parameter, else the Expires header
    (§10.2.1.1).
    """
    for contact in request.contacts:
        value = _seconds(contact.parameter("expires"))
        if value is not None:
            return value
    return _seconds(request.header("expires"))


def granted_expires(request: SipMessage, response: SipMessage) -> int | None:
    """The lifetime in seconds that a 2xx grants to the registered contact (§10.3); None where it does not say."""
    wanted = {(contact.uri.user, contact.uri.host, contact.uri.port) for contact in request.contacts}
    for contact in response.contacts:
        if (contact.uri.user, contact.uri.host, contact.uri.port) in wanted:
            value = _seconds(contact.parameter("expires"))
            return value if value is not None else _seconds(response.header("expires"))
    return None
