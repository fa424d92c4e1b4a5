"""Every session description of a call, also where the offer or the whole INVITE is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.sdp import SessionDescription
from sip_ci_server.engine.dialogs import Leg

if TYPE_CHECKING:
    from sip_ci_server.engine.model import Model


@dataclass(frozen=True, slots=True, eq=False)
class Advertisement:
    """What the parties of one leg, or of a call whose INVITE is not in the trace, say of where they receive media."""

    call_id: str
    leg: Leg | None
    """None where the trace begins inside the call."""
    described: tuple[tuple[SipMessage, SessionDescription], ...]
    """The messages with their descriptions: offers and answers in order, then previews and strays."""


def advertisements_of(model: Model) -> Iterator[Advertisement]:
    """One for each leg, then one for each call of which only later messages are in the trace."""
    for leg in model.legs:
        described = list(_in_rounds(leg, model))
        known = {id(message) for message, _ in described}
        described += [
            (message, description)
            for message in leg.invite.responses
            if id(message) not in known
            and message.to.tag == leg.callee_tag
            and (description := _whole(message, model)) is not None
        ]
        yield Advertisement(leg.call_id, leg, tuple(described))
    strays: dict[str, list[tuple[SipMessage, SessionDescription]]] = {}
    for message in _strays(model):
        description = _whole(message, model)
        if description is not None:
            strays.setdefault(message.call_id, []).append((message, description))
    for call_id, entries in strays.items():
        yield Advertisement(call_id, None, tuple(entries))


def _in_rounds(leg: Leg, model: Model) -> Iterator[tuple[SipMessage, SessionDescription]]:
    for item in model.rounds[leg.number]:
        for message, description in ((item.offer_message, item.offer), (item.answer_message, item.answer)):
            if message is not None and description is not None:
                yield message, description


def _strays(model: Model) -> Iterator[SipMessage]:
    yield from model.transactions.unmatched
    for transaction in model.dialogs.orphans:
        yield transaction.request
        yield from transaction.responses


def _whole(message: SipMessage, model: Model) -> SessionDescription | None:
    return None if message.fidelity is Fidelity.TRUNCATED else model.descriptions.of(message)
