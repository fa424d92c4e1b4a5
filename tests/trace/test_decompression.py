from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
from tests.support.packets import ALICE, BOB, ethernet, pcap, sip_request, udp_packet

from sip_ci.trace.input_stream import InputStream
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def zstd_compress(data: bytes) -> bytes:
    """With a checksum, as the command `zstd` writes it."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstd_compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}
NOISE = random.Random(5)
CONTENT = b"".join(NOISE.randbytes(90) + bytes(400) for _ in range(4000))

every_compression = pytest.mark.parametrize("compress", COMPRESSORS.values(), ids=COMPRESSORS)


def unfold(data: bytes, limits: Limits | None = None) -> tuple[bytes, list[NoticeKind]]:
    notices = NoticeLog()
    stream = InputStream(io.BytesIO(data), limits or Limits(), notices)
    unfolded = stream.read_all(1 << 30)
    assert stream.read(10) == b""
    return unfolded, [notice.kind for notice in notices.notices()]


@every_compression
def test_what_was_compressed_comes_out(compress: Callable[[bytes], bytes]) -> None:
    assert unfold(compress(CONTENT)) == (CONTENT, [])
    assert unfold(compress(b"")) == (b"", [])


@every_compression
@pytest.mark.parametrize("padding", [0, 4, 100_000])
def test_several_members_and_padding(compress: Callable[[bytes], bytes], padding: int) -> None:
    data = compress(CONTENT[:70_000]) + compress(b"") + compress(CONTENT[70_000:]) + bytes(padding)
    assert unfold(data) == (CONTENT, [])


@every_compression
def test_a_truncated_file_keeps_everything_before(compress: Callable[[bytes], bytes]) -> None:
    packed = compress(CONTENT[:1_000_000]) + compress(CONTENT[1_000_000:])
    unfolded, notices = unfold(packed[:-200])
    assert len(unfolded) >= 1_000_000
    assert CONTENT.startswith(unfolded)
    assert notices == [NoticeKind.TRUNCATED_FILE]


@every_compression
def test_damage_in_the_middle_keeps_everything_before(compress: Callable[[bytes], bytes]) -> None:
    first, second = compress(CONTENT[:1_000_000]), compress(CONTENT[1_000_000:])
    middle = len(second) // 2
    damaged = first + second[:middle] + bytes(value ^ 0xFF for value in second[middle : middle + 300])
    unfolded, notices = unfold(damaged + second[middle + 300 :])
    assert unfolded[:1_000_000] == CONTENT[:1_000_000]
    assert notices == [NoticeKind.TRUNCATED_FILE]


@every_compression
def test_what_follows_and_is_something_else_is_said(compress: Callable[[bytes], bytes]) -> None:
    unfolded, notices = unfold(compress(CONTENT) + b"appended by a script\n")
    assert unfolded == CONTENT
    assert len(notices) == 1


@every_compression
def test_a_bomb_is_cut_by_its_ratio(compress: Callable[[bytes], bytes]) -> None:
    # bzip2 takes what it is given before anything comes out, so that its bomb must be larger to be one.
    unfolded, notices = unfold(compress(bytes(64 << 20)) * 8)
    assert len(unfolded) < 64 << 20
    assert notices == [NoticeKind.LIMIT]


@every_compression
def test_the_unfolded_size_is_capped(compress: Callable[[bytes], bytes]) -> None:
    unfolded, notices = unfold(compress(CONTENT), Limits(decompressed_bytes=500_000))
    assert 500_000 <= len(unfolded) <= 1_600_000
    assert notices == [NoticeKind.LIMIT]


@every_compression
def test_layers_are_bounded(compress: Callable[[bytes], bytes]) -> None:
    assert unfold(gzip.compress(compress(CONTENT))) == (CONTENT, [])
    assert unfold(gzip.compress(gzip.compress(compress(CONTENT)))) == (b"", [NoticeKind.LIMIT])


def test_a_bomb_in_a_bomb_is_one_bomb() -> None:
    # Each layer alone stays below the ratio.
    inner = b"".join(gzip.compress(NOISE.randbytes(90) * 100) for _ in range(100))
    outer = gzip.compress(inner * 600)
    unfolded, notices = unfold(outer, Limits(decompression_ratio=100))
    assert NoticeKind.LIMIT in notices
    assert len(unfolded) < 600 * 100 * 9000


@pytest.mark.parametrize("text", [b"BZh91AY is how this log begins\n", b"BZh", b"\x1f", b"\x28\xb5\x2f"])
def test_what_only_begins_like_compression_is_left_alone(text: bytes) -> None:
    assert unfold(text) == (text, [])


def test_many_tiny_members() -> None:
    assert unfold(gzip.compress(b"x") * 5000) == (b"x" * 5000, [])


def test_a_skippable_frame_in_front() -> None:
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    assert unfold(skippable + zstd.compress(CONTENT)) == (CONTENT, [])


@pytest.mark.parametrize("tool", ["gzip", "zstd", "xz", "bzip2"])
def test_what_the_tools_write(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    packed = subprocess.run([tool, "-c"], input=CONTENT, capture_output=True, check=True).stdout
    assert unfold(packed) == (CONTENT, [])


@every_compression
def test_a_capture_and_a_log(compress: Callable[[bytes], bytes]) -> None:
    frame = ethernet(udp_packet(ALICE, BOB, sip_request()))
    for plain in (pcap([frame]), sip_request()):
        trace = read_trace(compress(plain), "x")
        assert [message.raw for message in trace.messages] == [sip_request()]
        assert not [notice for notice in trace.notices if notice.kind is NoticeKind.UNREADABLE_MEMBER]
