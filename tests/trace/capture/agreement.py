"""What tshark finds in a capture, beside what we find."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from sip_ci.trace.reading import read_trace


def agrees_with_tshark(capture: bytes, *, messages: int, options: tuple[str, ...] = ()) -> None:
    """Assert that tshark and we find so many SIP messages, with the same Call-IDs and in the same frames."""
    if shutil.which("tshark") is None:
        pytest.skip("not installed: tshark")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.pcap"
        path.write_bytes(capture)
        fields = ["frame.number", "sip.Call-ID"]
        command = ["tshark", "-n", "-r", str(path), "-Y", "sip", "-T", "fields", "-E", "aggregator=|", *options]
        command += [part for name in fields for part in ("-e", name)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    theirs = []
    for line in run.stdout.splitlines():
        number, call_ids = line.split("\t")
        theirs += [(int(number), call_id) for call_id in call_ids.split("|")]
    trace = read_trace(capture, "x")
    mine = sorted((message.observation.position.frame or 0, message.call_id) for message in trace.messages)
    assert len(mine) == messages
    assert mine == sorted(theirs)
