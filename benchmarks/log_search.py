#!/usr/bin/env python3
"""Times the search for SIP messages in a log: what it costs to clean its text and to cut out the messages.

Usage: python benchmarks/log_search.py FILE [--runs N]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from sip_ci.trace.logs.cleaning import clean
from sip_ci.trace.logs.discovery import discover
from sip_ci.trace.logs.registry import LAYOUTS, read_log


def _median(runs: int, work: Callable[[], object]) -> float:
    """The median wall time of some work in seconds."""
    times: list[float] = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Print megabytes per second of the search, of the whole reading, and of looking at each byte once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    data = options.file.read_bytes()

    def search() -> None:
        for text in clean(data):
            discover(text.text, LAYOUTS, altered=text.altered)

    for what, work in (
        ("search for messages", search),
        ("whole trace", lambda: read_log(data, options.file.name)),
        ("counting lines", lambda: data.count(b"\n")),
    ):
        seconds = _median(options.runs, work)
        print(f"{what:20} {seconds:6.3f} s {len(data) / 1e6 / seconds:8.0f} MB/s", flush=True)


if __name__ == "__main__":
    main()
