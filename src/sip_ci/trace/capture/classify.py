"""What a UDP payload is, told by its first bytes (RFC 7983 §7) and by whether its fields make sense."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from sip_ci.trace.capture.contents import rtp_contents, udptl_contents
from sip_ci.trace.capture.records import gather
from sip_ci.trace.media_table import CONTENT_OTHER, MediaKind
from sip_ci.trace.start_line import looks_like_start_line

_WORDS = np.dtype([("count", ">u2")])
_LAST = np.dtype([("count", "u1")])
_CUT_REQUEST = re.compile(rb"[A-Z]{1,64} (?:sips?|tel|urn):[^ \r\n]*$")

_HEADER = np.dtype(
    [
        ("first", "u1"), ("second", "u1"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4"),
        ("rest", "V8"),
    ]
)  # fmt: skip

# A start line begins with a token character (RFC 3261 §25.1); line ends before it are ignored (§7.5).
_MAY_START_SIP = np.zeros(256, np.bool_)
_MAY_START_SIP[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.!%*_+`'~-\r\n")] = True

# HEP of version 2, and the channels of TURN (RFC 8656 §12) carry messages and media too; HEP 3 begins with a letter.
_MAY_CARRY = np.zeros(256, np.bool_)
_MAY_CARRY[[0x02, *range(0x40, 0x50)]] = True
# TURN: binding a channel to a peer, and data without a channel in either direction.
_TURN = (0x0009, 0x0016, 0x0017)

_STUN_COOKIE = 0x2112A442
# Binding and shared-secret requests, responses and errors: what there was before the magic cookie (RFC 3489 §11.1).
_CLASSIC_STUN = (0x0001, 0x0101, 0x0111, 0x0002, 0x0102, 0x0112)


class MediaColumns:
    """The result of `classify`; all columns have one element for each payload."""

    __slots__ = ("content", "kind", "marker", "maybe_sip", "payload_type", "sequence", "ssrc", "timestamp")

    def __init__(
        self,
        header: npt.NDArray[np.void],
        kind: npt.NDArray[np.uint8],
        captured: npt.NDArray[np.int64],
        content: npt.NDArray[np.uint32],
    ):
        rtp = kind == MediaKind.RTP
        second = header["second"]
        self.kind = kind
        """A `MediaKind`."""
        self.content = content
        self.payload_type = np.where(rtp, second & 0x7F, np.where(kind == MediaKind.RTCP, second, 0)).astype(np.uint8)
        self.marker = rtp & (second >= 0x80)
        # What is nothing else may be UDPTL, which begins with its sequence number.
        other = (header["first"].astype(np.uint16) << 8) | second
        self.sequence = np.where(rtp, header["sequence"], np.where(kind == MediaKind.OTHER, other, 0)).astype(np.uint16)
        self.timestamp = np.where(rtp, header["timestamp"], 0).astype(np.uint32)
        self.ssrc = np.where(rtp, header["ssrc"], np.where(kind == MediaKind.RTCP, header["timestamp"], 0)).astype(
            np.uint32
        )
        first = header["first"]
        turn = (kind == MediaKind.STUN) & (first == 0) & np.isin(second, _TURN)
        self.maybe_sip = (
            (kind == MediaKind.OTHER) & (_MAY_START_SIP[first] | _MAY_CARRY[first]) & (captured >= 8)
        ) | turn
        """Whether the payload may be SIP, or carry it or media; `sip_ci.trace.capture.datagrams` decides."""


def classify(
    buffer: bytes, payload: npt.NDArray[np.int64], captured: npt.NDArray[np.int64], wire: npt.NDArray[np.int64]
) -> MediaColumns:
    """Classify UDP payloads, given by their offsets and lengths in bytes within a padded buffer."""
    header = gather(buffer, payload, _HEADER)
    first = header["first"]
    second = header["second"].astype(np.int64)
    kind = np.zeros(len(payload), np.uint8)

    version2 = (first >= 128) & (first <= 191) & (captured >= 12)
    # The shortest thing behind the fixed header: CSRC list, extension header, one byte of padding count.
    needed = 12 + 4 * (first & 0x0F).astype(np.int64) + np.where(first & 0x10, 4, 0) + np.where(first & 0x20, 1, 0)
    kind[version2 & (needed <= wire)] = MediaKind.RTP
    # RFC 5761 §4: RTCP packet types are 192 to 223, of which 200 to 207 begin a compound packet today.
    words = (header["sequence"].astype(np.int64) + 1) * 4
    rtcp = (first >= 128) & (first <= 191) & (captured >= 8) & (second >= 192) & (second <= 223) & (words <= wire)
    kind[rtcp & (words >= 8)] = MediaKind.RTCP

    length = header["sequence"].astype(np.int64)
    message = (first.astype(np.int64) << 8) | second
    fits = (first < 4) & (captured >= 20) & (length % 4 == 0) & (length + 20 <= wire)
    cookie = header["timestamp"] == _STUN_COOKIE
    classic = np.isin(message, _CLASSIC_STUN) & (length + 20 == wire)
    kind[fits & (cookie | classic)] = MediaKind.STUN

    # DTLS records carry the version in ones' complement: 254.255 (1.0), 254.253 (1.2) (RFC 6347 §4.1).
    version_high = header["second"]
    version_low = (header["sequence"] >> 8).astype(np.uint8)
    dtls = (first >= 20) & (first <= 63) & (captured >= 13)
    kind[dtls & (version_high == 0xFE) & ((version_low == 0xFF) | (version_low == 0xFD))] = MediaKind.DTLS
    return MediaColumns(header, kind, captured, _contents(buffer, payload, captured, wire, header, kind))


def _contents(
    buffer: bytes,
    payload: npt.NDArray[np.int64],
    captured: npt.NDArray[np.int64],
    wire: npt.NDArray[np.int64],
    header: npt.NDArray[np.void],
    kind: npt.NDArray[np.uint8],
) -> npt.NDArray[np.uint32]:
    """What is kept of the payloads; see `MediaTable.content`."""
    found = np.full(len(kind), CONTENT_OTHER, np.uint32)
    other = np.flatnonzero(kind == MediaKind.OTHER)
    if len(other):
        found[other] = udptl_contents(buffer, payload[other], captured[other], wire[other])
    rtp = np.flatnonzero(kind == MediaKind.RTP)
    if not len(rtp):
        return found
    start, end, length = payload[rtp], captured[rtp], wire[rtp]
    first = header["first"][rtp]
    begin = 12 + 4 * (first & 0x0F).astype(np.int64)
    extended = np.flatnonzero(first & 0x10)
    if len(extended):
        # The extension counts its words of 32 bits (RFC 3550 §5.3.1); behind what was captured nothing is looked at.
        inside = begin[extended] + 4 <= end[extended]
        words = gather(buffer, start[extended] + np.where(inside, begin[extended] + 2, 0), _WORDS)["count"]
        begin[extended] = np.where(inside, begin[extended] + 4 + 4 * words.astype(np.int64), length[extended])
    padded = np.flatnonzero(((first & 0x20) != 0) & (end == length))
    if len(padded):
        last = gather(buffer, start[padded] + length[padded] - 1, _LAST)["count"]
        length[padded] -= np.minimum(last, length[padded] - begin[padded])
    size = np.maximum(length - begin, 0)
    at = start + np.where(size > 0, begin, 0)
    whole = end >= wire[rtp]
    head = gather(buffer, np.where(whole, at, start), _LAST)["count"]
    found[rtp] = rtp_contents(buffer, header["second"][rtp] & np.uint8(0x7F), head, at, size, whole)
    return found


def sip_start(payload: bytes, *, cut: bool = False) -> int:
    """Offset of the start line where the payload is a SIP message, else -1.

    Linear in the length of the first line, whatever that holds. With `cut`, a request line without its end counts.
    """
    start = 0
    size = len(payload)
    while start < size and payload[start] in b"\r\n":
        start += 1
    if looks_like_start_line(payload, start) or (cut and _CUT_REQUEST.match(payload, start)):
        return start
    return -1
