"""Session timers: Min-SE where it does not belong or is forgotten, and what proxies make of it (RFC 4028 §5 to §9)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci_server.engine.checks.caller_identity import hop_before
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.message_faults import agent_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.session_intervals import (
    SHORTEST,
    interval_of,
    is_refresh_request,
    minimum_of,
    refreshes_of,
)
from sip_ci_server.engine.transactions import Transaction

_ABSENT = "no 2xx carries Session-Expires"


def _is_agreed(transaction: Transaction) -> bool:
    success = transaction.success
    return is_refresh_request(transaction) and success is not None and success.header("session-expires") is not None


@check(
    "min-se-in-response",
    title="{status} carries Min-SE",
    severity=Severity.INFO,
    category=Category.COMPLIANCE,
    rfc="RFC 4028 §5",
    absent="no response carries Min-SE",
    only=lambda item: is_refresh_request(item) and any(one.lines_of("min-se") for one in item.responses),
)
def min_se_in_response(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A response other than 422 has Min-SE, which has no meaning there (RFC 4028 §5)."""
    response = next((one for one in transaction.responses if one.status != 422 and one.lines_of("min-se")), None)
    if response is None or model.relayed_from_further_on(transaction) or model.is_forwarded(transaction):
        return
    yield Found(
        (at_header(response, "min-se", "belongs in requests and in 422 alone"),),
        f"{name_of(response)} answered {transaction.method} {phrase_of(response)} with"
        f" `Min-SE: {response.header('min-se')}`, which only a 422 may carry.",
        {"status": phrase_of(response)},
        key=(str(response.status), agent_of(response)),
        calls=(transaction.call_id,),
    )


@check(
    "min-se-not-repeated",
    title="A refresh forgets the Min-SE of {seconds} s that the other side gave",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 4028 §7.4",
    absent="no call has session timers",
)
def min_se_not_repeated(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A refresh inside a dialog has no Min-SE, or a lower one than its sender received there (RFC 4028 §7.4).

    Those are the Min-SE of the other side's refreshes and of 422 responses; 90 s is what no Min-SE means.
    """
    received: dict[bool, tuple[int, SipMessage]] = {}
    for item in (leg.invite, *leg.transactions):
        if not is_refresh_request(item):
            continue
        by_caller = leg.sent_by_caller(item)
        known = received.get(by_caller)
        own = minimum_of(item.request)
        forgotten = known is not None and (own or SHORTEST) < known[0] and item is not leg.invite
        if forgotten and known is not None and interval_of(item.request) is not None and not model.is_forwarded(item):
            yield Found(
                (
                    at_header(known[1], "min-se", "the least that was asked for"),
                    at_header(item.request, "min-se" if own else "session-expires", "a refresh without it"),
                ),
                f"{name_of(item.request)} sent {item.method} "
                + (f"with `Min-SE: {own}`" if own else "without Min-SE")
                + f", and had received {known[0]}.",
                {"seconds": str(known[0])},
                key=("caller" if by_caller else "callee",),
                calls=(leg.call_id,),
            )
            return
        for side, message in ((not by_caller, item.request), (by_caller, item.final)):
            if message is None or (message.is_response and (message.status != 422 or item is leg.invite)):
                continue
            minimum = minimum_of(message)
            if minimum is not None and minimum > received.get(side, (SHORTEST, message))[0]:
                received[side] = (minimum, message)


@check(
    "st-refresher-unable",
    title="{status} leaves the refresh to a caller that does not know session timers",
    severity=Severity.LOW,
    category=Category.TIMING,
    rfc="RFC 4028 §9",
    confidence=Confidence.LIKELY,
    absent=_ABSENT,
    only=_is_agreed,
)
def st_refresher_unable(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The 2xx says refresher=uac, and the request does not list timer, so that only uas is allowed (RFC 4028 §9).

    Silent where that side refreshes later. The call that is cut for it is an effect.
    """
    success, request = transaction.success, transaction.request
    given = interval_of(success) if success is not None else None
    if success is None or given is None or given.refresher != "uac" or request.fidelity is Fidelity.DECODED:
        return
    if "timer" in request.options("supported") | request.options("require") or model.is_forwarded(transaction):
        return
    for leg in model.dialogs.calls.get(transaction.call_id, []):
        if any(
            item.number > transaction.number and item.request.from_.tag == request.from_.tag
            for item in refreshes_of(leg)
        ):
            return
    yield Found(
        (
            at(request, "does not list timer in Supported"),
            at_header(success, "session-expires", "the caller is to refresh"),
        ),
        f"{name_of(request)} sent {transaction.method} without `Supported: timer`, and {name_of(success)} answered with"
        f" `Session-Expires: {success.header('session-expires')}`: nobody will refresh, and the call may be cut after"
        f" {given.seconds} s.",
        {"status": phrase_of(success)},
        key=(transaction.method,),
        calls=(transaction.call_id,),
    )


@check(
    "st-proxy-altered",
    title="A proxy {what}",
    severity=Severity.LOW,
    category=Category.TIMING,
    rfc="RFC 4028 §8.1, §8.2",
    absent="the trace holds no Session-Expires that a proxy passed on",
    only=lambda item: is_refresh_request(item) and item.request.lines_of("via") != [] and len(item.request.via) > 1,
)
def st_proxy_altered(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A proxy raises Session-Expires, sets it below Min-SE, writes a refresher, or changes it in a 2xx (RFC 4028 §8).

    A proxy is one that passed on the Via list that it received; a B2BUA makes a list of its own, and may do all this.
    """
    before = hop_before(transaction, model)
    if before is None or [one.branch for one in transaction.request.via[1:]] != [
        one.branch for one in before.request.via
    ]:
        return
    change = _change(before.request, transaction.request)
    pair = (before.request, transaction.request)
    if change is None and transaction.success is not None and before.success is not None:
        pair = (transaction.success, before.success)
        given, shown = interval_of(pair[0]), interval_of(pair[1])
        if given is not None and given != shown and pair[0].to.tag == pair[1].to.tag:
            change = "changed the Session-Expires of an answer"
    if change is None:
        return
    yield Found(
        (at_header(pair[0], "session-expires", "before the proxy"), at_header(pair[1], "session-expires", "behind it")),
        f"A proxy {change}: it received `Session-Expires: {pair[0].header('session-expires') or 'nothing'}` and sent"
        f" `{pair[1].header('session-expires') or 'nothing'}`.",
        {"what": change},
        key=(change,),
        calls=(transaction.call_id,),
    )


def _change(received: SipMessage, sent: SipMessage) -> str | None:
    old, new = interval_of(received), interval_of(sent)
    if new is None:
        return None
    if new.refresher and (old is None or old.refresher != new.refresher):
        return "wrote the refresher of a request"
    least = minimum_of(sent) or SHORTEST
    if (old is None or new.seconds != old.seconds) and new.seconds < least:
        return "set Session-Expires below Min-SE"
    if old is not None and new.seconds > old.seconds >= least:
        return "raised Session-Expires"
    return None
