"""Inputs that grow while they are read, as those of a recorder that is still running."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.support.packets import ALICE, BOB, ethernet, pcap, pcapng, sip_request, udp_packet

from sip_ci.trace.limits import Limits
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind

FRAMES = [ethernet(udp_packet(ALICE, BOB, sip_request(), ip_id=number)) for number in range(40)]


class Growing(io.BufferedReader):
    """A file to which more is written before each of its first reads."""

    def __init__(self, path: Path, pieces: list[bytes]) -> None:
        super().__init__(io.FileIO(path))
        self._path = path
        self._pieces = pieces

    def read(self, size: int | None = -1) -> bytes:
        if self._pieces:
            with self._path.open("ab") as file:
                file.write(self._pieces.pop(0))
        return super().read(size)


def growing(path: Path, content: bytes, step: int) -> BinaryIO:
    path.write_bytes(content[: len(content) // 2])
    rest = content[len(content) // 2 :]
    return Growing(path, [rest[place : place + step] for place in range(0, len(rest), step)])


@pytest.mark.parametrize("content", [pcap(FRAMES), pcapng(FRAMES)], ids=["pcap", "pcapng"])
@pytest.mark.parametrize("step", [100, 5000])
def test_whole_records_are_read_up_to_wherever_the_file_ends(tmp_path: Path, content: bytes, step: int) -> None:
    with growing(tmp_path / "x", content, step) as stream:
        trace = read_trace(stream, "x")
    assert len(FRAMES) // 2 - 1 <= len(trace.messages) == trace.facts.packets <= len(FRAMES)
    assert {message.raw for message in trace.messages} == {sip_request()}
    assert {notice.kind for notice in trace.notices} <= {NoticeKind.TRUNCATED_FILE}


def test_a_file_that_never_ends_is_read_up_to_the_limit() -> None:
    class Endless(io.RawIOBase):
        def __init__(self) -> None:
            self.given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            text = (b"nothing of note " * (len(buffer) // 16 + 1))[: len(buffer)]
            buffer[:] = text
            self.given += len(text)
            return len(text)

    stream = Endless()
    trace = read_trace(stream, "x", Limits(input_bytes=3 << 20))  # type: ignore[arg-type]
    assert stream.given <= 4 << 20
    assert NoticeKind.LIMIT in {notice.kind for notice in trace.notices}
