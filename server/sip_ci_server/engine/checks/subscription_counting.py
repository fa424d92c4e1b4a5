"""The CSeq numbers of subscriptions (RFC 6665), which count upwards as those of calls do."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.registry import Found, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.message_faults import silent_after
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of, surely_before
from sip_ci_server.engine.transactions import Transaction


@check(
    "sub-cseq-decreasing",
    title="{method} has a lower CSeq than the one before it in its subscription",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.2.1.1, §12.2.2",
)
def sub_cseq_decreasing(model: Model, _: Model) -> Iterator[Outcome]:
    """A NOTIFY or SUBSCRIBE has a lower CSeq than one that the same side sent before in the dialog (RFC 3261
    §12.2.2: it is to be refused with 500).

    Low where it was accepted all the same; dialogs of calls have a check of their own.
    """
    highest: dict[tuple[str, ...], Transaction] = {}
    reported: set[tuple[str, ...]] = set()
    any_inside = False
    for item in model.transactions:
        request = item.request
        if item.method not in ("NOTIFY", "SUBSCRIBE") or item.call_id in model.dialogs.calls:
            continue
        if item.is_initial:
            # What made the dialog counts as well; each of its notifiers has a tag of its own.
            if item.success is not None and item.method == "SUBSCRIBE":
                made = (item.call_id, request.from_.tag, item.success.to.tag, item.source_node, item.destination_node)
                highest.setdefault(made, item)
            continue
        any_inside = True
        dialog = (item.call_id, request.from_.tag, request.to.tag, item.source_node, item.destination_node)
        number, before = request.cseq.number, highest.get(dialog)
        if number is None or before is None or number >= (before.request.cseq.number or 0):
            if number is not None:
                highest[dialog] = item
            continue
        if dialog in reported or not surely_before(before.request, request):
            continue
        reported.add(dialog)
        final = item.final
        failed = (final is not None and (final.status or 0) >= 300) or (
            not item.responses and silent_after(request, model) and model.seen.sees_reverse(request)
        )
        yield Found(
            (
                at_header(before.request, "cseq", "sent before"),
                at_header(request, "cseq", "sent after, with a lower number"),
                *([at(final, "its answer")] if final is not None else []),
            ),
            f"{name_of(request)} sent {item.method} with CSeq {number} after {before.method} with CSeq"
            f" {before.request.cseq.number} in the same subscription."
            + (f" It was answered {phrase_of(final)}." if final is not None else ""),
            {"method": item.method},
            key=(item.method,),
            calls=(item.call_id,),
            severity=None if failed else Severity.LOW,
        )
    if not any_inside:
        yield NotCheckable("the trace holds no request inside a subscription")
