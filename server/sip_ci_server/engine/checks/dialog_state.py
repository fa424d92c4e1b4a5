"""What both sides of a dialog count and remember: its tags, its CSeq numbers, and whether it still lives."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.message_faults import silent_after
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.nodes import Node
from sip_ci_server.engine.sequence import SURE, name_of, phrase_of, surely_before
from sip_ci_server.engine.transactions import Transaction

SILENT_FOR = 60.0
"""Seconds without media before the end of the trace after which an answered call is over."""
_UNCOUNTED = ("ACK", "CANCEL")


def _has_failed(item: Transaction, model: Model) -> bool:
    """Whether a request was refused, or ignored where the trace would show an answer."""
    if item.final is not None:
        return (item.final.status or 0) >= 300
    return not item.responses and silent_after(item.request, model) and model.seen.sees_reverse(item.request)


def _has_requests(leg: Leg) -> bool:
    return leg.answer is not None and bool(leg.transactions or leg.elsewhere)


@check(
    "dialog-tag-changed",
    title="{method} names tags that the call never had",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.2.1.1",
    needs=Needs.ADDRESSES,
)
def dialog_tag_changed(model: Model, _: Model) -> Iterator[Outcome]:
    """A request in a call has one of its tags and another that no message gave before (RFC 3261 §12.2.1.1).

    A fork whose responses are not in the trace looks the same, so it is judged only where the way back is seen; low
    where the request was accepted all the same. An ACK has failed where the answer comes again and again.
    """
    tags_of_calls: dict[str, set[str]] = {}
    numbers_of_calls: dict[str, set[int | None]] = {}
    transactions = {item.request.index: item for item in model.dialogs.orphans}
    strangers = [item.request for item in model.dialogs.orphans]
    # Responses whose request came before the capture gave their tags as well.
    tags_of_strays: dict[str, set[str]] = {}
    for message in model.transactions.unmatched:
        tags_of_strays.setdefault(message.call_id, set()).add(message.to.tag)
    for request in sorted([*strangers, *model.transactions.acks_of_2xx], key=lambda one: one.index):
        legs = model.dialogs.calls.get(request.call_id)
        if not legs or request.fidelity in (Fidelity.TRUNCATED, Fidelity.DECODED):
            continue
        known = tags_of_calls.get(request.call_id)
        if known is None:
            known = tags_of_calls[request.call_id] = {leg.caller_tag for leg in legs}
            known.update(response.to.tag for leg in legs for response in leg.invite.responses)
            known |= tags_of_strays.get(request.call_id, set())
            numbers_of_calls[request.call_id] = {number for leg in legs for number in _invites_of(leg)}
        # The ACK of a refusal that came before the capture belongs to an INVITE that is not in it.
        if request.method == "ACK" and request.cseq.number not in numbers_of_calls[request.call_id]:
            continue
        tags = (request.from_.tag, request.to.tag)
        if sum(tag in known for tag in tags) != 1 or not any(leg.answer for leg in legs):
            continue
        if model.seen.lossy or not all(model.seen.sees_reverse(leg.invite.request) for leg in legs):
            continue
        strange = "from" if tags[0] not in known else "to"
        item = transactions.get(request.index)
        failed = _has_failed(item, model) if item is not None else _awaits_ack(legs, request)
        yield Found(
            (
                at_header(request, strange, "a tag that the dialog does not have"),
                *(at(leg.answer, "the answer that made the dialog") for leg in legs[:1] if leg.answer),
            ),
            f"{name_of(request)} sent {request.method} with the tag `{tags[0] if strange == 'from' else tags[1]}` in"
            f" {strange.title()}, and no message of this call gave that tag."
            + (f" It was answered {phrase_of(item.final)}." if item is not None and item.final else ""),
            {"method": request.method},
            key=(request.method, strange),
            calls=(request.call_id,),
            severity=None if failed else Severity.LOW,
        )


def _invites_of(leg: Leg) -> Iterator[int | None]:
    """The CSeq numbers of the INVITEs of a leg."""
    yield leg.invite.request.cseq.number
    yield from (item.request.cseq.number for item in leg.transactions if item.method == "INVITE")


def _awaits_ack(legs: list[Leg], ack: SipMessage) -> bool:
    """Whether a callee of this hop sends its 2xx again and again, and has no other ACK."""
    return any(len(leg.answers) >= 3 and not leg.acks and leg.caller_tag == ack.from_.tag for leg in legs)


def _is_other_request(before: Transaction, item: Transaction) -> bool:
    """Whether two requests with one CSeq are certainly two: of other methods, or the first was accepted before the
    second.
    """
    if before.method != item.method:
        return True
    accepted = before.success is not None and surely_before(before.success, item.request)
    return item.method == "INVITE" and accepted and bool(item.request.to.tag) and not before.request.to.tag


def _by_sender(leg: Leg) -> Iterator[list[Transaction]]:
    """The transactions of the dialog by side, on one path each, in the order in which they were sent."""
    paths: dict[tuple[bool, Node, Node], list[Transaction]] = {}
    for item in (leg.invite, *leg.transactions):
        if item.method not in _UNCOUNTED and item.request.cseq.number is not None:
            path = (leg.sent_by_caller(item), item.source_node, item.destination_node)
            paths.setdefault(path, []).append(item)
    yield from paths.values()


@check(
    "cseq-decreasing",
    title="{method} has {compared} CSeq {than} the request before it",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.2.2",
    absent="the trace holds no answered call with requests inside it",
    only=_has_requests,
)
def cseq_decreasing(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A request inside the dialog has a lower CSeq than one that the same side sent before, or the same as one of
    another method or as an accepted INVITE (RFC 3261 §12.2.1.1, §12.2.2).

    Low where it was accepted all the same; silent where datagrams may only have overtaken one another.
    """
    for items in _by_sender(leg):
        highest = items[0]
        for item in items[1:]:
            number, before = item.request.cseq.number or 0, highest.request.cseq.number or 0
            same = number == before and _is_other_request(highest, item)
            if number >= before and not same:
                highest = item
                continue
            if not surely_before(highest.request, item.request) or leg.invite.request.from_.tag == leg.callee_tag:
                continue
            yield Found(
                (
                    at_header(highest.request, "cseq", "sent before"),
                    at_header(
                        item.request,
                        "cseq",
                        "sent after, with the same number" if same else "sent after, with a lower number",
                    ),
                    *([at(item.final, "its answer")] if item.final else []),
                ),
                f"{name_of(item.request)} sent {item.method} with CSeq {number} after {highest.method} with CSeq"
                f" {before} in the same dialog." + (f" It was answered {phrase_of(item.final)}." if item.final else ""),
                {
                    "method": item.method,
                    "compared": "the same" if same else "a lower",
                    "than": "as" if same else "than",
                },
                key=(item.method, highest.method),
                calls=(leg.call_id,),
                severity=None if _has_failed(item, model) else Severity.LOW,
            )
            return


@check(
    "cseq-skipped",
    title="CSeq skips numbers inside the call",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §12.2.1.1",
    confidence=Confidence.POSSIBLE,
    absent="the trace holds no answered call with requests inside it",
    only=_has_requests,
)
def cseq_skipped(leg: Leg, model: Model) -> Iterator[Outcome]:
    """CSeq grows by more than one from a request inside the dialog to the next (RFC 3261 §12.2.1.1).

    What lies between may have been sent where the trace does not see it, so only numbers that no request of the call
    has count, and a capture that lost packets is not judged.
    """
    if model.seen.lossy or model.seen.cut_heads or leg.elsewhere:
        return
    seen = {item.request.cseq.number for item in model.transactions_of(leg.call_id)}
    for items in _by_sender(leg):
        for before, item in pairwise(items):
            first, second = before.request.cseq.number or 0, item.request.cseq.number or 0
            if second <= first + 1 or any(number in seen for number in range(first + 1, min(second, first + 20))):
                continue
            yield Found(
                (at_header(before.request, "cseq", "one request"), at_header(item.request, "cseq", "the next")),
                f"{name_of(item.request)} sent {before.method} with CSeq {first} and then {item.method} with CSeq"
                f" {second}; the numbers between are in no message of the call.",
                key=(item.method,),
                calls=(leg.call_id,),
                severity=Severity.INFO,
            )
            return


@check(
    "dialog-481-refresh",
    title="{method} inside a living call was answered 481",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.2.2",
    absent="the trace holds no answered call with requests inside it",
    only=_has_requests,
)
def dialog_481_refresh(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A request inside the dialog was answered 481 before any BYE (RFC 3261 §12.2.2): one side has forgotten the call.

    BYE has a check of its own, and so has a re-INVITE that fails otherwise.
    """
    # A BYE overtakes what was sent before it: the other side answers as one that has ended the call.
    ended = leg.bye.request.index if leg.bye is not None else None
    for item in leg.transactions:
        final = item.final
        if item.method in ("BYE", "CANCEL", "PRACK", "NOTIFY") or final is None or final.status != 481:
            continue
        if (ended is not None and final.index > ended) or model.relayed_from_further_on(item):
            continue
        assert leg.answer is not None
        yield Found(
            (at(leg.answer, "the answer that made the dialog"), at(item.request, "the request"), at(final, "its end")),
            f"{name_of(final)} answered {item.method} inside the call with {phrase_of(final)}, although nobody had hung"
            " up.",
            {"method": item.method},
            key=(item.method,),
            calls=(leg.call_id,),
        )
        return


@check(
    "bypass-mismatch-dst",
    title="Requests of one call go to two servers, and one does not know the call",
    severity=Severity.LOW,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.2.2",
    confidence=Confidence.LIKELY,
    needs=Needs.ADDRESSES,
    absent="the trace holds no answered call with requests inside it",
    only=_has_requests,
)
def bypass_mismatch_dst(leg: Leg, _: Model) -> Iterator[Outcome]:
    """One side sends requests of a dialog to two places; one accepts them, the other answers 481 (RFC 3261 §12.2.2)."""
    mine = [item for item in (*leg.transactions, *leg.elsewhere) if item.source_node == leg.caller]
    lost = next((one for one in mine if one.final is not None and one.final.status == 481), None)
    if lost is None or lost.final is None:
        return
    first = leg.invite if leg.invite.destination_node != lost.destination_node else None
    known = first or next((one for one in mine if one.success and one.destination_node != lost.destination_node), None)
    if known is None or known.destination is None or lost.destination is None:
        return
    yield Found(
        (at(known.request, "to the server that knows the call"), at(lost.request, "to another"), at(lost.final, "481")),
        f"{known.method} went to {known.destination}, and {lost.method} of the same call to {lost.destination}, which"
        " answered 481: the servers do not share what they know of calls.",
        key=(lost.method,),
        calls=(leg.call_id,),
    )


@check(
    "ghost-dialog",
    each=True,
    title="A call went silent and was never hung up",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §15",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES | Needs.MEDIA,
    absent="the trace holds no answered call without a BYE",
    only=lambda leg: leg.answer is not None and leg.bye is None,
)
def ghost_dialog(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The media of an answered call stopped more than 60 s before the end of the trace, and no BYE came (RFC 3261 §15).

    Only where BYEs of other calls between the same two are in the trace; else they may go where it does not see.
    """
    session = model.session_of(leg)
    streams = session.streams if session is not None else []
    if not streams:
        return
    if not any(
        other.bye is not None and {other.caller, other.callee} == {leg.caller, leg.callee} for other in model.legs
    ):
        yield NotCheckable("no BYE between the same two is in the trace, so that a missing one proves nothing")
        return
    last = max(stream.ends for stream in streams)
    later = [item for item in leg.transactions if item.time is not None and item.time > last + SURE]
    if later or not model.seen.would_show(last, SILENT_FOR):
        return
    assert leg.answer is not None
    window = model.seen.window_after(last) or 0.0
    yield Found(
        (at(leg.answer, "the answer"), Proof("the last packet of its media", text="the media stop", time=last)),
        f"The call was answered, its media stopped, and in the {window:.0f} s after that no BYE came.",
        key=("no BYE",),
        calls=(leg.call_id,),
    )
