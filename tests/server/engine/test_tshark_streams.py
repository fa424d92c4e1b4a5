"""Streams of strangers' captures: packets, losses and jitter are those of tshark, or the reason is here."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.corpus import CORPUS, needs_corpus

from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.model import build_model

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.tshark,
    needs_corpus,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="not installed: tshark"),
]

LARGEST = 3_000_000
"""Bytes of the captures that are compared."""
JITTER = 0.2
"""Milliseconds by which the highest jitter may differ: tshark takes the payload type's own static clock."""

DIFFERENCES = {
    "heplify__FAX-Call-t38-CA-TDM-SIP-FB-1.pcap": "tshark takes RTP for T.38 behind a re-INVITE that was refused, and "
    "counts a pause in which the sender stopped its clock as jitter of seconds",
    "ndpi__FAX-Call-t38-CA-TDM-SIP-FB-1.pcap": "the same fax call, cut",
    "ndpi__fuzz-2006-06-26-2594.pcap": "damaged packets: tshark and we take different clocks for three packets",
    "open5gs__ipsec_to_ipsec_call.pcapng": "every packet is captured three times; we fold copies, tshark counts a "
    "negative loss",
    "open5gs__ipsec_to_nonipsec_call.pcapng": "every packet is captured three times, as above",
}

Key = tuple[str, int, str, int, int]


@dataclass(frozen=True)
class Measured:
    """What tshark says of a stream."""

    packets: int
    lost: int
    max_jitter: float


def measured_by_tshark(path: Path) -> dict[Key, Measured]:
    """The streams that tshark finds; those that it splits by a change of SSRC or SDP are left out."""
    command = ["tshark", "-n", "-r", str(path), "-q", "-z", "rtp,streams"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    found: dict[Key, list[Measured]] = {}
    for line in output.splitlines():
        fields = line.split()
        counts = re.search(r"(\d+)\s+(-?\d+) \(-?[\d.]+%\)(.*)", line)
        if counts is None or not re.fullmatch(r"\d+\.\d+", fields[0]):
            continue
        ssrc = next(field for field in fields if field.startswith("0x"))
        key = (fields[2], int(fields[3]), fields[4], int(fields[5]), int(ssrc, 16))
        times = [float(number) for number in re.findall(r"\d+\.\d+", counts[3])]
        found.setdefault(key, []).append(Measured(int(counts[1]), int(counts[2]), times[-1]))
    return {key: rows[0] for key, rows in found.items() if len(rows) == 1}


def captures() -> list[Path]:
    return [
        path
        for path in sorted(CORPUS.glob("captures/*"))
        if path.suffix in (".pcap", ".pcapng") and path.stat().st_size <= LARGEST and path.name not in DIFFERENCES
    ]


def test_streams_that_belong_to_calls_are_measured_alike() -> None:
    compared = 0
    wrong = []
    for path in captures():
        model = build_model(read_trace(path, path.name))
        ours = {(*item.source, *item.destination, item.ssrc): item for item in model.streams if model.owners_of(item)}
        if not ours:
            continue
        for key, theirs in measured_by_tshark(path).items():
            stream = ours.get(key)
            if stream is None:
                continue
            compared += 1
            jitter = stream.max_jitter_ms or 0.0
            same = (stream.packets, stream.loss.lost) == (theirs.packets, theirs.lost)
            if not same or abs(jitter - theirs.max_jitter) > JITTER:
                wrong.append((path.name, key, theirs, stream.packets, stream.loss.lost, jitter))
    assert wrong == []
    assert compared >= 20


@pytest.mark.parametrize("name", sorted(DIFFERENCES))
def test_the_differences_are_still_there(name: str) -> None:
    # One that is gone is to be taken out of the table.
    path = CORPUS / "captures" / name
    ours = {(*item.source, *item.destination, item.ssrc): item for item in build_model(read_trace(path, name)).streams}
    pairs = [(ours[key], theirs) for key, theirs in measured_by_tshark(path).items() if key in ours]
    assert any(
        (item.packets, item.loss.lost) != (theirs.packets, theirs.lost)
        or abs((item.max_jitter_ms or 0.0) - theirs.max_jitter) > JITTER
        for item, theirs in pairs
    )
