"""Reports of voice quality that endpoints send by SIP (RFC 6035, `application/vq-rtcpxr`)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from sip_ci.trace.message import SipMessage

CONTENT_TYPE = "application/vq-rtcpxr"
_LINES = 200
_FIELD = re.compile(r"([A-Za-z]{2,12})=(-?\d{1,9}(?:\.\d{1,6})?)(?=\s|$)")


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The local metrics of one report: the endpoint's own claim; None where it does not say."""

    message: SipMessage
    call_id: str
    loss_percent: float | None
    """NLR: packets that the network lost."""
    discard_percent: float | None
    """JDR: packets that the jitter buffer discarded."""
    jitter_ms: float | None
    """IAJ."""
    round_trip_ms: float | None
    """RTD."""
    mos_listening: float | None
    mos_conversational: float | None


def quality_report_of(message: SipMessage) -> QualityReport | None:
    """The report in a message's body; None where there is none."""
    if message.content_type != CONTENT_TYPE:
        return None
    call_id = ""
    values: dict[str, float] = {}
    for line in message.body.decode("utf-8", "replace").splitlines()[:_LINES]:
        name, _, rest = line.partition(":")
        name = name.strip().lower()
        if name == "remotemetrics":
            break
        if name == "callid":
            call_id = rest.strip()
        for key, number in _FIELD.findall(rest):
            value = float(number)
            if math.isfinite(value):
                values.setdefault(key.upper(), value)
    return QualityReport(
        message, call_id, values.get("NLR"), values.get("JDR"), values.get("IAJ"), values.get("RTD"),
        _score(values.get("MOSLQ")), _score(values.get("MOSCQ")),
    )  # fmt: skip


def _score(value: float | None) -> float | None:
    """A MOS; agents write 0 or 127 (RFC 3611 §4.7.5) where they have none."""
    return value if value is not None and 1.0 <= value <= 5.0 else None
