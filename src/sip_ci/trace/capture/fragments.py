"""Puts IP datagrams together from their fragments (RFC 791 §3.2, RFC 8200 §4.5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sip_ci.trace.capture.packets import IpPacket
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.trace import NoticeKind

_LONGEST = 65535
_UNIT = 8
"""Bytes; offsets of fragments are multiples of it."""
_PARTS = 9000
"""Fragments of one datagram: eight bytes is the least that one but the last can carry."""
_TIMEOUT_NS = 60 * 1_000_000_000
"""RFC 8200 §4.5 gives up after sixty seconds; a later fragment with the same identification is another datagram's."""

_Key = tuple[str, str, int, int]


@dataclass(slots=True)
class _Partial:
    frame: int
    time_ns: int
    ip_id: int | None
    parts: int = 0
    content: bytearray = field(default_factory=bytearray)
    known: bytearray = field(default_factory=bytearray)
    """One byte for each eight bytes of the content: 1 where those were there."""
    missing: int = 0
    """How many of `known` are 0."""
    total: int | None = None
    """Length of the whole payload, known once the last fragment was seen."""
    cut: bool = False

    @property
    def held(self) -> int:
        """Bytes of memory."""
        return len(self.content) + len(self.known)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.total is not None and not self.missing and len(self.content) >= self.total and not self.cut

    def put(self, offset: int, data: bytes, *, last: bool) -> bool:
        """Take the bytes at a place; False where others were there before, which then stay (RFC 791 leaves it open).

        Equal bytes are not others.
        """
        first, stop = offset // _UNIT, -(-(offset + len(data)) // _UNIT)
        before = self.missing
        if stop > len(self.known):
            before += stop - len(self.known)
            self.missing += stop - len(self.known)
            self.known += bytes(stop - len(self.known))
            self.content += bytes(stop * _UNIT - len(self.content))
        if not any(self.known[first:stop]):
            self.content[offset : offset + len(data)] = data
            self.known[first:stop] = b"\1" * (stop - first)
            self.missing -= stop - first
            agrees = True
        else:
            there = self.content[offset : offset + len(data)]
            agrees = True
            place = first
            while place < stop:
                # Alternating runs of what is known and what is not; each unit becomes known once.
                known = self.known[place]
                end = self.known.find(1 - known, place, stop)
                end = stop if end < 0 else end
                begin, finish = (place - first) * _UNIT, (end - first) * _UNIT
                if known:
                    agrees = agrees and there[begin:finish] == data[begin:finish]
                else:
                    self.content[place * _UNIT : place * _UNIT + len(data[begin:finish])] = data[begin:finish]
                    self.known[place:end] = b"\1" * (end - place)
                    self.missing -= end - place
                place = end
        # Copies are no parts: a capture of several interfaces holds each fragment more than once.
        self.parts += self.missing < before
        if last:
            if self.total is not None and self.total != offset + len(data):
                agrees = False
            else:
                self.total = offset + len(data)
        return agrees


class FragmentReassembler:
    """Holds the incomplete datagrams of a capture, the oldest of which go where there are too many bytes."""

    def __init__(self, limits: Limits, notices: NoticeLog) -> None:
        self._limit = limits.reassembly_bytes
        self._notices = notices
        self._partials: dict[_Key, _Partial] = {}
        self._held = 0
        self._completed: dict[_Key, int] = {}

    def add(self, packet: IpPacket, frame: int, time_ns: int) -> IpPacket | None:
        """Take a fragment; the whole packet, where this one completes it."""
        fragment = packet.fragment
        assert fragment is not None
        key = (packet.source, packet.destination, packet.protocol, fragment.id)
        partial = self._partials.get(key)
        if partial is not None and abs(time_ns - partial.time_ns) > _TIMEOUT_NS:
            self._drop(key)
            partial = None
        if partial is None:
            partial = self._partials[key] = _Partial(frame, time_ns, packet.ip_id)
        end = fragment.offset + packet.wire
        if end > _LONGEST or partial.parts >= _PARTS:
            self._notices.add(NoticeKind.MALFORMED_PACKET, "An IP fragment lies outside of any datagram", frame=frame)
            return None
        partial.cut |= packet.cut
        # All fragments but the last end at a multiple of eight bytes; what is beyond belongs to no unit.
        data = packet.payload[: len(packet.payload) // _UNIT * _UNIT] if fragment.more else packet.payload
        self._held -= partial.held
        agrees = partial.put(fragment.offset, data, last=not fragment.more)
        self._held += partial.held
        if not agrees:
            self._notices.add(
                NoticeKind.MALFORMED_PACKET, "Fragments of an IP datagram contradict one another; the first one counts",
                frame=frame,
            )  # fmt: skip
        if not partial.complete:
            self._bound(key)
            return None
        self._forget(key)
        if len(self._completed) > 10_000:
            self._completed.clear()
        self._completed[key] = time_ns
        whole = bytes(partial.content[: partial.total])
        return IpPacket(
            packet.source, packet.destination, packet.protocol, partial.ip_id, whole, len(whole),
            fragments=partial.parts,
        )  # fmt: skip

    def _bound(self, current: _Key) -> None:
        while self._held > self._limit:
            oldest = next(iter(self._partials))
            if oldest == current and len(self._partials) == 1:
                break
            self._notices.add(NoticeKind.LIMIT, "Too many incomplete IP datagrams; the oldest were given up")
            self._drop(oldest)

    def _forget(self, key: _Key) -> _Partial:
        partial = self._partials.pop(key)
        self._held -= partial.held
        return partial

    def _drop(self, key: _Key) -> None:
        partial = self._forget(key)
        done = self._completed.get(key)
        if done is not None and abs(partial.time_ns - done) < _TIMEOUT_NS and not partial.cut:
            # A capture of several interfaces holds each fragment more than once: these are leftover copies.
            return
        if partial.cut:
            text = "Fragments of an IP datagram were captured in part"
        else:
            text = "Fragments of an IP datagram are missing"
        self._notices.add(NoticeKind.MISSING_FRAGMENTS, text, frame=partial.frame)

    def finish(self) -> None:
        """The capture has ended: note what stayed incomplete."""
        for key in list(self._partials):
            self._drop(key)
