from __future__ import annotations

import pytest
from tests.support.packets import sip_request

from sip_ci.trace.capture.framing import Mark, StreamFramer, StreamKind
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Transport
from sip_ci.trace.trace import NoticeKind

ONE = sip_request("INVITE", "1@x", body=b"v=0\r\n")
TWO = sip_request("BYE", "2@x")


class Recorder:
    """A framer and what it emitted."""

    def __init__(self, limits: Limits | None = None, *, patient: bool = False) -> None:
        self.messages: list[bytes] = []
        self.frames: list[int] = []
        self.cut: list[bool] = []
        self.notices = NoticeLog()
        self.framer = StreamFramer(self._emit, limits or Limits(), self.notices, patient=patient)
        self._frame = 0

    def _emit(self, raw: bytes, mark: Mark, transport: Transport, cut: bool) -> None:
        assert transport is Transport.TCP
        self.messages.append(raw)
        self.frames.append(mark.frame)
        self.cut.append(cut)

    def feed(self, *pieces: bytes) -> Recorder:
        for piece in pieces:
            self._frame += 1
            self.framer.feed(piece, Mark(0, self._frame, None))
        return self


def test_split_at_every_byte() -> None:
    stream = ONE + TWO
    for place in range(len(stream) + 1):
        recorder = Recorder().feed(stream[:place], stream[place:])
        assert recorder.messages == [ONE, TWO], place


def test_the_completing_packet_dates_the_message() -> None:
    recorder = Recorder().feed(ONE[:50], ONE[50:] + TWO[:10], TWO[10:])
    assert recorder.frames == [2, 3]


@pytest.mark.parametrize("between", [b"\r\n", b"\r\n\r\n", b"\r\n" * 500])
def test_keep_alives_between_messages(between: bytes) -> None:
    assert Recorder().feed(between + ONE + between, between, TWO + between).messages == [ONE, TWO]


@pytest.mark.parametrize("name", [b"Content-Length", b"content-length ", b"l", b"L"])
def test_spellings_of_content_length(name: bytes) -> None:
    message = ONE.replace(b"Content-Length", name)
    assert Recorder().feed(message + TWO).messages == [message, TWO]


def test_no_content_length_and_no_body() -> None:
    message = sip_request(content_length=-1)
    assert Recorder().feed(message + TWO).messages == [message, TWO]


def test_a_body_without_content_length_ends_at_the_next_message() -> None:
    message = sip_request(body=b"v=0\r\ns=-\r\n", content_length=-1)
    assert Recorder().feed(message + TWO).messages == [message, TWO]


def test_a_body_that_holds_a_start_line_belongs_to_its_message() -> None:
    notify = sip_request("NOTIFY", body=b"SIP/2.0 200 OK\r\n")
    assert Recorder().feed(notify + TWO).messages == [notify, TWO]


@pytest.mark.parametrize("noise", [b"v=0\r\ns=-\r\n", b"\x00\xff\x80" * 50 + b"\n", b"half a header: x\r\n\r\n"])
def test_noise_in_front_is_skipped(noise: bytes) -> None:
    assert Recorder(patient=True).feed(noise + ONE, TWO).messages == [ONE, TWO]
    assert Recorder(patient=True).feed(noise, ONE + TWO).messages == [ONE, TWO]


@pytest.mark.parametrize("size", [1, 7, 5000])
@pytest.mark.parametrize("length", [3, 0])
def test_content_length_too_small_resynchronises_and_is_told(length: int, size: int) -> None:
    stream = sip_request(body=b"v=0\r\ns=-\r\n", content_length=length) + TWO + TWO
    recorder = Recorder().feed(*(stream[place : place + size] for place in range(0, len(stream), size)))
    assert recorder.messages[1:] == [TWO, TWO]
    (notice,) = recorder.notices.notices()
    assert (notice.kind, notice.count) == (NoticeKind.SKIPPED_BYTES, 1)


def test_content_length_too_large_takes_what_follows_and_goes_on() -> None:
    recorder = Recorder().feed(sip_request(body=b"v=0\r\n", content_length=5 + 40) + TWO + ONE)
    assert recorder.messages[-1] == ONE
    assert recorder.notices.notices()[0].kind is NoticeKind.SKIPPED_BYTES


@pytest.mark.parametrize("size", [1, 3, 100])
def test_nothing_is_told_of_streams_that_are_well(size: int) -> None:
    stream = b"\r\n\r\n" + ONE + b"\r\n\r\n" + TWO + b"\r\n" + ONE
    recorder = Recorder().feed(*(stream[place : place + size] for place in range(0, len(stream), size)))
    assert recorder.messages == [ONE, TWO, ONE]
    assert recorder.notices.notices() == ()


def test_a_gap_drops_the_unfinished_start_and_keeps_the_unfinished_body() -> None:
    recorder = Recorder().feed(ONE[:40])
    recorder.framer.gap()
    recorder.feed(TWO)
    assert recorder.messages == [TWO]
    recorder.feed(ONE[:-2])
    recorder.framer.gap()
    assert recorder.messages == [TWO, ONE[:-2]]
    assert recorder.cut == [False, True]


def test_a_stream_of_something_else_is_given_up() -> None:
    recorder = Recorder().feed(*[b"some other protocol\r\n" * 50] * 100)
    assert recorder.framer.kind is StreamKind.OTHER
    assert recorder.framer.held == 0


def test_a_patient_framer_does_not_give_up() -> None:
    recorder = Recorder(patient=True).feed(*[b"some other protocol\r\n" * 50] * 100, ONE)
    assert recorder.messages == [ONE]


@pytest.mark.parametrize("filling", [b"A", b"\x00", b" ", b"A\n", b"SIP/", b"SIP/2.0 200 OK\r\n"])
def test_what_is_held_is_bounded(filling: bytes) -> None:
    limits = Limits(message_bytes=100_000)
    recorder = Recorder(limits, patient=True)
    for _ in range(300):
        recorder.feed(filling * (2000 // len(filling)))
        assert recorder.framer.held < 200_000


def test_a_message_that_claims_too_much_is_skipped_and_told() -> None:
    recorder = Recorder(Limits(message_bytes=10_000)).feed(sip_request(content_length=99_999_999) + TWO)
    assert recorder.messages == [TWO]
    assert [notice.kind for notice in recorder.notices.notices()] == [NoticeKind.LIMIT]


def test_an_http_head_without_end_is_given_up() -> None:
    recorder = Recorder(patient=True).feed(*[b"GET /"], *[b"x"] * 100_000)
    assert recorder.framer.kind is StreamKind.OTHER
    assert recorder.framer.held == 0
