from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from tests.support.packets import ALICE, BOB, ethernet, pcap, pcapng, sip_request, udp_packet

from sip_ci.trace.limits import Limits
from sip_ci.trace.observation import Clock
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind, Trace, TraceOrigin

FRAME = ethernet(udp_packet(ALICE, BOB, sip_request()))


def kinds(trace: Trace) -> list[NoticeKind]:
    return [notice.kind for notice in trace.notices]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_every_pcap_magic_is_a_capture(order: str, nanoseconds: bool) -> None:
    trace = read_trace(pcap([FRAME], order=order, nanoseconds=nanoseconds), "x.pcap")
    assert (trace.format, trace.origin, trace.clock) == ("pcap", TraceOrigin.CAPTURE, Clock.ABSOLUTE)
    assert [message.method for message in trace.messages] == ["OPTIONS"]
    assert trace.messages[0].observation.time == pytest.approx(1_700_000_000.0)
    assert trace.notices == ()


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_is_a_capture(order: str) -> None:
    trace = read_trace(pcapng([FRAME, FRAME], order=order), "x.pcapng")
    assert trace.format == "pcapng"
    assert len(trace.messages) == 2
    assert trace.messages[1].observation.time == pytest.approx(1_700_000_000.02)


@pytest.mark.parametrize("content", [pcap([FRAME]), pcapng([FRAME])])
def test_gzip_of_a_capture(content: bytes) -> None:
    trace = read_trace(gzip.compress(content), "x.gz")
    assert len(trace.messages) == 1
    assert trace.notices == ()


@pytest.mark.parametrize(("content", "header"), [(pcap([FRAME]), 24), (pcapng([FRAME]), 28)], ids=["pcap", "pcapng"])
def test_a_stump_of_a_file_header_is_of_unknown_form(content: bytes, header: int) -> None:
    for size in range(4, header):
        trace = read_trace(content[:size], "x")
        assert trace.format == "unknown"
        assert kinds(trace) == [NoticeKind.UNREADABLE_MEMBER]
    assert read_trace(content[:header], "x").format in {"pcap", "pcapng"}


def test_gzip_of_several_members_and_padding() -> None:
    content = pcap([FRAME, FRAME])
    packed = gzip.compress(content[:50]) + gzip.compress(content[50:]) + bytes(100)
    trace = read_trace(packed, "x.gz")
    assert len(trace.messages) == 2
    assert trace.notices == ()


def test_truncated_gzip_keeps_what_came_before() -> None:
    # Enough packets that the compressor has put out most of them before the cut.
    content = pcap([ethernet(udp_packet(ALICE, BOB, sip_request(call_id=f"{n}@x"))) for n in range(2000)])
    packed = gzip.compress(content)
    trace = read_trace(packed[: len(packed) // 2], "x.gz")
    assert 100 < len(trace.messages) < 2000
    assert NoticeKind.TRUNCATED_FILE in kinds(trace)


def test_gzip_of_a_text_reaches_the_log_readers() -> None:
    plain = read_trace(sip_request(), "x.sip")
    packed = read_trace(gzip.compress(sip_request()), "x.sip.gz")
    assert [message.raw for message in packed.messages] == [message.raw for message in plain.messages]
    assert len(packed.messages) == 1


def test_path_stream_and_bytes_are_equal(tmp_path: Path) -> None:
    content = pcap([FRAME])
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    for source in (path, content, io.BytesIO(content)):
        assert [message.raw for message in read_trace(source, "x").messages] == [sip_request()]


def test_missing_file_is_the_callers_business(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_trace(tmp_path / "missing.pcap", "missing.pcap")


def test_empty_input() -> None:
    trace = read_trace(b"", "x")
    assert (trace.format, trace.messages) == ("empty", ())
    assert len(trace.notices) == 1


@pytest.mark.parametrize("head", [b"GMBU", b"PK\x03\x04", b"PK\x05\x06", b"Rar!\x1a\x07", b"\x04\x22\x4d\x18"])
def test_foreign_binaries_are_named_not_guessed_at(head: bytes) -> None:
    trace = read_trace(head + bytes(range(256)), "x")
    assert (trace.format, trace.messages) == ("unknown", ())
    assert kinds(trace) == [NoticeKind.UNREADABLE_MEMBER]


def test_noise_is_no_message() -> None:
    trace = read_trace(bytes(range(256)) * 40, "noise")
    assert trace.messages == ()
    assert trace.notices


def test_decompression_bomb_is_cut_and_said() -> None:
    bomb = gzip.compress(pcap([FRAME]) + bytes(64 << 20))
    trace = read_trace(bomb, "bomb.gz", Limits(decompression_grace=1 << 20))
    assert NoticeKind.LIMIT in kinds(trace)
    assert len(trace.messages) == 1


def test_decompressed_bytes_are_capped() -> None:
    packed = gzip.compress(pcap([FRAME] * 500))
    trace = read_trace(packed, "x.gz", Limits(decompressed_bytes=100_000, decompression_ratio=10**6))
    assert NoticeKind.LIMIT in kinds(trace)


def test_input_is_capped() -> None:
    trace = read_trace(pcap([FRAME] * 500), "x", Limits(input_bytes=100_000))
    assert NoticeKind.LIMIT in kinds(trace)
    assert 0 < len(trace.messages) < 500


def test_text_is_capped() -> None:
    trace = read_trace(sip_request() * 100, "x.sip", Limits(text_bytes=2000))
    assert NoticeKind.LIMIT in kinds(trace)
    assert 0 < len(trace.messages) < 100
