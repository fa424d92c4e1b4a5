"""Answers that do not fit their offer medium by medium, and those that do."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder, sdp

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding

SAVP_KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"


def negotiated(offer: str, answer: str) -> Ladder:
    """A call with these m-lines."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media=offer))
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=answer))
    call.ack(invite, 1.03)
    call.respond(call.bye(8.0), 200, 8.02)
    return ladder


def found(offer: str, answer: str, check: str) -> WireFinding | None:
    return negotiated(offer, answer).findings().get(check)


def test_the_only_audio_is_rejected() -> None:
    finding = found("m=audio 40000 RTP/AVP 0 8", "m=audio 0 RTP/AVP 0", "sdp-media-rejected")
    assert finding is not None
    assert finding.severity is Severity.HIGH
    assert [proof.text for proof in finding.evidence] == ["m=audio 40000 RTP/AVP 0 8", "m=audio 0 RTP/AVP 0"]


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (
            "m=audio 40000 RTP/AVP 0\r\nm=video 40002 RTP/AVP 97\r\na=rtpmap:97 H264/90000",
            "m=audio 42000 RTP/AVP 0\r\nm=video 0 RTP/AVP 97",
        ),
        (
            f"m=audio 40000 RTP/SAVP 0\r\n{SAVP_KEY}\r\nm=audio 40000 RTP/AVP 0",
            "m=audio 0 RTP/SAVP 0\r\nm=audio 42000 RTP/AVP 0",
        ),
        (
            "m=audio 40000 RTP/AVP 0\r\nm=image 40002 udptl t38",
            "m=audio 0 RTP/AVP 0\r\nm=image 42002 udptl t38",
        ),
    ],
    ids=["video", "one of two audios", "fax instead"],
)
def test_a_rejection_that_leaves_the_call_with_media_is_context(offer: str, answer: str) -> None:
    finding = found(offer, answer, "sdp-media-rejected")
    assert finding is not None
    assert finding.severity is Severity.INFO


def test_what_was_not_wanted_is_not_rejected() -> None:
    assert found("m=audio 0 RTP/AVP 0", "m=audio 0 RTP/AVP 0", "sdp-media-rejected") is None


@pytest.mark.parametrize("direction", ["sendonly", "recvonly"])
def test_both_sides_only_send_or_only_receive(direction: str) -> None:
    both = "m=audio 40000 RTP/AVP 0\r\na=" + direction
    finding = found(both, both, "sdp-answer-direction")
    assert finding is not None
    assert finding.severity is Severity.HIGH
    assert {proof.text for proof in finding.evidence} == {f"a={direction}"}


@pytest.mark.parametrize(
    ("offered", "answered"), [("sendonly", "sendrecv"), ("inactive", "sendrecv"), ("recvonly", "sendrecv")]
)
def test_an_answer_without_direction_is_minor(offered: str, answered: str) -> None:
    media = "m=audio 40000 RTP/AVP 0\r\na="
    finding = found(media + offered, media + answered, "sdp-answer-direction")
    assert finding is not None
    assert finding.severity is Severity.LOW


@pytest.mark.parametrize(
    ("hung_up", "by_callee", "lines", "severity"),
    [
        (10.3, False, (), Severity.HIGH),
        (40.0, False, (), Severity.LOW),
        (10.3, True, (), Severity.LOW),
        (10.3, False, ("User-Agent: SIPp",), Severity.LOW),
    ],
    ids=["at-once", "later", "by-the-other-side", "test-tool"],
)
def test_a_hold_whose_answer_ends_the_call(
    hung_up: float, by_callee: bool, lines: tuple[str, ...], severity: Severity
) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    held = sdp(ALICE, version=2, media="m=audio 40000 RTP/AVP 0\r\na=sendonly")
    hold = call.request("INVITE", 10.0, *lines, body=held)
    call.respond(hold, 200, 10.1, body=sdp(BOB, version=2, media="m=audio 42000 RTP/AVP 0\r\na=sendrecv"))
    call.ack(hold, 10.12)
    call.respond(call.bye(hung_up, by_callee=by_callee), 200, hung_up + 0.1)
    finding = ladder.end(60.0).findings()["sdp-answer-direction"]

    assert finding.severity is severity


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ("sendonly", "recvonly"), ("sendonly", "inactive"), ("recvonly", "sendonly"), ("recvonly", "inactive"),
        ("inactive", "inactive"), ("sendrecv", "sendonly"), ("sendrecv", "inactive"), ("sendrecv", "sendrecv"),
    ],
)  # fmt: skip
def test_directions_that_fit(offered: str, answered: str) -> None:
    media = "m=audio 40000 RTP/AVP 0\r\na="
    assert found(media + offered, media + answered, "sdp-answer-direction") is None


def test_a_codec_that_was_not_offered_is_context() -> None:
    finding = found("m=audio 40000 RTP/AVP 0", "m=audio 42000 RTP/AVP 0 18", "sdp-answer-extra-format")
    assert finding is not None
    assert finding.severity is Severity.INFO
    assert "G729" in finding.title


@pytest.mark.parametrize(
    "answer",
    [
        "m=audio 42000 RTP/AVP 0 13",
        "m=audio 42000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000",
        "m=audio 42000 RTP/AVP 0\r\na=rtpmap:0 pcmu/8000",
    ],
)
def test_tones_and_noise_are_no_extra_codec(answer: str) -> None:
    assert found("m=audio 40000 RTP/AVP 0 8", answer, "sdp-answer-extra-format") is None


def test_another_payload_type() -> None:
    offer = "m=audio 40000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2"
    finding = found(offer, "m=audio 42000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2", "sdp-pt-remap")
    assert finding is not None
    assert finding.severity is Severity.LOW
    assert ("111" in finding.title, "96" in finding.title) == (True, True)
    assert found(offer, offer, "sdp-pt-remap") is None


def test_rtp_in_the_clear_is_answered_with_srtp() -> None:
    finding = found("m=audio 40000 RTP/AVP 0", f"m=audio 42000 RTP/SAVP 0\r\n{SAVP_KEY}", "sdp-profile-mismatch")
    assert finding is not None
    assert finding.severity is Severity.HIGH


@pytest.mark.parametrize(
    ("offer", "answer", "severity"),
    [
        (f"m=audio 40000 RTP/AVP 0\r\n{SAVP_KEY}", f"m=audio 42000 RTP/SAVP 0\r\n{SAVP_KEY}", Severity.MEDIUM),
        ("m=audio 40000 RTP/AVPF 0", "m=audio 42000 RTP/AVP 0", Severity.LOW),
        (f"m=audio 40000 RTP/SAVP 0\r\n{SAVP_KEY}", "m=audio 42000 UDP/TLS/RTP/SAVPF 0", Severity.HIGH),
        (
            "m=audio 40000 RTP/SAVPF 0\r\na=fingerprint:sha-256 AA",
            "m=audio 42000 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:sha-256 BB",
            Severity.LOW,
        ),
    ],
    ids=["keys as an option", "feedback", "SDES and DTLS", "old spelling of DTLS"],
)
def test_how_bad_another_protocol_is(offer: str, answer: str, severity: Severity) -> None:
    finding = found(offer, answer, "sdp-profile-mismatch")
    assert finding is not None
    assert finding.severity is severity


def test_protocols_compare_without_case_and_only_where_accepted() -> None:
    assert found("m=audio 40000 RTP/AVP 0", "m=audio 42000 rtp/avp 0", "sdp-profile-mismatch") is None
    assert found("m=audio 40000 RTP/SAVP 0", "m=audio 0 RTP/AVP 0", "sdp-profile-mismatch") is None


def test_the_answer_opens_what_was_off() -> None:
    offer = "m=audio 40000 RTP/AVP 0\r\nm=video 0 RTP/AVP 34"
    answer = "m=audio 42000 RTP/AVP 0\r\nm=video 42002 RTP/AVP 34"
    finding = found(offer, answer, "sdp-disabled-media-answered")
    assert finding is not None
    assert finding.severity is Severity.MEDIUM
    assert found(offer + "\r\na=bundle-only", answer, "sdp-disabled-media-answered") is None
