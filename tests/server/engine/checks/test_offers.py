"""Offers and answers that do not fit, and those that look so and do."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Call, Ladder, Sent, assert_healthy, sdp
from tests.support.rtp import carry, stream

from sip_ci.findings import Category, Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Clock, Endpoint, Fidelity
from sip_ci.trace.trace import TraceOrigin

DYNAMIC = {
    "opus": "{pt} opus/48000/2",
    "opus without channels": "{pt} opus/48000",
    "OPUS": "{pt} OPUS/48000/2",
    "AMR": "{pt} AMR/8000",
    "AMR-WB": "{pt} AMR-WB/16000",
    "telephone-event": "{pt} telephone-event/8000",
}


def audio(host: Endpoint, formats: str, *lines: str, port: int = 40_000, version: int = 1) -> bytes:
    return sdp(host, version=version, media="\r\n".join([f"m=audio {port} RTP/AVP {formats}", *lines]))


def mapped(host: Endpoint, *codecs: tuple[int, str], port: int = 40_000) -> bytes:
    lines = [f"a=rtpmap:{DYNAMIC[name].format(pt=number)}" for number, name in codecs if name in DYNAMIC]
    return audio(host, " ".join(str(number) for number, _ in codecs), *lines, port=port)


def negotiated(offer: bytes, answer: bytes | None, **options: object) -> Ladder:
    ladder = Ladder(**options)  # type: ignore[arg-type]
    call = ladder.call()
    invite = call.invite(0.0, offer=offer)
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0, body=answer)
    call.ack(invite, 1.03)
    call.respond(call.bye(8.0), 200, 8.02)
    return ladder


def again(call: Call, time: float, offer: bytes, answer: bytes | None, status: int = 200, **options: object) -> Sent:
    """A re-INVITE and what comes of it."""
    invite = call.request("INVITE", time, body=offer, **options)  # type: ignore[arg-type]
    call.respond(invite, status, time + 0.1, body=answer)
    call.ack(invite, time + 0.2)
    return invite


def found(ladder: Ladder, check: str) -> WireFinding | None:
    return ladder.findings().get(check)


# -- no common codec ------------------------------------------------------------------------------------------------


def test_no_common_codec() -> None:
    finding = found(negotiated(audio(ALICE, "0 8"), audio(BOB, "18", port=42_000)), "sdp-no-common-codec")
    assert finding is not None
    assert (finding.severity, finding.category) == (Severity.CRITICAL, Category.CODEC)
    assert [proof.text for proof in finding.evidence] == ["m=audio 40000 RTP/AVP 0 8", "m=audio 42000 RTP/AVP 18"]
    assert [proof.frame for proof in finding.evidence] == [1, 3]
    for codec in ("PCMU/8000", "PCMA/8000", "G729/8000"):
        assert codec in finding.detail


def test_no_common_dynamic_codec() -> None:
    ladder = negotiated(mapped(ALICE, (96, "AMR")), mapped(BOB, (96, "AMR-WB"), port=42_000))
    assert found(ladder, "sdp-no-common-codec") is not None


def test_only_tones_in_common() -> None:
    offer = mapped(ALICE, (0, "PCMU"), (101, "telephone-event"))
    answer = mapped(BOB, (18, "G729"), (101, "telephone-event"), port=42_000)
    assert found(negotiated(offer, answer), "sdp-no-common-codec") is not None


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (audio(ALICE, "0 8"), audio(BOB, "8", port=42_000)),
        (mapped(ALICE, (111, "opus")), mapped(BOB, (96, "opus"), port=42_000)),
        (mapped(ALICE, (111, "opus")), mapped(BOB, (111, "opus without channels"), port=42_000)),
        (mapped(ALICE, (111, "opus")), mapped(BOB, (111, "OPUS"), port=42_000)),
        (mapped(ALICE, (0, "PCMU"), (101, "telephone-event")), audio(BOB, "0", port=42_000)),
        (audio(ALICE, "0"), mapped(BOB, (0, "PCMU"), (96, "telephone-event"), port=42_000)),
        (audio(ALICE, "9", "a=rtpmap:9 G722/16000"), audio(BOB, "9", port=42_000)),
        (audio(ALICE, "18", "a=rtpmap:18 G729A/8000"), audio(BOB, "18", port=42_000)),
        (audio(ALICE, "0 8", "a=rtpmap:0 pcmu/8000"), audio(BOB, "0", port=42_000)),
        (sdp(ALICE, media="m=image 40000 udptl t38"), sdp(BOB, media="m=image 42000 udptl t38")),
    ],
    ids=[
        "one of two", "another payload type", "channels not written", "another case", "tones refused", "tones added",
        "G722 with its sampling rate", "G729A by its number", "static type with rtpmap", "fax",
    ],
)  # fmt: skip
def test_what_fits(offer: bytes, answer: bytes) -> None:
    assert_healthy(negotiated(offer, answer))


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (audio(ALICE, "97"), audio(BOB, "98", port=42_000)),
        (audio(ALICE, "0"), audio(BOB, "18", port=0)),
    ],
    ids=["meaning unknown", "refused"],
)
def test_what_other_checks_tell_better(offer: bytes, answer: bytes) -> None:
    assert found(negotiated(offer, answer), "sdp-no-common-codec") is None


def test_the_refused_video_of_a_call_is_no_fault() -> None:
    both = "m=audio {0} RTP/AVP 0\r\nm=video {1} RTP/AVP 97\r\na=rtpmap:97 H264/90000"
    ladder = negotiated(sdp(ALICE, media=both.format(40_000, 40_002)), sdp(BOB, media=both.format(42_000, 0)))
    assert_healthy(ladder)


def test_the_connection_may_stand_below_the_media_line() -> None:
    body = audio(ALICE, "0", f"c=IN IP4 {ALICE.host}").replace(f"s=-\r\nc=IN IP4 {ALICE.host}\r\n".encode(), b"s=-\r\n")
    assert_healthy(negotiated(body, None))


def test_a_description_inside_a_multipart_body() -> None:
    def wrapped(body: bytes) -> bytes:
        return b"--x\r\nContent-Type: application/sdp\r\n\r\n" + body + b"\r\n--x--\r\n"

    ladder = Ladder()
    call = ladder.call()
    invite = call.request(
        "INVITE", 0.0, 'Content-Type: multipart/mixed;boundary="x"', body=wrapped(audio(ALICE, "0")), inside=False
    )
    call.respond(
        invite, 200, 1.0, "Content-Type: multipart/mixed;boundary=x", body=wrapped(audio(BOB, "18", port=42_000))
    )
    call.ack(invite, 1.1)
    finding = found(ladder, "sdp-no-common-codec")
    assert finding is not None
    assert finding.evidence[0].text == "m=audio 40000 RTP/AVP 0"


# -- 488 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [488, 606, 415, 406])
def test_the_offer_was_refused(status: int) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=mapped(ALICE, (18, "G729"), (101, "telephone-event")))
    call.respond(invite, status, 0.1, 'Warning: 305 example.com "Incompatible media format"')
    call.ack(invite, 0.2)
    finding = found(ladder, "sdp-488")
    assert finding is not None
    assert finding.severity is Severity.HIGH
    assert str(status) in finding.title
    assert "G729/8000" in finding.detail
    assert "Incompatible media format" in finding.detail
    assert [proof.text for proof in finding.evidence] == [
        "m=audio 40000 RTP/AVP 18 101",
        'Warning: 305 example.com "Incompatible media format"',
    ]


def test_a_refusal_is_told_of_the_hop_where_it_began() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0)
    call.respond(invite, 488, 0.1)
    call.ack(invite, 0.2)
    finding = found(ladder, "sdp-488")
    assert finding is not None
    assert finding.occurrences == 1
    assert finding.evidence[1].summary.startswith(str(BOB))


def test_a_refused_offer_that_is_mended_is_no_failure() -> None:
    ladder = Ladder()
    call = ladder.call()
    first = call.invite(0.0, offer=audio(ALICE, "18"))
    call.respond(first, 488, 0.1)
    call.ack(first, 0.12)
    second = call.invite(0.2, offer=audio(ALICE, "0"))
    call.respond(second, 200, 1.0)
    call.ack(second, 1.1)
    finding = found(ladder, "sdp-488")
    assert finding is not None
    assert finding.severity is Severity.INFO


# -- media lines ----------------------------------------------------------------------------------------------------

TWO_LINES = "m=audio {0} RTP/AVP 0\r\nm=video {0} RTP/AVP 34"


@pytest.mark.parametrize(
    ("offer", "answer", "count"),
    [
        (sdp(ALICE, media=TWO_LINES.format(40_000)), sdp(BOB, 42_000), "1"),
        (sdp(ALICE), sdp(BOB, media=TWO_LINES.format(42_000)), "2"),
        (
            sdp(ALICE, media=TWO_LINES.format(40_000)),
            sdp(BOB, media="m=video 42000 RTP/AVP 34\r\nm=audio 42002 RTP/AVP 0"),
            "2",
        ),
    ],
    ids=["one is missing", "one too many", "another order"],
)
def test_media_lines_do_not_match(offer: bytes, answer: bytes, count: str) -> None:
    finding = found(negotiated(offer, answer), "sdp-mline-count")
    assert finding is not None
    assert (finding.severity, finding.category) == (Severity.HIGH, Category.CODEC)
    assert finding.title.startswith(f"The answer has {count}")
    assert [proof.frame for proof in finding.evidence] == [1, 3]
    assert all(proof.text.startswith("m=") for proof in finding.evidence)


def test_a_media_line_that_was_off_already_is_left_out() -> None:
    offer = sdp(ALICE, media="m=audio 40000 RTP/AVP 0\r\nm=video 0 RTP/AVP 34")
    finding = found(negotiated(offer, sdp(BOB, 42_000)), "sdp-mline-count")
    assert finding is not None
    assert finding.severity is Severity.LOW


def test_a_media_line_that_cannot_be_read_is_not_counted() -> None:
    broken = sdp(BOB, media="m=audio 42000 RTP/AVP 0\r\nm=video ? RTP/AVP 34")
    assert found(negotiated(sdp(ALICE, media=TWO_LINES.format(40_000)), broken), "sdp-mline-count") is None


def test_a_cut_answer_is_not_counted() -> None:
    ladder = negotiated(sdp(ALICE, media=TWO_LINES.format(40_000)), sdp(BOB, 42_000))
    ladder.packets[2].fidelity = Fidelity.TRUNCATED
    assert found(ladder, "sdp-mline-count") is None


# -- version of the session -----------------------------------------------------------------------------------------


def established() -> tuple[Ladder, Call]:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    return ladder, call


def test_a_changed_offer_with_the_old_version() -> None:
    ladder, call = established()
    again(call, 5.0, audio(ALICE, "0 8", "a=sendonly", version=1), audio(BOB, "0 8", "a=recvonly", version=2))
    finding = found(ladder, "sdp-version-not-incremented")
    assert finding is not None
    assert (finding.severity, finding.category) == (Severity.MEDIUM, Category.CODEC)
    assert [proof.text for proof in finding.evidence] == ["o=- 1 1 IN IP4 192.0.2.10"] * 2
    assert [proof.frame for proof in finding.evidence] == [6, 1]
    assert "a=sendonly" in finding.detail


def test_each_side_has_its_own_version() -> None:
    ladder, call = established()
    hold = audio(BOB, "0 8", "a=sendonly", port=42_000, version=1)
    again(call, 5.0, hold, audio(ALICE, "0 8", "a=recvonly", version=2), by_callee=True)
    finding = found(ladder, "sdp-version-not-incremented")
    assert finding is not None
    # The answer to the first offer is the description before.
    assert [proof.frame for proof in finding.evidence] == [6, 4]


@pytest.mark.parametrize(
    "offer",
    [
        audio(ALICE, "0 8", "a=sendonly", version=2),
        sdp(ALICE),
        audio(ALICE, "0 8", "a=sendonly", version=7).replace(b"o=- 1 7", b"o=- 99 1"),
    ],
    ids=["version incremented", "nothing changed (session refresh)", "another session"],
)
def test_a_new_offer_as_it_should_be(offer: bytes) -> None:
    ladder, call = established()
    again(call, 5.0, offer, None)
    assert_healthy(ladder)


def test_a_refused_offer_is_no_description_before() -> None:
    ladder, call = established()
    again(call, 5.0, audio(ALICE, "18", version=2), b"", 488)
    again(call, 6.0, audio(ALICE, "0 8", "a=ptime:30", version=2), None)
    assert found(ladder, "sdp-version-not-incremented") is None


def test_an_update_counts_as_an_offer() -> None:
    ladder, call = established()
    update = call.request("UPDATE", 5.0, body=audio(ALICE, "0 8", "a=inactive", version=1))
    call.respond(update, 200, 5.1, body=audio(BOB, "0 8", "a=inactive", version=2))
    assert found(ladder, "sdp-version-not-incremented") is not None


# -- packet time ----------------------------------------------------------------------------------------------------


def ptimes(offered: str | None, answered: str | None) -> Ladder:
    return negotiated(
        audio(ALICE, "0", *([f"a=ptime:{offered}"] if offered else [])),
        audio(BOB, "0", *([f"a=ptime:{answered}"] if answered else []), port=42_000),
    )


def test_packet_times_differ() -> None:
    finding = found(ptimes("20", "30"), "sdp-ptime-mismatch")
    assert finding is not None
    assert (finding.severity, finding.category) == (Severity.LOW, Category.CODEC)
    assert "20 ms" in finding.title
    assert "30 ms" in finding.title
    assert [proof.text for proof in finding.evidence] == ["a=ptime:20", "a=ptime:30"]


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("20", "20"), ("20", None), (None, "30"), (None, None), ("20", "20.0"), ("20", "0"), ("20", "abc")],
)
def test_packet_times_that_do_not_differ(offered: str | None, answered: str | None) -> None:
    assert found(ptimes(offered, answered), "sdp-ptime-mismatch") is None


@pytest.mark.parametrize(("back", "severity"), [(True, Severity.LOW), (False, Severity.MEDIUM)])
def test_packet_times_that_differ_while_both_are_heard(back: bool, severity: Severity) -> None:
    near, far = Endpoint(ALICE.host, 40_000), Endpoint(BOB.host, 42_000)
    both = [stream(near, far, 300, ssrc=1), stream(far, near, 300, ssrc=2)]
    finding = found(carry(ptimes("20", "30"), *(both if back else both[:1])), "sdp-ptime-mismatch")
    assert finding is not None
    assert finding.severity is severity


@pytest.mark.parametrize("origin", [TraceOrigin.LOG, TraceOrigin.TEXT])
def test_a_text_shows_it_at_its_line(origin: TraceOrigin) -> None:
    ladder = negotiated(
        audio(ALICE, "0", "a=ptime:20"), audio(BOB, "0", "a=ptime:30", port=42_000), origin=origin, clock=Clock.ORDINAL
    )
    finding = found(ladder, "sdp-ptime-mismatch")
    assert finding is not None
    messages = ladder.trace().messages
    for proof, message in zip(finding.evidence, (messages[0], messages[2]), strict=True):
        before = message.raw[: message.raw.index(b"a=ptime")]
        assert message.observation.position.line is not None
        assert proof.line == message.observation.position.line + before.count(b"\n")


# -- the answer is missing ------------------------------------------------------------------------------------------


def test_no_answer_at_all() -> None:
    finding = found(negotiated(sdp(ALICE), b""), "sdp-answer-missing")
    assert finding is not None
    assert (finding.severity, finding.category) == (Severity.HIGH, Category.CODEC)
    assert [proof.text for proof in finding.evidence] == ["m=audio 40000 RTP/AVP 0 8", "Content-Length: 0"]
    assert [proof.frame for proof in finding.evidence] == [1, 3]


def provisional(*lines: str, prack: bool) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel")
    call.respond(invite, 183, 0.1, *lines)
    if prack:
        call.respond(call.request("PRACK", 0.2, "RAck: 1 1 INVITE"), 200, 0.3)
    call.respond(invite, 200, 1.0, body=b"")
    call.ack(invite, 1.1)
    call.respond(call.bye(8.0), 200, 8.1)
    return ladder


def test_a_preview_alone_is_no_answer() -> None:
    finding = found(provisional(prack=False), "sdp-answer-missing")
    assert finding is not None
    assert finding.severity is Severity.MEDIUM
    assert "183" in finding.detail


def test_the_answer_may_come_in_a_reliable_provisional() -> None:
    assert_healthy(provisional("Require: 100rel", "RSeq: 1", prack=True))


def test_the_answer_to_a_delayed_offer_comes_in_the_ack() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=b"")
    call.respond(invite, 200, 1.0, body=sdp(BOB, 42_000))
    call.ack(invite, 1.1, body=sdp(ALICE))
    call.respond(call.bye(8.0), 200, 8.1)
    assert_healthy(ladder)


def test_the_answer_to_a_delayed_offer_comes_in_the_prack() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel", offer=b"")
    call.respond(invite, 183, 0.1, "Require: 100rel", "RSeq: 1", body=sdp(BOB, 42_000))
    call.respond(call.request("PRACK", 0.2, "RAck: 1 1 INVITE", body=sdp(ALICE)), 200, 0.3)
    call.respond(invite, 200, 1.0, body=b"")
    call.ack(invite, 1.1)
    call.respond(call.bye(8.0), 200, 8.1)
    assert_healthy(ladder)
    (item,) = ladder.model().all_rounds
    assert item.delayed
    assert item.answer is not None


def test_an_update_in_the_early_dialog_has_its_own_answer() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel")
    call.respond(invite, 183, 0.1, "Require: 100rel", "RSeq: 1")
    call.respond(call.request("PRACK", 0.2, "RAck: 1 1 INVITE"), 200, 0.3)
    update = call.request("UPDATE", 0.4, body=sdp(ALICE, version=2))
    call.respond(update, 200, 0.5, body=sdp(BOB, 42_000, version=2))
    call.respond(invite, 200, 1.0, body=b"")
    call.ack(invite, 1.1)
    call.respond(call.bye(8.0), 200, 8.1)
    assert_healthy(ladder)


def test_a_body_that_was_not_recorded_is_not_missing() -> None:
    ladder = negotiated(sdp(ALICE), b"")
    ladder.packets[2].raw = ladder.packets[2].raw.replace(b"Content-Length: 0", b"Content-Length: 150")
    assert found(ladder, "sdp-answer-missing") is None
    ladder = negotiated(sdp(ALICE), b"")
    ladder.packets[2].fidelity = Fidelity.TRUNCATED
    assert found(ladder, "sdp-answer-missing") is None


def test_a_reinvite_without_answer() -> None:
    ladder, call = established()
    again(call, 5.0, sdp(ALICE, version=2), b"")
    finding = found(ladder, "sdp-answer-missing")
    assert finding is not None
    assert finding.title.startswith("re-INVITE")


def test_an_answer_in_a_reliable_response_that_was_not_captured_cannot_be_missed() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    prack = call.request("PRACK", 0.6, "RAck: 1 1 INVITE")
    call.respond(prack, 200, 0.65)
    call.respond(invite, 200, 1.0, body=b"")
    call.ack(invite, 1.1)
    report = ladder.end(60.0).report()
    assert "sdp-answer-missing" not in {finding.check for finding in report.findings}
    assert "sdp-answer-missing" in {item.check for item in report.not_checked}
