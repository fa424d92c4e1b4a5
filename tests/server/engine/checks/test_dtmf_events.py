"""Telephone events that do not end, whose timestamp moves, or whose duration is wrong; and healthy ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from tests.support.calls import ALICE, BOB, Ladder, assert_healthy, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, Sent, carry, stream

from sip_ci.findings import Severity
from sip_ci.trace.media_table import CONTENT_CUT, CONTENT_OTHER

EVENT = 101
END = 0x80_0000
CHECKS = ("dtmf-end-missing", "dtmf-ts-not-constant", "dtmf-duration-decreasing", "dtmf-duration-short")


def agreed() -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    media = f"RTP/AVP 0 {EVENT}\r\na=rtpmap:{EVENT} telephone-event/8000\r\na=fmtp:{EVENT} 0-16"
    invite = call.invite(0.0, offer=sdp(ALICE, media=f"m=audio 40000 {media}"))
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=f"m=audio 42000 {media}"))
    call.ack(invite, 1.03)
    call.respond(call.bye(21.0), 200, 21.02)
    return ladder


def key(code: int, updates: int = 5, ends: int = 3, step: int = 160) -> list[int]:
    """The payloads of one press: durations that grow, then the final one as often as wanted."""
    durations = [step * (place + 1) for place in range(updates)]
    words = [code << 24 | 10 << 16 | duration for duration in durations]
    return words + [code << 24 | END | 10 << 16 | durations[-1] + step] * ends


def with_keys(*presses: tuple[int, Sequence[int]], packets: int = 900, payload_type: int = EVENT) -> Sent:
    """Audio in which some packets are events: the place of the first, and the payloads."""
    sent = stream(ALICE_MEDIA, BOB_MEDIA, packets, ssrc=1)
    kinds, stamps, marks = sent.payload_type.copy(), sent.timestamp.copy(), sent.marker.copy()
    content = sent.contents.copy()
    for place, words in presses:
        span = slice(place, place + len(words))
        kinds[span], stamps[span], content[span] = payload_type, stamps[place], words
        marks[place] = True
    return replace(sent, payload_type=kinds, timestamp=stamps, marker=marks, content=content)


def back() -> Sent:
    return stream(BOB_MEDIA, ALICE_MEDIA, 900, ssrc=2, timestamp=9_999_999)


def found(sent: Sent, *more: Sent) -> dict[str, Severity]:
    findings = carry(agreed(), sent, *more, back()).findings()
    return {name: item.severity for name, item in findings.items() if name.startswith("dtmf-")}


HEALTHY = with_keys((100, key(5)), (200, key(5)), (250, key(11)), (300, key(1, ends=1)))


def test_healthy_digits() -> None:
    assert found(HEALTHY) == {}
    assert_healthy(carry(agreed(), HEALTHY, back()))


@pytest.mark.parametrize("lost", [(105,), (105, 106), (105, 106, 107), (100,), (100, 101, 102), (104, 105, 106, 107)])
def test_lost_packets_of_an_event_are_no_fault_of_its_sender(lost: Sequence[int]) -> None:
    assert found(HEALTHY.without(lost)) == {}


def test_packets_out_of_order_and_copies_are_no_fault() -> None:
    order = np.arange(len(HEALTHY))
    order[[103, 104]], order[[106, 108]] = [104, 103], [108, 106]
    assert found(HEALTHY.arriving(order)) == {}
    twice = np.repeat(np.arange(len(HEALTHY)), np.where(HEALTHY.payload_type == EVENT, 2, 1))
    copied = HEALTHY.rows(twice)
    assert found(replace(copied, time=copied.time + np.arange(len(copied)) * 1e-6)) == {}


def test_a_capture_that_begins_or_ends_in_the_event() -> None:
    assert found(HEALTHY.rows(slice(103, 900))) == {}
    for last in (101, 103, 105, 106, 108, 112):
        assert found(HEALTHY.rows(slice(0, last))) == {}


def test_an_event_that_goes_on_in_another_ssrc() -> None:
    first, second = HEALTHY.rows(slice(0, 103)), replace(HEALTHY.rows(slice(103, 900)), ssrc=7)
    assert found(first, second) == {}


def test_digits_that_never_end() -> None:
    sent = with_keys((100, key(5, ends=0)), (200, key(6, ends=0)), (300, key(7)))
    assert found(sent) == {"dtmf-end-missing": Severity.MEDIUM}
    finding = carry(agreed(), sent, back()).findings()["dtmf-end-missing"]
    assert "2 digits" in finding.title
    assert "2 of 3 digits" in finding.detail
    assert finding.evidence[0].time is not None
    assert finding.calls


def test_a_digit_without_an_end_behind_which_packets_are_lost() -> None:
    assert found(with_keys((100, key(5, ends=0))).without((105, 106, 107))) == {}


def test_the_digit_is_in_no_text() -> None:
    one, other = (
        carry(agreed(), with_keys((100, key(code, ends=0))), back()).findings()["dtmf-end-missing"] for code in (3, 9)
    )
    assert (one.title, one.detail, one.evidence) == (other.title, other.detail, other.evidence)


def moving(words: list[int], *, ends_only: bool = False) -> Sent:
    sent = with_keys((100, words))
    stamps = sent.timestamp.copy()
    for number in range(len(words)):
        if not ends_only or words[number] & END:
            stamps[100 + number] = stamps[100] + 160 * number
    return replace(sent, timestamp=stamps)


@pytest.mark.parametrize("ends_only", [False, True])
def test_a_timestamp_that_moves_within_a_digit(ends_only: bool) -> None:
    assert found(moving(key(5), ends_only=ends_only)) == {"dtmf-ts-not-constant": Severity.MEDIUM}


def test_a_long_press_in_segments() -> None:
    steps = [0x3FFF, 0x7FFE, 0xBFFD, 0xFFFF]
    words = [5 << 24 | duration for duration in steps] + [5 << 24 | duration for duration in (160, 320)]
    words += [5 << 24 | END | 480] * 3
    sent = with_keys((100, words))
    stamps = sent.timestamp.copy()
    stamps[104:109] = stamps[100] + 0xFFFF
    assert found(replace(sent, timestamp=stamps)) == {}
    short = with_keys((100, [*words[:4], *[5 << 24 | END | 160] * 3]))
    stamps = short.timestamp.copy()
    stamps[104:107] = stamps[100] + 0xFFFF
    assert found(replace(short, timestamp=stamps)) == {}


def test_a_long_press_whose_duration_runs_over_is_low() -> None:
    words = [5 << 24 | duration for duration in (0x3FFF, 0x7FFE, 0xBFFD, 0xFF00, 0x0100)] + [5 << 24 | END | 0x2000] * 3
    assert found(with_keys((100, words))) == {"dtmf-duration-decreasing": Severity.LOW}


def test_a_duration_that_goes_down() -> None:
    words = key(5)
    words[3] = 5 << 24 | 80
    assert found(with_keys((100, words))) == {"dtmf-duration-decreasing": Severity.MEDIUM}


def test_the_same_key_pressed_again_without_marker() -> None:
    sent = with_keys((100, key(5)), (108, key(5)))
    marks = sent.marker.copy()
    marks[108] = False
    assert found(replace(sent, marker=marks)) == {}


@pytest.mark.parametrize(
    ("updates", "step", "told"), [(1, 80, True), (0, 320, False), (1, 160, False), (5, 160, False)]
)
def test_digits_that_are_too_short(updates: int, step: int, told: bool) -> None:
    words = key(5, updates=updates, step=step) if updates else [5 << 24 | END | step] * 3
    assert found(with_keys((100, words))) == ({"dtmf-duration-short": Severity.LOW} if told else {})


@pytest.mark.parametrize("content", [CONTENT_CUT, CONTENT_OTHER])
def test_payloads_that_are_not_there_say_nothing(content: int) -> None:
    sent = with_keys((100, key(5, ends=0)))
    hidden = sent.holding(content, slice(100, 105))
    report = carry(agreed(), hidden, back()).report()
    assert not [finding for finding in report.findings if finding.check in CHECKS]
    reasons = {item.check: item.reason for item in report.not_checked if item.check in CHECKS}
    assert set(reasons) == set(CHECKS)
    assert all(("captured" in reason) is (content == CONTENT_CUT) for reason in reasons.values())


def test_a_call_without_events_is_not_checkable() -> None:
    report = carry(agreed(), stream(ALICE_MEDIA, BOB_MEDIA, 900), back()).report()
    assert {item.check for item in report.not_checked} >= set(CHECKS)


def test_a_one_sided_capture_shows_the_fault_that_it_holds() -> None:
    ladder = carry(agreed(), with_keys((100, key(5, ends=0))), both_ways=False)
    assert ladder.findings()["dtmf-end-missing"].severity is Severity.MEDIUM


@pytest.mark.parametrize(
    ("sent", "verdict", "told"),
    [
        (HEALTHY, "refuted", "4 digits"),
        (with_keys((100, key(5, ends=0))), "confirmed", "never end"),
        (stream(ALICE_MEDIA, BOB_MEDIA, 900), "not observable", "nobody presses"),
        (with_keys((100, key(5))).holding(CONTENT_CUT, slice(100, 108)), "not observable", "captured"),
    ],
)
def test_digits_that_fail(sent: Sent, verdict: str, told: str) -> None:
    issue = carry(agreed(), sent, back()).report("dtmf failing").meta.issue
    assert issue is not None
    assert issue.verdict == verdict
    assert told in issue.reason
