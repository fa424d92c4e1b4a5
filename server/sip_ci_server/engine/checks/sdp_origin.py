"""The numbers of the o= line, by which a side says that its description has changed (RFC 3264 §5, §8)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.registry import Found, Outcome, at_sdp, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described

LARGEST = 2**63 - 1
"""What a signed integer of 64 bits holds."""
ORIGIN_FIELDS = 6


@check(
    "sdp-origin-range",
    title="The o= line holds a number above 2**63 - 1",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3264 §5",
)
def sdp_origin_range(item: Described, model: Model) -> Iterator[Outcome]:
    """The session id or version of the o= line does not fit into a signed integer of 64 bits (RFC 3264 §5)."""
    del model
    line = next((line for line in item.description.lines if line.type == "o"), None)
    fields = item.description.origin.split()
    if line is None or len(fields) != ORIGIN_FIELDS:
        return
    for name, value in (("session id", fields[1]), ("session version", fields[2])):
        if value.isascii() and value.isdigit() and (len(value) > 20 or int(value) > LARGEST):
            yield Found(
                (at_sdp(item.message, line, "a number of more than 63 bits"),),
                f"The {item.message.summary} has `o={item.description.origin[:120]}`, whose {name} does not fit into a"
                " signed integer of 64 bits.",
                key=(name,),
                calls=(item.message.call_id,),
            )
            return
