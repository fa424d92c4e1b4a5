"""Why a request ended a call: the Reason header (RFC 3326 §2)."""

from __future__ import annotations

from dataclasses import dataclass

from sip_ci.trace.message import SipMessage
from sip_ci.trace.uri import split_parameters


@dataclass(frozen=True, slots=True)
class Reason:
    """One Reason value."""

    protocol: str
    """Upper case: `SIP` or `Q.850`."""
    cause: int | None
    text: str
    written: str

    @property
    def is_abnormal(self) -> bool:
        """Whether it names a fault rather than what people do: hang up, be busy, not answer, answer elsewhere."""
        if self.cause is None:
            return False
        if self.protocol == "Q.850":
            return self.cause not in NORMAL_Q850
        return self.protocol == "SIP" and self.cause >= 300 and self.cause not in NORMAL_SIP


# 0 is no cause at all: some agents write it where they know none.
NORMAL_Q850 = frozenset({0, 16, 17, 18, 19, 21, 26, 31})
"""Normal clearing, busy, no user responding, no answer, rejected, non-selected user clearing, normal unspecified
(ITU-T Q.850).
"""
NORMAL_SIP = frozenset({302, 480, 486, 487, 600, 603})
"""Final responses that people cause: diverted, unavailable, busy, cancelled, declined."""


def reasons_of(message: SipMessage) -> list[Reason]:
    """The Reason values of a message in order."""
    reasons = []
    for value in message.values("reason"):
        protocol, _, rest = value.partition(";")
        parameters = dict(split_parameters(rest))
        cause = (parameters.get("cause") or "").strip()
        number = int(cause) if cause.isascii() and cause.isdigit() and len(cause) <= 4 else None
        reasons.append(Reason(protocol.strip().upper(), number, parameters.get("text") or "", value))
    return reasons
