"""SIPp's other logs: one line for each message (`-trace_shortmsg`), and what it did not expect (`-trace_err`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

from sip_ci.trace.logs.anchors import line_start, lines_with
from sip_ci.trace.logs.framing import MAXIMUM_MESSAGE, frame
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import Stamp, find_stamp
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.trace import TraceOrigin

_SHORT = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}[\tT ][0-9]{2}:[0-9]{2}:[0-9]{2}[^\t\r\n]{0,16}\t(?P<epoch>[0-9]{9,11}\.[0-9]{1,6})\t"
    rb"(?P<way>[SR])\t(?P<call>[^\t\r\n]{1,512})\tCSeq: ?(?P<cseq>[^\t\r\n]{1,128})\t"
    rb"(?P<start>[^\r\n]{3,8000}?)[ \t]*\r?(?:\n|\Z)"
)
_UNEXPECTED = re.compile(rb"received '(?=[A-Z])")
_QUOTED_END = re.compile(rb"'(?=\.?[ \t]*\r?(?:\n|\Z)|[0-9]{4}-[0-9]{2}-[0-9]{2}[\tT ])")


class SippShortLayout:
    """What SIPp writes for `-trace_shortmsg`: start line, Call-ID and CSeq of each message."""

    name = "sipp-short"
    origin = TraceOrigin.LOG
    tight = True
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """One head for each line."""
        for start, _ in lines_with(text, b"\tCSeq:"):
            match = _SHORT.match(text, start)
            if match is not None:
                lines = (match["start"], b"CSeq: " + match["cseq"], b"Call-ID: " + match["call"])
                yield Head(
                    start,
                    start,
                    Stamp(float(match["epoch"]), absolute=True, resolution=1e-6),
                    sent=match["way"] == b"S",
                    text=b"".join(line + b"\r\n" for line in lines),
                    # All other headers were left out.
                    fidelity=Fidelity.TRUNCATED,
                    end=match.end(),
                )


class SippErrorsLayout:
    """What SIPp writes for `-trace_err`: the text of a message that the scenario did not expect."""

    name = "sipp-errors"
    origin = TraceOrigin.TEXT
    tight = True
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The quoted messages of lines about unexpected ones."""
        matches = list(_UNEXPECTED.finditer(text))
        for match, following in zip_longest(matches, matches[1:]):
            start = line_start(text, match.start())
            if start is None or b"unexpected" not in text[start : match.start()]:
                continue
            limit = match.end() + MAXIMUM_MESSAGE if following is None else following.start()
            end = _QUOTED_END.search(text, match.end(), min(limit, match.end() + MAXIMUM_MESSAGE))
            if end is None:
                continue
            framed = frame(text[match.end() : end.start()], None, tight=False, altered=False)
            yield Head(
                start,
                start,
                find_stamp(text[start : match.start()].replace(b"\t", b" ")),
                text=framed.raw,
                fidelity=framed.fidelity,
                end=end.end(),
            )


SIPP_SHORT = SippShortLayout()
SIPP_ERRORS = SippErrorsLayout()
