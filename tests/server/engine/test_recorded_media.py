"""A capture of media alone has something to say: it counts as recorded."""

from __future__ import annotations

import pytest
from tests.support.calls import Ladder
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, carry, stream

from sip_ci.findings import Conclusion, Severity, Verdict
from sip_ci.pipeline import _completed
from sip_ci.results import InputResult


@pytest.mark.parametrize("packets", [3, 10, 400])
def test_media_packets_are_counted_and_told(packets: int) -> None:
    report = carry(Ladder(), stream(ALICE_MEDIA, BOB_MEDIA, packets), both_ways=False).know(packets=packets).report()

    assert report.meta.trace.media_packets == packets
    found = next(finding for finding in report.findings if finding.check == "cap-no-sip")
    assert f"{packets} RTP packets" in found.detail


@pytest.mark.parametrize(("media", "conclusion"), [(0, Conclusion.NO_INPUT), (8, Conclusion.SUCCESS)])
def test_only_an_input_without_sip_and_media_holds_nothing(media: int, conclusion: Conclusion) -> None:
    result = InputResult("capture.pcap", format="pcap", packets=20, media_packets=media)

    assert _completed(Verdict(Conclusion.SUCCESS, Severity.HIGH), (result,), ()).conclusion is conclusion
