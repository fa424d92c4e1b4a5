"""Mappings of payload types that contradict the fixed ones, or map to nothing."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, Ladder, sdp

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding


def _offer(*attributes: str, formats: str = "0 8", port: int = 40_000) -> dict[str, WireFinding]:
    media = "\r\n".join((f"m=audio {port} RTP/AVP {formats}", *attributes))
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media=media))
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.02)
    return ladder.end(10.0).findings()


@pytest.mark.parametrize("mapping", ["10 telephone-event/8000", "0 opus/48000/2", "18 G726-32/8000"])
def test_a_fixed_number_is_given_away(mapping: str) -> None:
    finding = _offer(f"a=rtpmap:{mapping}", formats=f"8 {mapping.split()[0]}")["sdp-static-pt-redefined"]
    assert mapping.split()[1] in finding.title
    assert finding.evidence[0].message == 0


@pytest.mark.parametrize(
    "mapping",
    ["0 PCMU/8000", "0 pcmu/8000/1", "9 G722/16000", "101 telephone-event/8000", "96 opus/48000/2", "35 X/8000"],
)
def test_mappings_that_mean_what_they_say(mapping: str) -> None:
    found = _offer(f"a=rtpmap:{mapping}", formats=f"8 {mapping.split()[0]}")
    assert not found.keys() & {"sdp-static-pt-redefined", "sdp-rtpmap-malformed"}


@pytest.mark.parametrize(
    "line", ["a=rtpmap:96", "a=rtpmap:96 ", "a=rtpmap:96 VP8", "a=rtpmap:96 /90000", "a=rtpmap:96 VP8/x"]
)
def test_a_mapping_to_nothing(line: str) -> None:
    assert "sdp-rtpmap-malformed" in _offer("m=video 0 RTP/AVP 96", line)


def test_a_declined_medium_without_rtpmap() -> None:
    assert "sdp-rtpmap-malformed" not in _offer("m=video 0 RTP/AVP 96")


@pytest.mark.parametrize(("formats", "expected"), [("18 18 0", True), ("0 8 18", False), ("0 0 0", True)])
def test_a_payload_type_that_is_listed_twice(formats: str, expected: bool) -> None:
    found = _offer("a=rtpmap:18 G729/8000", formats=formats)

    assert ("sdp-format-repeated" in found) is expected
    if expected:
        assert found["sdp-format-repeated"].evidence[0].text.startswith("m=audio")


def test_an_offer_that_is_refused_for_a_repeated_format() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media="m=audio 40000 RTP/AVP 18 18\r\na=rtpmap:18 G729/8000"))
    call.respond(invite, 488, 0.2)
    call.ack(invite, 0.3)
    findings = ladder.end(10.0).findings()

    assert findings["sdp-format-repeated"].root
    assert findings["sdp-format-repeated"].severity is Severity.HIGH
    assert not findings["sdp-488"].root


def test_one_number_in_two_media() -> None:
    assert "sdp-format-repeated" not in _offer("m=audio 40002 RTP/AVP 0 8", formats="0 8")
