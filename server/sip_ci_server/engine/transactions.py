"""SIP transactions as a trace shows them (RFC 3261 §17): a request, its retransmissions, and its responses.

A transaction is what one element did on one hop: its key is the top Via's branch and sent-by, the method, and the
Call-ID (test tools repeat branches between runs). Without the magic cookie the older matching applies (§17.2.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci_server.engine.nodes import Node, Nodes

_COOKIE = "z9hG4bK"
LIFETIME = 40.0
"""Seconds between two sends after which the second cannot be a retransmission: timers B and F end after 64*T1 = 32
s.
"""


class Transaction:
    """A request with everything that belongs to it on its hop."""

    __slots__ = (
        "acks", "cancelled_by", "cancels", "destination", "destination_node", "final", "finals", "method", "number",
        "provisionals", "request", "requests", "responses", "source", "source_node", "success",
    )  # fmt: skip

    def __init__(self, request: SipMessage, nodes: Nodes) -> None:
        self.method = request.method
        self.request = request
        """The first send."""
        self.requests: list[SipMessage] = [request]
        """Every send of the request in order: the first, then its retransmissions."""
        self.responses: list[SipMessage] = []
        """Every response in order, retransmissions included."""
        self.provisionals: list[SipMessage] = []
        """The 1xx responses."""
        self.finals: list[SipMessage] = []
        """The responses of 200 and above, retransmissions included."""
        self.final: SipMessage | None = None
        """The first final response."""
        self.success: SipMessage | None = None
        """The first 2xx response."""
        self.acks: list[SipMessage] = []
        """The ACKs of an INVITE: those of this transaction (non-2xx), and those of the dialog for a 2xx."""
        self.cancelled_by: Transaction | None = None
        """The CANCEL of an INVITE."""
        self.cancels: Transaction | None = None
        """The INVITE of a CANCEL that matches one."""
        self.number = -1
        self.source: Endpoint | None = request.observation.source
        self.destination: Endpoint | None = request.observation.destination
        self.source_node: Node = nodes.source(request)
        self.destination_node: Node = nodes.destination(request)

    def __repr__(self) -> str:
        return f"<Transaction {self.method} {self.source}->{self.destination} {[r.status for r in self.responses]}>"

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.request.call_id

    @property
    def transport(self) -> Transport:
        """What carried the request."""
        return self.request.observation.transport

    @property
    def time(self) -> float | None:
        """When the request was first sent, in seconds by the trace's clock."""
        return self.request.observation.time

    def add_response(self, response: SipMessage) -> None:
        """Take a response of this transaction."""
        self.responses.append(response)
        status = response.status or 0
        if status >= 200:
            self.finals.append(response)
            if self.final is None:
                self.final = response
            if status < 300 and self.success is None:
                self.success = response
        else:
            self.provisionals.append(response)

    @property
    def is_initial(self) -> bool:
        """Whether the request stands outside a dialog: its To has no tag."""
        return not self.request.to.tag

    @property
    def was_cancelled(self) -> bool:
        """Whether a CANCEL for this INVITE was seen."""
        return self.cancelled_by is not None


class Transactions(Sequence[Transaction]):
    """All transactions of a trace in the order of their requests, and the responses without a request."""

    def __init__(
        self, items: list[Transaction], unmatched: list[SipMessage], two_hundred_acks: list[SipMessage]
    ) -> None:
        self._items = items
        self.unmatched = unmatched
        """Responses whose request is not in the trace."""
        self.acks_of_2xx = two_hundred_acks
        """ACK requests that are no part of an INVITE transaction: they acknowledge a 2xx end to end."""

    def __getitem__(self, index: int) -> Transaction:  # type: ignore[override]
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)


def build_transactions(messages: Iterable[SipMessage], nodes: Nodes) -> Transactions:
    """Sort messages (copies already folded) into transactions; linear in their number."""
    items: list[Transaction] = []
    by_key: dict[tuple[str, ...], list[Transaction]] = {}
    unmatched: list[SipMessage] = []
    acks: list[SipMessage] = []
    for message in messages:
        if message.is_request:
            if message.method == "ACK":
                owner = _owner_of_ack(message, by_key, nodes)
                if owner is None:
                    acks.append(message)
                else:
                    owner.acks.append(message)
                continue
            key = _key(message, message.method)
            existing = by_key.setdefault(key, [])
            owner = _same_hop(existing, message, nodes)
            if owner is not None:
                owner.requests.append(message)
                continue
            transaction = Transaction(message, nodes)
            transaction.number = len(items)
            items.append(transaction)
            existing.append(transaction)
        elif message.is_response:
            owner = _owner_of_response(message, by_key, nodes)
            if owner is None:
                unmatched.append(message)
            else:
                owner.add_response(message)
    _attach_cancels(items, by_key)
    return Transactions(items, unmatched, acks)


def _key(message: SipMessage, method: str) -> tuple[str, ...]:
    via = message.top_via
    branch = via.branch
    if branch.startswith(_COOKIE) and len(branch) > len(_COOKIE):
        return (branch, via.host, str(via.port or 0), method, message.call_id, str(message.cseq.number))
    return ("", via.host, str(via.port or 0), method, message.call_id, str(message.cseq.number), message.from_.tag)


def _same_hop(candidates: list[Transaction], request: SipMessage, nodes: Nodes) -> Transaction | None:
    """The transaction that this request is a retransmission of: the same hop, and its timers still run."""
    source, destination = nodes.source(request), nodes.destination(request)
    for candidate in reversed(candidates):
        last, now = candidate.requests[-1].observation.time, request.observation.time
        if last is not None and now is not None and now - last > LIFETIME:
            continue
        if candidate.source_node == source and candidate.destination_node == destination:
            return candidate
    return None


def _owner_of_response(
    response: SipMessage, by_key: dict[tuple[str, ...], list[Transaction]], nodes: Nodes
) -> Transaction | None:
    candidates = by_key.get(_key(response, response.cseq.method))
    if not candidates:
        return None
    if len(candidates) == 1:
        return candidates[0]
    source = nodes.source(response)
    # The last one that fits: a test that runs again may use its branches again.
    return next((item for item in reversed(candidates) if item.destination_node == source), candidates[-1])


def _owner_of_ack(
    ack: SipMessage, by_key: dict[tuple[str, ...], list[Transaction]], nodes: Nodes
) -> Transaction | None:
    """The INVITE transaction that an ACK belongs to by its branch: only non-2xx finals are acknowledged so
    (§17.1.1.3).
    """
    for candidate in reversed(by_key.get(_key(ack, "INVITE"), ())):
        if candidate.source_node == nodes.source(ack) or ack.observation.source is None:
            final = candidate.final
            # Some agents reuse the branch for the ACK of a 2xx; that ACK is the dialog's, not the transaction's.
            return None if final is not None and 200 <= (final.status or 0) < 300 else candidate
    return None


def _attach_cancels(items: list[Transaction], by_key: dict[tuple[str, ...], list[Transaction]]) -> None:
    for item in items:
        if item.method != "CANCEL":
            continue
        for invite in by_key.get(_key(item.request, "INVITE"), ()):
            if invite.source_node == item.source_node and invite.cancelled_by is None:
                invite.cancelled_by = item
                item.cancels = invite
                break
