"""What follows on a response: a fork with several answers, a redirection, a wait that was asked for, a failover."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.digits import parse_digits
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.uri import Uri
from sip_ci_server.engine.addresses import parse_address, same_address
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, at, at_header, check
from sip_ci_server.engine.checks.responses import SILENCE
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between
from sip_ci_server.engine.transactions import Transaction

SETTLED = 10.0
"""Seconds after the last answer of a fork within which the surplus dialogs have been ended."""
SLOW_FAILOVER = 2.0
_LOST_BY_CHANCE = 2
"""Sends of an answer that lost packets explain."""
OVERLOADED_SHARE = 0.2
COMPARED = 200
"""Later requests of one user that are looked at."""
_MOVED = (300, 301, 302)
ENOUGH = 10
"""Requests to one element below which a share of failures proves nothing."""


@check(
    "fork-multiple-2xx",
    title="{count} phones answered one INVITE, and more than one stays in the call",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §13.2.2.4",
    needs=Needs.TIMES,
    absent="the trace holds no INVITE that was answered more than once",
    only=lambda transaction: transaction.method == "INVITE" and len(transaction.finals) > 1,
)
def fork_multiple_2xx(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """Several 2xx with different To tags answered one INVITE, and the surplus dialogs were not ended (RFC 3261
    §13.2.2.4).

    Each needs its ACK, and all but one a BYE.
    """
    legs = [leg for leg in model.dialogs.calls.get(transaction.call_id, []) if leg.invite is transaction and leg.answer]
    if len(legs) < 2:
        return
    answers = [leg.answer for leg in legs if leg.answer is not None]
    open_legs = [leg for leg in legs if leg.bye is None]
    silent = [leg for leg in legs if not leg.acks]
    if len(silent) == len(legs):
        # Whatever follows on the answers goes another way than the INVITE, or all ACKs are lost.
        return
    # A phone that sends its answer again and again says itself that it was forgotten.
    complains = any(len(leg.answers) > _LOST_BY_CHANCE for leg in silent)
    if not complains and not model.seen.would_show(answers[-1].observation.time, SETTLED):
        return
    if len(open_legs) < 2 and not silent:
        return
    tags = ", ".join(f"`{leg.callee_tag}`" for leg in legs[:5])
    yield Found(
        (at(transaction.request, "the INVITE"), *(at(answer, "an answer to it") for answer in answers[:4])),
        f"The INVITE was answered by {len(legs)} phones, To tags {tags}. BYE ended"
        f" {len(legs) - len(open_legs) or 'none'} of these dialogs, and"
        f" {len(silent) if silent else 'none'} of them went without an ACK.",
        {"count": str(len(legs))},
        key=("no ACK" if silent else "no BYE",),
        calls=(transaction.call_id,),
    )


@check(
    "redirect-to-itself",
    title="{method} was redirected to {place}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §8.3",
    absent="no request was redirected",
    only=lambda transaction: transaction.final is not None and transaction.final.status in _MOVED,
)
def redirect_to_itself(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 300, 301 or 302 names nothing but the Request-URI of the request as the place to try (RFC 3261 §8.3), or one
    that was redirected before (§8.1.3.4: no URI comes into the target set twice).
    """
    final, request = transaction.final, transaction.request
    if final is None or not transaction.is_initial or model.relayed_from_further_on(transaction):
        return
    places = [_place_of(contact.uri) for contact in final.contacts]
    if final.contacts and _sent_elsewhere(transaction, final.contacts[0].uri):
        return
    if places and all(target == _place_of(request.request_uri) for target in places):
        earlier, place = None, "the address that it was sent to"
        words = "a client that follows it comes back to the same place"
    else:
        earlier = _redirected_before(transaction, places, model)
        if earlier is None:
            return
        place = "an address that had redirected it"
        words = f"that place had answered {phrase_of(earlier)} before, so that the call goes in a circle"
    yield Found(
        (
            *([at(earlier, "the redirection of that address")] if earlier is not None else []),
            at(request, "the request"),
            at_header(final, "contact", "the same address again"),
        ),
        f"{transaction.method} to {request.request_uri.text} was answered {phrase_of(final)} by {name_of(final)}, with"
        f" `{final.contacts[0].uri.text}` as the place to try instead: {words}.",
        {"method": transaction.method, "place": place},
        key=(transaction.method, str(final.status)),
        calls=(transaction.call_id,),
    )


def _redirected_before(transaction: Transaction, places: list[tuple[object, ...]], model: Model) -> SipMessage | None:
    """What the first of these places answered when the caller had sent the same call there; None where one is new."""
    tried: dict[tuple[object, ...], SipMessage] = {}
    others = model.transactions_of(transaction.call_id)
    end = bisect_right(others, transaction.number - 1, key=lambda other: other.number)
    for other in others[max(0, end - COMPARED) : end]:
        same = other.method == transaction.method and other.source_node == transaction.source_node
        if same and other.is_initial and other.final is not None and other.final.status in _MOVED:
            tried[_place_of(other.request.request_uri)] = other.final
    return tried[places[0]] if places and all(place in tried for place in places) else None


def _sent_elsewhere(transaction: Transaction, target: Uri) -> bool:
    """Whether a request went to another address than the one that this URI names."""
    place = transaction.destination
    if place is None or place.is_unnamed or parse_address(target.host) is None:
        return False
    return not same_address(place.host, target.host)


def _place_of(uri: Uri) -> tuple[object, ...]:
    parameters = sorted((key, (value or "").lower()) for key, value in uri.parameters)
    return (uri.scheme, uri.user, uri.host.rstrip("."), uri.effective_port, *parameters)


@check(
    "redirect-302",
    title="{method} was redirected ({status}) and nobody followed",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §8.1.3.4, §21.3",
    absent="no request was redirected",
    only=lambda transaction: transaction.final is not None and 300 <= (transaction.final.status or 0) < 400,
)
def redirect_302(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A request ended in a 3xx (RFC 3261 §21.3): noted where someone tried one of its Contacts, medium where not."""
    final, request = transaction.final, transaction.request
    if final is None or not transaction.is_initial or model.relayed_from_further_on(transaction):
        return
    targets = [contact.uri for contact in final.contacts if contact.uri.host]
    # A proxy or B2BUA that follows it makes a new call, so any later INVITE to one of the places counts.
    follower = next((item for item in model.requests_to(targets) if item.request.index > final.index), None)
    waited = model.seen.would_show(final.observation.time, SILENCE) or not model.seen.timed
    if follower is not None:
        severity, remark = Severity.INFO, f" {name_of(follower.request)} followed it."
    elif not targets:
        severity, remark = (
            None,
            (
                f" Its Contact `{final.contacts[0].uri.text[:80]}` is no SIP URI, so a SIP client cannot follow it."
                if final.contacts
                else " It names no Contact, so nobody can follow it."
            ),
        )
    elif not waited or transaction.method != "INVITE":
        severity, remark = Severity.INFO, ""
    else:
        severity, remark = None, " No INVITE to any of these places is in the trace, so the call failed."
    places = ", ".join(f"`{target.text}`" for target in targets[:4])
    yield Found(
        (at(request, "the request"), at_header(final, "contact", "where it should go instead")),
        f"{transaction.method} to {request.request_uri.text} was answered {phrase_of(final)} by {name_of(final)}"
        + (f", with {places} as the place to try instead." if places else ".")
        + remark,
        {"method": transaction.method, "status": phrase_of(final)},
        key=(transaction.method, str(final.status), "followed" if follower is not None else "not followed"),
        calls=(transaction.call_id,),
        severity=severity,
    )


@check(
    "failover-slow",
    title="The call was tried elsewhere only after {seconds} s of silence",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 3261 §17.1.1.2; RFC 3263 §4.3",
    needs=Needs.TIMES,
    absent="the trace holds no INVITE that stayed unanswered",
    only=lambda transaction: transaction.method == "INVITE" and transaction.is_initial and not transaction.responses,
)
def failover_slow(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """An INVITE stayed unanswered and the same one went to another place more than 2 s later (RFC 3263 §4.3)."""
    if not model.seen.sees_reverse(transaction.request) and len(transaction.requests) < 3:
        return
    for other in model.lookups.after(transaction, "INVITE"):
        if not other.is_initial:
            continue
        if other.source_node != transaction.source_node or other.destination_node == transaction.destination_node:
            continue
        if other.request.from_.tag != transaction.request.from_.tag:
            continue
        waited = seconds_between(transaction.request, other.request)
        if waited is None or waited <= SLOW_FAILOVER:
            return
        yield Found(
            (
                at(transaction.request, "the INVITE that nobody answers"),
                at(other.request, f"the same call, tried elsewhere {waited:.1f} s later"),
            ),
            f"{name_of(transaction.request)} sent INVITE to {transaction.destination}, got no response, and tried"
            f" {other.destination} after {waited:.1f} s."
            + (" That one answered the call." if other.success is not None else ""),
            {"seconds": f"more than {SLOW_FAILOVER:.0f}"},
            calls=(transaction.call_id,),
        )
        return


def _asked_wait(response: SipMessage) -> int:
    """Seconds that a Retry-After asks for; 0 where there is none (RFC 3261 §20.33)."""
    digits = (response.header("retry-after") or "").split("(")[0].split(";")[0].strip()
    return parse_digits(digits, 86_400) or 0


@check(
    "retry-after-ignored",
    title="{method} came again before the Retry-After of the {status} had passed",
    severity=Severity.LOW,
    category=Category.SIGNALING,
    rfc="RFC 3261 §20.33, §21.5.4",
    needs=Needs.TIMES,
    absent="no response carries Retry-After",
    only=lambda transaction: transaction.final is not None and transaction.final.header("retry-after") is not None,
)
def retry_after_ignored(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A new request of the same kind went to an element within the time for which it asked to be left alone (RFC 3261
    §20.33, §21.5.4).
    """
    final = transaction.final
    if final is None or not transaction.is_initial or (final.status or 0) < 400:
        return
    wait = _asked_wait(final)
    if not wait or model.relayed_from_further_on(transaction):
        return
    attempts = model.attempts_of(transaction.request.from_.uri.user)
    begin = bisect_right(attempts, transaction.number, key=lambda attempt: attempt.first.number)
    for other in attempts[begin : begin + COMPARED]:
        item = other.first
        if item.method != transaction.method or not item.is_initial:
            continue
        if (item.source_node, item.destination_node) != (transaction.source_node, transaction.destination_node):
            continue
        if final.status != 503 and item.request.to.uri.text != transaction.request.to.uri.text:
            continue
        passed = seconds_between(final, item.request)
        if passed is None or passed < 0:
            continue
        if passed >= wait - 1:
            return
        yield Found(
            (at_header(final, "retry-after", f"asks to be left alone for {wait} s"), at(item.request, "the next try")),
            f"{name_of(final)} answered {transaction.method} {phrase_of(final)} with Retry-After: {wait}."
            f" {name_of(item.request)} sent the next {item.method} after {passed:.1f} s.",
            {"method": transaction.method, "status": phrase_of(final)},
            key=(transaction.method, str(final.status)),
            calls=(transaction.call_id,),
        )
        return


@check(
    "overload-503",
    title="{percent} % of the requests to {target} ended in 503 or 500",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §21.5.4; RFC 7339 §1",
    confidence=Confidence.LIKELY,
)
def overload_503(model: Model, _: Model) -> Iterator[Outcome]:
    """At least 20 % of at least 10 requests to one element ended in 503 or 500 (RFC 3261 §21.5.4)."""
    asked: dict[Endpoint, list[Transaction]] = defaultdict(list)
    for transaction in model.transactions:
        if transaction.destination is not None and transaction.final is not None and transaction.is_initial:
            asked[transaction.destination].append(transaction)
    enough = False
    for target, transactions in asked.items():
        total = sum(model.repetitions.weight(item.call_id) for item in transactions)
        if total < ENOUGH:
            continue
        enough = True
        failed = [
            item
            for item in transactions
            if item.final is not None
            and item.final.status in (500, 503)
            and item.final.observation.source in (None, target)
            and not model.relayed_from_further_on(item)
            and not model.answered_elsewhere(item)
        ]
        if len(failed) < OVERLOADED_SHARE * total:
            continue
        percent = 100.0 * len(failed) / total
        finals = [item.final for item in failed if item.final is not None]
        yield Found(
            (
                Proof("measured over all requests to it", text=f"{len(failed)} of {total} requests to {target} failed"),
                *(at(final, "one of the failures") for final in finals[:3]),
            ),
            f"Of {total} requests to {target}, {len(failed)} ({percent:.0f} %) ended in 503 or 500.",
            {"percent": f"{percent:.0f}", "target": str(target)},
            key=("503" if any(final.status == 503 for final in finals) else "500",),
            calls=tuple(dict.fromkeys(item.call_id for item in failed)),
        )
    if not enough:
        yield NotCheckable(f"needs {ENOUGH} answered requests to one element")
