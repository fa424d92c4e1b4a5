"""drachtio-server's log: that of sofia-sip behind a date, without rulers."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.trace.logs.freeswitch import TERMINATOR, sofia_heads
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.trace import TraceOrigin


class DrachtioLayout:
    """What drachtio-server writes at log level `debug` (drachtio-server, `src/controller.cpp`)."""

    name = "drachtio"
    origin = TraceOrigin.LOG
    tight = False
    terminator = TERMINATOR
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The `recv` and `send` lines right behind a date."""
        return sofia_heads(text, dated=True)


DRACHTIO = DrachtioLayout()
