"""What RTP carries against what was agreed, and who sends it to where."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.calls import ALICE, BOB, Ladder, assert_healthy, sdp, serious
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, Sent, carry, stream

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint

COUNT = 480


def there(**options: object) -> Sent:
    return stream(ALICE_MEDIA, BOB_MEDIA, COUNT, **{"ssrc": 1, **options})  # type: ignore[arg-type]


def back(**options: object) -> Sent:
    return stream(BOB_MEDIA, ALICE_MEDIA, COUNT, **{"ssrc": 2, "timestamp": 9_999_999, **options})  # type: ignore[arg-type]


def called(*sent: Sent, offer: str = "", answer: str = "") -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media=offer and f"m=audio 40000 {offer}"))
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0, body=sdp(BOB, 42_000, media=answer and f"m=audio 42000 {answer}"))
    call.ack(invite, 1.03)
    call.respond(call.bye(11.0), 200, 11.02)
    return carry(ladder, *sent)


def test_an_undeclared_payload_type() -> None:
    finding = called(there(payload_type=99), back()).findings()["rtp-pt-undeclared"]
    assert finding.severity is Severity.HIGH
    assert "99" in finding.title
    assert finding.evidence[0].frame is not None


def test_a_few_strays_are_healthy() -> None:
    sent = there()
    kinds = sent.payload_type.copy()
    kinds[50:55] = 99
    assert_healthy(called(replace(sent, payload_type=kinds), back()))


def test_a_second_undeclared_type_is_low() -> None:
    sent = there()
    kinds = sent.payload_type.copy()
    kinds[50:100] = 99
    assert called(replace(sent, payload_type=kinds), back()).findings()["rtp-pt-undeclared"].severity is Severity.LOW


def test_a_codec_that_the_answer_left_out() -> None:
    ladder = called(there(payload_type=8), back(), offer="RTP/AVP 0 8", answer="RTP/AVP 0")
    finding = ladder.findings()["rtp-codec-mismatch"]
    assert finding.severity is Severity.HIGH
    assert "PCMA" in finding.title
    assert finding.evidence[0].frame is not None or finding.evidence[0].text


def test_a_codec_that_the_answer_left_out_and_that_comes_later() -> None:
    sent = there()
    kinds = np.where(np.arange(COUNT) < COUNT - 100, 0, 8)
    ladder = called(replace(sent, payload_type=kinds), back(), offer="RTP/AVP 0 8", answer="RTP/AVP 0")
    finding = ladder.findings()["rtp-codec-mismatch"]
    assert "PCMA" in finding.title
    assert finding.detail.startswith("100 packets")


def test_a_few_packets_of_a_codec_that_the_answer_left_out_are_none() -> None:
    sent = there()
    kinds = np.where(np.arange(COUNT) < COUNT - 10, 0, 8)
    ladder = called(replace(sent, payload_type=kinds), back(), offer="RTP/AVP 0 8", answer="RTP/AVP 0")
    assert "rtp-codec-mismatch" not in ladder.findings()


@pytest.mark.parametrize("kind", [0, 8])
def test_any_codec_of_the_answer_is_healthy(kind: int) -> None:
    assert_healthy(called(there(payload_type=kind), back(payload_type=8 - kind), offer="RTP/AVP 0 8"))


def test_a_codec_that_was_used_before_the_answer_only_is_healthy() -> None:
    early = stream(ALICE_MEDIA, BOB_MEDIA, 45, ssrc=9, payload_type=8, start=0.1)
    later = there(payload_type=0, start=1.2)
    assert "rtp-codec-mismatch" not in called(early, later, back(), offer="RTP/AVP 0 8", answer="RTP/AVP 0").findings()


def test_a_change_of_codec_within_the_answer_is_healthy() -> None:
    sent = there()
    kinds = np.where(np.arange(COUNT) < 200, 0, 8)
    assert_healthy(called(replace(sent, payload_type=kinds), back()))


def noise(number: int) -> Sent:
    sent = there()
    kinds = sent.payload_type.copy()
    kinds[::50] = number
    return replace(sent, payload_type=kinds)


def test_comfort_noise_that_nobody_listed_is_low() -> None:
    assert called(noise(13), back()).findings()["rtp-cn-not-negotiated"].severity is Severity.LOW
    assert "rtp-cn-not-negotiated" not in called(noise(13), back(), offer="RTP/AVP 0 8 13").findings()


def test_another_codec_under_a_payload_type() -> None:
    finding = called(there(size=32), back()).findings()["rtp-frame-size"]
    assert finding.severity is Severity.HIGH
    assert "20 bytes" in finding.detail


@pytest.mark.parametrize("size", [172, 176, 180, 188])
def test_header_extensions_are_healthy(size: int) -> None:
    assert_healthy(called(there(size=size), back()))


def test_srtp_where_rtp_was_agreed() -> None:
    finding = called(there(size=182), back()).findings()["srtp-auth-suspected"]
    assert finding.severity is Severity.MEDIUM
    assert "length of SRTP" in finding.title


def test_rtp_where_srtp_was_agreed() -> None:
    secure = "RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
    assert "srtp-auth-suspected" in called(there(), back(size=182), offer=secure, answer=secure).findings()
    ladder = called(there(size=182), back(size=182), offer=secure, answer=secure)
    assert "srtp-auth-suspected" not in ladder.findings()


def test_packet_times_that_alternate_are_low() -> None:
    sent = there()
    wide = np.where(np.arange(COUNT) % 2 == 0, 172, 332)
    ladder = called(sent, back())
    media = ladder.media
    assert media is not None
    size = media.size.copy()
    size[media.ssrc == 1] = wide
    ladder.media = replace(media, size=size)
    assert ladder.findings()["rtp-ptime-observed"].severity is Severity.LOW


def _asking(offered: str, answered: str = "") -> dict[str, str]:
    return {"offer": f"RTP/AVP 0\r\na=ptime:{offered}", "answer": f"RTP/AVP 0\r\na=ptime:{answered or offered}"}


def test_another_packet_time_than_both_sides_name_is_low() -> None:
    wide = stream(ALICE_MEDIA, BOB_MEDIA, 240, ssrc=1, ptime=0.04, step=320, size=332)
    finding = called(wide, back(), **_asking("20")).findings()["rtp-ptime-observed"]
    assert finding.severity is Severity.LOW
    assert "40 ms" in finding.title
    assert "20 ms" in finding.title


@pytest.mark.parametrize("asked", [{}, _asking("40"), _asking("20", "40")])
def test_a_packet_time_that_nobody_or_somebody_asked_for_is_fine(asked: dict[str, str]) -> None:
    wide = stream(ALICE_MEDIA, BOB_MEDIA, 240, ssrc=1, ptime=0.04, step=320, size=332)
    assert "rtp-ptime-observed" not in called(wide, **asked).findings()


# -- who sends, and to where ----------------------------------------------------------------------------------------


def test_a_change_of_ssrc_is_low() -> None:
    first = stream(ALICE_MEDIA, BOB_MEDIA, 200, ssrc=1)
    second = stream(ALICE_MEDIA, BOB_MEDIA, 280, ssrc=7, start=5.1, timestamp=5)
    ladder = called(first, second, back())
    assert ladder.findings()["rtp-ssrc-change"].severity is Severity.LOW
    assert_healthy(ladder)


def test_one_ssrc_for_both_sides_is_low() -> None:
    assert called(there(), back(ssrc=1)).findings()["rtp-ssrc-collision"].severity is Severity.LOW


def test_an_echo_has_the_ssrc_of_what_it_repeats() -> None:
    assert "rtp-ssrc-collision" not in called(there(), back(ssrc=1, timestamp=16_000, start=1.12)).findings()


STRANGER = Endpoint("203.0.113.99", 31_337)


@pytest.mark.parametrize(("ssrc", "severity"), [(2, Severity.HIGH), (77, Severity.MEDIUM)])
def test_a_stranger_sends_to_the_caller(ssrc: int, severity: Severity) -> None:
    foreign = stream(STRANGER, ALICE_MEDIA, 300, ssrc=ssrc, start=3.0, timestamp=5)
    finding = called(there(), back(), foreign).findings()["rtp-injection"]
    assert finding.severity is severity
    assert str(STRANGER) in finding.detail


def test_a_source_that_takes_over_is_no_injection() -> None:
    first = stream(BOB_MEDIA, ALICE_MEDIA, 200, ssrc=2, timestamp=9)
    second = stream(STRANGER, ALICE_MEDIA, 280, ssrc=2, start=5.1, timestamp=9)
    assert "rtp-injection" not in called(there(), first, second).findings()


def test_a_sender_behind_nat_is_no_injection() -> None:
    assert "rtp-injection" not in called(there(), stream(STRANGER, ALICE_MEDIA, COUNT, ssrc=2)).findings()


def test_a_port_that_nobody_announced() -> None:
    astray = stream(ALICE_MEDIA, Endpoint(BOB_MEDIA.host, 42_010), COUNT, ssrc=1)
    finding = called(astray, back()).findings()["rtp-port-undeclared"]
    assert finding.severity is Severity.MEDIUM
    assert "42010" in finding.title


def test_a_port_that_was_learned_is_healthy() -> None:
    learned = Endpoint(BOB_MEDIA.host, 42_010)
    ladder = called(
        stream(ALICE_MEDIA, learned, COUNT, ssrc=1), stream(learned, ALICE_MEDIA, COUNT, ssrc=2, timestamp=9_999_999)
    )
    assert "rtp-port-undeclared" not in ladder.findings()
    assert not [item for item in serious(ladder.report().findings) if item.startswith("rtp-")]
