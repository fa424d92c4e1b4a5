"""Digital silence, and marks for the network."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.calls import ALICE as ALICE_SIP
from tests.support.calls import Ladder, assert_healthy, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, Sent, carry, stream

from sip_ci.findings import Severity
from sip_ci.trace.media_table import CONTENT_CUT, CONTENT_SILENCE

SILENCE = CONTENT_SILENCE | 0xFF


def ends(packets: int = 900) -> tuple[Sent, Sent]:
    return (
        stream(ALICE_MEDIA, BOB_MEDIA, packets, ssrc=1),
        stream(BOB_MEDIA, ALICE_MEDIA, packets, ssrc=2, timestamp=9_999_999),
    )


def told(*sent: Sent, ladder: Ladder | None = None) -> dict[str, Severity]:
    if ladder is None:
        ladder = Ladder()
        ladder.call().answered(talk=20.0)
    found = carry(ladder, *sent).findings()
    return {name: item.severity for name, item in found.items() if name in ("rtp-dead-air", "rtp-dscp")}


def test_a_side_that_sends_nothing_but_silence() -> None:
    one, other = ends()
    assert told(one, other.holding(SILENCE)) == {"rtp-dead-air": Severity.LOW}
    assert told(one, other.holding(SILENCE, slice(300, 700))) == {"rtp-dead-air": Severity.LOW}
    ladder = Ladder()
    ladder.call().answered(talk=20.0)
    finding = carry(ladder, one, other.holding(SILENCE, slice(300, 700))).findings()["rtp-dead-air"]
    assert finding.title.startswith("The caller")
    assert "8.0 s" in finding.detail
    assert finding.evidence[0].frame


@pytest.mark.parametrize("span", [slice(0, 0), slice(100, 300), slice(0, 900, 2), slice(0, 240)])
def test_pauses_are_no_dead_air(span: slice) -> None:
    one, other = ends()
    assert told(one, other.holding(SILENCE, span)) == {}


def test_two_silent_sides_say_nothing() -> None:
    one, other = ends()
    assert told(one.holding(SILENCE), other.holding(SILENCE)) == {}


def test_comfort_noise_and_hold_are_no_dead_air() -> None:
    one, other = ends()
    kinds = other.payload_type.copy()
    kinds[500:510] = 13
    assert told(one, replace(other, payload_type=kinds).holding(SILENCE)) == {}
    ladder = Ladder()
    call = ladder.call()
    call.established()
    hold = call.invite(8.0, offer=sdp(ALICE_SIP, media="m=audio 40000 RTP/AVP 0\r\na=sendonly"))
    call.respond(hold, 200, 8.1, body=sdp(ALICE_SIP, media="m=audio 42000 RTP/AVP 0\r\na=recvonly"))
    call.ack(hold, 8.12)
    call.respond(call.bye(21.0), 200, 21.02)
    assert "rtp-dead-air" not in told(one, other.holding(SILENCE), ladder=ladder)


def test_a_transport_pause_ends_the_stretch() -> None:
    one, other = ends()
    quiet = other.holding(SILENCE, slice(300, 520))
    later = quiet.rows(slice(0, 400)).then(quiet.rows(slice(400, 900)).late(3.0))
    assert "rtp-dead-air" not in told(one, later)


def test_payloads_that_were_cut_off() -> None:
    one, other = ends()
    ladder = Ladder()
    ladder.call().answered(talk=20.0)
    report = carry(ladder, one.holding(CONTENT_CUT), other.holding(CONTENT_CUT)).report()
    assert "captured" in next(item.reason for item in report.not_checked if item.check == "rtp-dead-air")


def test_a_direction_without_a_mark() -> None:
    one, other = ends()
    assert told(replace(one, dscp=46), other) == {"rtp-dscp": Severity.LOW}
    ladder = Ladder()
    ladder.call().answered(talk=20.0)
    finding = carry(ladder, replace(one, dscp=46), other).findings()["rtp-dscp"]
    assert "the caller" in finding.title
    assert "EF" in finding.title


@pytest.mark.parametrize(("left", "right"), [(0, 0), (46, 46), (46, 34), (46, 255), (255, 0)])
def test_marks_that_are_no_fault(left: int, right: int) -> None:
    one, other = ends()
    assert told(replace(one, dscp=left), replace(other, dscp=right)) == {}


def test_healthy() -> None:
    ladder = Ladder()
    ladder.call().answered(talk=20.0)
    one, other = ends()
    assert_healthy(carry(ladder, replace(one, dscp=46), other.holding(SILENCE)))


def test_one_way_audio_of_a_microphone_without_sound() -> None:
    ladder = Ladder()
    ladder.call().answered(talk=20.0)
    one, other = ends()
    silent = carry(ladder, one, other.holding(SILENCE)).report("one-way audio").meta.issue
    assert silent is not None
    assert (silent.verdict, "caller" in silent.reason) == ("confirmed", True)
    sound = carry(ladder, one, other).report("one-way audio").meta.issue
    assert sound is not None
    assert sound.verdict == "refuted"
