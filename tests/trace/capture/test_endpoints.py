from __future__ import annotations

import pytest
from tests.support.packets import ethernet, pcap, rtcp_sender_report, rtp, udp_packet

from sip_ci.trace.capture.endpoints import BEYOND
from sip_ci.trace.limits import Limits
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind


@pytest.mark.parametrize("host", ["192.0.2.", "2001:db8::"])
def test_addresses_beyond_the_limit_count_as_one_and_send_no_media(host: str) -> None:
    packets = [udp_packet((f"{host}{number % 50 + 1}", 4000), (f"{host}1", 4000), rtp(number)) for number in range(500)]
    trace = read_trace(pcap([ethernet(packet) for packet in packets]), "x", Limits(endpoints=20))
    assert len(trace.media.endpoints) == 21
    assert trace.media.endpoints[-1] == BEYOND
    senders = {trace.media.endpoints[place].host for place in trace.media.source.tolist()}
    assert senders
    assert BEYOND.host not in senders
    assert [notice.kind for notice in trace.notices] == [NoticeKind.LIMIT]


def test_rtcp_is_kept_up_to_some_bytes() -> None:
    packet = ethernet(udp_packet(("192.0.2.1", 4001), ("192.0.2.2", 4001), rtcp_sender_report()))
    trace = read_trace(pcap([packet] * 10), "x", Limits(rtcp_bytes=3 * len(rtcp_sender_report())))
    assert len(trace.media.rtcp) == 3
    assert [(notice.kind, notice.count) for notice in trace.notices] == [(NoticeKind.LIMIT, 7)]
