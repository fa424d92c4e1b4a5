"""Healthy calls in which one element misbehaves: which messages, what is written differently, and by whom.

    scene = direct_call()
    on("INVITE 1", header("Max-Forwards", "0"))(scene)
    refused("INVITE 1", 483)(scene)
    report = scene.report()

A message has a label: a request its method and which one of that method it is (`INVITE 2`), a response the same and
its status (`INVITE 2 200`). Labels are matched as file names are (`* 18?`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

import numpy as np
from tests.support.calls import Ladder, Packet
from tests.support.rtp import Sent as Stream
from tests.support.rtp import media_table

from sip_ci.service.wire import AnalysisContext, AnalysisResponse
from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint, Observation, Position, Transport
from sip_ci_server.engine.analysis import analyze

_NOWHERE = Observation(None, None, None, Transport.UNKNOWN, Position())
FAX_PORTS = (40_002, 42_002)
"""What is sent from these ports is UDPTL."""
Edit = Callable[[bytes], bytes]
Change = Callable[["Scene"], None]


@dataclass(slots=True)
class Scene:
    """A healthy trace whose messages can still be rewritten."""

    ladder: Ladder
    streams: list[Stream] = field(default_factory=list)

    def __post_init__(self) -> None:
        hosts = {end.host for packet in self.packets for end in (packet.source, packet.destination) if end is not None}
        # Hosts that answer nothing in the trace are heard in other traffic, so that their silence is one.
        self.ladder.know(host_pairs=frozenset((one, other) for one in hosts for other in hosts if one != other))

    @property
    def packets(self) -> list[Packet]:
        """Every message on every hop."""
        return self.ladder.packets

    @property
    def end(self) -> float:
        """When the last message is sent."""
        return max(packet.time or 0.0 for packet in self.packets)

    def labels(self) -> list[tuple[str, Packet]]:
        """Every message with its label, in order of time."""
        seen: dict[tuple[str, str, str, str], str] = {}
        counts: dict[str, int] = {}
        found = []
        for packet in sorted(self.packets, key=lambda item: item.time or 0.0):
            message = parsed(packet.raw)
            method = message.method or message.cseq.method
            key = (message.call_id, message.from_.tag or "", str(message.cseq.number), method)
            if key not in seen:
                counts[method] = counts.get(method, 0) + 1
                seen[key] = f"{method} {counts[method]}"
            label = seen[key] if message.is_request else f"{seen[key]} {message.status}"
            found.append((label, packet))
        return found

    def pick(self, pattern: str) -> list[Packet]:
        """The messages of a label on all their hops, in order of time.

        Raises:
            LookupError: there is none.
        """
        found = [packet for label, packet in self.labels() if fnmatchcase(label, pattern)]
        if not found:
            raise LookupError(f"no message {pattern!r} among {[label for label, _ in self.labels()]}")
        return found

    def cut_after(self, time: float) -> None:
        """Nothing happens after `time`."""
        self.packets[:] = [packet for packet in self.packets if (packet.time or 0.0) <= time]
        self.streams[:] = [stream.rows(stream.time <= time) for stream in self.streams]

    def report(self) -> AnalysisResponse:
        """The diagnosis."""
        if self.streams:
            table = media_table(*self.streams)
            is_fax = np.array([end.port in FAX_PORTS for end in table.endpoints])[table.source]
            kind = np.where(is_fax, MediaKind.UDPTL, table.kind).astype(np.uint8)
            self.ladder.media = replace(table, kind=kind)
        return analyze(self.ladder.trace(), AnalysisContext())


def parsed(raw: bytes) -> SipMessage:
    """The message, wherever it was seen."""
    return SipMessage(raw, _NOWHERE)


def on(pattern: str, *edits: Edit, leaving: Endpoint | None = None) -> Change:
    """The messages of a label are written differently, by their sender or by the element that they leave."""

    def change(scene: Scene) -> None:
        for packet in scene.pick(pattern):
            if leaving is None or packet.source == leaving:
                for edit in edits:
                    packet.raw = edit(packet.raw)

    return change


def lost(pattern: str) -> Change:
    """The messages of a label are not sent."""

    def change(scene: Scene) -> None:
        gone = {id(packet) for packet in scene.pick(pattern)}
        scene.packets[:] = [packet for packet in scene.packets if id(packet) not in gone]

    return change


def delayed(pattern: str, seconds: float) -> Change:
    """The messages of a label, and all that comes after them, are sent later."""

    def change(scene: Scene) -> None:
        start = scene.pick(pattern)[0].time or 0.0
        for packet in scene.packets:
            if packet.time is not None and packet.time >= start:
                packet.time += seconds
        scene.streams[:] = [
            stream.late(np.where(stream.time >= start, seconds, 0.0).astype(np.float64)) for stream in scene.streams
        ]

    return change


def repeated(pattern: str, *after: float) -> Change:
    """The messages of a label are sent again, so many seconds after the first."""

    def change(scene: Scene) -> None:
        for packet in scene.pick(pattern):
            scene.packets.extend([replace(packet, time=(packet.time or 0.0) + seconds) for seconds in after])

    return change


def sent_from(pattern: str, source: Endpoint) -> Change:
    """The messages of a label leave another address than the others."""

    def change(scene: Scene) -> None:
        for packet in scene.pick(pattern):
            packet.source = source

    return change


def sent_to(pattern: str, destination: Endpoint) -> Change:
    """The messages of a label go to another address."""

    def change(scene: Scene) -> None:
        for packet in scene.pick(pattern):
            packet.destination = destination

    return change


def streams(edit: Callable[[Stream], Stream], *which: int) -> Change:
    """The media of some streams, by default of the caller's, is sent differently."""

    def change(scene: Scene) -> None:
        for place in which or (0,):
            scene.streams[place] = edit(scene.streams[place])

    return change


def header(name: str, value: str | Callable[[str], str] | None, *, every: bool = False) -> Edit:
    """The first header of a name has another value, or is made of the old one, or is missing where it is None."""
    line = re.compile(rb"^" + re.escape(name.encode()) + rb":[ ]*(.*)\r\n", re.MULTILINE)

    def edit(raw: bytes) -> bytes:
        def written(match: re.Match[bytes]) -> bytes:
            if value is None:
                return b""
            new = value if isinstance(value, str) else value(match[1].rstrip(b"\r").decode())
            return f"{name}: {new}\r\n".encode()

        head, blank, body = raw.partition(b"\r\n\r\n")
        changed, count = line.subn(written, head + b"\r\n", count=0 if every else 1)
        if not count:
            raise LookupError(f"no header {name} in {raw.splitlines()[0]!r}")
        return changed[:-2] + blank + body

    return edit


def add(text: str) -> Edit:
    """One more header line before the last."""

    def edit(raw: bytes) -> bytes:
        head, blank, body = raw.partition(b"\r\n\r\n")
        return head + b"\r\n" + text.encode("latin-1") + blank + body

    return edit


def sub(pattern: str, replacement: str) -> Edit:
    """The bytes of the message are others; Content-Length stays as it is."""

    def edit(raw: bytes) -> bytes:
        changed, count = re.subn(pattern.encode("latin-1"), replacement.encode("latin-1"), raw, flags=re.MULTILINE)
        if not count:
            raise LookupError(f"{pattern!r} is not in {raw.splitlines()[0]!r}")
        return changed

    return edit


def body(pattern: str, replacement: str) -> Edit:
    """The body is another, and Content-Length says so."""

    def edit(raw: bytes) -> bytes:
        head, _, content = raw.partition(b"\r\n\r\n")
        changed, count = re.subn(pattern.encode(), replacement.encode(), content, flags=re.MULTILINE | re.DOTALL)
        if not count:
            raise LookupError(f"{pattern!r} is not in the body of {raw.splitlines()[0]!r}")
        return with_body(head + b"\r\n\r\n", changed)

    return edit


def with_body(head: bytes, content: bytes) -> bytes:
    """A message of these headers with this body."""
    head = re.sub(rb"(?m)^Content-Length:.*\r\n", b"Content-Length: %d\r\n" % len(content), head)
    return head + content


def new_body(content: str, kind: str = "application/sdp") -> Edit:
    """Another body of another type, or none."""

    def edit(raw: bytes) -> bytes:
        head = re.sub(rb"(?m)^Content-Type:.*\r\n", b"", raw.partition(b"\r\n\r\n")[0] + b"\r\n") + b"\r\n"
        if content:
            head = head[:-2] + f"Content-Type: {kind}\r\n\r\n".encode()
        return with_body(head, content.encode())

    return edit


def dialog_side(scene: Scene, tag: str) -> Iterator[Packet]:
    """The messages that the owner of a tag writes: requests with it in From, responses with it in To."""
    for packet in scene.packets:
        message = parsed(packet.raw)
        if (message.from_ if message.is_request else message.to).tag == tag:
            yield packet


def by(tag: str, edit: Edit, pattern: bytes = b"") -> Change:
    """Everything that the owner of a tag writes, and that holds these bytes, is written differently."""

    def change(scene: Scene) -> None:
        wanted = [packet for packet in dialog_side(scene, tag) if pattern in packet.raw]
        if not wanted:
            raise LookupError(f"the owner of tag {tag} writes nothing with {pattern!r}")
        for packet in wanted:
            packet.raw = edit(packet.raw)

    return change
