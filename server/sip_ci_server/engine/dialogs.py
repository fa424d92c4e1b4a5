"""Dialogs made by INVITE (RFC 3261 §12), one `Leg` for each hop on which the trace shows them.

A proxy between two agents makes one dialog visible on two hops; each is a leg with its own INVITE transaction. A fault
on one hop is a fault of that leg.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.nodes import Node, Nodes, same
from sip_ci_server.engine.transactions import Transaction, Transactions

FORKS = 100
"""Answers of one INVITE that make dialogs; a real fork has a few."""
DialogKey = tuple[str, frozenset[str]]
"""Call-ID and the two tags, in either order."""


class Leg:
    """One INVITE and what became of it on one hop: the dialog of its 2xx, or the attempt that failed."""

    __slots__ = ("_acks", "_answers", "answer", "callee_tag", "elsewhere", "invite", "number", "transactions")

    def __init__(self, invite: Transaction, callee_tag: str, answer: SipMessage | None) -> None:
        self.invite = invite
        self.callee_tag = callee_tag
        self.answer = answer
        """The first 2xx with this leg's tag; None where the call was not answered."""
        self.transactions: list[Transaction] = []
        """The requests inside the dialog on this hop, in order."""
        self.elsewhere: list[Transaction] = []
        """Requests of the same dialog that went between other nodes."""
        self.number = -1
        self._answers: tuple[int, list[SipMessage]] = (0, [])
        self._acks: tuple[int, list[SipMessage]] = (0, [])

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.invite.call_id

    @property
    def caller_tag(self) -> str:
        """The From tag of the INVITE."""
        return self.invite.request.from_.tag

    @property
    def caller(self) -> Node:
        """The node that sent the INVITE on this hop."""
        return self.invite.source_node

    @property
    def callee(self) -> Node:
        """The node that received the INVITE on this hop."""
        return self.invite.destination_node

    @property
    def answers(self) -> list[SipMessage]:
        """Every send of the 2xx, retransmissions included."""
        finals = self.invite.finals
        if self._answers[0] != len(finals):
            self._answers = (
                len(finals),
                [item for item in finals if (item.status or 0) < 300 and item.to.tag == self.callee_tag],
            )
        return self._answers[1]

    @property
    def acks(self) -> list[SipMessage]:
        """The ACKs of the initial INVITE's 2xx on this hop."""
        acks = self.invite.acks
        if self._acks[0] != len(acks):
            self._acks = len(acks), [ack for ack in acks if ack.to.tag == self.callee_tag]
        return self._acks[1]

    @property
    def bye(self) -> Transaction | None:
        """The first BYE on this hop, else one seen elsewhere."""
        return next((item for item in (*self.transactions, *self.elsewhere) if item.method == "BYE"), None)

    @property
    def answered_at(self) -> float | None:
        """When the 2xx was first sent, in seconds by the trace's clock."""
        return self.answer.observation.time if self.answer else None

    @property
    def ended_at(self) -> float | None:
        """When the first BYE was first sent."""
        bye = self.bye
        return bye.time if bye else None

    @property
    def talk_time(self) -> float | None:
        """Seconds from the answer to the BYE; None where either is missing."""
        if self.answered_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.answered_at

    @property
    def invites(self) -> list[Transaction]:
        """The initial INVITE and the re-INVITEs on this hop."""
        return [self.invite, *(item for item in self.transactions if item.method == "INVITE")]

    def sent_by_caller(self, transaction: Transaction) -> bool:
        """Whether the dialog's caller sent a request; the From tag tells, whichever hop it was seen on."""
        return transaction.request.from_.tag == self.caller_tag


class Dialogs:
    """All legs of a trace, and the requests inside dialogs whose beginning the trace does not hold."""

    def __init__(self, legs: list[Leg], orphans: list[Transaction], calls: dict[str, list[Leg]]) -> None:
        self.legs = legs
        self.orphans = orphans
        """Requests with two tags whose INVITE is not in the trace: the capture began inside the call."""
        self.calls = calls
        """The legs of each Call-ID that has an INVITE outside a dialog."""


def build_dialogs(transactions: Transactions, nodes: Nodes) -> Dialogs:
    """Make the legs, and give every request inside a dialog to its leg. Linear in the number of transactions."""
    legs: list[Leg] = []
    calls: dict[str, list[Leg]] = {}
    by_dialog: dict[DialogKey, list[Leg]] = {}
    for transaction in transactions:
        if transaction.method == "INVITE" and transaction.is_initial:
            for leg in _legs_of(transaction):
                leg.number = len(legs)
                legs.append(leg)
                calls.setdefault(leg.call_id, []).append(leg)
                if leg.callee_tag:
                    key = (leg.call_id, frozenset((leg.caller_tag, leg.callee_tag)))
                    by_dialog.setdefault(key, []).append(leg)
    orphans: list[Transaction] = []
    inside: dict[tuple[DialogKey, int | None], list[Transaction]] = {}
    for transaction in transactions:
        request = transaction.request
        if transaction.is_initial or transaction.method == "CANCEL":
            continue
        key = (request.call_id, frozenset((request.from_.tag, request.to.tag)))
        candidates = by_dialog.get(key)
        if not candidates:
            orphans.append(transaction)
            continue
        if transaction.method == "INVITE":
            inside.setdefault((key, request.cseq.number), []).append(transaction)
        _assign(transaction, candidates)
    _attach_acks(transactions.acks_of_2xx, by_dialog, inside, nodes)
    return Dialogs(legs, orphans, calls)


def _legs_of(invite: Transaction) -> Iterable[Leg]:
    answered: dict[str, SipMessage] = {}
    for response in invite.responses:
        if 200 <= (response.status or 0) < 300:
            answered.setdefault(response.to.tag, response)
    if answered:
        return [Leg(invite, tag, answer) for tag, answer in islice(answered.items(), FORKS)]
    early = next((response.to.tag for response in invite.provisionals if response.to.tag), "")
    return [Leg(invite, early, None)]


def _assign(transaction: Transaction, candidates: list[Leg]) -> None:
    ends = (transaction.source_node, transaction.destination_node)
    for leg in candidates:
        forward = same(leg.caller, ends[0]) and same(leg.callee, ends[1])
        if forward or (same(leg.caller, ends[1]) and same(leg.callee, ends[0])):
            leg.transactions.append(transaction)
            return
    for leg in candidates:
        leg.elsewhere.append(transaction)


def _attach_acks(
    acks: list[SipMessage],
    by_dialog: dict[DialogKey, list[Leg]],
    inside: dict[tuple[DialogKey, int | None], list[Transaction]],
    nodes: Nodes,
) -> None:
    """Give each ACK of a 2xx to the INVITE transactions that it acknowledges.

    On a path with proxies the ACK may skip a hop, so it counts for a hop if either end of that hop sent or received it.
    """
    for ack in acks:
        key = (ack.call_id, frozenset((ack.from_.tag, ack.to.tag)))
        invites = [leg.invite for leg in by_dialog.get(key, ()) if leg.invite.request.cseq.number == ack.cseq.number]
        invites += inside.get((key, ack.cseq.number), [])
        source, destination = nodes.source(ack), nodes.destination(ack)
        for invite in invites:
            # The two sides count CSeq apart, so a re-INVITE by the callee may have the number of the caller's.
            if ack.from_.tag != invite.request.from_.tag or (invite.final is not None and invite.success is None):
                continue
            if same(source, invite.source_node) or same(destination, invite.destination_node):
                invite.acks.append(ack)
