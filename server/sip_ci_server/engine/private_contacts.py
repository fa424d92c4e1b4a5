"""Contacts that lead nowhere from where they were sent (policy F3), and the requests that went to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sip_ci.findings import Confidence
from sip_ci.trace.message import SipMessage
from sip_ci.trace.trace import IcmpError
from sip_ci.trace.uri import Uri
from sip_ci_server.engine.addresses import same_address
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.exposure import ends_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.transactions import Transaction


@dataclass(frozen=True, slots=True)
class PrivateContact:
    """The Contact of an INVITE or of its answer, which whoever got it cannot reach."""

    message: SipMessage
    uri: Uri
    sender: str
    receiver: str
    confidence: Confidence


def private_contacts(leg: Leg, model: Model) -> Iterator[PrivateContact]:
    """Those of the caller and of the callee of a leg."""
    for message in (leg.invite.request, *([leg.answer] if leg.answer else [])):
        sender, receiver = ends_of(message)
        contact = next(iter(message.contacts), None)
        if contact is None or receiver is None or sender is None or same_address(contact.uri.host, sender):
            continue
        confidence = model.seen.unreachable_for(contact.uri.host, receiver, sender)
        if confidence is not None:
            yield PrivateContact(message, contact.uri, sender, receiver, confidence)


def undelivered(transaction: Transaction, contact: PrivateContact, leg: Leg, model: Model) -> IcmpError | None:
    """What the network said of a request of the dialog that went to this very Contact, whose INVITE had arrived."""
    target = transaction.destination
    if target is None or transaction.is_initial or leg.answer is None:
        return None
    if leg.sent_by_caller(transaction) is contact.message.is_request:
        return None
    if not same_address(target.host, contact.uri.host) or target.port != contact.uri.effective_port:
        return None
    return next(
        (error for error in model.icmp_errors_on(transaction) if (transaction.time or 0.0) <= error.time + 0.001), None
    )


def goes_to_private_contact(transaction: Transaction, model: Model) -> bool:
    """Whether the network refused a request of a dialog because it went to such a Contact."""
    return any(
        undelivered(transaction, contact, leg, model) is not None
        for leg in model.dialogs.calls.get(transaction.call_id, ())
        for contact in private_contacts(leg, model)
    )
