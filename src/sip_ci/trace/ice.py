"""ICE candidates in a session description (RFC 8839 §5.1)."""

from __future__ import annotations

from dataclasses import dataclass

from sip_ci.trace.digits import parse_digits


@dataclass(frozen=True, slots=True)
class Candidate:
    """One transport address at which the describing side may be reached."""

    foundation: str
    component: int
    """1 is RTP, 2 is RTCP."""
    transport: str
    """Upper case, for example `UDP`."""
    priority: int
    address: str
    """An IP address or a host name, in lower case."""
    port: int
    type: str
    """`host`, `srflx`, `prflx` or `relay`, in lower case."""


def parse_candidate(value: str) -> Candidate | None:
    """Parse the value of an `a=candidate` line; None where it is malformed."""
    fields = value.split(None, 8)
    if len(fields) < 8 or fields[6].lower() != "typ":
        return None
    component, priority = parse_digits(fields[1], 256), parse_digits(fields[3], 2**32 - 1)
    port = parse_digits(fields[5], 65535)
    if component is None or priority is None or port is None:
        return None
    return Candidate(fields[0], component, fields[2].upper(), priority, fields[4].lower(), port, fields[7].lower())
