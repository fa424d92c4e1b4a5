"""The marks that ngrep prints between packets are no part of a message."""

from __future__ import annotations

import re

from tests.support.sip_logs import incoming_call, ngrep

from sip_ci.trace.logs.registry import read_log


def test_marks_between_packets_are_no_body() -> None:
    plain = ngrep(incoming_call())
    marked = b"#\n##\n" + re.sub(rb"(?m)^U ", b"####\n#\nU ", plain) + b"##\n"
    expected, trace = read_log(plain, "x"), read_log(marked, "x")

    assert [message.raw.rstrip() for message in trace.messages] == [one.raw.rstrip() for one in expected.messages]
    assert all(b"#" not in message.body for message in trace.messages)
    assert [len(one.body) for one in trace.messages] == [len(one.body) for one in expected.messages]
