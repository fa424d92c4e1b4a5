"""Folds the copies of one packet that a capture holds several times (policy F0).

A capture on all interfaces, a bridge or a mirror port sees one packet two or three times. Copies are dropped before
anything is counted, or every copy would look like a retransmission. A real SIP retransmission comes no sooner than
T1 (500 ms by default, RFC 3261 §17.1.1.1) after the previous one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.rtp_statistics import steps_of
from sip_ci_server.engine.streams import Stream

COPY_WINDOW = 0.005
"""Seconds within which an identical message is a copy of the same packet, whatever its addresses."""
HOP_WINDOW = 0.050
"""Seconds within which an identical message with other addresses is the same packet behind a NAT or a bridge."""
IP_ID_WINDOW = 2.0
"""Seconds within which an equal IP identification marks the same packet (the field wraps in practice)."""


def fold_messages(messages: Sequence[SipMessage]) -> tuple[list[SipMessage], int]:
    """Return the messages without copies, and the number of copies; messages without time are kept as they are."""
    kept: list[SipMessage] = []
    copies: dict[int, list[SipMessage]] = {}
    last_seen: dict[bytes, list[int]] = {}
    folded = 0
    for message in messages:
        time = message.observation.time
        if time is None:
            kept.append(message)
            continue
        candidates = last_seen.setdefault(message.raw, [])
        original = next((place for place in reversed(candidates[-4:]) if _is_copy(kept[place], message)), None)
        if original is None:
            candidates.append(len(kept))
            kept.append(message)
        else:
            copies.setdefault(original, []).append(message)
            folded += 1
    for place, others in copies.items():
        kept[place] = _joined(kept[place], others)
    return kept, folded


def _joined(message: SipMessage, copies: list[SipMessage]) -> SipMessage:
    """The message with the number of its copies, and the other paths on which they were seen."""
    own = message.observation
    paths = {(copy.observation.source, copy.observation.destination): None for copy in copies}
    paths.pop((own.source, own.destination), None)
    observation = replace(own, copies=len(copies) + 1, other_paths=tuple(paths))
    return SipMessage(message.raw, observation, message.fidelity, message.index)


def _is_copy(original: SipMessage, candidate: SipMessage) -> bool:
    first, second = original.observation, candidate.observation
    if first.time is None or second.time is None:
        return False
    elapsed = abs(second.time - first.time)
    if elapsed < COPY_WINDOW:
        return True
    same_path = first.source == second.source and first.destination == second.destination
    if not same_path:
        return elapsed < HOP_WINDOW
    return bool(first.ip_id) and first.ip_id == second.ip_id and elapsed < IP_ID_WINDOW


def fold_media(stream: Stream) -> tuple[Stream, int]:
    """Return the stream without copies of its packets, and the number of copies."""
    if stream.is_regular or stream.packets < 2:
        return stream, 0
    rows = stream.rows
    if (steps_of(rows.sequence, 16) > 0).all():
        return stream, 0
    order = np.lexsort((rows.time_ns, rows.timestamp, rows.sequence))
    same = np.ones(len(order) - 1, dtype=bool)
    for column in (rows.sequence, rows.timestamp, rows.size):
        ordered = column[order]
        same &= ordered[1:] == ordered[:-1]
    elapsed = np.diff(rows.time_ns[order])
    identification = rows.ip_id[order]
    same_packet = (identification[1:] == identification[:-1]) & (identification[1:] != 0)
    copy = same & ((elapsed < COPY_WINDOW * 1e9) | (same_packet & (elapsed < IP_ID_WINDOW * 1e9)))
    if not copy.any():
        return stream, 0
    keep = np.ones(len(order), dtype=bool)
    keep[order[1:][copy]] = False
    return stream.part(keep), int(copy.sum())


def fold_media_of(streams: Iterable[Stream]) -> tuple[list[Stream], int]:
    """Return the streams without copies of their packets, and the number of copies."""
    folded = [fold_media(stream) for stream in streams]
    return [stream for stream, _ in folded], sum(copies for _, copies in folded)
