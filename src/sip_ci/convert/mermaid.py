"""A call as a Mermaid sequence diagram, in text that nothing from a trace can break."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sip_ci.trace.ladder import LadderModel, LadderStep, build_ladder
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.printable import printable

MAXIMUM_TEXT = 50_000
"""Characters of one diagram: Mermaid's own limit (`maxTextSize`), which GitHub keeps to."""
_STEPS = 300
_LABEL = 80
_NAME = 60

_RESERVED = re.compile(r"\b(?:end|style|classDef)\b", re.IGNORECASE)
"""Words that Mermaid takes for its own inside a text."""
_WRAP = re.compile(r"\s*:?(?:no)?wrap\s*:", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w .:,/()\[\]+*=@?!×…-]")


def diagram(messages: Sequence[SipMessage]) -> str:
    """Draw the messages of a call; those that are too many for Mermaid are left out of the middle and counted."""
    responses = frozenset(message.index for message in messages if message.is_response)
    names = _products(messages)
    limit = _STEPS
    while True:
        text = _render(build_ladder(messages, limit), responses, names)
        if len(text) <= MAXIMUM_TEXT or limit <= 1:
            return text
        limit //= 2


def escape(text: str) -> str:
    """Text for a label: characters and words that mean something to Mermaid become its entity codes."""
    shown = printable(text)
    escaped = _UNSAFE.sub(lambda match: f"#{ord(match[0])};", shown)
    escaped = _RESERVED.sub(lambda match: f"#{ord(match[0][0])};{match[0][1:]}", escaped)
    return escaped.replace(":", "#58;", 2) if _WRAP.match(shown) else escaped


def _render(ladder: LadderModel, responses: frozenset[int], products: dict[str, str]) -> str:
    lines = ["sequenceDiagram"]
    for place, name in enumerate(ladder.participants):
        product = products.get(name)
        shown = escape(_clip(name, _NAME)) + (f"<br/>{escape(_clip(product, _NAME))}" if product else "")
        lines.append(f"    participant p{place} as {shown}")
    lines += [_arrow(step, is_response=step.message in responses) for step in ladder.steps]
    if ladder.omitted:
        lines.append(f"    Note over p0: {ladder.omitted} more not shown")
    return "\n".join(lines) + "\n"


def _arrow(step: LadderStep, *, is_response: bool) -> str:
    time = f"{step.time:+.3f} " if step.time is not None else ""
    repeats = f" ×{step.repeats}" if step.repeats > 1 else ""
    line = "-->>" if is_response else "->>"
    return f"    p{step.source}{line}p{step.destination}: {time}{escape(_clip(step.label, _LABEL))}{repeats}"


def _products(messages: Sequence[SipMessage]) -> dict[str, str]:
    """What programs call themselves, by participant.

    Proxies hand User-Agent on, so only a request with a single Via value tells of the one who sent it.
    """
    products: dict[str, str] = {}
    for message in messages:
        source = message.observation.source
        if isinstance(source, Endpoint) and message.is_request and str(source) not in products:
            product = message.header("user-agent")
            if product and len(message.via) == 1:
                products[str(source)] = product
    return products


def _clip(text: str, maximum: int) -> str:
    return text if len(text) <= maximum else text[: maximum - 1] + "…"
