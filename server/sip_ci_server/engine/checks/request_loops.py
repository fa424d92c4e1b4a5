"""Requests that come back to an element that has passed them on before, until something stops them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.registry import Found, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model

VISITS = 4
"""Times that one element stands in the Via of a request which runs in a circle; a call may visit one two or three."""


@check(
    "request-loops",
    title="{method} runs in a circle at {host}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §16.3, §16.4",
)
def request_loops(model: Model, _: Model) -> Iterator[Outcome]:
    """One element stands in the Via of a request four times or more, each time with the same Request-URI (RFC 3261
    §16.3).

    An ACK that does so is never refused with 482 or 483, for nothing answers an ACK.
    """
    passed_on = False
    seen: dict[tuple[str, str, int | None, str], int] = {}
    reported: set[tuple[str, str, int | None]] = set()
    for message in model.messages:
        if not message.is_request or len(message.via) < 2:
            continue
        passed_on = True
        name = (message.call_id, message.method, message.cseq.number)
        place = (*name, message.request_uri.text)
        seen[place] = seen.get(place, 0) + 1
        if name in reported or seen[place] < VISITS:
            continue
        visits = Counter((via.host, via.effective_port) for via in message.via[:100])
        (host, port), times = visits.most_common(1)[0]
        if times < VISITS:
            continue
        reported.add(name)
        yield Found(
            (
                at(message, f"the same Request-URI again, on its way {times} times over this element"),
                at_header(message, "via", f"{host}:{port}, again and again"),
            ),
            f"{message.method} with CSeq {message.cseq.number} has {host}:{port} {times} times in its Via, and its"
            f" Request-URI is `{message.request_uri.text[:120]}` each time: the element sends it to itself.",
            {"method": message.method, "host": host},
            key=(message.method,),
            calls=(message.call_id,),
        )
    if not passed_on:
        yield NotCheckable("the trace holds no request that a proxy passed on")
