"""Messages for tests: bytes in, a `SipMessage` out, with an observation that says nothing."""

from __future__ import annotations

from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity, Observation, Position, Transport

NOWHERE = Observation(None, None, None, Transport.UDP, Position())


def message_of(raw: bytes, fidelity: Fidelity = Fidelity.EXACT) -> SipMessage:
    """A message seen nowhere in particular."""
    return SipMessage(raw, NOWHERE, fidelity)


def request(*lines: str, method: str = "OPTIONS", body: bytes = b"") -> bytes:
    """A well-formed request; `lines` replace the header of the same name, or are added. `Name` alone removes it."""
    headers = {
        "Via": "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-1",
        "From": "<sip:alice@example.com>;tag=a",
        "To": "<sip:bob@example.com>",
        "Call-ID": "1@192.0.2.1",
        "CSeq": f"1 {method}",
        "Max-Forwards": "70",
        "Contact": "<sip:alice@192.0.2.1>",
        "Content-Length": str(len(body)),
    }
    if body:
        headers["Content-Type"] = "application/sdp"
    extra: list[str] = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            del headers[name]
        elif name in headers:
            headers[name] = value.strip()
        else:
            extra.append(line)
    written = [
        f"{method} sip:bob@example.com SIP/2.0",
        *(f"{name}: {value}" for name, value in headers.items()),
        *extra,
    ]
    return "\r\n".join([*written, "", ""]).encode() + body
