"""What connectivity checks of ICE say and get for an answer: roles, user names, refusals (RFC 8445 §7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.stun import StunMessage
from sip_ci.wording import plural
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, at_sdp, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.stun_exchanges import IceChecks, StunExchange, ice_checks

ROLE_CONFLICT = 487
_NOTHING = "the trace holds no connectivity check to an address of a call"
_SETTLED = 3.0
"""Seconds within which agents settle who is controlling, and tell wrong credentials from late ones."""
_FEW = 3
"""Checks from which on a fault is no accident."""


def shown_stun(message: StunMessage, why: str) -> Proof:
    """A STUN message, shown by its packet."""
    told = f"STUN {message.source} -> {message.destination}"
    if message.error is not None:
        told += f": {message.error} {message.reason}".rstrip()
    return Proof(why, text=told, frame=message.frame, time=message.time)


def _calls(model: Model) -> Iterator[IceChecks]:
    yield from ice_checks(model)


def _last(checks: IceChecks) -> float:
    return max(exchange.request.time for exchange in checks.exchanges)


@check(
    "ice-role-conflict",
    each=True,
    title="Both sides of ICE take themselves for {role}",
    severity=Severity.MEDIUM,
    category=Category.NAT,
    rfc="RFC 8445 §7.3.1.1",
    needs=Needs.CAPTURE | Needs.TIMES,
)
def ice_role_conflict(model: Model, _: Model) -> Iterator[Outcome]:
    """Connectivity checks are answered 487, Role Conflict (RFC 8445 §7.3.1.1).

    Low where a later check succeeds, which is how the conflict is meant to be settled (RFC 8445 §7.2.5.1).
    """
    calls = list(_calls(model))
    if not calls:
        yield NotCheckable(_NOTHING)
    for checks in calls:
        refused = [item for item in checks.exchanges if item.error == ROLE_CONFLICT]
        if not refused:
            continue
        first = refused[0]
        assert first.response is not None
        settled = any(item.succeeded and item.request.time >= first.request.time for item in checks.exchanges)
        if not settled and (len(refused) < _FEW or not model.seen.would_show(first.request.time, _SETTLED)):
            continue
        role = "controlled" if first.request.controlled is not None else "controlling"
        yield Found(
            (shown_stun(first.request, f"a check of an agent that is {role}"), shown_stun(first.response, "refused")),
            f"{len(refused)} of {plural(len(checks.exchanges), 'connectivity check')} got 487 as answer: the agent that"
            " is asked"
            f" is {role} too." + (" Later ones succeed." if settled else " None of the call succeeds after that."),
            {"role": role},
            key=(role,),
            calls=(checks.leg.call_id,),
            severity=Severity.LOW if settled else None,
        )


@check(
    "ice-username-mismatch",
    each=True,
    title="Connectivity checks to {side} have a user name that {side} did not give",
    severity=Severity.MEDIUM,
    category=Category.NAT,
    rfc="RFC 8445 §7.2.2",
    confidence=Confidence.LIKELY,
    needs=Needs.CAPTURE | Needs.TIMES,
)
def ice_username_mismatch(model: Model, _: Model) -> Iterator[Outcome]:
    """The user name of checks does not begin with a fragment that the receiver wrote as a=ice-ufrag in any description
    of the call, and none of these checks succeeds (RFC 8445 §7.2.2: the fragment of the peer, a colon, one's own).
    """
    calls = list(_calls(model))
    if not calls:
        yield NotCheckable(_NOTHING)
    for checks in calls:
        for to_caller in (True, False):
            given = checks.fragments[not to_caller]
            if not given:
                continue
            sent = [item for item in checks.exchanges if checks.to_caller.get(id(item)) is to_caller]
            wrong = [item for item in sent if _fragment(item) not in given]
            if len(wrong) < _FEW or any(item.succeeded for item in sent):
                continue
            if not model.seen.would_show(wrong[0].request.time, _SETTLED):
                continue
            yield _mismatch(checks, wrong, to_caller=to_caller)


def _fragment(exchange: StunExchange) -> str:
    return (exchange.request.username or "").partition(":")[0]


def _mismatch(checks: IceChecks, wrong: list[StunExchange], *, to_caller: bool) -> Found:
    side, other = ("the caller", "the callee") if to_caller else ("the callee", "the caller")
    own = checks.fragments[to_caller]
    swapped = all(_fragment(item) in own for item in wrong)
    item = next(one for one in wrong if one.request.username is not None)
    proofs = [shown_stun(item.request, "a check with that user name")]
    if item.response is not None:
        proofs.append(shown_stun(item.response, "its refusal"))
    given = checks.given[not to_caller]
    if given is not None:
        proofs.append(at_sdp(*given, f"the fragment of {side}"))
    return Found(
        tuple(proofs),
        f"{plural(len(wrong), 'connectivity check')} to {side} came with a user name that does not begin with the"
        f" a=ice-ufrag of {side}"
        + (f", but with that of {other}: the two halves are swapped." if swapped else ".")
        + " None of them was answered with success.",
        {"side": side},
        key=(side, "swapped" if swapped else "unknown"),
        calls=(checks.leg.call_id,),
    )


@check(
    "ice-checks-refused",
    each=True,
    title="Every connectivity check of ICE is answered with {code}",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 8445 §7.2.5.2.4",
    needs=Needs.CAPTURE | Needs.TIMES,
)
def ice_checks_refused(model: Model, _: Model) -> Iterator[Outcome]:
    """All connectivity checks of a call that get an answer are refused, and not for their roles (RFC 8445 §7.2.5.2.4).

    Low where media flows all the same.
    """
    calls = list(_calls(model))
    if not calls:
        yield NotCheckable(_NOTHING)
    for checks in calls:
        refused = [item for item in checks.exchanges if item.error is not None and item.error != ROLE_CONFLICT]
        if len(refused) < _FEW or any(item.succeeded for item in checks.exchanges):
            continue
        first = refused[0]
        if first.response is None or not model.seen.would_show(first.request.time, _SETTLED):
            continue
        code = Counter(item.error for item in refused).most_common(1)[0][0]
        session = model.session_of(checks.leg)
        yield Found(
            (shown_stun(first.request, "a connectivity check"), shown_stun(first.response, "its refusal")),
            f"{len(refused)} of {plural(len(checks.exchanges), 'connectivity check')} got an error as answer, {code}"
            f" most often{_meaning(code)}, and none with success.",
            {"code": str(code)},
            key=(str(code),),
            calls=(checks.leg.call_id,),
            severity=Severity.LOW if session is not None and session.streams else None,
        )


def _meaning(code: int | None) -> str:
    """RFC 8489 §9.1.3: what a server refuses short-term credentials with."""
    return {401: ", which means that user name or password are not those of its description"}.get(code or 0, "")
