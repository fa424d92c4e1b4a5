"""Evidence as it is shown: the line, its place, and nothing that a reader of a public report could misuse."""

from __future__ import annotations

import re

from sip_ci.service.wire import WireEvidence
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.registry import Proof

LINE_LENGTH = 300
"""Characters of a line that are shown."""
MASK = "[REDACTED]"

_SECRET = re.compile(r'(?i)\b(response|cnonce|nonce|nextnonce|rspauth|opaque|inline)(\s*[=:]\s*)("[^"]*"?|[^\s,;|"]+)')
_CREDENTIALS = ("authorization", "proxy-authorization")
_CARRIERS = (
    *_CREDENTIALS,
    "www-authenticate",
    "proxy-authenticate",
    "authentication-info",
    "a=crypto",
    "a=ice-pwd",
    "k=",
)
_PASSWORD = re.compile(r"(?i)\b(sips?:[^\s:@<>;?]{1,256}):[^\s@<>;?]{1,256}@")
"""A password in a SIP URI (RFC 3261 §19.1.1)."""


def evidence_of(proof: Proof) -> WireEvidence:
    """The wire form of one piece of evidence."""
    message = proof.message
    if message is None:
        return WireEvidence(frame=proof.frame, time=proof.time, text=proof.text[:LINE_LENGTH], why=proof.why)
    position = message.observation.position
    text = message.start_line if proof.offset is None else message.line_text(proof.offset)
    line = position.line
    if line is not None and proof.offset is not None:
        line += message.line_number(proof.offset) - 1
    start, length = message.line_span(proof.offset or 0)
    return WireEvidence(
        message=message.index,
        line=line,
        frame=position.frame,
        time=message.observation.time,
        text=without_secrets(text)[:LINE_LENGTH],
        why=proof.why,
        summary=_summary(message),
        offset=start,
        length=length,
    )


def without_secrets(line: str) -> str:
    """A header or SDP line with the parts masked that would let others in: digests, nonces, media keys."""
    line = _PASSWORD.sub(lambda match: f"{match[1]}:{MASK}@", line)
    lowered = line.lower()
    if not lowered.startswith(_CARRIERS):
        return line
    if lowered.startswith("a=ice-pwd"):
        return f"a=ice-pwd:{MASK}"
    if lowered.startswith("k="):
        return f"k={MASK}"
    name, _, value = line.partition(":")
    if lowered.startswith(_CREDENTIALS) and value.split(None, 1)[:1] not in (["Digest"], ["digest"], ["DIGEST"]):
        return f"{name}: {MASK}"
    return _SECRET.sub(lambda match: f"{match[1]}{match[2]}{MASK}", line)


def _summary(message: SipMessage) -> str:
    source, destination = message.observation.source, message.observation.destination
    path = f"{source} -> {destination} " if source is not None and destination is not None else ""
    return without_secrets(f"{path}{message.summary}")[:LINE_LENGTH]
