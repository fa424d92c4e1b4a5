"""Lifetimes in REGISTER that are no numbers, which registrars replace by one of their own (RFC 3261 §10.2.1.1)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.digits import parse_digits
from sip_ci_server.engine.checks.registry import Found, Outcome, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

_LARGEST = 2**32 - 1


@check(
    "reg-expires-malformed",
    title="A REGISTER asks for a lifetime of {value}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §10.2.1.1",
    absent="the trace holds no REGISTER",
    only=lambda transaction: transaction.method == "REGISTER",
)
def reg_expires_malformed(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The `expires` of a Contact in REGISTER is no number from 0 to 2**32 - 1; it counts as 3600 (RFC 3261 §10.2.1.1),
    so that a binding that was to go stays.
    """
    del model
    for contact in transaction.request.contacts[:8]:
        value = contact.parameter("expires")
        if value is None or parse_digits(value.strip().strip('"'), _LARGEST) is not None:
            continue
        final = transaction.final
        yield Found(
            (at_header(transaction.request, "contact", f"expires is {value[:30]}"),),
            f"{name_of(transaction.request)} sent REGISTER with `expires={value[:30]}`, which is no number of seconds."
            " It counts as 3600: the binding lives an hour, whatever was meant."
            + (f" It was answered {phrase_of(final)}." if final is not None else ""),
            {"value": value[:30] or "nothing"},
            key=("negative" if value.strip().startswith("-") else "form",),
            calls=(transaction.call_id,),
        )
        return
