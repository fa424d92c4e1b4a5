from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.support.packets import ALICE, BOB, ethernet, pcap, sip_request, udp_packet

from sip_ci.trace.capture import reader
from sip_ci.trace.magics import CAPTURE_MAGICS
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind

FRAME = ethernet(udp_packet(ALICE, BOB, sip_request()))


def snoop(packets: Iterable[bytes], datalink: int = 4, padding: int = 0, drops: int = 0) -> bytes:
    """As RFC 1761 §3 and §4 have it."""
    written = b"snoop\0\0\0" + struct.pack(">II", 2, datalink)
    for number, packet in enumerate(packets):
        fill = -len(packet) % 4 + padding
        header = (len(packet), len(packet), 24 + len(packet) + fill, drops, 1_700_000_000 + number, 250_000)
        written += struct.pack(">6I", *header) + packet + bytes(fill)
    return written


@pytest.mark.parametrize("padding", [0, 12])
def test_packets_times_and_drops(padding: int) -> None:
    trace = read_trace(snoop([FRAME, FRAME + b"x"], padding=padding, drops=3), "x.snoop")
    assert (trace.format, trace.notices, trace.facts.dropped_packets) == ("snoop", (), 3)
    assert [message.raw for message in trace.messages] == [sip_request()] * 2
    assert [message.observation.time for message in trace.messages] == pytest.approx(
        [1_700_000_000.25, 1_700_000_001.25], abs=1e-6
    )


def test_a_truncated_capture_keeps_what_came_before() -> None:
    trace = read_trace(snoop([FRAME, FRAME])[:-5], "x")
    assert len(trace.messages) == 1
    assert [notice.kind for notice in trace.notices] == [NoticeKind.TRUNCATED_FILE]


@pytest.mark.parametrize(
    ("place", "value"),
    [(4, 0x7FFFFFFF), (4, 0xFFFFFFFF), (8, 0), (8, 1), (8, 23), (8, 0x7FFFFFFF), (8, 0xFFFFFFFF)],
)
def test_records_that_lie_end_the_reading(place: int, value: int) -> None:
    data = bytearray(snoop([FRAME, FRAME]))
    start = 16 + struct.unpack_from(">I", data, 16 + 8)[0]
    struct.pack_into(">I", data, start + place, value)
    trace = read_trace(bytes(data), "x")
    assert len(trace.messages) == 1
    assert [notice.kind for notice in trace.notices] == [NoticeKind.MALFORMED_BLOCK]


def test_an_unknown_datalink_is_said() -> None:
    assert [notice.kind for notice in read_trace(snoop([FRAME], datalink=9), "x").notices] == [
        NoticeKind.UNKNOWN_LINK_TYPE
    ]


@pytest.mark.parametrize("data", [b"snoop\0\0\0", snoop([])[:15]])
def test_a_stump_is_of_unknown_form(data: bytes) -> None:
    assert read_trace(data, "x").format == "unknown"


def test_a_text_that_begins_alike_is_a_text() -> None:
    trace = read_trace(b"snoopy was here\r\n" + sip_request(), "x")
    assert len(trace.messages) == 1


def test_what_editcap_writes(tmp_path: Path) -> None:
    if shutil.which("editcap") is None:
        pytest.skip("editcap is not installed")
    (tmp_path / "a.pcap").write_bytes(pcap([FRAME] * 3))
    subprocess.run(["editcap", "-F", "snoop", tmp_path / "a.pcap", tmp_path / "a.snoop"], check=True)
    trace, expected = (read_trace(tmp_path / name, name) for name in ("a.snoop", "a.pcap"))
    assert trace.format == "snoop"
    assert [(m.raw, m.observation.time) for m in trace.messages] == [
        (m.raw, m.observation.time) for m in expected.messages
    ]


def test_the_short_list_of_magics_is_complete() -> None:
    assert set(CAPTURE_MAGICS) == reader.MAGICS
