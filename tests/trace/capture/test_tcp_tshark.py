"""TCP streams cut, repeated, overlapped and shuffled: tshark puts the same messages together."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.packets import ACK, ALICE, BOB, SYN, ethernet, pcap, sip_request, tcp_packet

from sip_ci.trace.reading import read_trace

pytestmark = [
    pytest.mark.tshark,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="not installed: tshark"),
]


def disturbed(stream: bytes, generator: random.Random, start: int) -> list[bytes]:
    """A handshake and the stream in pieces of all sizes, some twice, some overlapping, neighbours exchanged."""
    pieces: list[tuple[int, bytes]] = []
    place = 0
    while place < len(stream):
        size = generator.choice([1, 40, 200, 536, 1400])
        begin = max(0, place - generator.choice([0, 0, 0, 30]))
        pieces.append((begin, stream[begin : place + size]))
        place += size
        if generator.random() < 0.2:
            pieces.append(pieces[generator.randrange(len(pieces))])
    for index in range(2, len(pieces) - 1):
        if generator.random() < 0.2:
            pieces[index], pieces[index - 1] = pieces[index - 1], pieces[index]
    opening = [
        ethernet(tcp_packet(ALICE, BOB, start - 1, flags=SYN)),
        ethernet(tcp_packet(BOB, ALICE, 1, flags=SYN | ACK)),
    ]
    return opening + [ethernet(tcp_packet(ALICE, BOB, start + begin, data)) for begin, data in pieces]


@pytest.mark.parametrize("seed", range(6))
def test_the_same_messages(seed: int, tmp_path: Path) -> None:
    generator = random.Random(seed)
    # Without keep-alives between the messages: tshark 4.0 finds none behind those in such streams.
    calls = [f"{seed}-{number}@x" for number in range(15)]
    stream = b"".join(sip_request(call_id=call, body=b"x" * generator.randrange(0, 3000)) for call in calls)
    capture = tmp_path / "tcp.pcap"
    capture.write_bytes(pcap(disturbed(stream, generator, generator.choice([1000, 0xFFFFFF00]))))
    ours = read_trace(capture, "x")
    assert [message.call_id for message in ours.messages] == calls
    assert ours.notices == ()
    command = ["tshark", "-n", "-r", str(capture), "-o", "tcp.reassemble_out_of_order:TRUE", "-Y", "sip"]
    command += ["-T", "fields", "-E", "aggregator= ", "-e", "sip.Call-ID"]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    assert theirs == calls
