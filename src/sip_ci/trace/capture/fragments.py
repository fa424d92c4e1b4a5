"""Puts IP datagrams together from their fragments (RFC 791 §3.2, RFC 8200 §4.5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sip_ci.trace.capture.packets import IpPacket
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.trace import NoticeKind

_LONGEST = 65535
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
    parts: dict[int, bytes] = field(default_factory=dict)
    """By offset."""
    held: int = 0
    total: int | None = None
    """Length of the whole payload, known once the last fragment was seen."""
    cut: bool = False


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
        if end > _LONGEST or len(partial.parts) >= _PARTS:
            self._notices.add(NoticeKind.MALFORMED_PACKET, "An IP fragment lies outside of any datagram", frame=frame)
            return None
        partial.cut |= packet.cut
        known = partial.parts.get(fragment.offset)
        if known is None or len(known) < len(packet.payload):
            grown = len(packet.payload) - len(known or b"")
            partial.parts[fragment.offset] = packet.payload
            partial.held += grown
            self._held += grown
        if not fragment.more:
            partial.total = end
        whole = self._whole(partial)
        if whole is None:
            self._bound(key)
            return None
        self._forget(key)
        if len(self._completed) > 10_000:
            self._completed.clear()
        self._completed[key] = time_ns
        return IpPacket(
            packet.source, packet.destination, packet.protocol, partial.ip_id, whole, len(whole),
            fragments=len(partial.parts),
        )  # fmt: skip

    @staticmethod
    def _whole(partial: _Partial) -> bytes | None:
        # The sum of the parts is looked at first, so that putting together is tried about once, not for each part.
        if partial.total is None or partial.held < partial.total or partial.cut or 0 not in partial.parts:
            return None
        whole = bytearray()
        for offset in sorted(partial.parts):
            if offset > len(whole):
                return None
            # Where fragments overlap, the earlier offset wins: what matters is that the result is bounded and stable.
            whole += partial.parts[offset][len(whole) - offset :]
        return bytes(whole[: partial.total]) if len(whole) >= partial.total else None

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
