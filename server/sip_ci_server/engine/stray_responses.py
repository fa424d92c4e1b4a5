"""Responses that belong to no transaction and yet answer one: all but the branch is that of the request."""

from __future__ import annotations

from collections import defaultdict
from weakref import WeakKeyDictionary

from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import seconds_between
from sip_ci_server.engine.transactions import Transaction

ANSWERED_WITHIN = 32.0
"""Seconds for which a client waits for a response (timers B and F, RFC 3261 §17.1)."""
MOST = 4
"""Strays of one transaction that are looked at."""
_COOKIE = "z9hG4bK"
_BY_CALL: WeakKeyDictionary[Model, dict[str, list[SipMessage]]] = WeakKeyDictionary()
"""The responses without a transaction, by Call-ID and by branch."""


def strays_of(transaction: Transaction, model: Model) -> list[SipMessage]:
    """The responses to a request without a final one that came back on its path with its Call-ID, CSeq and From tag and
    the branch of no request, or with its branch and another Call-ID.

    A response to the same request on another hop has another branch as well; its Via list is longer or shorter.
    """
    request = transaction.request
    if transaction.final is not None or not request.call_id or request.cseq.number is None:
        return []
    if not model.transactions.unmatched:
        return []
    by_call = _BY_CALL.get(model)
    if by_call is None:
        by_call = _BY_CALL[model] = defaultdict(list)
        for message in model.transactions.unmatched:
            by_call[message.call_id].append(message)
            if message.top_via.branch.startswith(_COOKIE):
                by_call[message.top_via.branch].append(message)
    there = (model.nodes.destination(request), model.nodes.source(request))
    found = []
    same_call, same_branch = by_call.get(request.call_id, ()), by_call.get(request.top_via.branch, ())
    for message in (*same_call, *same_branch):
        waited = seconds_between(request, message)
        if (
            message.cseq.method == request.method
            and (message.cseq.number == request.cseq.number or message.top_via.branch == request.top_via.branch)
            and message.from_.tag == request.from_.tag
            and len(message.via) == len(request.via)
            and (model.nodes.source(message), model.nodes.destination(message)) == there
            and waited is not None
            and 0 <= waited <= ANSWERED_WITHIN
        ):
            found.append(message)
            if len(found) == MOST:
                break
    return found
