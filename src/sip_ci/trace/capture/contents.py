"""What little is kept of the payloads of media: one number for each packet, see `MediaTable.content`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sip_ci.trace.capture.records import gather
from sip_ci.trace.media_table import CONTENT_CUT, CONTENT_OTHER, CONTENT_SILENCE, EVENT_BYTES, SILENT_BYTES

_EIGHT = np.dtype([("value", "<u8")])
_FOUR = np.dtype([("value", ">u4")])
_TWO = np.dtype([("value", ">u2")])
_BYTE = np.dtype([("value", "u1")])
_REPEATED = np.uint64(0x0101010101010101)
_SHORTEST_SILENCE = 40
"""Bytes of a payload from which on it is audio: 5 ms of G.711."""
_SILENT = np.zeros((128, 256), np.bool_)
for _payload_type, _bytes in SILENT_BYTES.items():
    _SILENT[_payload_type, list(_bytes)] = True

Indices = npt.NDArray[np.int64]


def rtp_contents(
    buffer: bytes,
    payload_type: npt.NDArray[np.uint8],
    first: npt.NDArray[np.uint8],
    payload: Indices,
    length: npt.NDArray[np.uint16] | Indices,
    captured: npt.NDArray[np.bool_],
) -> npt.NDArray[np.uint32]:
    """The contents of RTP packets from the places and lengths of their payloads in a padded buffer.

    `first` holds the first byte of each payload, `captured` says whether all of it is in the buffer. Most packets cost
    a look at their first byte.
    """
    found = np.full(len(payload), CONTENT_OTHER, np.uint32)
    events = np.flatnonzero((length == EVENT_BYTES) & captured)
    if len(events):
        words = gather(buffer, payload[events], _FOUR)["value"]
        # Codes from 206 on are assigned to no event (RFC 4733 §7); the numbers mean something else here.
        found[events] = np.where(words < CONTENT_SILENCE, words, CONTENT_OTHER)
    quiet = np.flatnonzero(_SILENT[payload_type, first] & (length >= _SHORTEST_SILENCE) & captured)
    if len(quiet):
        at, size = payload[quiet], length[quiet].astype(np.int64)
        head = gather(buffer, at, _EIGHT)["value"]
        same = head == (head & np.uint64(0xFF)) * _REPEATED
        quiet, at, size, head = quiet[same], at[same], size[same], head[same]
        for half in (1, 2):
            place = np.minimum(size * half // 2, size - 8)
            same = gather(buffer, at + place, _EIGHT)["value"] == head
            quiet, at, size, head = quiet[same], at[same], size[same], head[same]
        found[quiet] = (head & np.uint64(0xFF)).astype(np.uint32) | np.uint32(CONTENT_SILENCE)
    if not captured.all():
        found[~captured] = CONTENT_CUT
    return found


def udptl_contents(buffer: bytes, payload: Indices, captured: Indices, wire: Indices) -> npt.NDArray[np.uint32]:
    """How many lost packets before them UDPTL packets bring back (ITU-T T.38 §9.1).

    The packets are: sequence number, length and bytes of the primary, then either a count of secondaries or the span
    and the count of parity messages. What is no UDPTL gets some number, and is never asked for it.
    """
    head = gather(buffer, payload, _FOUR)["value"]
    short = (head >> 8) & 0xFF
    # A length of 128 or more takes two bytes, with the first bit set (ITU-T X.691 §11.9.3.6).
    size = np.where(short < 128, short, head & 0x3FFF).astype(np.int64)
    kind_at = np.where(short < 128, 3, 4) + size
    inside = (kind_at + 2 <= captured) & (short < 192)
    kind = gather(buffer, payload + np.where(inside, kind_at, 0), _TWO)["value"]
    parity = (kind & 0x8000) != 0
    # The span is an integer of one byte behind its length.
    count_at = kind_at + 3
    counted = inside & parity & (count_at < captured)
    count = gather(buffer, payload + np.where(counted, count_at, 0), _BYTE)["value"]
    restores = np.where(parity, np.where(counted, count, 0), kind & 0xFF).astype(np.uint32)
    content = np.where(inside, restores, np.uint32(CONTENT_OTHER))
    content[captured < wire] = CONTENT_CUT
    return content
