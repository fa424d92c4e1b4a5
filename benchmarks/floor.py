#!/usr/bin/env python3
"""Says how far reading RTP is from its floor: the bytes of the file, and one pass of numpy over its headers.

Usage: python benchmarks/floor.py [--packets N]

Prints the CPU time in seconds of: reading the file in pieces (what `cat` does), that and copying the 40 bytes of
headers and the first 4 of the payload of each packet with numpy, where the places of the packets are given; reading
the trace; the diagnosis.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from inputs import write_media

from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze

T = TypeVar("T")
_PIECE = 2 << 20
_RECORD = 230
"""Bytes of each RTP record of `write_media`, its header included."""


def _read(path: Path) -> int:
    with path.open("rb", buffering=0) as file:
        piece = bytearray(_PIECE)
        total = 0
        while size := file.readinto(piece):
            total += size
    return total


def _headers(path: Path) -> int:
    layout = np.dtype([("record", "V16"), ("ethernet", "V14"), ("headers", "V44"), ("rest", "V156")])
    with path.open("rb", buffering=0) as file:
        piece = bytearray(_PIECE // _RECORD * _RECORD)
        total = 0
        while size := file.readinto(piece):
            rows = np.frombuffer(piece, layout, size // _RECORD)
            total += len(np.ascontiguousarray(rows["headers"]))
    return total


def _timed(what: str, function: Callable[[], T]) -> T:
    started = time.process_time()
    result = function()
    print(f"{what:24} {time.process_time() - started:8.2f} s", flush=True)
    return result


def main() -> None:
    """Make the input and time the four steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=4_000_000)
    options = parser.parse_args()
    gc.disable()
    with tempfile.TemporaryDirectory(prefix="sip-ci-benchmark-") as name:
        path = Path(name) / "rtp.pcap"
        write_media(path, 1000, options.packets)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {options.packets} packets of RTP")
        _timed("reading the bytes", lambda: _read(path))
        _timed("and copying headers", lambda: _headers(path))
        trace = _timed("reading the trace", lambda: read_trace(path, path.name))
        _timed("diagnosis", lambda: analyze(trace))


if __name__ == "__main__":
    main()
