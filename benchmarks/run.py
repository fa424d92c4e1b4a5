#!/usr/bin/env python3
"""Times `sip-ci analyze`, with the start of its server, against tshark on the same files in the same run.

Usage: python benchmarks/run.py [--runs N] [--only NAME]

The case log-100mb has no counterpart in tshark: it tells how fast the messages of a PBX's log are found.

The case of 10 GB (`--only rtp-10gb`) runs only when it is named; it needs 12 GB of free disk.

Prints the median wall time, the peak memory of all processes together, and the ratio to tshark.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inputs import write_calls, write_log, write_media


@dataclass(frozen=True, slots=True)
class Measurement:
    """One command's cost."""

    seconds: float
    peak_bytes: int


def _descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        process = queue.pop()
        found.append(process)
        queue += children.get(process, [])
    return found


def _memory(root: int) -> int:
    """Proportional set size of a process and its descendants in bytes: shared pages are counted once."""
    total = 0
    for process in _descendants(root):
        try:
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total


def _run(command: list[str], directory: Path, watch: Callable[[int], None] | None = None) -> float:
    """Run a command once and return its wall time in seconds; exit code 1 is a verdict, not a failure."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    watcher = threading.Thread(target=watch, args=(process.pid,)) if watch is not None else None
    if watcher is not None:
        watcher.start()
    error = process.communicate()[1]
    elapsed = time.perf_counter() - started
    if process.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} failed with {process.returncode}: {error.decode(errors='replace')[-2000:]}")
    if watcher is not None:
        watcher.join()
    return elapsed


def _peak(command: list[str], directory: Path) -> int:
    """The highest memory of a command and its children in bytes, sampled in a run of its own: watching costs time."""
    peak = 0

    def watch(root: int) -> None:
        nonlocal peak
        while Path(f"/proc/{root}/smaps_rollup").exists():
            used = _memory(root)
            if not used:
                return
            peak = max(peak, used)
            time.sleep(0.02)

    _run(command, directory, watch)
    return peak


def _measured(command: list[str], directory: Path, runs: int) -> Measurement:
    seconds = statistics.median(_run(command, directory) for _ in range(runs))
    return Measurement(seconds, _peak(command, directory))


def main() -> None:
    """Make the inputs, run both programs, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=("calls-10", "calls-20000", "rtp-1000000", "log-100mb", "rtp-10gb"))
    options = parser.parse_args()
    tshark, sip_ci = shutil.which("tshark"), shutil.which("sip-ci")
    if tshark is None or sip_ci is None:
        sys.exit("needs tshark and sip-ci on the PATH")
    statistics_of = {"sip": ["-q", "-z", "sip,stat"], "rtp": ["-q", "-z", "rtp,streams"]}
    cases = (
        ("calls-10", "sip", lambda path: write_calls(path, 10, 10)),
        ("calls-20000", "sip", lambda path: write_calls(path, 20_000, 200)),
        ("rtp-1000000", "rtp", lambda path: write_media(path, 1000, 1_000_000)),
    )
    print(f"{'input':14} {'MB':>7} {'sip-ci s':>9} {'tshark s':>9} {'ratio':>6} {'sip-ci MB':>10} {'tshark MB':>10}")
    with tempfile.TemporaryDirectory(prefix="sip-ci-benchmark-") as name:
        directory = Path(name)
        for case, kind, write in cases:
            if options.only not in (None, case):
                continue
            path = directory / f"{case}.pcap"
            write(path)
            ours = _measured(
                [sip_ci, "analyze", path.name, "--fail-on", "never", "--output", "json=report.json"],
                directory,
                options.runs,
            )
            theirs = _measured([tshark, "-n", "-r", path.name, *statistics_of[kind]], directory, options.runs)
            print(
                f"{case:14} {path.stat().st_size / 1e6:7.1f} {ours.seconds:9.2f} {theirs.seconds:9.2f}"
                f" {ours.seconds / theirs.seconds:6.2f} {ours.peak_bytes / 1e6:10.0f} {theirs.peak_bytes / 1e6:10.0f}",
                flush=True,
            )
            if case == "calls-20000":
                _sip_doctor(path, ours.seconds)
            path.unlink()
        if options.only in (None, "log-100mb"):
            _log_case(sip_ci, directory, options.runs)
        if options.only == "rtp-10gb":
            _large_case(sip_ci, directory)


def _sip_doctor(path: Path, ours: float) -> None:
    """The same capture by sip-doctor, once, where that is installed."""
    program = shutil.which("sip-doctor")
    if program is None:
        print("(sip-doctor is not on the PATH: pip install sip-doctor, in a folder of its own)")
        return
    seconds = _run([program, "read", path.name, "--json"], path.parent)
    print(f"sip-doctor read --json: {seconds:.1f} s, {seconds / ours:.1f} times as long as sip-ci", flush=True)


def _large_case(sip_ci: str, directory: Path) -> None:
    """The whole command on RTP of 2.5 and of 10 GB, once each; memory is watched in the same run."""
    for packets in (11_000_000, 45_000_000):
        path = directory / "large.pcap"
        write_media(path, 2000, packets)
        size = path.stat().st_size
        started = time.perf_counter()
        peak = _peak([sip_ci, "analyze", path.name, "--fail-on", "never", "--output", "json=report.json"], directory)
        elapsed = time.perf_counter() - started
        print(f"rtp-{packets:<10} {size / 1e6:7.1f} {elapsed:9.2f} {'':16} {peak / 1e6:10.0f}", flush=True)
        path.unlink()


def _log_case(sip_ci: str, directory: Path, runs: int) -> None:
    """The whole command on a log of 100 MB, and the search for messages alone, in a process of its own."""
    path = directory / "pbx.log"
    write_log(path, 100_000_000)
    ours = _measured(
        [sip_ci, "analyze", path.name, "--fail-on", "never", "--output", "json=report.json"], directory, runs
    )
    print(
        f"{'log-100mb':14} {path.stat().st_size / 1e6:7.1f} {ours.seconds:9.2f} {'':16} {ours.peak_bytes / 1e6:10.0f}"
    )
    search = [sys.executable, str(Path(__file__).with_name("log_search.py")), str(path), "--runs", str(runs)]
    subprocess.run(search, check=True)
    path.unlink()


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    main()
