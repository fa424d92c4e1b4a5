"""What the reader of a report learns of the capture itself; none of it may fail a build."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, carry, stream

from sip_ci.findings import Category, Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Endpoint, Position
from sip_ci.trace.trace import Notice, NoticeKind, TraceOrigin
from sip_ci_server.engine.checks.registry import all_checks


def healthy(**options: object) -> Ladder:
    ladder = Ladder(**options)  # type: ignore[arg-type]
    ladder.call().answered()
    return ladder.end(20.0)


def notices(ladder: Ladder) -> dict[str, WireFinding]:
    return {name: found for name, found in ladder.findings().items() if name.startswith("cap-")}


@pytest.mark.parametrize("name", sorted(name for name in all_checks() if name.startswith("cap-")))
def test_no_notice_fails_a_build(name: str) -> None:
    check = all_checks()[name]
    assert not check.gates
    assert check.category is Category.CAPTURE
    assert not check.severity.at_least(Severity.MEDIUM)


@pytest.mark.parametrize("origin", list(TraceOrigin))
def test_nothing_to_say_of_a_whole_trace(origin: TraceOrigin) -> None:
    assert notices(healthy(origin=origin)) == {}


def test_copies() -> None:
    ladder = healthy()
    ladder.packets += [packet for packet in list(ladder.packets) for _ in range(2)]
    copies = 2 * (len(ladder.packets) // 3)
    found = notices(ladder)["cap-duplicate-copies"]
    assert found.severity is Severity.INFO
    assert str(copies) in found.title
    assert found.evidence[0].text.startswith("INVITE")


def test_copies_of_media_count_too() -> None:
    flow = stream(ALICE_MEDIA, BOB_MEDIA, 480, ssrc=1)
    ladder = carry(healthy(), flow, flow.late(0.0001), stream(BOB_MEDIA, ALICE_MEDIA, 480, ssrc=2))
    assert "480" in notices(ladder)["cap-duplicate-copies"].title


def test_drops_that_the_capture_counts() -> None:
    found = notices(healthy().know(dropped_packets=17))["cap-packets-dropped"]
    assert found.severity is Severity.LOW
    assert "17" in found.detail


def test_drops_that_tcp_shows() -> None:
    ladder = healthy()
    ladder.notices = (Notice(NoticeKind.TCP_GAP, "bytes are missing", 3, Position(frame=12)),)
    assert notices(ladder)["cap-packets-dropped"].evidence[0].frame == 12


def test_drops_that_the_streams_show() -> None:
    lost = range(300, 330)
    ends = [(Endpoint(f"198.51.100.{n}", 40_000), Endpoint("203.0.113.5", 30_000 + n)) for n in range(10, 18, 2)]
    flows = [stream(*pair, 1000, ssrc=n).without(lost) for n, pair in enumerate(ends)]
    flows += [stream(*reversed(pair), 1000, ssrc=50 + n).without(lost) for n, pair in enumerate(ends)]
    found = carry(Ladder(), *flows).findings()
    assert "8 RTP streams" in found["cap-packets-dropped"].detail
    assert found["rtp-loss"].severity is Severity.LOW


def test_one_direction_only() -> None:
    ladder = healthy()
    ladder.packets = [packet for packet in ladder.packets if packet.source == ALICE]
    found = notices(ladder)["cap-one-sided"]
    assert found.severity is Severity.LOW
    assert found.title.index(ALICE.host) < found.title.index(BOB.host)
    # A packet of whatever kind in the other direction shows that the direction was captured.
    assert "cap-one-sided" not in notices(ladder.know(host_pairs=frozenset({(BOB.host, ALICE.host)})))


def test_one_direction_of_a_log_is_a_filter() -> None:
    ladder = healthy(origin=TraceOrigin.LOG)
    ladder.packets = [packet for packet in ladder.packets if packet.source == ALICE]
    assert "cap-one-sided" not in notices(ladder)


def test_packets_cut_by_the_snap_length() -> None:
    found = notices(healthy().know(truncated_packets=4))["cap-truncated-snaplen"]
    assert found.severity is Severity.LOW
    assert "4" in found.title


def test_no_sip() -> None:
    assert "cap-no-sip" in notices(Ladder())
    found = notices(carry(Ladder(), stream(ALICE_MEDIA, BOB_MEDIA, 480)))["cap-no-sip"]
    assert "1 RTP stream," in found.evidence[0].text


def test_only_encrypted_sip() -> None:
    client, server = Endpoint(ALICE.host, 49_000), Endpoint(BOB.host, 5061)
    found = notices(Ladder().know(tls_connections=((client, server),)))
    assert "cap-no-sip" not in found, "one of both says it"
    assert str(server) in found["cap-encrypted-only"].evidence[0].text
    web = Endpoint(BOB.host, 443)
    elsewhere = notices(Ladder().know(tls_connections=((client, web),)))
    assert "cap-encrypted-only" not in elsewhere
    assert "cap-no-sip" in elsewhere
    assert "cap-encrypted-only" not in notices(healthy().know(tls_connections=((client, server),)))


def test_the_clock_went_back() -> None:
    assert "twice" in notices(healthy().know(clock_steps=2))["cap-clock-step"].title


def test_the_trace_begins_inside_a_call() -> None:
    ladder = healthy()
    ladder.packets = [packet for packet in ladder.packets if (packet.time or 0.0) > 5.0]
    found = notices(ladder)["cap-started-mid-call"]
    assert found.severity is Severity.INFO
    assert found.calls == ("call-1@192.0.2.10",)
    assert found.evidence[0].text.startswith("BYE")


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (NoticeKind.UNKNOWN_LINK_TYPE, "cap-unknown-linktype"),
        (NoticeKind.UNREAD_PROTOCOL, "cap-unknown-linktype"),
        (NoticeKind.MALFORMED_BLOCK, "cap-damaged"),
        (NoticeKind.TRUNCATED_FILE, "cap-damaged"),
        (NoticeKind.LIMIT, "cap-damaged"),
    ],
)
def test_what_could_not_be_read(kind: NoticeKind, check: str) -> None:
    ladder = healthy()
    ladder.notices = (Notice(kind, "Link type 250 is not read", 3, Position(frame=2)),)
    found = notices(ladder)[check]
    assert "Link type 250" in found.title
    assert found.evidence[0].frame == 2


def test_the_writer_does_not_name_itself() -> None:
    ladder = healthy()
    for packet in ladder.packets:
        packet.source = Endpoint("0.0.0.0", 0) if packet.source == ALICE else packet.source
    found = notices(ladder)["cap-localaddr-unknown"]
    assert found.severity is Severity.INFO
    assert "0.0.0.0:0" in found.evidence[0].why
