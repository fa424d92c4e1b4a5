"""All layouts, and the choice between them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from itertools import islice

from sip_ci.trace.logs.assembly import assemble
from sip_ci.trace.logs.asterisk import PJSIP_LOGGER
from sip_ci.trace.logs.chan_sip import CHAN_SIP
from sip_ci.trace.logs.cleaning import clean
from sip_ci.trace.logs.framing import find_start, with_carriage_returns
from sip_ci.trace.logs.freeswitch import SOFIA
from sip_ci.trace.logs.interface import Head, LogLayout, LogText
from sip_ci.trace.logs.ngrep import NGREP
from sip_ci.trace.logs.raw import RAW
from sip_ci.trace.logs.sipp import SIPP
from sip_ci.trace.logs.sngrep import SNGREP
from sip_ci.trace.observation import Clock
from sip_ci.trace.trace import Notice, NoticeKind, Trace, TraceOrigin

LAYOUTS: Sequence[LogLayout] = (
    SNGREP,
    NGREP,
    SIPP,
    PJSIP_LOGGER,
    CHAN_SIP,
    SOFIA,
)
"""The layouts that announce each message by a line of their own. A new one needs its module, and a line here."""

UNKNOWN_FORMAT = "unknown"
"""The format of a text in which no SIP message was found."""

_FIRST_SAMPLE = 1 << 20
_ENOUGH = 50


def read_log(data: LogText | bytearray | memoryview, name: str) -> Trace:
    """Read the SIP messages of a log or any other text.

    `data` may be a mapped file. Content never raises: a text without messages becomes a trace whose format is
    `unknown`, with a notice.
    """
    clean_text = clean(data if isinstance(data, bytes | mmap.mmap) else bytes(data))
    layout = detect(clean_text.text)
    if layout is None:
        notice = Notice(NoticeKind.SKIPPED_TEXT, "No SIP message was found in this text")
        return Trace(name, UNKNOWN_FORMAT, TraceOrigin.TEXT, Clock.ORDINAL, (), notices=(notice,))
    return assemble(name, layout, clean_text)


def detect(text: LogText) -> LogLayout | None:
    """The layout of a text; the raw layout where only start lines are found, None where not even those.

    A layout's score is the number of its heads, out of the first 50, that a start line follows: a sentence that
    merely looks like a head counts for nothing.
    """
    for sample in _samples(text):
        scores = [score(layout, sample) for layout in LAYOUTS]
        if max(scores) > 0:
            return LAYOUTS[scores.index(max(scores))]
    return RAW if next(RAW.heads(text), None) is not None else None


def score(layout: LogLayout, text: LogText) -> int:
    """How many of the first heads of a layout in a text have a SIP message below them."""
    heads = islice(layout.heads(text), _ENOUGH)
    return sum(1 for head in heads if _announces(layout, text, head))


def _announces(layout: LogLayout, text: LogText, head: Head) -> bool:
    if head.text is not None:
        return find_start(head.text) is not None
    payload = with_carriage_returns(text[head.payload : head.payload + (1 << 16)], layout.carriage_return)
    return find_start(payload) is not None


def _samples(text: LogText) -> Iterator[LogText]:
    """The beginning of a text, then ever more of it: a busy log may hold its first message late."""
    size = _FIRST_SAMPLE
    while size < len(text):
        yield text[:size]
        size *= 16
    yield text
