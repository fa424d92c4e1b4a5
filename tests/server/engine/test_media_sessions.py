"""Which stream belongs to which call and direction, and where nothing can be said."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Call, Ladder, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, carry, stream

from sip_ci.trace.observation import Endpoint
from sip_ci_server.engine.media_sessions import MediaSession

NAT = Endpoint("203.0.113.77", 61_000)


def sides(session: MediaSession) -> tuple[list[int], list[int]]:
    """The SSRCs to the caller and to the callee."""
    return [item.ssrc for item in session.to_caller], [item.ssrc for item in session.to_callee]


def only_session(ladder: Ladder) -> MediaSession:
    (session,) = ladder.model().sessions
    return session


def answered(offer: bytes | None = None, answer: bytes | None = None, talk: float = 10.0) -> tuple[Ladder, Call]:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=offer)
    call.respond(invite, 200, 1.0, body=answer)
    call.ack(invite, 1.03)
    call.respond(call.bye(1.0 + talk), 200, 1.02 + talk)
    return ladder, call


def test_streams_go_where_the_descriptions_say() -> None:
    ladder = carry(
        answered()[0],
        stream(ALICE_MEDIA, BOB_MEDIA, 400, ssrc=1),
        stream(BOB_MEDIA, ALICE_MEDIA, 400, ssrc=2),
    )
    assert sides(only_session(ladder)) == ([2], [1])


def test_a_new_ssrc_belongs_to_the_same_call() -> None:
    ladder = carry(
        answered()[0],
        stream(ALICE_MEDIA, BOB_MEDIA, 200, ssrc=1),
        stream(ALICE_MEDIA, BOB_MEDIA, 200, ssrc=3, start=5.5),
    )
    assert sides(only_session(ladder)) == ([], [1, 3])


def test_media_comes_from_behind_a_nat_and_is_answered_there() -> None:
    ladder = carry(answered()[0], stream(NAT, BOB_MEDIA, 400, ssrc=1), stream(BOB_MEDIA, NAT, 400, ssrc=2))
    assert sides(only_session(ladder)) == ([2], [1])


def test_an_answer_from_another_port_goes_along_the_same_path() -> None:
    # Neither end of the second stream stands in a description: it goes back to where the first one comes from, from
    # where the first one goes to.
    relay = Endpoint("198.51.100.20", 42_000)
    ladder = carry(answered()[0], stream(NAT, relay, 400, ssrc=1), stream(relay, NAT, 400, ssrc=2))
    assert sides(only_session(ladder)) == ([2], [1])


def test_strangers_are_left_out() -> None:
    elsewhere = Endpoint("203.0.113.9", 20_000)
    ladder = carry(answered()[0], stream(elsewhere, Endpoint("203.0.113.10", 20_000), 400, ssrc=9))
    assert sides(only_session(ladder)) == ([], [])
    assert [item.ssrc for item in ladder.model().unclaimed_streams] == [9]


def test_what_begins_before_the_call_or_after_it_is_not_the_calls() -> None:
    ladder = carry(
        answered()[0],
        stream(ALICE_MEDIA, BOB_MEDIA, 50, ssrc=1, start=-20.0),
        stream(ALICE_MEDIA, BOB_MEDIA, 50, ssrc=2, start=40.0),
        stream(ALICE_MEDIA, BOB_MEDIA, 50, ssrc=3, start=9.8),
    )
    assert sides(only_session(ladder)) == ([], [3])


def test_ice_candidates_are_addresses_too() -> None:
    candidate = Endpoint("203.0.113.77", 61_000)
    offer = sdp(ALICE, media="m=audio 40000 RTP/AVP 0").rstrip() + (
        b"\r\na=candidate:1 1 UDP 2130706431 192.0.2.10 40000 typ host\r\n"
        b"a=candidate:2 1 UDP 1694498815 203.0.113.77 61000 typ srflx raddr 192.0.2.10 rport 40000\r\n"
        b"a=candidate:2 2 UDP 1694498814 203.0.113.77 61001 typ srflx raddr 192.0.2.10 rport 40001\r\n"
    )
    ladder = carry(answered(offer)[0], stream(Endpoint("198.51.100.20", 55_555), candidate, 400, ssrc=2))
    assert sides(only_session(ladder)) == ([2], [])


@pytest.mark.parametrize("body", [sdp(ALICE, media="m=audio 0 RTP/AVP 0"), sdp(Endpoint("0.0.0.0", 5060))])
def test_a_null_address_or_port_is_no_address(body: bytes) -> None:
    ladder = carry(answered(body)[0], stream(Endpoint("203.0.113.9", 1), Endpoint("0.0.0.0", 40_000), 400))
    assert sides(only_session(ladder)) == ([], [])


# -- several calls on one address -----------------------------------------------------------------------------------


def two_calls(gap: float) -> Ladder:
    """Two calls of the same test tool: the same media addresses, `gap` seconds from the first BYE to the INVITE."""
    ladder = Ladder()
    ladder.call(caller_tag="a1", callee_tag="b1").answered(0.0, talk=10.0)
    ladder.call(caller_tag="a2", callee_tag="b2").answered(11.0 + gap, talk=10.0)
    return ladder


@pytest.mark.parametrize("gap", [0.5, 2.0, 30.0])
def test_a_stream_that_goes_on_through_two_calls_is_cut_between_them(gap: float) -> None:
    there = stream(ALICE_MEDIA, BOB_MEDIA, 450, ssrc=1).then(
        stream(ALICE_MEDIA, BOB_MEDIA, 450, ssrc=1, start=12.1 + gap, sequence=9000, timestamp=7)
    )
    first, second = carry(two_calls(gap), there).model().sessions
    assert not first.ambiguous
    assert not second.ambiguous
    assert [item.packets for item in first.to_callee] == [450]
    assert [item.packets for item in second.to_callee] == [450]


def test_two_calls_at_once_on_one_address_are_ambiguous() -> None:
    ladder = carry(two_calls(-5.0), stream(ALICE_MEDIA, BOB_MEDIA, 800, ssrc=1))
    assert [session.ambiguous for session in ladder.model().sessions] == [True, True]
    assert [session.streams for session in ladder.model().sessions] == [[], []]


def test_a_refused_call_holds_its_address_no_longer() -> None:
    ladder = Ladder()
    refused = ladder.call(caller_tag="a1")
    invite = refused.invite(0.0)
    refused.respond(invite, 486, 0.5)
    refused.ack(invite, 0.6)
    ladder.call(caller_tag="a2").answered(10.0)
    ladder = carry(ladder, stream(ALICE_MEDIA, BOB_MEDIA, 400, ssrc=1, start=11.1))
    first, second = ladder.model().sessions
    assert not second.ambiguous
    assert sides(first) == ([], [])
    assert sides(second) == ([], [1])


def test_two_hops_of_one_call_share_its_streams() -> None:
    ladder = Ladder()
    proxy = Endpoint("203.0.113.5", 5060)
    ladder.call(ALICE, proxy, BOB).answered()
    carry(ladder, stream(ALICE_MEDIA, BOB_MEDIA, 400, ssrc=1))
    assert [sides(session) for session in ladder.model().sessions] == [([], [1]), ([], [1])]


# -- several media --------------------------------------------------------------------------------------------------


def with_video(host: Endpoint, audio: int, video: int) -> bytes:
    return sdp(host, media=f"m=audio {audio} RTP/AVP 0\r\nm=video {video} RTP/AVP 97\r\na=rtpmap:97 H264/90000")


def test_video_is_the_calls_and_no_audio() -> None:
    ladder, _ = answered(with_video(ALICE, 40_000, 40_002), with_video(BOB, 42_000, 42_002))
    video = stream(
        Endpoint(ALICE.host, 40_002), Endpoint(BOB.host, 42_002), 400, ssrc=7, payload_type=97, step=3000, ptime=0.033
    )
    session = only_session(carry(ladder, video, stream(ALICE_MEDIA, BOB_MEDIA, 400, ssrc=1)))
    assert sides(session) == ([], [1])
    assert [(item.ssrc, item.codec, item.clock_rate) for item in session.video] == [(7, "H264", 90_000)]


def test_a_bundle_is_told_apart_by_payload_type() -> None:
    ladder, _ = answered(with_video(ALICE, 40_000, 40_000), with_video(BOB, 42_000, 42_000))
    video = stream(ALICE_MEDIA, BOB_MEDIA, 400, ssrc=7, payload_type=97, step=3000, ptime=0.033)
    session = only_session(carry(ladder, video, stream(ALICE_MEDIA, BOB_MEDIA, 400, ssrc=1)))
    assert sides(session) == ([], [1])
    assert [item.ssrc for item in session.video] == [7]


def test_the_receiver_says_what_a_payload_type_means() -> None:
    # RFC 3264 §5.1: for a stream to Bob his 96 is Opus, for one to Alice her 96 is AMR.
    offer = sdp(ALICE, media="m=audio 40000 RTP/AVP 96 97\r\na=rtpmap:96 AMR/8000\r\na=rtpmap:97 opus/48000/2")
    answer = sdp(BOB, 42_000, media="m=audio 42000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2")
    ladder = carry(
        answered(offer, answer)[0],
        stream(ALICE_MEDIA, BOB_MEDIA, 400, payload_type=96, step=960, ssrc=1),
        stream(BOB_MEDIA, ALICE_MEDIA, 400, payload_type=96, ssrc=2),
    )
    session = only_session(ladder)
    assert session.to_callee[0].codec == "opus"
    assert session.to_caller[0].codec == "AMR"


def test_what_comes_from_behind_a_nat_uses_the_other_sides_types() -> None:
    offer = sdp(ALICE, media="m=audio 40000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2")
    answer = sdp(BOB, 42_000, media="m=audio 42000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2")
    ladder = carry(
        answered(offer, answer)[0],
        stream(BOB_MEDIA, NAT, 400, payload_type=111, step=960, ssrc=2),
    )
    assert only_session(ladder).to_caller[0].codec == "opus"


def test_a_trace_without_times_has_no_sessions() -> None:
    ladder, _ = answered()
    for packet in ladder.packets:
        packet.time = None
    assert ladder.model().sessions == []
