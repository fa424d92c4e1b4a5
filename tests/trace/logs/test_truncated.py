"""Logs that end anywhere: nothing raises, and every message whose successor has begun is there as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from tests.support import device_logs, sip_logs, tool_logs
from tests.support.sip_logs import Logged

from sip_ci.trace.reading import read_trace

LAYOUTS: dict[str, Callable[[Sequence[Logged]], bytes]] = {
    "plain": lambda call: sip_logs.raw(list(call)),
    "sngrep": lambda call: sip_logs.sngrep(list(call)),
    "ngrep": lambda call: sip_logs.ngrep(list(call)),
    "SIPp": lambda call: sip_logs.sipp(list(call), 4),
    "Asterisk": lambda call: sip_logs.asterisk(list(call)),
    "chan_sip": lambda call: sip_logs.chan_sip(list(call)),
    "FreeSWITCH": lambda call: sip_logs.freeswitch(list(call), "ruled"),
    "PJSIP": lambda call: device_logs.pjsua(call),
    "Cisco": lambda call: device_logs.cisco(call),
    "Oracle": lambda call: device_logs.oracle(call),
    "sipgo": lambda call: device_logs.sipgo(call),
    "sipdump": lambda call: tool_logs.sipdump(list(call)),
    "sip_trace": lambda call: tool_logs.sip_trace(list(call)),
    "tcpdump": lambda call: tool_logs.tcpdump(list(call)),
}
STEPS = {"plain": 1, "Asterisk": 1}
"""Bytes between the places where a log is cut; 7 for the others, to save time."""


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_log_cut_anywhere_keeps_the_messages_before(name: str) -> None:
    build = LAYOUTS[name]
    call = sip_logs.incoming_call()
    log = build(call)
    whole = [message.raw for message in read_trace(log, name).messages]
    assert len(whole) == len(call)
    # Where each record ends, as far as the layout's own writer says so.
    ends = [len(build(call[:count])) for count in range(1, len(call) + 1)]
    for size in range(0, len(log), STEPS.get(name, 7)):
        kept = [message.raw for message in read_trace(log[:size], name).messages]
        there = sum(end <= size for end in ends)
        # The message behind which the log ends may be complete or not: the log does not say.
        assert kept[: there - 1] == whole[: max(there - 1, 0)], size
        assert there - 1 <= len(kept) <= there + 1, size
