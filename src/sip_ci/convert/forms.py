"""The forms in which a trace can be written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from sip_ci.convert.capture import CaptureWriter
from sip_ci.convert.document import begin_document, end_document, trace_pieces
from sip_ci.convert.mermaid import diagram
from sip_ci.trace.ladder import build_ladder
from sip_ci.trace.ladder_drawing import draw
from sip_ci.trace.message import SipMessage
from sip_ci.trace.printable import printable
from sip_ci.trace.redact import Redactor
from sip_ci.trace.trace import Trace
from sip_ci.trace.transcript import describe_media, group_by_call, render_message, render_messages

MAXIMUM_DIAGRAMS = 20
"""Calls that are drawn for Mermaid where none was chosen: a page with more of them does not come up."""
_FENCE = "```"


class Form(StrEnum):
    """What `--to` names."""

    SIP = "sip"
    PCAP = "pcap"
    JSON = "json"
    MERMAID = "mermaid"
    LADDER = "ladder"

    @property
    def suffix(self) -> str:
        """How files of this form are called."""
        return {
            Form.SIP: ".sip", Form.PCAP: ".pcapng", Form.JSON: ".json", Form.MERMAID: ".md", Form.LADDER: ".txt",
        }[self]  # fmt: skip

    @property
    def is_binary(self) -> bool:
        """Whether it is no text for a terminal."""
        return self is Form.PCAP

    @property
    def holds_several(self) -> bool:
        """Whether one file can hold several inputs."""
        return self is not Form.PCAP


class Converter:
    """Writes traces in one form, one after the other."""

    def __init__(
        self, form: Form, *, calls: tuple[str, ...] = (), redactor: Redactor | None = None, bare: bool = False
    ) -> None:
        """Choose the form.

        Args:
            form: What is written.
            calls: The Call-IDs of the messages wanted; empty for all.
            redactor: Masks the messages.
            bare: Write a Mermaid diagram alone, not in Markdown; only the first call is written then.
        """
        self._form = form
        self._calls = calls
        self._redactor = redactor
        self._bare = bare
        self._traces = 0
        self.remarks: list[str] = []
        """What was made up or left out of the trace that was written last, one sentence each."""

    def chosen(self, trace: Trace) -> Sequence[SipMessage]:
        """The messages of a trace that are to be written."""
        if not self._calls:
            return trace.messages
        wanted = frozenset(self._calls)
        return tuple(message for message in trace.messages if message.call_id in wanted)

    def tells_more(self, trace: Trace) -> bool:
        """Whether a trace without messages is worth writing in this form."""
        facts = trace.facts
        match self._form:
            case Form.JSON:
                return not self._calls and bool(len(trace.media) or facts.tcp_events or facts.icmp_errors)
            case Form.PCAP:
                return self._is_whole and bool(facts.tcp_events or facts.icmp_errors)
            case _:
                return False

    @property
    def _is_whole(self) -> bool:
        return not self._calls and self._redactor is None

    def begin(self) -> bytes:
        """What stands before the first trace."""
        return begin_document() if self._form is Form.JSON else b""

    def end(self) -> bytes:
        """What stands behind the last trace."""
        return end_document() if self._form is Form.JSON else b""

    def pieces(self, trace: Trace, messages: Sequence[SipMessage], *, alone: bool) -> Iterator[bytes]:
        """The chosen messages of a trace in the form; `alone` says that no other trace goes to the same place."""
        self.remarks = []
        self._traces += 1
        masked = (self._masked(message) for message in messages)
        match self._form:
            case Form.SIP:
                yield from self._transcript(trace, masked, alone=alone)
            case Form.PCAP:
                yield from self._capture(trace, messages if self._redactor is None else tuple(masked))
            case Form.JSON:
                yield from trace_pieces(
                    trace, masked, redacted=self._redactor is not None, calls=self._calls or None,
                    first=self._traces == 1,
                )  # fmt: skip
            case Form.MERMAID:
                yield from self._diagrams(trace, list(masked), alone=alone)
            case Form.LADDER:
                yield from self._ladders(trace, list(masked), alone=alone)

    def _masked(self, message: SipMessage) -> SipMessage:
        return message if self._redactor is None else self._redactor.redact_message(message)

    def _transcript(self, trace: Trace, messages: Iterator[SipMessage], *, alone: bool) -> Iterator[bytes]:
        if alone and not self._calls:
            # A reader would take a comment behind a message for a part of it, so only the first trace can have some.
            yield render_messages((), describe_media(trace.media)).text.encode("utf-8", "replace")
        for message in messages:
            yield render_message(message).encode("utf-8", "replace")

    def _capture(self, trace: Trace, messages: Sequence[SipMessage]) -> Iterator[bytes]:
        writer = CaptureWriter(trace, messages)
        yield from writer.blocks(whole=self._is_whole)
        self.remarks.extend(writer.remarks())

    def _diagrams(self, trace: Trace, messages: list[SipMessage], *, alone: bool) -> Iterator[bytes]:
        calls = group_by_call(messages)
        maximum = len(calls) if self._calls else MAXIMUM_DIAGRAMS
        if self._bare:
            maximum = 1
        for call, members in list(calls.items())[:maximum]:
            text = diagram(members)
            if not self._bare:
                # An indented line is code in Markdown and means nothing else, whatever the Call-ID holds.
                where = "" if alone else f"    {printable(trace.name)}\n"
                text = f"{where}    Call {printable(call)}\n\n{_FENCE}mermaid\n{text}{_FENCE}\n\n"
            yield text.encode("utf-8", "replace")
        if len(calls) > maximum:
            self.remarks.append(
                f"{len(calls) - maximum:,} of {len(calls):,} calls are not drawn; choose one with --call"
            )

    def _ladders(self, trace: Trace, messages: list[SipMessage], *, alone: bool) -> Iterator[bytes]:
        for call, members in group_by_call(messages).items():
            where = "" if alone else f"{printable(trace.name)}: "
            ladder = build_ladder(members, limit=len(members))
            lines = [f"{where}Call {printable(call)}" if call else f"{where}Messages without Call-ID"]
            lines += [line.text for line in draw(ladder.participants, ladder.steps)]
            yield ("\n".join(lines) + "\n\n").encode("utf-8", "replace")
