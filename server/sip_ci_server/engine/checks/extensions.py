"""Responses that name an extension: required and not supported, demanded, or a precondition that failed."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction


def _ended_in(transaction: Transaction, *statuses: int) -> bool:
    return transaction.final is not None and transaction.final.status in statuses


@check(
    "ext-required-unsupported",
    title="{method} requires {option}, which the other side does not support",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §8.2.2.3, §21.4.15",
    absent="no request was answered 420",
    only=lambda transaction: _ended_in(transaction, 420),
)
def ext_required_unsupported(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 420 lists in Unsupported what the request's Require or Proxy-Require asked for (RFC 3261 §8.2.2.3)."""
    final, request = transaction.final, transaction.request
    if final is None or model.relayed_from_further_on(transaction):
        return
    refused = final.options("unsupported")
    for name, written in (("require", "Require"), ("proxy-require", "Proxy-Require")):
        options = sorted(request.options(name) & refused) if refused else []
        if not options:
            continue
        listed = ", ".join(options)
        retried = any(
            item.success is not None and not item.request.options(name) & refused
            for item in model.lookups.after(transaction, transaction.method)
        )
        yield Found(
            (
                at_header(request, name, "what the request requires"),
                at_header(final, "unsupported", "what the other side does not support"),
            ),
            f"{transaction.method} carries `{written}: {request.header(name)}`, and {name_of(final)} answered"
            f" {phrase_of(final)} with `Unsupported: {final.header('unsupported')}`."
            + (" The request was repeated without it and accepted." if retried else ""),
            {"method": transaction.method, "option": listed},
            key=(transaction.method, listed),
            calls=(transaction.call_id,),
            severity=Severity.LOW if retried else None,
        )
        return


@check(
    "ext-required-by-peer-421",
    title="The other side demands {option} of {method}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §21.4.16",
    absent="no request was answered 421",
    only=lambda transaction: _ended_in(transaction, 421),
)
def ext_required_by_peer_421(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 421 names in Require an extension that the request did not offer in Supported (RFC 3261 §21.4.16)."""
    final = transaction.final
    if final is None or model.relayed_from_further_on(transaction):
        return
    option = ", ".join(sorted(final.options("require")))
    if not option:
        return
    yield Found(
        (
            at_header(transaction.request, "supported", "what the request supports"),
            at_header(final, "require", "what the other side demands"),
        ),
        f"{name_of(final)} answered {transaction.method} {phrase_of(final)} and demands {option}; the request carries"
        f" `Supported: {transaction.request.header('supported') or ''}`.",
        {"method": transaction.method, "option": option},
        key=(transaction.method, option),
        calls=(transaction.call_id,),
    )


@check(
    "precondition-580",
    title="{method} was refused because a precondition was not met (580)",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3312 §8",
    absent="no request was answered 580",
    only=lambda transaction: _ended_in(transaction, 580),
)
def precondition_580(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 580 says that a precondition of the offer cannot be met (RFC 3312 §8)."""
    final = transaction.final
    if final is None or model.relayed_from_further_on(transaction):
        return
    description = model.descriptions.of(transaction.request)
    wanted = []
    if description is not None:
        for media in description.media:
            wanted += [line for line in media.attributes if line.value.startswith(("des:", "curr:"))]
    if not wanted:
        return
    shown = ", ".join(f"`a={line.value}`" for line in wanted[:4])
    yield Found(
        (at_header(transaction.request, "require", "the request"), at(final, "its refusal")),
        f"{name_of(final)} answered {transaction.method} {phrase_of(final)}. The offer asks for {shown}.",
        {"method": transaction.method},
        key=(transaction.method,),
        calls=(transaction.call_id,),
    )
