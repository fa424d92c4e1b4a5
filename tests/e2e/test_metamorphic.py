"""The same traffic told otherwise adds no finding, and changes none but those that the telling explains.

Every pull request judges the examples and the small files of the corpus, cuts at a few places; with
`SIP_CI_EVERYTHING=1` (the nightly run) all files, and a cut at every message.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest
from tests.support import metamorphic, transform
from tests.support.corpus import CORPUS
from tests.support.metamorphic import Verdict, checks, judgement

from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import Trace
from sip_ci_server.engine.causes import cause_tables

EVERYTHING = os.environ.get("SIP_CI_EVERYTHING", "") not in ("", "0")
TRACES = Path(__file__).parents[2] / "examples" / "traces"
FOLDERS = ("captures", "text", "field-bugs", "messages")
SMALL = 50_000
"""Bytes of a file of the corpus that every pull request judges."""
CUTS = 3
"""Places at which a pull request cuts each capture, at either end."""
UNDATED = ("tls-cert-", "stir-", "msg-date")
"""Checks that compare a time in a message or certificate with the time of the packet."""
STAND_INS = {
    "max-forwards-low",
    "resp-unmatched",
    "bye-outside-dialog",
    "txn-slow-100",
    "cancel-mismatch-481",
    "cancel-200-no-match",
}
"""What is left to say of a fault whose request is cut away."""
SAMPLED = {"ndpi__FAX-Call-t38-CA-TDM-SIP-FB-1.pcap", "heplify__FAX-Call-t38-CA-TDM-SIP-FB-1.pcap"}
"""Captures that hold only a part of a stream, which nothing before the cut tells."""
OF_SAMPLED = {"media-one-way", "rtp-timestamp-jump", "rtp-gap"}
ANSWERED_LATE = {"zeek__wireshark.pcap", "sngrep__aaa.pcap", "ndpi__fuzz-2006-06-26-2594.pcap"}
"""Phones whose user typed the password half a minute after the challenge, and a server that answered after 32 s: before
that answer nobody can tell it from silence."""


def _files(*suffixes: str) -> list[Path]:
    found = [path for path in sorted(TRACES.iterdir()) if path.suffix in (".pcap", ".pcapng", ".log")]
    if CORPUS.is_dir():
        for folder in FOLDERS:
            found += [
                path for path in sorted((CORPUS / folder).iterdir()) if EVERYTHING or path.stat().st_size <= SMALL
            ]
    return [path for path in found if not suffixes or path.suffix in suffixes]


FILES = _files()
CAPTURES = _files(".pcap", ".pcapng", ".cap")
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
every_capture = pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)


@lru_cache(maxsize=2)
def _trace(path: Path) -> Trace:
    return read_trace(path, path.name)


@lru_cache(maxsize=2)
def _whole(path: Path) -> Counter[Verdict]:
    return judgement(_trace(path))


@lru_cache(maxsize=2)
def _capture(path: Path) -> transform.Capture:
    """The frames of a capture; skips what the few link-layer types of these tests do not cover."""
    try:
        capture = transform.load(path)
    except (KeyError, IndexError, ValueError):
        pytest.skip("a link layer or a file that these changes are not made for")
    if not all(0 <= frame.time < 2**32 - metamorphic.HOUR for frame in capture.frames):
        pytest.skip("its times do not fit into a pcap file")
    if judgement(read_trace(capture.to_pcap(), "same.pcap")) != _whole(path):
        pytest.skip("not one plain Ethernet capture")
    return capture


def _differences(path: Path, told: Trace | bytes) -> tuple[list[Verdict], list[Verdict]]:
    trace = told if isinstance(told, Trace) else read_trace(told, "told.pcap")
    before, after = _whole(path), judgement(trace)
    return sorted_(after - before), sorted_(before - after)


def sorted_(verdicts: Counter[Verdict]) -> list[Verdict]:
    """The verdicts by name."""
    return sorted(verdicts, key=lambda verdict: (verdict.check, verdict.severity))


# -- As it was read ---------------------------------------------------------------------------------


@every_file
def test_other_names_change_nothing(path: Path) -> None:
    assert _differences(path, metamorphic.renamed(_trace(path))) == ([], [])


@every_file
def test_another_hour_changes_nothing(path: Path) -> None:
    new, gone = _differences(path, metamorphic.shifted(_trace(path)))
    assert [verdict for verdict in (*new, *gone) if not verdict.check.startswith(UNDATED)] == []


@every_file
def test_calls_that_change_places_within_a_millisecond_change_nothing(path: Path) -> None:
    assert _differences(path, metamorphic.reordered(_trace(path))) == ([], [])


# -- As frames --------------------------------------------------------------------------------------


@every_capture
def test_copies_of_every_frame_change_nothing(path: Path) -> None:
    assert _differences(path, transform.tripled(_capture(path)).to_pcap()) == ([], [])


@every_capture
def test_a_pcapng_file_changes_nothing(path: Path) -> None:
    assert _differences(path, metamorphic.as_pcapng(_capture(path))) == ([], [])


@pytest.mark.parametrize(
    "change", [metamorphic.tagged, metamorphic.cooked, metamorphic.fragmented], ids=lambda change: change.__name__
)
@every_capture
def test_another_wrapping_changes_nothing(path: Path, change: Callable[[transform.Capture], transform.Capture]) -> None:
    capture = _capture(path)
    if capture.link_type != 1:
        pytest.skip("not Ethernet")
    assert _differences(path, change(capture).to_pcap()) == ([], [])


# -- With less to see -------------------------------------------------------------------------------


def _places(path: Path, count: int) -> list[int]:
    if EVERYTHING or count <= CUTS:
        return list(range(count))
    seed = zlib.crc32(path.name.encode())
    return sorted({(seed >> (8 * number)) % count for number in range(CUTS)})


def _unexplained(path: Path, told: bytes) -> set[str]:
    """The checks that speak up only where less is seen, though nothing that the cut took explains it."""
    whole = checks(_whole(path))
    told_better = (
        cause_tables().expanded(whole | (found := checks(judgement(read_trace(told, "told.pcap"))))).same_fault
    )
    new = {check for check in found - whole if not set(told_better.get(check, ())) & whole}
    if whole:
        new -= STAND_INS
    if path.name in SAMPLED:
        new -= OF_SAMPLED
    return new


@every_capture
def test_a_capture_that_ends_early_shows_nothing_new(path: Path) -> None:
    if path.name in ANSWERED_LATE:
        pytest.skip("answers come after every timer")
    capture = _capture(path)
    for place in _places(path, len(capture.sip_frames)):
        assert _unexplained(path, metamorphic.cut_before(capture, place).to_pcap()) == set(), place


@every_capture
def test_a_capture_that_begins_late_shows_nothing_new(path: Path) -> None:
    capture = _capture(path)
    for place in _places(path, len(capture.sip_frames)):
        assert _unexplained(path, metamorphic.cut_behind(capture, place).to_pcap()) == set(), place


@every_capture
def test_a_capture_that_misses_what_one_host_sends_shows_nothing_new(path: Path) -> None:
    if path.name in ANSWERED_LATE:
        pytest.skip("answers come after every timer")
    capture = _capture(path)
    for host in capture.hosts[: None if EVERYTHING else CUTS]:
        assert _unexplained(path, metamorphic.without_host(capture, host).to_pcap()) == set(), host


@every_file
def test_the_same_messages_over_tcp_show_nothing_new(path: Path) -> None:
    told = metamorphic.over_tcp(_trace(path))
    if told is None:
        pytest.skip("not SIP over UDP alone")
    assert _unexplained(path, told) == set()


# -- In another container ---------------------------------------------------------------------------


@pytest.mark.corpus
@pytest.mark.parametrize("path", [path for path in CAPTURES if path.is_relative_to(CORPUS)], ids=lambda path: path.name)
def test_a_converted_capture_of_the_corpus_shows_nothing_new(path: Path) -> None:
    trace = _trace(path)
    if not trace.messages:
        pytest.skip("holds no SIP")
    again = read_trace(metamorphic.as_pcap(trace), "again.pcap")
    assert [message.raw for message in again.messages] == [message.raw for message in trace.messages]
    assert checks(judgement(again)) - checks(_whole(path)) == set()
