"""What a log layout has to offer: where the messages of a text begin, and what the line above each of them says."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sip_ci.trace.logs.stamps import Stamp
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.trace import TraceOrigin

LogText: TypeAlias = bytes | mmap.mmap
"""A whole log. A mapped file is searched in place, without being read into memory."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a log says above one message (for a text without such lines: only where the message begins)."""

    start: int
    """Offset of the head's first byte, where the message before it has ended at the latest."""
    payload: int
    """Offset of the first byte behind the head: blank lines and a ruler may come before the message."""
    stamp: Stamp | None = None
    sent: bool | None = None
    """True where the writer sent the message, False where it received it."""
    source: Endpoint | None = None
    destination: Endpoint | None = None
    remote: Endpoint | None = None
    """The other side, in logs that name only that."""
    transport: Transport = Transport.UNKNOWN
    size: int | None = None
    """The length of the message in bytes, as the log says it."""
    text: bytes | None = None
    """The message, put together by the layout, where the program cut it into several records or wrapped its lines.

    It begins in the line of `payload`. None for a message that stands in the log as one piece.
    """
    fidelity: Fidelity | None = None
    """How close `text` is to the wire. EXACT: as far as its line ends are CRLF; None: nothing in it is exact."""
    repeats: bool = False
    """Whether the log shows the message a second time, or one that was never on the wire: it counts for nothing."""
    end: int | None = None
    """Offset behind the record, where the layout knows that: what follows belongs to no message of it."""


class LogLayout(Protocol):
    """One form in which a program writes SIP messages into a text.

    A new layout is one module with one object of this form, and one line in `registry.LAYOUTS`.
    """

    @property
    def name(self) -> str:
        """The name that `Trace.format` gets."""

    @property
    def origin(self) -> TraceOrigin:
        """What the silence of such a log means."""

    @property
    def tight(self) -> bool:
        """Whether nothing but blank lines comes between the end of a message and the next head."""

    @property
    def terminator(self) -> re.Pattern[bytes] | None:
        """What ends a message that its length does not end: a ruler, or the beginning of another log line."""

    @property
    def carriage_return(self) -> bytes:
        """What the program writes for the CR at the end of a message's line, where that is not a CR or nothing."""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The heads in a text, in order. Never raises for content, and takes time linear in its length."""
