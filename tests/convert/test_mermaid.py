"""Diagrams that Mermaid reads as they were meant, whatever a trace holds."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from tests.support.conversion import ALICE, BOB, converted, seen, trace_of
from tests.support.messages import request

from sip_ci.convert.forms import MAXIMUM_DIAGRAMS, Form
from sip_ci.convert.mermaid import MAXIMUM_TEXT, diagram, escape
from sip_ci.trace.printable import printable

_ENTITY = re.compile(r"#(\d+);")
_ARROW = re.compile(r"    p\d+--?>>p\d+: [^#;\n]*(?:#\d+;[^#;\n]*)*")


def unescaped(text: str) -> str:
    return _ENTITY.sub(lambda match: chr(int(match[1])), text)


@given(st.text(max_size=60) | st.sampled_from(["end", "wrap: x", ":nowrap:", "%%{init: {}}%%", "a;b#c", "style:x;"]))
def test_nothing_that_means_something_to_mermaid_is_left(text: str) -> None:
    escaped = escape(text)
    bare = _ENTITY.sub("", escaped)
    assert not set(bare) & set("#;%{}<>\"'`\n\r\\&|~$^")
    assert not re.search(r"\b(?:end|style|classDef)\b", bare, re.IGNORECASE)
    assert not re.match(r"\s*:?(?:no)?wrap\s*:", escaped, re.IGNORECASE)
    assert unescaped(escaped) == printable(text)


def test_arrows_and_participants_in_order() -> None:
    agent = request("User-Agent: Phone; v<1>", method="INVITE")
    answer = request(method="INVITE").replace(b"INVITE sip:bob@example.com SIP/2.0", b"SIP/2.0 200 OK")
    lines = diagram([seen(agent), seen(answer, 1, source=BOB, destination=ALICE, time=1_700_000_000.5)]).splitlines()
    assert lines == [
        "sequenceDiagram",
        "    participant p0 as 198.51.100.1:5060<br/>Phone#59; v#60;1#62;",
        "    participant p1 as 198.51.100.2:5060",
        "    p0->>p1: +0.000 INVITE",
        "    p1-->>p0: +0.250 200 OK (INVITE)",
    ]


def test_a_call_of_any_length_stays_within_the_limit_of_mermaid() -> None:
    reason = b"#;" * 200
    messages = [
        seen(request(f"CSeq: {n} X", f"Via: SIP/2.0/UDP h;branch=z9hG4bK{n}").replace(b"OPTIONS", reason[:31]), n)
        for n in range(2000)
    ]
    text = diagram(messages)
    assert len(text) <= MAXIMUM_TEXT
    steps = [line for line in text.splitlines() if "->>" in line]
    (note,) = [line for line in text.splitlines() if "Note over" in line]
    assert len(steps) + int(re.findall(r"\d+", note)[1]) == 2000
    assert all(_ARROW.fullmatch(line) for line in steps)


def test_each_call_has_a_fence_and_what_is_not_drawn_is_said() -> None:
    messages = [seen(request(f"Call-ID: ```{n}"), n) for n in range(MAXIMUM_DIAGRAMS + 3)]
    data, remarks = converted(trace_of(messages), Form.MERMAID)
    text = data.decode()
    assert len(re.findall(r"^```mermaid$", text, re.MULTILINE)) == MAXIMUM_DIAGRAMS
    assert len(re.findall(r"^```$", text, re.MULTILINE)) == MAXIMUM_DIAGRAMS
    assert len(remarks) == 1
    alone, _ = converted(trace_of(messages[:1]), Form.MERMAID, bare=True)
    assert alone.decode().splitlines()[0] == "sequenceDiagram"
