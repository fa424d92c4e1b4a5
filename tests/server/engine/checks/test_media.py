"""One-way audio, no audio and loss: what is found, and what looks like it and is healthy."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.calls import ALICE, BOB, Call, Ladder, assert_healthy, sdp, serious
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, Sent, carry, stream

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Clock, Endpoint
from sip_ci.trace.trace import Notice, NoticeKind, TraceOrigin

AUDIO = "m=audio {port} RTP/AVP 0 8\r\na={direction}"


def described(host: Endpoint, port: int, direction: str, version: int = 1) -> bytes:
    return sdp(host, version=version, media=AUDIO.format(port=port, direction=direction))


def answered(
    offer: bytes | None = None, answer: bytes | None = None, talk: float = 10.0, **options: object
) -> tuple[Ladder, Call]:
    ladder = Ladder(**options)  # type: ignore[arg-type]
    call = ladder.call()
    invite = call.invite(0.0, offer=offer)
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0, body=answer)
    call.ack(invite, 1.03)
    call.respond(call.bye(1.0 + talk), 200, 1.02 + talk)
    return ladder, call


def there(packets: int = 480, **options: object) -> Sent:
    return stream(ALICE_MEDIA, BOB_MEDIA, packets, ssrc=1, **options)  # type: ignore[arg-type]


def back(packets: int = 480, **options: object) -> Sent:
    return stream(BOB_MEDIA, ALICE_MEDIA, packets, ssrc=2, **options)  # type: ignore[arg-type]


def one_way(ladder: Ladder) -> WireFinding | None:
    return ladder.findings().get("media-one-way")


def reasons(ladder: Ladder, check: str) -> str:
    return "; ".join(item.reason for item in ladder.report().not_checked if item.check == check)


# -- one way --------------------------------------------------------------------------------------------------------


def test_both_ways_is_healthy() -> None:
    assert_healthy(carry(answered()[0], there(), back()))


@pytest.mark.parametrize(("flows", "deaf"), [(there, "caller"), (back, "callee")])
def test_one_way(flows: object, deaf: str) -> None:
    ladder = carry(answered()[0], flows())  # type: ignore[operator]
    found = one_way(ladder)
    assert found is not None
    assert found.severity is Severity.CRITICAL
    assert deaf in found.title
    assert found.calls == ("call-1@192.0.2.10",)
    first, second = found.evidence
    assert (first.frame, second.frame) == (1, 3)
    assert "480 packets" in first.text
    assert str(ALICE_MEDIA if deaf == "caller" else BOB_MEDIA) in second.why


def test_a_few_packets_do_not_make_it_two_ways() -> None:
    assert one_way(carry(answered()[0], there(), back(5))) is not None
    assert one_way(carry(answered()[0], there(), back(6))) is None


def test_early_media_does_not_make_it_two_ways() -> None:
    # The ringback of the callee's gateway before the answer, and nothing after it.
    found = one_way(carry(answered(talk=20.0)[0], there(900), back(20, start=0.05)))
    assert found is not None


def test_media_on_hold_later_is_judged_up_to_the_hold() -> None:
    ladder, call = answered(talk=30.0)
    hold = call.request("INVITE", 15.0, body=described(ALICE, 40_000, "sendonly", 2))
    call.respond(hold, 200, 15.1, body=described(BOB, 42_000, "recvonly", 2))
    call.ack(hold, 15.2)
    assert one_way(carry(ladder, there(1400))) is not None


@pytest.mark.parametrize("direction", ["sendonly", "recvonly", "inactive"])
def test_other_than_sendrecv_is_silent_on_purpose(direction: str) -> None:
    answers = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
    ladder, _ = answered(described(ALICE, 40_000, direction), described(BOB, 42_000, answers[direction]))
    assert one_way(carry(ladder, there())) is None
    assert one_way(carry(ladder, back())) is None


def test_hold_right_after_the_answer_is_silent_on_purpose() -> None:
    ladder, call = answered(talk=30.0)
    hold = call.request("INVITE", 3.0, body=described(ALICE, 40_000, "sendonly", 2))
    call.respond(hold, 200, 3.1, body=described(BOB, 42_000, "recvonly", 2))
    call.ack(hold, 3.2)
    assert one_way(carry(ladder, there(1400))) is None


def test_the_hold_of_rfc_2543_is_silent_on_purpose() -> None:
    ladder, _ = answered(sdp(Endpoint("0.0.0.0", 5060)))
    assert_healthy(carry(ladder, there()))


def test_a_session_level_direction_counts() -> None:
    offer = described(ALICE, 40_000, "sendonly").replace(b"t=0 0\r\n", b"t=0 0\r\na=sendonly\r\n")
    offer = offer.removesuffix(b"a=sendonly\r\n")
    ladder, _ = answered(offer, described(BOB, 42_000, "recvonly"))
    assert one_way(carry(ladder, there())) is None


def test_comfort_noise_is_silence_on_purpose() -> None:
    noise = stream(ALICE_MEDIA, BOB_MEDIA, 200, ssrc=1, start=3.1, sequence=1100, payload_type=13, ptime=0.04)
    assert one_way(carry(answered()[0], there(100).then(noise))) is None


@pytest.mark.parametrize("talk", [0.5, 2.9])
def test_a_short_call_says_nothing(talk: float) -> None:
    assert one_way(carry(answered(talk=talk)[0], there(140))) is None


def test_too_few_packets_say_nothing() -> None:
    assert one_way(carry(answered()[0], there(49))) is None


def test_a_port_of_several_calls_says_nothing() -> None:
    ladder, _ = answered()
    ladder.call(caller_tag="a2", callee_tag="b2").answered(2.0, talk=6.0)
    carry(ladder, there())
    assert one_way(ladder) is None
    assert "same media address" in reasons(ladder, "media-one-way")


def test_calls_one_after_another_on_one_port_are_told_apart() -> None:
    ladder, _ = answered()
    ladder.call(caller_tag="a2", callee_tag="b2").answered(12.0, talk=10.0)
    carry(ladder, there(1150), back())
    found = one_way(ladder)
    assert found is not None
    assert found.calls == ("call-2@192.0.2.10",)
    assert found.occurrences == 1


def test_a_one_sided_capture_says_nothing() -> None:
    # Media takes another way than signalling, and only one direction of it passes the point of capture.
    left, right = Endpoint("203.0.113.40", 40_000), Endpoint("203.0.113.50", 42_000)
    ladder, _ = answered(sdp(left), sdp(right, 42_000))
    carry(ladder, stream(left, right, 480), both_ways=False)
    assert one_way(ladder) is None
    assert "not in the capture" in reasons(ladder, "media-one-way")


def test_a_capture_of_signalling_says_nothing() -> None:
    ladder, _ = answered()
    ladder.end(20.0)
    assert_healthy(ladder)
    for check in ("media-one-way", "media-none", "rtp-loss"):
        assert reasons(ladder, check) == "the trace holds no RTP"


@pytest.mark.parametrize("origin", [TraceOrigin.LOG, TraceOrigin.TEXT])
def test_a_text_says_nothing(origin: TraceOrigin) -> None:
    ladder, _ = answered(origin=origin)
    assert_healthy(ladder)
    assert reasons(ladder, "media-one-way") == "a log holds no media"


def test_times_unknown_say_nothing() -> None:
    ladder, _ = answered(clock=Clock.ORDINAL)
    assert_healthy(carry(ladder, there()))


def test_media_through_a_relay_is_two_ways() -> None:
    # Each leg is described with the relay's addresses, as an SBC or rtpengine does.
    relay = Endpoint("203.0.113.5", 5060)
    to_alice, to_bob = Endpoint(relay.host, 30_000), Endpoint(relay.host, 30_002)
    ladder = Ladder()
    one = ladder.call(ALICE, relay)
    invite = one.invite(0.0)
    two = ladder.call(relay, BOB, caller_tag="a2", callee_tag="b2")
    second = two.invite(0.01, offer=sdp(relay, 30_002))
    two.respond(second, 200, 1.0)
    one.respond(invite, 200, 1.01, body=sdp(relay, 30_000))
    two.ack(second, 1.03)
    one.ack(invite, 1.03)
    one.respond(one.bye(11.0), 200, 11.02)
    two.respond(two.bye(11.01), 200, 11.03)
    flows = [
        stream(ALICE_MEDIA, to_alice, 480, ssrc=1),
        stream(to_bob, BOB_MEDIA, 480, ssrc=1),
        stream(BOB_MEDIA, to_bob, 480, ssrc=2),
        stream(to_alice, ALICE_MEDIA, 480, ssrc=2),
    ]
    assert_healthy(carry(ladder, *flows))
    # The relay swallows what comes from Bob: Alice hears nothing, Bob's leg is two-way.
    found = one_way(carry(ladder, *flows[:3]))
    assert found is not None
    assert found.calls == (one.call_id,)


def test_an_answer_from_a_port_that_nobody_announced_is_no_one_way_audio() -> None:
    nat = Endpoint("203.0.113.77", 61_000)
    other_port = Endpoint(BOB.host, 47_000)
    ladder = carry(answered()[0], stream(nat, BOB_MEDIA, 480, ssrc=1), stream(other_port, nat, 480, ssrc=2))
    assert one_way(ladder) is None
    assert "no SDP announces" in reasons(ladder, "media-one-way")


def test_fax_takes_over_from_audio() -> None:
    ladder, call = answered(talk=30.0)
    fax = sdp(ALICE, version=2, media="m=audio 0 RTP/AVP 0\r\nm=image 40000 udptl t38")
    switch = call.request("INVITE", 3.0, body=fax)
    call.respond(switch, 200, 3.1, body=sdp(BOB, version=2, media="m=audio 0 RTP/AVP 0\r\nm=image 42000 udptl t38"))
    call.ack(switch, 3.2)
    assert not {"media-one-way", "media-none", "media-stopped-early"} & set(carry(ladder, there(100)).findings())


def test_a_refused_hold_changes_nothing() -> None:
    ladder, call = answered(talk=30.0)
    hold = call.request("INVITE", 3.0, body=described(ALICE, 40_000, "sendonly", 2))
    call.respond(hold, 491, 3.1)
    call.ack(hold, 3.2)
    assert one_way(carry(ladder, there(1400))) is not None


def test_a_call_without_bye_is_judged_up_to_the_end_of_the_trace() -> None:
    ladder = Ladder()
    ladder.call().established()
    assert one_way(carry(ladder, there())) is not None


def test_ipv6() -> None:
    alice, bob = Endpoint("2001:db8::1", 5060), Endpoint("2001:db8::2", 5060)
    ladder = Ladder()
    call = ladder.call(alice, bob)
    invite = call.invite(0.0, offer=sdp(alice).replace(b"IP4", b"IP6"))
    call.respond(invite, 200, 1.0, body=sdp(bob, 42_000).replace(b"IP4", b"IP6"))
    call.ack(invite, 1.03)
    call.respond(call.bye(11.0), 200, 11.02)
    left, right = Endpoint(alice.host, 40_000), Endpoint(bob.host, 42_000)
    assert_healthy(carry(ladder, stream(left, right, 480), stream(right, left, 480)))
    found = one_way(carry(ladder, stream(left, right, 480)))
    assert found is not None
    assert "[2001:db8::1]:40000" in found.evidence[1].why


# -- none at all ----------------------------------------------------------------------------------------------------


def two_calls() -> Ladder:
    """The first call has media (given by the test), the second on other ports has none."""
    ladder, _ = answered()
    call = ladder.call(caller_tag="a2", callee_tag="b2")
    invite = call.invite(20.0, offer=sdp(ALICE, 40_100))
    call.respond(invite, 200, 21.0, body=sdp(BOB, 42_100))
    call.ack(invite, 21.03)
    call.respond(call.bye(31.0), 200, 31.02)
    return ladder


def test_no_audio_at_all() -> None:
    found = carry(two_calls(), there(), back()).findings()["media-none"]
    assert found.severity is Severity.HIGH
    assert found.calls == ("call-2@192.0.2.10",)
    assert [proof.frame for proof in found.evidence] == [7, 8]


def test_no_audio_of_these_hosts_anywhere_may_be_another_path() -> None:
    other = Endpoint("203.0.113.9", 20_000)
    ladder = carry(answered()[0], stream(other, Endpoint("203.0.113.10", 20_000), 400))
    assert "media-none" not in ladder.findings()
    assert "another path" in reasons(ladder, "media-none")


def test_audio_on_addresses_that_no_description_names_is_audio() -> None:
    somewhere = stream(Endpoint(ALICE.host, 50_000), Endpoint(BOB.host, 51_000), 480, ssrc=9, start=21.1)
    ladder = carry(two_calls(), there(), back(), somewhere)
    assert "media-none" not in ladder.findings()
    assert "no SDP announces" in reasons(ladder, "media-none")


def test_a_call_that_is_offered_without_audio_has_none() -> None:
    ladder = two_calls()
    assert "media-none" in carry(ladder, there(), back()).findings()
    ladder, _ = answered(sdp(ALICE, media="m=video 40000 RTP/AVP 34"), sdp(BOB, media="m=video 42000 RTP/AVP 34"))
    assert "media-none" not in carry(ladder, stream(ALICE_MEDIA, BOB_MEDIA, 400, payload_type=34)).findings()


# -- loss -----------------------------------------------------------------------------------------------------------


def losing(share: float, packets: int = 1000, seed: int = 1) -> Sent:
    places = np.random.default_rng(seed).permutation(np.arange(1, packets - 1))[: round(share * packets)]
    return there(packets).without(places)


@pytest.mark.parametrize(
    ("share", "severity"),
    [
        (0.005, None), (0.011, Severity.MEDIUM), (0.04, Severity.MEDIUM), (0.051, Severity.HIGH), (0.14, Severity.HIGH),
        (0.16, Severity.CRITICAL), (0.5, Severity.CRITICAL), (0.7, Severity.MEDIUM),
    ],
)  # fmt: skip
def test_loss_by_its_share(share: float, severity: Severity | None) -> None:
    ladder = carry(answered(talk=25.0)[0], losing(share), back(1000))
    found = ladder.findings().get("rtp-loss")
    assert (found.severity if found else None) is severity
    if found and severity is not Severity.LOW:
        assert f"{share * 100:.1f} %" in found.title
        assert "the callee" in found.title
        assert found.calls == ("call-1@192.0.2.10",)
        assert found.evidence[0].frame == 1


def test_a_capture_that_holds_few_packets_of_both_ways_is_a_sample() -> None:
    lost = [number for number in range(1000) if number % 10 not in (0, 3, 4)]
    found = carry(answered(talk=25.0)[0], there(1000).without(lost), back(1000).without(lost)).findings()["rtp-loss"]
    assert found.severity is Severity.LOW


def test_events_recorded_without_the_audio_between_them_lost_nothing() -> None:
    events = stream(ALICE_MEDIA, BOB_MEDIA, 300, payload_type=101).holding(0x0100_00A0)
    gaps = [number for number in range(300) if number % 30 >= 10]
    assert "rtp-loss" not in carry(Ladder(), events.without(gaps)).findings()
    voice = stream(ALICE_MEDIA, BOB_MEDIA, 300, payload_type=0)
    assert "rtp-loss" in carry(Ladder(), voice.without(gaps)).findings()


def test_a_single_lost_packet_of_a_short_stream_is_not_two_percent() -> None:
    assert "rtp-loss" not in carry(answered()[0], there(60).without([10, 20, 30, 40]), back()).findings()


def test_both_directions_are_two_findings() -> None:
    ladder = carry(answered(talk=25.0)[0], losing(0.06), back(1000).without(range(50, 950, 10)))
    found = [item for item in ladder.report().findings if item.check == "rtp-loss"]
    assert len(found) == 2
    assert len({item.fingerprint for item in found}) == 2


def test_every_second_packet_is_a_sample() -> None:
    ladder = carry(
        answered(talk=25.0)[0], there(1000).rows(slice(None, None, 2)), back(1000).rows(slice(None, None, 2))
    )
    found = ladder.findings()["rtp-loss"]
    assert found.severity is Severity.LOW


def test_a_capture_that_says_that_it_lost_packets() -> None:
    ladder = carry(answered(talk=25.0)[0], losing(0.2), back(1000)).know(dropped_packets=200)
    assert ladder.findings()["rtp-loss"].severity is Severity.LOW
    ladder = carry(answered(talk=25.0)[0], losing(0.2), back(1000))
    ladder.notices = (Notice(NoticeKind.TCP_GAP, "bytes are missing"),)
    assert ladder.findings()["rtp-loss"].severity is Severity.LOW


def test_loss_of_a_stream_that_nobody_announced() -> None:
    ladder = Ladder()
    found = carry(ladder, losing(0.3)).findings()["rtp-loss"]
    assert found.severity is Severity.MEDIUM
    assert found.calls == ()
    unknown = stream(ALICE_MEDIA, BOB_MEDIA, 1000, payload_type=120, step=777).without(range(100, 400))
    assert carry(Ladder(), unknown).findings()["rtp-loss"].severity is Severity.LOW


def test_loss_of_video_is_the_calls() -> None:
    def media(host: Endpoint, port: int) -> bytes:
        lines = f"m=audio {port} RTP/AVP 0\r\nm=video {port + 2} RTP/AVP 97\r\na=rtpmap:97 H264/90000"
        return sdp(host, media=lines)

    video = stream(
        Endpoint(ALICE.host, 40_002), Endpoint(BOB.host, 42_002), 1000, ssrc=7, payload_type=97, step=3000, ptime=0.02
    )
    ladder, _ = answered(media(ALICE, 40_000), media(BOB, 42_000), talk=25.0)
    found = carry(ladder, there(1000), back(1000), video.without(range(50, 950, 10))).findings()["rtp-loss"]
    assert found.severity is Severity.HIGH
    assert found.calls == ("call-1@192.0.2.10",)
    assert "H264" in found.title


@pytest.mark.parametrize(
    "flow",
    [
        there(500).then(there(500, start=71.1, sequence=52_000, timestamp=99)),
        there(1000, sequence=65_000),
        there(1000).rows(np.sort(np.concatenate((np.arange(1000), np.arange(0, 1000, 2))))),
        there(1000).arriving(np.arange(1000).reshape(-1, 2)[:, ::-1].reshape(-1)),
        there(1000).without([0]),
    ],
    ids=["hold with new numbers", "wrap", "copies", "reordering", "first packet"],
)
def test_no_loss(flow: Sent) -> None:
    ladder, _ = answered(talk=85.0)
    assert "rtp-loss" not in carry(ladder, flow, back(4000)).findings()


# -- a healthy call in other captures -------------------------------------------------------------------------------


def test_three_copies_of_every_packet() -> None:
    ladder, _ = answered()
    copies = [item.late(0.0001 * copy) for item in (there(), back()) for copy in range(3)]
    assert_healthy(carry(ladder, *copies))


def test_the_capture_begins_or_ends_inside_the_call() -> None:
    for messages in (slice(1, None), slice(3, None), slice(None, 4), slice(None, 3), slice(None, 2)):
        ladder, _ = answered()
        ladder.packets = ladder.packets[messages]
        assert_healthy(carry(ladder, there(), back()))


@pytest.mark.parametrize("host", [ALICE.host, BOB.host])
def test_one_direction_of_signalling_is_hidden(host: str) -> None:
    ladder, _ = answered()
    ladder.packets = [packet for packet in ladder.packets if packet.source and packet.source.host == host]
    assert_healthy(carry(ladder, there(), back(), both_ways=False))
    assert_healthy(carry(ladder, *(flow for flow in (there(), back()) if flow.source.host == host), both_ways=False))


def test_serious_sees_what_is_broken() -> None:
    # The healthy cases above would all pass if nothing were ever found.
    assert serious(carry(answered()[0], there()).report().findings) == ["media-one-way: critical"]


def test_a_direction_that_was_recorded_as_a_sample_is_not_judged() -> None:
    """Its sequence numbers go on behind the gap, so the packets were sent, and nobody recorded them."""
    sampled = back(950, start=-2.0).without(range(100, 946))
    ladder = carry(answered(talk=16.0)[0], there(780), sampled)
    assert one_way(ladder) is None
    assert reasons(ladder, "media-one-way")
