"""The headers of transfers and diversions: Refer-To, Replaces (RFC 3891), Diversion and History-Info."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from sip_ci.findings import Category, Severity
from sip_ci.trace.headers import parse_name_addr
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.checks.transfers import is_refer, reports_failure
from sip_ci_server.engine.message_faults import agent_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

_REPLACES = re.compile(r"[?&]replaces=([^&>]*)", re.IGNORECASE)


def _is_refused(transaction: Transaction) -> bool:
    return transaction.final is not None and (transaction.final.status or 0) >= 300


def _parameters(value: str) -> tuple[str, str, str]:
    """The Call-ID, to-tag and from-tag of a Replaces value."""
    call_id, *pieces = value.split(";")
    named = {name.strip().lower(): text.strip() for name, _, text in (piece.partition("=") for piece in pieces)}
    return call_id.strip(), named.get("to-tag", ""), named.get("from-tag", "")


@check(
    "replaces-481",
    title="An INVITE that takes over a call was refused with {status}: {why}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3891 §3",
    absent="the trace holds no INVITE with Replaces",
    only=lambda transaction: transaction.method == "INVITE" and bool(transaction.request.lines_of("replaces")),
)
def replaces_481(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """An INVITE with Replaces was answered 481, 603 or 486, and the trace shows why or not (RFC 3891 §3)."""
    final = transaction.final
    if final is None or final.status not in (481, 486, 603) or model.relayed_from_further_on(transaction):
        return
    value = transaction.request.header("replaces") or ""
    why, fault = _why(value, transaction, model)
    if final.status != 481 and fault == "unknown":
        return
    yield Found(
        (at_header(transaction.request, "replaces", "the call to take over"), at(final, "refused")),
        f"{name_of(transaction.request)} sent INVITE with `Replaces: {value[:140]}` and was answered"
        f" {phrase_of(final)}: {why}.",
        {"status": phrase_of(final), "why": why},
        key=(str(final.status), fault),
        calls=(transaction.call_id,),
    )


def _why(value: str, transaction: Transaction, model: Model) -> tuple[str, str]:
    call_id, to_tag, from_tag = _parameters(value)
    if not to_tag or not from_tag:
        return "it lacks a tag", "malformed"
    if "%" in call_id + to_tag + from_tag and unquote(value) != value:
        return "its value is still escaped as in a URI", "escaped"
    legs = model.dialogs.calls.get(call_id, [])
    if not legs:
        return "the call that it names is not in the trace", "unknown"
    for leg in legs:
        if {to_tag, from_tag} != {leg.caller_tag, leg.callee_tag}:
            continue
        if leg.answer is None:
            return "the call that it names was not answered", "not answered"
        if leg.bye is not None and leg.bye.number < transaction.number:
            return "the call that it names had ended", "ended"
        own = {leg.caller: leg.caller_tag, leg.callee: leg.callee_tag}.get(transaction.destination_node)
        if own is not None and own == from_tag and own != to_tag:
            return "to-tag and from-tag are exchanged", "reversed"
        return "it names a call that is up, and the callee does not know it", "up"
    return "its tags are not those of the call", "tags"


@check(
    "refer-replaces-unescaped",
    title="Refer-To holds a Replaces that is not escaped",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §19.1.2",
    absent="the trace holds no REFER",
    only=is_refer,
)
def refer_replaces_unescaped(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A `;`, `=` or `@` stands as itself in the Replaces of a Refer-To URI (RFC 3261 §19.1.2, RFC 3891 §6.1).

    High where the transfer failed, low where the other side understood it.
    """
    match = _REPLACES.search(transaction.request.header("refer-to") or "")
    raw = sorted(set(match.group(1)) & set(";=@")) if match is not None else []
    if match is None or not raw or model.is_forwarded(transaction):
        return
    final = transaction.final
    failed = reports_failure(transaction, model) or (final is not None and (final.status or 0) in (400, 481, 603))
    yield Found(
        (at_header(transaction.request, "refer-to", "not escaped"),),
        f"{name_of(transaction.request)} sent REFER with `Replaces={match.group(1)[:120]}` in Refer-To, and"
        f" {' and '.join(f'`{one}`' for one in raw)} in it would have to be escaped.",
        key=("".join(raw), agent_of(transaction.request)),
        calls=(transaction.call_id,),
        severity=None if failed else Severity.LOW,
    )


@check(
    "refer-to-count",
    title="REFER has {count} Refer-To",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3515 §2.4.1",
    absent="the trace holds no REFER",
    only=is_refer,
)
def refer_to_count(transaction: Transaction, _: Model) -> Iterator[Outcome]:
    """A REFER has no Refer-To, or more than one (RFC 3515 §2.4.1); low unless it was refused."""
    request = transaction.request
    lines = request.lines_of("refer-to")
    if len(lines) == 1 or request.fidelity.value in ("truncated", "decoded"):
        return
    yield Found(
        (at_header(request, "refer-to", "where to call"),),
        f"{name_of(request)} sent REFER with {len(lines)} Refer-To headers; the other side needs exactly one.",
        {"count": str(len(lines)) if lines else "no"},
        key=("none" if not lines else "several", agent_of(request)),
        calls=(transaction.call_id,),
        severity=None if _is_refused(transaction) else Severity.LOW,
    )


@check(
    "replaces-misplaced",
    title="Replaces stands {where}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3891 §3",
    absent="the trace holds no request with Replaces",
    only=lambda transaction: bool(transaction.request.lines_of("replaces")),
)
def replaces_misplaced(transaction: Transaction, _: Model) -> Iterator[Outcome]:
    """More than one Replaces, Replaces beside Join, or Replaces in another request than INVITE (RFC 3891 §3, §4)."""
    request = transaction.request
    if transaction.method != "INVITE":
        where = f"in {transaction.method}"
    elif len(request.lines_of("replaces")) > 1:
        where = "twice in an INVITE"
    elif request.lines_of("join"):
        where = "beside Join"
    else:
        return
    yield Found(
        (at_header(request, "replaces", where),),
        f"{name_of(request)} sent a Replaces {where}; the other side answers 400.",
        {"where": where},
        key=(where,),
        calls=(transaction.call_id,),
        severity=None if _is_refused(transaction) else Severity.LOW,
    )


@check(
    "diversion-loop",
    title="A call was diverted to the same number twice",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 5806 §5.4",
    absent="the trace holds no INVITE with Diversion",
    only=lambda transaction: transaction.method == "INVITE" and bool(transaction.request.lines_of("diversion")),
)
def diversion_loop(transaction: Transaction, _: Model) -> Iterator[Outcome]:
    """The Diversion list names a user twice with another between, or diverts to one that diverted before (RFC 5806).

    Low unless the call failed.
    """
    request = transaction.request
    twice = _repeated(request)
    if not twice:
        return
    yield Found(
        (at_header(request, "diversion", "who diverted the call, the last one first"),),
        f"The INVITE to `{request.request_uri.text}` was diverted by {twice} more than once.",
        key=("diversion",),
        calls=(transaction.call_id,),
        severity=None if _is_refused(transaction) else Severity.LOW,
    )


def _repeated(request: SipMessage) -> str:
    users = [parse_name_addr(value).uri.user for value in request.values("diversion")]
    apart = [user for index, user in enumerate(users) if user and index and users[index - 1] != user]
    chain = ([users[0]] if users and users[0] else []) + apart
    seen: set[str] = set()
    for user in chain:
        if user in seen:
            return user
        seen.add(user)
    return ""
