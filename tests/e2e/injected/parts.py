"""What several tables of injected faults share: labels, edits that break nothing, and what becomes of a call."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.injection import Change, Scene, add, body, on
from tests.support.injection_bases import described_call
from tests.support.injection_consequences import both, dropped, refused, silent, unheard

INVITE = "INVITE 1"
ANSWER = "INVITE 1 200"
NOT_ACCEPTABLE = refused(INVITE, 488)
HUNG_UP = both(dropped("ACK 1", after=0.1, by_callee=False), silent(0, 1))
NO_MEDIA = silent(0, 1)
NOTHING = "nothing is wrong"
VIDEO = (
    "m=audio {} RTP/AVP 0 8\r\nm=video {} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 profile-level-id=42e01f;packetization-mode=1"
)
OPUS = "m=audio {} RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1"
FINE = add("X-Trace: 1")
"""A change that is no fault, for calls whose only fault is what the peer does."""
DROP = unheard(ANSWER)


def offered(pattern: str, replacement: str) -> Change:
    """Something else in the offer."""
    return on(INVITE, body(pattern, replacement))


def answered(pattern: str, replacement: str) -> Change:
    """Something else in the answer."""
    return on(ANSWER, body(pattern, replacement))


def two_lines(near: str, far: str, *, media: bool = True) -> Callable[[], Scene]:
    """A call with other m-lines."""
    return lambda: described_call(near, far, media=media)
