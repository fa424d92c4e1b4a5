"""Questions about all requests of one Call-ID, answered without looking through them each time.

A Call-ID may hold thousands of requests: long calls, load tests that use one for every call, loops.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.nodes import Node, Nodes
from sip_ci_server.engine.transactions import Transaction, Transactions

NEAR = 64
"""Requests of one method before or after another that are looked at: a call has a few, and a Call-ID may have any."""


class CallLookups:
    """Indexes over the requests of each Call-ID; built once, in time linear in the number of messages."""

    def __init__(self, transactions: Transactions, calls: dict[str, list[Leg]], nodes: Nodes) -> None:
        self._nodes = nodes
        self._callees = {call_id: {leg.callee for leg in legs} for call_id, legs in calls.items()}
        self._answered = {call_id for call_id, legs in calls.items() if any(leg.answer for leg in legs)}
        self._cancelled = {call_id for call_id, legs in calls.items() if any(leg.invite.was_cancelled for leg in legs)}
        self._by_number: dict[tuple[str, str, int | None], list[SipMessage]] = {}
        self._by_dialog: dict[tuple[str, str, str], list[SipMessage]] = {}
        for ack in transactions.acks_of_2xx:
            self._by_number.setdefault((ack.call_id, ack.from_.tag, ack.cseq.number), []).append(ack)
            self._by_dialog.setdefault((ack.call_id, ack.from_.tag, ack.to.tag), []).append(ack)
        self._by_branch: dict[str, list[SipMessage]] = {}
        for ack in transactions.acks_of_2xx:
            self._by_branch.setdefault(ack.top_via.branch, []).append(ack)
        self._last_failure: dict[tuple[str, str, Node, int | None], int] = {}
        self._first_arrival: dict[tuple[str, str, int | None, Node], int] = {}
        self._by_method: dict[tuple[str, str], list[Transaction]] = {}
        self._inside: set[tuple[str, str, Node]] = set()
        self._last_success: dict[tuple[str, str], int] = {}
        for item in transactions:
            if not item.is_initial:
                self._inside.add((item.call_id, item.request.from_.tag, item.source_node))
            if item.success is not None:
                self._last_success[item.call_id, item.method] = item.number
            self._by_method.setdefault((item.call_id, item.method), []).append(item)
            arrival = (item.call_id, item.method, item.request.cseq.number, item.destination_node)
            self._first_arrival.setdefault(arrival, item.number)
            if item.final is not None:
                self._last_failure[(item.call_id, item.method, item.source_node, item.final.status)] = item.number

    def requests(self, call_id: str, method: str) -> list[Transaction]:
        """The transactions of a Call-ID with this method, in order."""
        return self._by_method.get((call_id, method), [])

    def before(self, transaction: Transaction, method: str) -> list[Transaction]:
        """The last `NEAR` transactions with this method of the same Call-ID before another, in order."""
        known = self.requests(transaction.call_id, method)
        end = bisect_left(known, transaction.number, key=lambda item: item.number)
        return known[max(0, end - NEAR) : end]

    def after(self, transaction: Transaction, method: str) -> list[Transaction]:
        """The first `NEAR` transactions with this method of the same Call-ID after another, in order."""
        known = self.requests(transaction.call_id, method)
        begin = bisect_right(known, transaction.number, key=lambda item: item.number)
        return known[begin : begin + NEAR]

    def goes_on_inside(self, transaction: Transaction) -> bool:
        """Whether the sender of a request sends any inside a dialog of its Call-ID, with the same tag."""
        return (transaction.call_id, transaction.request.from_.tag, transaction.source_node) in self._inside

    def succeeds_later(self, transaction: Transaction) -> bool:
        """Whether a later request of the same Call-ID and method was accepted."""
        return self._last_success.get((transaction.call_id, transaction.method), -1) > transaction.number

    def is_passed_on(self, leg: Leg) -> bool:
        """Whether the INVITE of a leg came to its sender over another hop of the trace."""
        return leg.caller in self._callees.get(leg.call_id, ())

    def is_answered(self, call_id: str) -> bool:
        """Whether an INVITE of the call got a 2xx, on whatever leg."""
        return call_id in self._answered

    def is_cancelled(self, call_id: str) -> bool:
        """Whether an INVITE of the call was cancelled, on whatever leg."""
        return call_id in self._cancelled

    def acks_numbered(self, invite: SipMessage) -> list[SipMessage]:
        """The ACKs of 2xx responses with the Call-ID, From tag and CSeq number of an INVITE, in order."""
        return self._by_number.get((invite.call_id, invite.from_.tag, invite.cseq.number), [])

    def acks_within(self, call_id: str, from_tag: str, to_tag: str) -> list[SipMessage]:
        """The ACKs of 2xx responses that one side of a dialog sent, in order."""
        return self._by_dialog.get((call_id, from_tag, to_tag), [])

    def acks_with_branch(self, branch: str) -> list[SipMessage]:
        """The ACKs that belong to no INVITE transaction and have a branch, in order."""
        return self._by_branch.get(branch, []) if branch else []

    def ended_further_on(self, transaction: Transaction, status: int | None) -> bool:
        """Whether the element that a request was sent to sent such a request later, which ended in this status code."""
        key = (transaction.call_id, transaction.method, transaction.destination_node, status)
        return self._last_failure.get(key, -1) > transaction.number

    def arrived_before(self, transaction: Transaction) -> bool:
        """Whether a request with this method and CSeq number had come to the element that sent this one."""
        request = transaction.request
        key = (transaction.call_id, transaction.method, request.cseq.number, transaction.source_node)
        return self._first_arrival.get(key, transaction.number) < transaction.number
