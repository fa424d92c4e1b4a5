"""Attended transfers whose Refer-To names the call to replace wrongly (RFC 3891, RFC 5589)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.checks.transfers import FAILED, is_refer, reports_failure
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.once import once_for_each_model
from sip_ci_server.engine.sequence import name_of
from sip_ci_server.engine.transactions import Transaction

_REPLACES = re.compile(r"[?&]replaces=([^&>]*)", re.IGNORECASE)


@once_for_each_model
def _first_by_replaces(model: Model) -> dict[str, Transaction]:
    """The first REFER that asks for each Replaces: later ones with it are passed on."""
    first: dict[str, Transaction] = {}
    for transaction in filter(is_refer, model.transactions):
        if found := _REPLACES.search(transaction.request.header("refer-to") or ""):
            first.setdefault(found.group(1), transaction)
    return first


def _untranslated(item: Transaction, first: Transaction | None, legs: list[Leg], model: Model) -> Iterator[Outcome]:
    """A B2BUA passed on a REFER whose Replaces names the call as the other side knows it."""
    passed_on = first is not None and first.destination_node == item.source_node and first.call_id != item.call_id
    if first is None or not passed_on or any(item.destination_node in (leg.caller, leg.callee) for leg in legs):
        return
    yield Found(
        (
            at_header(first.request, "refer-to", "the call as the one who transfers knows it"),
            at_header(item.request, "refer-to", "passed on unchanged, to somebody who knows no such call"),
        ),
        f"{name_of(item.request)} passed REFER on under another Call-ID and left the Replaces in it as it was, which"
        f" names a call that {item.destination or 'the receiver'} has no part in.",
        {"fault": "names the call of the other side"},
        key=("untranslated",),
        calls=(item.call_id,),
        severity=None if _has_failed(item, model) else Severity.LOW,
    )


@check(
    "refer-replaces-tags",
    title="The Replaces in Refer-To {fault}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3891 §3",
    absent="the trace holds no REFER with Replaces",
    only=lambda item: is_refer(item) and _REPLACES.search(item.request.header("refer-to") or "") is not None,
)
def refer_replaces_tags(item: Transaction, model: Model) -> Iterator[Outcome]:
    """The to-tag of a Replaces is the tag of the one who is to take the INVITE with it, the from-tag that of the one
    who transfers (RFC 3891 §3). Here they are exchanged, or they are not those of the call.

    Low where the transfer worked all the same.
    """
    match = _REPLACES.search(item.request.header("refer-to") or "")
    if match is None or model.is_forwarded(item):
        return
    call_id, *pieces = unquote(match.group(1)).split(";")
    named = {name.strip().lower(): text.strip() for name, _, text in (piece.partition("=") for piece in pieces)}
    given = named.get("to-tag", ""), named.get("from-tag", "")
    legs = [leg for leg in model.dialogs.calls.get(call_id.strip(), []) if leg.answer is not None]
    own = [leg for leg in legs if item.source_node in (leg.caller, leg.callee)]
    if not all(given) or not own:
        return
    if (first := _first_by_replaces(model).get(match.group(1))) is not item:
        yield from _untranslated(item, first, legs, model)
        return
    expected = [
        (leg.callee_tag, leg.caller_tag) if item.source_node == leg.caller else (leg.caller_tag, leg.callee_tag)
        for leg in own
    ]
    if given in expected or any(leg.caller == leg.callee for leg in own):
        return
    exchanged = (given[1], given[0]) in expected
    fault = "has its tags exchanged" if exchanged else "has other tags than the call"
    to_tag, from_tag = expected[0]
    answer = own[0].answer
    yield Found(
        (
            at_header(item.request, "refer-to", "the call to replace"),
            *([at(answer, "that call, with its tags")] if answer is not None else []),
        ),
        f"{name_of(item.request)} sent REFER with to-tag `{given[0]}` and from-tag `{given[1]}` in Replaces. It is to"
        f" be to-tag `{to_tag}`, which the other side gave, and from-tag `{from_tag}`, its own.",
        {"fault": fault},
        key=("exchanged" if exchanged else "other",),
        calls=(item.call_id,),
        severity=None if _has_failed(item, model) else Severity.LOW,
    )


def _has_failed(item: Transaction, model: Model) -> bool:
    """Whether the transfer was refused, or a NOTIFY says that its call was."""
    final = item.final.status or 0 if item.final is not None else 0
    return final >= FAILED or reports_failure(item, model)
