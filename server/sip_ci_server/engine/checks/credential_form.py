"""How digest credentials are written: parameters that must not be quoted (RFC 7616 §3.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.attempts import Attempt
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.once import once_for_each_model
from sip_ci_server.engine.sequence import phrase_of

_HEADERS = ("authorization", "proxy-authorization")
_QUOTED = re.compile(r'[\s,](algorithm|nc)\s*=\s*"', re.IGNORECASE)
"""`qop` is left out: so many programs quote it that servers read it."""


_UNREAD = (400, 401, 407)
"""Refusals of a server that may not have read the credentials; 403 says that it has."""


@once_for_each_model
def _readers(model: Model) -> frozenset[str]:
    """The servers that took credentials with such quotes: by accepting them, or by 403."""
    return frozenset(
        item.destination.host
        for item in model.transactions
        if item.final is not None
        and item.final.status not in _UNREAD
        and item.destination is not None
        and _quoted_in(item.request) is not None
    )


def _quoted_in(request: SipMessage) -> tuple[str, str] | None:
    """The header and the first of its parameters that is quoted and must not be."""
    for name in _HEADERS:
        for line in request.lines_of(name)[:4]:
            found = _QUOTED.search(request.value_of(line))
            if found is not None:
                return name, found[1].lower()
    return None


@check(
    "auth-parameter-quoted",
    title="The credentials have {parameter} in quotes, and are refused",
    severity=Severity.MEDIUM,
    category=Category.SECURITY,
    rfc="RFC 7616 §3.4",
    confidence=Confidence.LIKELY,
    absent="no request in the trace has credentials",
    only=lambda attempt: any(item.request.lines_of(name) for item in attempt.transactions for name in _HEADERS),
)
def auth_parameter_quoted(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """Refused credentials have `algorithm` or `nc` in quotes, which a sender must not write (RFC 7616 §3.4).

    Silent where the server takes such credentials anywhere in the trace, or answers 403, which says that it has read
    them: then the quotes are not what it refuses.
    """
    for item in attempt.transactions:
        quoted = _quoted_in(item.request)
        if quoted is None or item.final is None or item.final.status not in _UNREAD or model.is_forwarded(item):
            continue
        if item.destination is not None and item.destination.host in _readers(model):
            return
        name, parameter = quoted
        yield Found(
            (at_header(item.request, name, f"{parameter} in quotes"), at(item.final, "its refusal")),
            f'{item.method} has `{parameter}="…"` in its credentials. This parameter is a bare word or number; the'
            " server"
            f" answered {phrase_of(item.final)}.",
            {"parameter": parameter},
            key=(parameter,),
            calls=(item.call_id,),
        )
        return
