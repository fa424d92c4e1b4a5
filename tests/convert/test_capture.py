"""A capture that was written says what the trace said, to our own reader and to tshark."""

from __future__ import annotations

import shutil
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from tests.support.conversion import ALICE, BOB, converted, seen, trace_of
from tests.support.messages import request

from sip_ci.convert.forms import Form
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Transport
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import Trace

DOCUMENTATION = [ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]


def reread(*messages: SipMessage, clock: Clock = Clock.ABSOLUTE) -> tuple[Trace, list[str]]:
    data, remarks = converted(trace_of(messages, clock), Form.PCAP)
    return read_trace(data, "again"), remarks


def numbered(number: int, size: int = 0) -> bytes:
    return request(f"Call-ID: {number}", "Content-Type: text/plain", method="MESSAGE", body=b"x" * size)


def _ends(trace: Trace) -> list[tuple[Endpoint | None, Endpoint | None]]:
    return [(message.observation.source, message.observation.destination) for message in trace.messages]


def test_datagrams_come_back_with_times_and_addresses() -> None:
    written = [seen(numbered(1)), seen(numbered(2, 3000), 1, source=BOB, destination=ALICE, time=1_700_000_001.000_001)]
    trace, remarks = reread(*written)
    assert [message.raw for message in trace.messages] == [message.raw for message in written]
    assert _ends(trace) == [(ALICE, BOB), (BOB, ALICE)]
    assert [round((message.observation.time or 0) * 1e6) for message in trace.messages] == [
        1_700_000_000_250_000,
        1_700_000_001_000_001,
    ]
    assert remarks == []


def test_a_fragmented_datagram_is_fragmented_again() -> None:
    trace, _ = reread(seen(numbered(1, 3000), fragments=3))
    assert trace.messages[0].observation.fragments == 3
    assert trace.messages[0].raw == numbered(1, 3000)


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.WS])
@pytest.mark.parametrize("size", [0, 100, 5000, 70_000])
def test_streams_come_back_whole(transport: Transport, size: int) -> None:
    client, server = Endpoint("2001:db8::5", 40_000), Endpoint("2001:db8::6", 8080)
    trace, _ = reread(
        seen(numbered(1, size), source=client, destination=server, transport=transport),
        seen(numbered(2, size), 1, source=server, destination=client, transport=transport, time=1_700_000_002.0),
        seen(numbered(3, size), 2, source=client, destination=server, transport=transport, time=1_700_000_003.0),
    )
    assert [message.raw for message in trace.messages] == [numbered(index, size) for index in (1, 2, 3)]
    assert {message.observation.transport for message in trace.messages} == {transport}
    assert _ends(trace) == [(client, server), (server, client), (client, server)]
    assert [event.kind.value for event in trace.facts.tcp_events] == ["syn", "syn-ack"]
    assert trace.facts.tcp_events[0].source == client
    assert trace.notices == ()


def test_what_was_encrypted_is_told_where_it_is_written_in_the_clear() -> None:
    trace, remarks = reread(seen(numbered(1), transport=Transport.TLS), seen(numbered(2), 1, transport=Transport.WSS))
    assert [message.call_id for message in trace.messages] == ["1", "2"]
    assert sum("TLS" in remark or "WSS" in remark for remark in remarks) == 2
    data, _ = converted(trace_of([seen(numbered(1), transport=Transport.TLS)]), Form.PCAP)
    assert b"TLS, line 100 of pbx.log" in data


def test_a_message_too_large_for_a_datagram_goes_over_tcp() -> None:
    trace, remarks = reread(seen(numbered(1, 66_000)))
    assert trace.messages[0].raw == numbered(1, 66_000)
    assert any("too large" in remark for remark in remarks)


def test_a_message_that_is_not_as_long_as_it_says_spoils_no_stream() -> None:
    short = numbered(1, 50)[:-10]
    trace, remarks = reread(
        seen(short, transport=Transport.TCP, fidelity=Fidelity.TRUNCATED), seen(numbered(2), 1, transport=Transport.TCP)
    )
    assert [message.raw for message in trace.messages] == [short, numbered(2)]
    assert trace.messages[0].fidelity is Fidelity.TRUNCATED
    assert len(remarks) == 1


def test_line_ends_that_a_log_lost_are_put_back() -> None:
    raw = request(method="INVITE", body=b"v=0\r\ns=-\r\n")
    lost = raw.replace(b"\r\n", b"\n")
    trace, remarks = reread(seen(lost, transport=Transport.TCP, fidelity=Fidelity.LINE_ENDINGS_LOST))
    assert trace.messages[0].raw == raw
    assert len(remarks) == 1


def test_unknown_ends_get_addresses_of_their_own_that_are_always_the_same() -> None:
    named, unnamed = Endpoint("sbc.example.com", 5080), Endpoint("0.0.0.0", 0)
    trace, remarks = reread(
        seen(numbered(1), source=named, destination=BOB),
        seen(numbered(2), 1, source=None, destination=BOB),
        seen(numbered(3), 2, source=unnamed, destination=named),
        seen(numbered(4), 3, source=None, destination=None),
        seen(numbered(5), 4, source=named, destination=Endpoint("2001:db8::9", 5060)),
    )
    ends = _ends(trace)
    hosts = [str(end.host) for pair in ends for end in pair if end is not None]
    assert all(any(ip_address(host) in net for net in DOCUMENTATION) for host in hosts)
    (first, bob), (second, _), (third, again), (fourth, fifth), _six = ends
    assert bob == BOB
    assert first == again
    assert first is not None
    assert first.port == 5080
    assert len({end.host for end in (first, second, third, fourth, fifth, BOB) if end is not None}) == 6
    (told,) = remarks
    assert "sbc.example.com" in told


def test_thousands_of_names_get_thousands_of_addresses() -> None:
    messages = [seen(numbered(index), index, source=Endpoint(f"host{index}.example", 5060)) for index in range(3000)]
    trace, _ = reread(*messages)
    assert len({source for source, _ in _ends(trace)}) == 3000


def test_unknown_times_keep_the_order_and_are_told() -> None:
    messages = [seen(numbered(index), index, time=None) for index in range(5)]
    trace, remarks = reread(*messages, clock=Clock.ORDINAL)
    assert [message.call_id for message in trace.messages] == list("01234")
    times = [message.observation.time or 0.0 for message in trace.messages]
    assert times == sorted(set(times))
    assert any("no time" in remark for remark in remarks)
    _, remarks = reread(seen(numbered(1), time=3600.0), clock=Clock.TIME_OF_DAY)
    assert any("1970" in remark for remark in remarks)


@pytest.mark.tshark
@pytest.mark.skipif(shutil.which("tshark") is None, reason="not installed: tshark")
def test_tshark_lists_every_message_and_finds_nothing_wrong(tmp_path: Path) -> None:
    six = (Endpoint("2001:db8::5", 40_000), Endpoint("2001:db8::6", 5060))
    ways = [
        (Transport.UDP, ALICE, BOB),
        (Transport.TCP, Endpoint("198.51.100.1", 40_000), BOB),
        (Transport.TLS, Endpoint("198.51.100.1", 40_001), Endpoint("198.51.100.2", 5061)),
        (Transport.WS, Endpoint("198.51.100.1", 40_002), Endpoint("198.51.100.2", 8080)),
        (Transport.WS, Endpoint("198.51.100.1", 40_003), Endpoint("198.51.100.2", 80)),
        (Transport.WSS, Endpoint("198.51.100.1", 40_004), Endpoint("198.51.100.2", 443)),
        (Transport.SCTP, Endpoint("198.51.100.1", 40_005), BOB),
        (Transport.UDP, *six),
        (Transport.TCP, *six),
        (Transport.UDP, Endpoint("some.host", 0), None),
    ]
    messages = []
    for transport, source, destination in ways:
        for size in (0, 2000, 20_000):
            for ends in ((source, destination), (destination, source)):
                place = len(messages)
                messages.append(
                    seen(
                        numbered(place, size), place, source=ends[0], destination=ends[1], transport=transport,
                        time=1_700_000_000.0 + place, fragments=2 if size == 20_000 else 1,
                    )
                )  # fmt: skip
    capture = tmp_path / "written.pcapng"
    capture.write_bytes(converted(trace_of(messages), Form.PCAP)[0])
    checks = [f"{layer}.check_checksum:TRUE" for layer in ("ip", "udp", "tcp")]
    options = [item for check in checks for item in ("-o", check)]

    def tshark(shown: str, field: str) -> list[str]:
        command = ["tshark", "-n", "-r", str(capture), *options, "-Y", shown, "-T", "fields", "-e", field]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()

    assert tshark("sip", "sip.Call-ID") == [str(index) for index in range(len(messages))]
    assert tshark("ip.checksum.status==0 || udp.checksum.status==0 || tcp.checksum.status==0", "frame.number") == []
    assert tshark("_ws.malformed || _ws.expert.severity==error || tcp.analysis.flags", "frame.number") == []
