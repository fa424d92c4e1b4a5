"""Inputs to begin with: what the tests make, the examples, and small files of the corpus where there is one."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from tests.support import device_logs, sip_logs, tool_logs
from tests.support.corpus import CORPUS
from tests.support.packets import pcap, pcapng
from tests.trace.capture.test_hostile import FRAMES, MIXED
from tests.trace.capture.test_mutations import SEEDS as DAMAGEABLE
from tests.trace.capture.test_snoop import snoop

_ROOT = Path(__file__).parents[1]
_EXAMPLES = _ROOT / "examples" / "traces"
_SAMPLES = _ROOT / "tests" / "data" / "logs"
_CAPTURES = (".pcap", ".pcapng", ".cap")
_LARGEST = 6000
_MOST = 60
"""Files of one folder."""


def _files(folder: Path, suffixes: Sequence[str] = (), largest: int = _LARGEST) -> Iterator[bytes]:
    """Small files in a folder, the smallest first; none where it is missing."""
    found = [path for path in folder.glob("**/*") if path.is_file() and path.stat().st_size <= largest]
    found = [path for path in found if not suffixes or path.suffix in suffixes]
    for path in sorted(found, key=lambda path: (path.stat().st_size, path.name))[:_MOST]:
        yield path.read_bytes()


@cache
def captures() -> list[bytes]:
    """Captures of every container, uncompressed."""
    own = [pcap(FRAMES), pcapng(FRAMES), MIXED, pcap(FRAMES, order=">", nanoseconds=True), snoop(FRAMES[:4], padding=4)]
    own += [pcap([frame], link=link) for link, frame in DAMAGEABLE]
    return [*own, *_files(_EXAMPLES, _CAPTURES, 3000), *_files(CORPUS / "captures", _CAPTURES)]


@cache
def compressed() -> list[bytes]:
    """Captures and logs in every compression, one of them twice."""
    capture = pcap(FRAMES[:4])
    packers = (gzip.compress, bz2.compress, lzma.compress, _zstd)
    return [pack(capture) for pack in packers] + [gzip.compress(_zstd(capture)), gzip.compress(messages()[0]) * 2]


@cache
def archives() -> list[bytes]:
    """ZIP and tar with captures, logs, odd names, links, and archives inside."""
    members = {
        "a/call.pcap": pcap(FRAMES[:2]),
        "full": logs()[0],
        "../evil.pcap": b"x",
        "/etc/evil.log": b"",
        "x.gz": compressed()[0],
    }
    plain, packed = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tape:
        for name, content in {**members, "inner.zip": plain.getvalue()}.items():
            info = tarfile.TarInfo(name + "ü" * (len(name) > 10) * 60)
            info.size = len(content)
            tape.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link.pcap")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tape.addfile(link)
    return [plain.getvalue(), packed.getvalue(), gzip.compress(packed.getvalue()), lzma.compress(packed.getvalue())]


@cache
def logs() -> list[bytes]:
    """A call in every layout that the tests can write, in all of its forms."""
    call = sip_logs.incoming_call()
    made: list[bytes] = [sip_logs.raw(call)]
    for module in (sip_logs, device_logs, tool_logs):
        for name, build in vars(module).items():
            if name.startswith("_") or getattr(build, "__module__", "") != module.__name__ or name in _NO_LAYOUTS:
                continue
            made += [build(call, *form) for form in _FORMS.get(name, ((),))]
    made.append(device_logs.linphone_stream(call, lambda size: size // 2 + 1))
    return [*made, *_files(_SAMPLES, (".log", ".txt", ".data", ".json")), *_files(_EXAMPLES, (".log",), 3000),
            *_files(CORPUS / "text"), *_files(CORPUS / "field-bugs", (".log", ".txt", ".sip"))]  # fmt: skip


_NO_LAYOUTS = {"Logged", "build", "incoming_call", "time_of_day", "without_cr", "raw", "linphone_stream"}
_FORMS: dict[str, tuple[tuple[object, ...], ...]] = {
    "freeswitch": (("indented",), ("ruled",), ("bare",)),
    "sipp": ((3,), (4,)),
    "jssip": (("node",), ("terminal",), ("browser",), ("styled",), ("old",)),
    "cisco": (("debug",), ("old",), ("trace",)),
    "sipgo": (("text",), ("json",), ("default",)),
}
"""The second argument of those that have several forms."""


@cache
def messages() -> list[bytes]:
    """SIP messages: those of the call, and the torture tests of RFC 4475 where they are there."""
    own = [entry.raw for entry in sip_logs.incoming_call()]
    return [*own, *_files(CORPUS / "torture"), *_files(CORPUS / "messages")]


def _zstd(data: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.compress(data)
