"""Offers and answers in order (RFC 3264), whichever messages carried them (RFC 3261 §13.2.1, RFC 3262 §5, RFC 3311)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.sdp import MediaDescription, SessionDescription, sdp_of
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.transactions import Transaction


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """A message with its session description."""

    message: SipMessage
    description: SessionDescription


class SessionDescriptions:
    """Parses each message's session description once."""

    def __init__(self) -> None:
        self._parsed: dict[int, SessionDescription | None] = {}
        self._distinct: list[Described] | None = None
        self._any_cut = False

    def of(self, message: SipMessage | None) -> SessionDescription | None:
        """The session description of a message; None where it has none."""
        if message is None:
            return None
        key = id(message)
        if key not in self._parsed:
            self._parsed[key] = sdp_of(message)
        return self._parsed[key]

    def distinct(self, messages: Iterable[SipMessage]) -> list[Described]:
        """The whole descriptions of a trace's messages, each once for a call and transport however often it was sent
        and passed on. They are collected at the first call.
        """
        if self._distinct is None:
            self._distinct = []
            known: set[tuple[str, str, bytes]] = set()
            for message in messages:
                if message.fidelity is Fidelity.TRUNCATED:
                    self._any_cut = self._any_cut or message.content_type == "application/sdp"
                    continue
                description = self.of(message)
                if description is None:
                    continue
                key = (message.call_id, message.observation.transport.value, message.body)
                if key not in known:
                    known.add(key)
                    self._distinct.append(Described(message, description))
        return self._distinct

    def all_cut(self, messages: Iterable[SipMessage]) -> bool:
        """Whether descriptions are in the trace, and of none all bytes."""
        return not self.distinct(messages) and self._any_cut


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A medium of an offer, and the medium in the same place of the answer."""

    round: Round
    offered: MediaDescription
    answered: MediaDescription
    offer_message: SipMessage
    answer_message: SipMessage

    @property
    def active(self) -> bool:
        """Whether neither side switched it off (RFC 3264 §6)."""
        return self.offered.port != 0 and self.answered.port != 0


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """One offer and its answer."""

    leg: Leg
    transaction: Transaction
    """The transaction that carried the offer, or (delayed offer) asked for it."""
    offer_message: SipMessage
    offer: SessionDescription
    answer_message: SipMessage | None
    answer: SessionDescription | None
    delayed: bool
    """Whether the offer came in a response and the answer is due in the ACK or PRACK."""

    @property
    def initial(self) -> bool:
        """Whether this is the first round of the call."""
        return self.transaction is self.leg.invite

    @property
    def offered_by_caller(self) -> bool:
        """Whether the dialog's caller made the offer."""
        return self.leg.sent_by_caller(self.transaction) is not self.delayed

    @property
    def rejected(self) -> SipMessage | None:
        """The final response of 300 or above that refused the offer."""
        final = self.transaction.final
        return final if final is not None and (final.status or 0) >= 300 else None

    @property
    def pairs(self) -> list[Pair]:
        """The media of the offer with those of the answer, as far as they are of one kind.

        Empty where there is no answer, or where a line of the two could not be read, so that places are uncertain.
        """
        if self.answer is None or self.answer_message is None:
            return []
        if any(line.type == "m" for side in (self.offer, self.answer) for line, _ in side.defects):
            return []
        return [
            Pair(self, offered, answered, self.offer_message, self.answer_message)
            for offered, answered in zip(self.offer.media, self.answer.media, strict=False)
            if offered.media == answered.media
        ]


def rounds_of(leg: Leg, descriptions: SessionDescriptions) -> list[Round]:
    """The rounds of one leg in the order of their offers."""
    rounds: list[Round] = []
    for transaction in (leg.invite, *leg.transactions):
        if _is_cut(transaction):
            # What a description says or whether there is one is unknown, and so is what later ones change.
            return rounds
        if transaction.method == "INVITE":
            found = _invite_round(leg, transaction, descriptions)
            if found is not None:
                rounds.append(found)
        elif transaction.method in ("UPDATE", "PRACK"):
            offer = descriptions.of(transaction.request)
            if offer is None or (transaction.method == "PRACK" and _answers_delayed_offer(leg, rounds)):
                continue
            success = transaction.success
            rounds.append(
                Round(leg, transaction, transaction.request, offer, success, descriptions.of(success), delayed=False)
            )
    return rounds


def _is_cut(transaction: Transaction) -> bool:
    """Whether the body of a message that may describe media was captured in part."""
    messages = (transaction.request, *transaction.responses, *transaction.acks)
    return any(message.fidelity is Fidelity.TRUNCATED for message in messages)


def _answers_delayed_offer(leg: Leg, rounds: list[Round]) -> bool:
    return any(item.delayed and item.transaction is leg.invite for item in rounds)


def is_reliable_provisional(response: SipMessage) -> bool:
    """Whether a 1xx is sent reliably: it requires 100rel and has an RSeq (RFC 3262 §3)."""
    status = response.status or 0
    return 100 < status < 200 and "100rel" in response.options("require") and response.header("rseq") is not None


def _invite_round(leg: Leg, invite: Transaction, descriptions: SessionDescriptions) -> Round | None:
    own_tag = invite is not leg.invite
    responses = [
        response
        for response in invite.responses
        if (response.status or 0) < 300 and (own_tag or not leg.callee_tag or response.to.tag == leg.callee_tag)
    ]
    described = [response for response in responses if descriptions.of(response) is not None]
    binding = [response for response in described if (response.status or 0) >= 200 or is_reliable_provisional(response)]
    offer = descriptions.of(invite.request)
    if offer is not None:
        # An unreliable 18x carries a preview of the answer (RFC 3261 §13.2.1), which stands in for an unseen one.
        answer = next(iter(binding), None) or next(iter(described), None)
        return Round(leg, invite, invite.request, offer, answer, descriptions.of(answer), delayed=False)
    if not binding:
        return None
    offering = binding[0]
    answer = _delayed_answer(leg, invite, offering, descriptions)
    delayed_offer = descriptions.of(offering)
    assert delayed_offer is not None
    return Round(leg, invite, offering, delayed_offer, answer, descriptions.of(answer), delayed=True)


def _delayed_answer(
    leg: Leg, invite: Transaction, offering: SipMessage, descriptions: SessionDescriptions
) -> SipMessage | None:
    candidates: list[SipMessage] = list(invite.acks)
    if (offering.status or 0) < 200:
        candidates = [item.request for item in leg.transactions if item.method == "PRACK"] + candidates
    return next((message for message in candidates if descriptions.of(message) is not None), None)
