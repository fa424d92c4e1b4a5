"""Branches that are used for more than one request."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.registry import Found, NotCheckable, Outcome, at_header, check
from sip_ci_server.engine.message_faults import silent_after
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of
from sip_ci_server.engine.transactions import Transaction

REMEMBERED = 32.0
"""Seconds for which a server takes a request with the same branch for a retransmission (timer J, RFC 3261 §17.2.2)."""
_COOKIE = "z9hG4bK"


@check(
    "branch-reused",
    title="{method} has the branch of an earlier {earlier}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §8.1.1.7, §17.2.3",
)
def branch_reused(model: Model, _: Model) -> Iterator[Outcome]:
    """A new request has branch and sent-by of one that was sent to the same server less than 32 s before (RFC 3261
    §8.1.1.7).

    A server takes it for a retransmission of the first and answers it with the old response, or not at all (§17.2.3).
    Medium where it got no response, low where it was answered: many servers look at the Call-ID and CSeq as well.
    """
    if not model.seen.timed:
        yield NotCheckable("the trace does not say when a message was sent")
        return
    last: dict[tuple[str, ...], Transaction] = {}
    reported: set[str] = set()
    for item in model.transactions:
        via, time = item.request.top_via, item.time
        if not via.branch.startswith(_COOKIE) or len(via.branch) == len(_COOKIE) or time is None:
            continue
        if item.method == "CANCEL":
            continue
        key = (via.branch, via.host, str(via.port), item.source_node, item.destination_node)
        before = last.get(key)
        last[key] = item
        if before is None or before.time is None or not 0 <= time - before.time < REMEMBERED:
            continue
        if item.call_id in reported or not _is_another(before.request, item.request):
            continue
        reported.add(item.call_id)
        same_call = before.call_id == item.call_id
        ignored = not item.responses and silent_after(item.request, model) and model.seen.sees_reverse(item.request)
        what = (
            f"with CSeq {item.request.cseq.number} after {before.method} with CSeq {before.request.cseq.number}"
            if same_call
            else "in two calls"
        )
        yield Found(
            (
                at_header(before.request, "via", "the first request"),
                at_header(item.request, "via", "another request with the same branch"),
            ),
            f"{name_of(item.request)} sent {item.method} {what}, {time - before.time:.1f} s apart and both with the"
            f" branch `{via.branch[:60]}`."
            + (" The second got no response." if ignored else " The second was answered all the same."),
            {"method": item.method, "earlier": before.method},
            key=(item.method, before.method, "call" if same_call else "calls", "ignored" if ignored else "answered"),
            calls=tuple(dict.fromkeys((before.call_id, item.call_id))),
            severity=None if ignored else Severity.LOW,
        )


def _is_another(first: SipMessage, second: SipMessage) -> bool:
    """Whether two requests are certainly not one, sent again and damaged or rewritten on its way."""
    if first.call_id != second.call_id:
        return bool(first.from_.tag and second.from_.tag) and first.from_.tag != second.from_.tag
    numbers = (first.cseq.number, second.cseq.number)
    return None not in numbers and (numbers[0] != numbers[1] or first.method != second.method)
