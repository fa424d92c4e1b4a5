"""Packet times of session descriptions that are none (RFC 8866 §6.4, §6.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.registry import Found, Outcome, at_sdp, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described

_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")


@check(
    "sdp-ptime-invalid",
    title="`a={line}` is no packet time",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 8866 §6.4, §6.5",
    absent="the trace holds no session description",
)
def sdp_ptime_invalid(item: Described, model: Model) -> Iterator[Outcome]:
    """ptime or maxptime is zero, or no number (RFC 8866 §6.4, §6.5); a list of numbers is read by its first."""
    del model
    for media in item.description.media:
        for name in ("ptime", "maxptime"):
            line = media.attribute_line(name)
            if line is None or not media.port:
                continue
            value = line.value.partition(":")[2].strip()
            number = _NUMBER.match(value)
            if number is not None and float(number.group()) > 0:
                continue
            yield Found(
                (at_sdp(item.message, line, "no number above zero"),),
                f"The {item.message.summary} has `a={line.value[:60]}` for {media.media}, and a packet holds more than"
                " zero milliseconds.",
                {"line": line.value[:60]},
                key=(name, value[:20]),
                calls=(item.message.call_id,),
            )
            return
