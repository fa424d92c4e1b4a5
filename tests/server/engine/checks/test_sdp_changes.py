"""Descriptions that change in a call, as they may and as they may not."""

from __future__ import annotations

from tests.support.calls import ALICE, BOB, Call, Ladder, assert_healthy, sdp

from sip_ci.findings import Severity

OPUS = "m=audio 40000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2"


def established(offer: bytes | None = None) -> tuple[Ladder, Call]:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=offer)
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.03)
    return ladder, call


def again(call: Call, time: float, offer: bytes, status: int = 200) -> None:
    invite = call.request("INVITE", time, body=offer)
    call.respond(invite, status, time + 0.1, body=sdp(BOB, 42_000, version=int(time)) if status == 200 else b"")
    call.ack(invite, time + 0.2)


def test_a_new_version_of_the_same_is_context() -> None:
    ladder, call = established()
    again(call, 5.0, sdp(ALICE, version=2))
    finding = ladder.findings()["sdp-version-bumped-unchanged"]
    assert finding.severity is Severity.INFO


def test_a_refresh_and_a_real_change_are_none() -> None:
    ladder, call = established()
    again(call, 5.0, sdp(ALICE))
    again(call, 9.0, sdp(ALICE, 40_010, version=2))
    assert not {"sdp-version-bumped-unchanged", "sdp-origin-changed"} & set(ladder.findings())


def test_another_session_identifier() -> None:
    ladder, call = established()
    again(call, 5.0, sdp(ALICE, version=2).replace(b"o=- 1 ", b"o=- 77 "))
    finding = ladder.findings()["sdp-origin-changed"]
    assert (finding.severity, "session identifier" in finding.title) == (Severity.LOW, True)


def test_a_medium_is_left_out() -> None:
    both = "m=audio 40000 RTP/AVP 0\r\nm=video 40002 RTP/AVP 34"
    ladder, call = established(sdp(ALICE, media=both))
    again(call, 5.0, sdp(ALICE, version=2))
    finding = ladder.findings()["sdp-media-line-dropped"]
    assert finding.severity is Severity.MEDIUM
    assert [proof.text for proof in finding.evidence] == ["m=video 40002 RTP/AVP 34", "m=audio 40000 RTP/AVP 0 8"]


def test_media_that_are_added_or_switched_off_keep_their_lines() -> None:
    ladder, call = established()
    again(call, 5.0, sdp(ALICE, version=2, media="m=audio 40000 RTP/AVP 0\r\nm=video 40002 RTP/AVP 34"))
    again(call, 9.0, sdp(ALICE, version=3, media="m=audio 40000 RTP/AVP 0\r\nm=video 0 RTP/AVP 34"))
    assert "sdp-media-line-dropped" not in ladder.findings()


def test_a_refused_offer_added_nothing() -> None:
    ladder, call = established()
    again(call, 5.0, sdp(ALICE, version=2, media="m=audio 40000 RTP/AVP 0\r\nm=video 40002 RTP/AVP 34"), status=488)
    again(call, 9.0, sdp(ALICE, 40_010, version=2))
    assert "sdp-media-line-dropped" not in ladder.findings()


def test_a_type_gets_another_codec() -> None:
    ladder, call = established(sdp(ALICE, media=OPUS))
    again(call, 5.0, sdp(ALICE, version=2, media=OPUS.replace("opus/48000/2", "AMR/8000")))
    finding = ladder.findings()["sdp-pt-redefined"]
    assert finding.severity is Severity.MEDIUM
    assert [proof.text for proof in finding.evidence] == ["a=rtpmap:96 opus/48000/2", "a=rtpmap:96 AMR/8000"]


def test_another_party_brings_its_own_types() -> None:
    ladder, call = established(sdp(ALICE, media=OPUS))
    other = sdp(ALICE, version=2, media=OPUS.replace("opus/48000/2", "AMR/8000")).replace(b"o=- 1 ", b"o=- 9 ")
    again(call, 5.0, other)
    assert ladder.findings()["sdp-pt-redefined"].severity is Severity.LOW


def test_each_side_has_its_own_types() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media=OPUS.replace(" 96", " 96 0")))
    call.respond(
        invite, 200, 1.0, body=sdp(BOB, media="m=audio 42000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000")
    )
    call.ack(invite, 1.03)
    assert "sdp-pt-redefined" not in ladder.findings()


def progress(*lines: str, first: bytes | None = None, second: bytes | None = None) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel")
    call.respond(invite, 183, 0.2, *lines, body=first)
    if lines:
        call.respond(call.request("PRACK", 0.3, "RAck: 1 1 INVITE"), 200, 0.35)
    call.respond(invite, 200, 1.0, body=second)
    call.ack(invite, 1.03)
    call.respond(call.bye(8.0), 200, 8.02)
    return ladder


def test_the_answer_was_given_and_another_follows() -> None:
    ladder = progress("Require: 100rel", "RSeq: 1", first=sdp(BOB, 42_000), second=sdp(BOB, 42_500))
    finding = ladder.findings()["sdp-answer-drift"]
    assert finding.severity is Severity.MEDIUM
    assert [proof.text for proof in finding.evidence] == ["m=audio 42000 RTP/AVP 0 8", "m=audio 42500 RTP/AVP 0 8"]


def test_another_preview_is_minor() -> None:
    finding = progress(first=sdp(BOB, 42_000), second=sdp(BOB, 42_500)).findings()["sdp-answer-drift"]
    assert finding.severity is Severity.LOW


def test_the_same_again_is_no_drift() -> None:
    ladder = progress(first=sdp(BOB, 42_000), second=sdp(BOB, 42_000, version=2))
    assert "sdp-answer-drift" not in ladder.findings()
    assert_healthy(ladder)


def test_other_branches_answer_for_themselves() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 183, 0.2, body=sdp(BOB, 42_900), to_tag="elsewhere")
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.03)
    assert "sdp-answer-drift" not in ladder.findings()


def delayed(answer: bytes, acknowledged: bytes = b"", *, status: int = 200) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=b"")
    call.respond(invite, status, 1.0, body=answer)
    call.ack(invite, 1.03, body=acknowledged)
    return ladder


def test_nobody_offers() -> None:
    finding = delayed(b"").findings()["sdp-missing-delayed"]
    assert finding.severity is Severity.LOW, "the trace holds no media"
    assert [proof.summary is not None for proof in finding.evidence] == [True, True]


def test_the_answer_offers() -> None:
    assert "sdp-missing-delayed" not in delayed(sdp(BOB, 42_000), sdp(ALICE)).findings()


def test_the_ack_shows_that_an_offer_came() -> None:
    assert "sdp-missing-delayed" not in delayed(b"", sdp(ALICE)).findings()
