"""Folds the copies of one packet that a capture holds several times (policy F0).

A capture on all interfaces, a bridge or a mirror port sees one packet two or three times. Copies are dropped before
anything is counted, or every copy would look like a retransmission. A real SIP retransmission comes no sooner than
T1 (500 ms by default, RFC 3261 §17.1.1.1) after the previous one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sip_ci.trace.media_table import MediaTable
from sip_ci.trace.message import SipMessage

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


def fold_media(table: MediaTable) -> tuple[MediaTable, int]:
    """Return the table without copies of RTP packets on the same path, and the number of copies."""
    if len(table) < 2:
        return table, 0
    order = np.lexsort((table.time_ns, table.timestamp, table.sequence, table.ssrc, table.destination, table.source))
    columns = (table.source, table.destination, table.ssrc, table.sequence, table.timestamp, table.kind, table.size)
    same = np.ones(len(order) - 1, dtype=bool)
    for column in columns:
        ordered = column[order]
        same &= ordered[1:] == ordered[:-1]
    elapsed = np.diff(table.time_ns[order])
    is_rtp = table.kind[order][1:] == 1
    identification = table.ip_id[order]
    same_packet = (identification[1:] == identification[:-1]) & (identification[1:] != 0)
    copy = same & is_rtp & ((elapsed < COPY_WINDOW * 1e9) | (same_packet & (elapsed < IP_ID_WINDOW * 1e9)))
    if not copy.any():
        return table, 0
    keep = np.ones(len(table), dtype=bool)
    keep[order[1:][copy]] = False
    return table.select(keep), int(copy.sum())
