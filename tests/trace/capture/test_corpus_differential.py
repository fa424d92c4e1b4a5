"""Captures of strangers, read by us and by tshark: messages, Call-IDs and RTP packets agree, or the reason is here."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tests.support.corpus import CORPUS, needs_corpus

from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import Trace

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.tshark,
    needs_corpus,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="not installed: tshark"),
]

CAPTURES = sorted(path for path in CORPUS.glob("*/*") if path.suffix in (".pcap", ".pcapng", ".cap"))

DECODE_AS = {"heplify__sip_ipv4_tcp_fragmented.pcap": "tcp.port==6060,sip"}
"""SIP on a port where tshark does not look for it in TCP; we look everywhere."""

UNREAD = {
    "sipnab__rtsp-packets.cap": "a Network Monitor file, which is not read; a notice says so",
}


@dataclass(frozen=True)
class MessageDifference:
    """Frames where one side sees a message and the other does not, and why."""

    reason: str
    only_ours: frozenset[int] = frozenset()
    only_theirs: frozenset[int] = frozenset()


MESSAGE_DIFFERENCES = {
    "ndpi__fuzz-2006-06-26-2594.pcap": MessageDifference(
        "damaged start lines: NUL bytes (108, 346, 348, 441), a status code of two digits (274), a bare CR behind the "
        "version (154); we keep such messages, with defects, so that checks can name what is wrong",
        only_ours=frozenset({108, 154, 274, 346, 348, 441}),
    ),
}

STREAM_DIFFERENCES = {
    ("heplify__FAX-Call-t38-CA-TDM-SIP-FB-1.pcap", 15580, 0x0EAF0EAF): (
        3848, 1838, "tshark takes 2010 packets for T.38 behind a re-INVITE that was refused; they are RTP",
    ),
    ("ndpi__FAX-Call-t38-CA-TDM-SIP-FB-1.pcap", 15580, 0x0EAF0EAF): (
        159, 132, "tshark takes 27 packets for T.38 behind a re-INVITE that was refused; they are RTP",
    ),
    ("ndpi__discord.pcap", 57955, 0x0000ACE3): (
        5, 2, "negative control, no RTP at all: tshark's heuristic begins later in the flow",
    ),
}  # fmt: skip
"""(File, source port, SSRC) → (ours, tshark's, why)."""

NEGATIVE_CONTROLS = {"ndpi__tinc.pcap": "a VPN on port 655, below the ports of media: not RTP, whatever its bytes say"}


@cache
def ours(path: Path) -> Trace:
    return read_trace(path, path.name)


@cache
def theirs(path: Path) -> tuple[list[str], list[str]]:
    """What tshark prints: a line for each frame with SIP, and the table of RTP streams. One run, as each takes long."""
    fields = ["frame.number", "sip.Method", "sip.Status-Code", "sip.Call-ID"]
    command = ["tshark", "-n", "-r", str(path), "-Y", "sip", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"]
    command += [part for name in fields for part in ("-e", name)]
    command += ["--enable-heuristic", "rtp_udp", "-z", "rtp,streams"]
    command += ["-o", "esp.enable_null_encryption_decode_heuristic:TRUE"]
    if path.name in DECODE_AS:
        command += ["-d", DECODE_AS[path.name]]
    run = subprocess.run(command, capture_output=True, text=True, errors="surrogateescape", check=False)
    fields_text, _, streams = run.stdout.partition("==== RTP Streams ====")
    return [line for line in fields_text.splitlines() if line.count("\t") == len(fields) - 1], streams.splitlines()


def their_messages(path: Path) -> tuple[Counter[int], set[str]]:
    """Messages by frame (tshark reports several in one), and all Call-IDs."""
    by_frame: Counter[int] = Counter()
    call_ids: set[str] = set()
    for line in theirs(path)[0]:
        number, methods, statuses, ids = line.split("\t")
        by_frame[int(number)] += sum(bool(value) for value in [*methods.split("|"), *statuses.split("|")])
        call_ids.update(value for value in ids.split("|") if value)
    return by_frame, call_ids


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_messages(path: Path) -> None:
    trace = ours(path)
    if path.name in UNREAD:
        assert trace.messages == ()
        assert trace.notices
        return
    expected, call_ids = their_messages(path)
    mine = Counter(message.observation.position.frame or 0 for message in trace.messages)
    difference = MESSAGE_DIFFERENCES.get(path.name)
    if difference is None:
        assert mine == expected
        assert {message.call_id for message in trace.messages} - {""} == call_ids
    else:
        assert set(mine - expected) == difference.only_ours, difference.reason
        assert set(expected - mine) == difference.only_theirs, difference.reason


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_rtp_streams(path: Path) -> None:
    """Every stream that tshark finds, with or without signalling, has the same number of packets here."""
    if path.name in UNREAD or path.name in NEGATIVE_CONTROLS:
        pytest.skip((UNREAD | NEGATIVE_CONTROLS)[path.name])
    media = ours(path).media
    rows = np.flatnonzero(media.kind == MediaKind.RTP)
    mine = Counter(
        (media.endpoints[source], media.endpoints[destination], ssrc)
        for source, destination, ssrc in zip(
            media.source[rows].tolist(), media.destination[rows].tolist(), media.ssrc[rows].tolist(), strict=True
        )
    )
    for line in theirs(path)[1]:
        words = line.split()
        if len(words) < 10 or not words[6].startswith("0x"):
            continue
        ssrc = int(words[6], 16)
        # The payload's name may hold blanks: the packet count is the first number behind the SSRC.
        packets = next(int(word) for word in words[7:] if word.isdigit())
        found = sum(
            count
            for (source, destination, number), count in mine.items()
            if number == ssrc
            and (source.host, str(source.port)) == (words[2], words[3])
            and (destination.host, str(destination.port)) == (words[4], words[5])
        )
        known = STREAM_DIFFERENCES.get((path.name, int(words[3]), ssrc))
        assert (found, packets) == (known[:2] if known else (packets, packets)), line


BEYOND_THE_INDEX = {
    # SIP in ESP that is not encrypted; tshark agrees where it is told to look for that.
    "open5gs__ipsec_to_ipsec_call.pcapng": 45,
    "open5gs__ipsec_to_nonipsec_call.pcapng": 7,
}
"""Messages that the index does not count."""


def test_counts_agree_with_the_index() -> None:
    """The index was made with tshark and by hand; packets and messages are those of `INDEX.tsv`."""
    with (CORPUS / "INDEX.tsv").open(encoding="utf-8", newline="") as stream:
        index = {row["path"]: row for row in csv.DictReader(stream, delimiter="\t")}
    compared = 0
    for path in CAPTURES:
        row = index.get(str(path.relative_to(CORPUS)))
        if row is None or path.name in UNREAD:
            continue
        extra = MESSAGE_DIFFERENCES.get(path.name, MessageDifference(""))
        trace = ours(path)
        expected = int(row["sip_messages"]) + BEYOND_THE_INDEX.get(path.name, 0)
        expected += len(extra.only_ours) - len(extra.only_theirs)
        assert (trace.facts.packets, len(trace.messages)) == (int(row["packets"]), expected), path.name
        compared += 1
    assert compared > 80


def test_no_capture_is_half_read_in_silence() -> None:
    """Whatever is unknown or cut has a notice, and nothing else has one."""
    with_notices = {path.name for path in CAPTURES if ours(path).notices}
    assert set(UNREAD) <= with_notices
