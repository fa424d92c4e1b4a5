"""What a reader could not understand or had to leave out, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sip_ci.trace.observation import Position


class NoticeKind(StrEnum):
    """What kind of thing a reader has to say."""

    TRUNCATED_FILE = "truncated-file"
    """The input ends inside a record; everything before it was read."""
    UNKNOWN_LINK_TYPE = "unknown-link-type"
    UNREAD_PROTOCOL = "unread-protocol"
    """A transport that may carry SIP and is not read, for example SCTP, or that hides it, for example ESP."""
    MALFORMED_PACKET = "malformed-packet"
    MALFORMED_BLOCK = "malformed-block"
    """A record of the file that cannot be, such as one that claims gigabytes."""
    SNAPLEN = "snaplen"
    """Packets were captured in part."""
    MISSING_FRAGMENTS = "missing-fragments"
    TCP_GAP = "tcp-gap"
    """Bytes of a TCP connection are missing, so a message may be."""
    TRUNCATED_MESSAGE = "truncated-message"
    """A message in a log is shorter than it says."""
    SKIPPED_TEXT = "skipped-text"
    """What looks like SIP in a log and was not read as a message."""
    OTHER_TEXT = "other-text"
    """What else a program logged: lines that belong to no message."""
    LIMIT = "limit"
    """One of the reader's limits cut something."""
    UNREADABLE_MEMBER = "unreadable-member"
    DECRYPTION = "decryption"
    """Keys are there, and what they are for was not decrypted, or not all of it."""
    SKIPPED_BYTES = "skipped-bytes"
    """Bytes of a TCP connection between two messages that belong to neither."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a reader could not understand or had to leave out."""

    kind: NoticeKind
    text: str
    """One sentence for a person, without a trailing period."""
    count: int = 1
    position: Position = field(default_factory=Position)
    """Where it happened first."""
