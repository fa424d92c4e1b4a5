"""Faults of RTP and its telephone events (RFC 3550, 3551, 4733), told from the streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from tests.support.calls import BOB
from tests.support.injection import Change, Scene, body, delayed, on, streams
from tests.support.injection_bases import (
    callee_ends,
    direct_call,
    dtmf_call,
    early_media,
    held_call,
    proxied_call,
    timed_call,
)
from tests.support.injection_cases import Injection, case
from tests.support.injection_consequences import both, silent
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, Sent, stream

from sip_ci.trace.observation import Endpoint

Column = npt.NDArray[np.int64]
OTHER = Endpoint("203.0.113.99", 30_000)


def _lossy(sent: Sent) -> Sent:
    places = np.arange(len(sent))
    return sent.without(places[(places * 7919) % 100 < 10])


def _burst(sent: Sent) -> Sent:
    return sent.without([place for start in (100, 200, 300) for place in range(start, start + 12)])


def _jittery(sent: Sent) -> Sent:
    return sent.late(np.asarray((np.arange(len(sent)) * 7919 % 13) * 0.02, np.float64))


def _gap(sent: Sent) -> Sent:
    return sent.without(range(150, 350))


def _restarted(sent: Sent) -> Sent:
    half = len(sent) // 2
    return replace(sent, timestamp=np.where(np.arange(len(sent)) < half, sent.timestamp, sent.timestamp + 900_000))


def _stuck(sent: Sent) -> Sent:
    return replace(sent, timestamp=np.full(len(sent), 5000))


def _same_sequence(sent: Sent) -> Sent:
    return replace(sent, sequence=np.full(len(sent), 77))


def _every_second(sent: Sent) -> Sent:
    return replace(sent, sequence=sent.sequence * 2)


def _half_step(sent: Sent) -> Sent:
    return replace(sent, timestamp=16_000 + (sent.timestamp - 16_000) // 2)


def _double_step(sent: Sent) -> Sent:
    return replace(sent, timestamp=16_000 + (sent.timestamp - 16_000) * 2)


def _typed(number: int) -> Change:
    return streams(lambda sent: replace(sent, payload_type=np.full(len(sent), number)))


def _swapped(sent: Sent) -> Sent:
    order = np.arange(len(sent))
    order[10:-10:10], order[11:-9:10] = order[11:-9:10].copy(), order[10:-10:10].copy()
    return sent.arriving(order)


def _doubled(sent: Sent) -> Sent:
    again = sent.rows(np.arange(len(sent)) % 4 == 0).late(0.006)
    return sent.then(again)


def _many_sources(scene: Scene) -> None:
    near = scene.streams[0]
    parts = [replace(near.rows(np.arange(len(near)) // 100 == place), ssrc=0x5000 + place) for place in range(5)]
    scene.streams[:] = [*(part for part in parts if len(part)), scene.streams[1]]


def _injected(scene: Scene) -> None:
    scene.streams.append(
        stream(OTHER, ALICE_MEDIA, 200, start=4.0, ssrc=scene.streams[1].ssrc, sequence=9000, timestamp=5_000_000)
    )


def _same_ssrc(scene: Scene) -> None:
    scene.streams[1] = replace(
        scene.streams[1], ssrc=scene.streams[0].ssrc, timestamp=scene.streams[1].timestamp + 9_000_000
    )


def _events(edit: Callable[[Column, Column, Column, Column], None]) -> Change:
    def change(scene: Scene) -> None:
        near = scene.streams[0]
        content, stamps, kinds = near.contents.copy(), near.timestamp.copy(), near.payload_type.copy()
        events = np.flatnonzero(kinds == 101)
        edit(content, stamps, kinds, events)
        scene.streams[0] = replace(near, content=content, timestamp=stamps, payload_type=kinds)

    return change


def _no_end(content: Column, stamps: Column, kinds: Column, events: Column) -> None:
    content[events] = content[events] & ~0x80_0000


def _moving(content: Column, stamps: Column, kinds: Column, events: Column) -> None:
    stamps[events] = 16_000 + events * 160


def _shrinking(content: Column, stamps: Column, kinds: Column, events: Column) -> None:
    plain = events[content[events] & 0x80_0000 == 0]
    content[plain] = (content[plain] & ~0xFFFF) | (2000 - (content[plain] & 0xFFFF))


def _short(content: Column, stamps: Column, kinds: Column, events: Column) -> None:
    content[events] = (content[events] & ~0xFFFF) | 80


def _other_type(content: Column, stamps: Column, kinds: Column, events: Column) -> None:
    kinds[events] = 96


def _after_bye(scene: Scene) -> None:
    scene.streams[1] = stream(BOB_MEDIA, ALICE_MEDIA, 1400, start=1.02, ssrc=0x2222)


# fmt: off
MEDIA: tuple[Injection, ...] = (
    case("rtp-one-way", "the callee sends nothing", direct_call, silent(1), None, "media-one-way"),
    case("rtp-one-way-caller", "the caller sends nothing", direct_call, silent(0), None, "media-one-way"),
    case("rtp-one-way-proxied", "nothing comes back over a proxy", proxied_call, silent(1), None, "media-one-way"),
    case(
        "rtp-wrong-port", "the caller sends to another port than the answer says", direct_call,
        streams(lambda sent: replace(sent, destination=Endpoint(BOB.host, 42_100))), silent(1), "rtp-port-undeclared"
    ),
    case(
        "rtp-wrong-host", "the callee sends to another host than the offer says", direct_call,
        streams(lambda sent: replace(sent, destination=OTHER), 1), None, "rtp-port-undeclared media-one-way"
    ),
    case(
        "rtp-other-source", "the callee sends from another address than it takes media at", direct_call,
        streams(lambda sent: replace(sent, source=OTHER), 1), None, "rtp-source-mismatch"
    ),
    case(
        "rtp-late", "the first packet comes after four seconds", direct_call,
        streams(lambda sent: sent.rows(sent.time > 5.0), 1), None, "media-late"
    ),
    case(
        "rtp-stops", "the callee stops sending", direct_call, streams(lambda sent: sent.rows(sent.time < 4.0), 1), None,
        "media-stopped-early"
    ),
    case(
        "rtp-stops-both", "both stop", direct_call, streams(lambda sent: sent.rows(sent.time < 4.0), 0, 1), None,
        "media-stopped-early", unseen="both may have been muted, and the media may have taken another path"
    ),
    case("rtp-after-bye", "the callee goes on after the BYE", direct_call, _after_bye, None, "media-after-bye"),
    case(
        "rtp-after-bye-callee", "the caller goes on after the callee's BYE", callee_ends,
        lambda scene: scene.streams.__setitem__(0, stream(ALICE_MEDIA, BOB_MEDIA, 1400, start=1.05, ssrc=0x1111)), None,
        "media-after-bye"
    ),
    case("rtp-loss", "one packet in ten is lost", direct_call, streams(_lossy), None, "rtp-loss"),
    case("rtp-burst", "packets are lost in bursts", direct_call, streams(_burst), None, "rtp-burst-loss rtp-loss"),
    case("rtp-gap", "four seconds are missing", direct_call, streams(_gap), None, "rtp-gap rtp-loss"),
    case("rtp-jitter", "packets come unevenly", direct_call, streams(_jittery), None, "rtp-jitter"),
    case("rtp-order", "packets overtake each other", direct_call, streams(_swapped), None, "rtp-out-of-order"),
    case("rtp-twice", "packets come twice", direct_call, streams(_doubled), None, "rtp-duplicate"),
    case("rtp-ssrc-many", "the source changes again and again", direct_call, _many_sources, None, "rtp-ssrc-change"),
    case("rtp-ssrc-same", "both sides use one SSRC", direct_call, _same_ssrc, None, "rtp-ssrc-collision"),
    case("rtp-jump", "the timestamp jumps", direct_call, streams(_restarted), None, "rtp-timestamp-jump"),
    case(
        "rtp-stuck-time", "the timestamp stands still", timed_call, streams(_stuck), None,
        "rtp-timestamp-jump rtp-clock-drift"
    ),
    case(
        "rtp-stuck-sequence", "the sequence number stands still", direct_call, streams(_same_sequence), None,
        "rtp-duplicate"
    ),
    case(
        "rtp-sequence-two", "the sequence number counts by two", direct_call, streams(_every_second), None,
        "rtp-loss"
    ),
    case(
        "rtp-half-clock", "the timestamp runs at half the clock rate", timed_call, streams(_half_step), None,
        "rtp-clock-drift rtp-timestamp-jump rtp-ptime-observed rtp-frame-size"
    ),
    case(
        "rtp-double-clock", "the timestamp runs at twice the clock rate", direct_call, streams(_double_step), None,
        "rtp-clock-drift rtp-timestamp-jump rtp-ptime-observed rtp-frame-size"
    ),
    case("rtp-type", "a payload type that nobody offered", direct_call, _typed(99), None, "rtp-pt-undeclared"),
    case(
        "rtp-codec", "G.729 though G.711 was agreed", direct_call, _typed(18), None,
        "rtp-codec-mismatch rtp-pt-undeclared"
    ),
    case(
        "rtp-size", "G.711 with 100 bytes for 20 ms", direct_call, streams(lambda sent: replace(sent, size=112)), None,
        "rtp-frame-size rtp-ptime-observed"
    ),
    case(
        "rtp-drift", "a clock that is two percent fast", direct_call,
        lambda scene: scene.streams.__setitem__(
            0, stream(ALICE_MEDIA, BOB_MEDIA, 500, start=1.05, ptime=0.0196, ssrc=0x1111)
        ), None, "rtp-clock-drift", unseen="nine seconds are too few to tell a clock's drift"
    ),
    case(
        "rtp-ptime", "40 ms though 20 ms were asked for", direct_call,
        both(
            on("INVITE 1 200", body("RTP/AVP 0 8", "RTP/AVP 0 8\r\na=ptime:20")),
            lambda scene: scene.streams.__setitem__(
                0, stream(ALICE_MEDIA, BOB_MEDIA, 245, start=1.05, ptime=0.04, step=320, ssrc=0x1111, size=332)
            )
        ), None, "rtp-ptime-observed sdp-ptime-mismatch"
    ),
    case("rtp-injected", "a third host sends into the call", direct_call, _injected, None, "rtp-injection"),
    case(
        "rtp-cn", "comfort noise that was not agreed", direct_call,
        streams(lambda sent: replace(sent, payload_type=np.where(np.arange(len(sent)) % 50 == 0, 13, 0))), None,
        "rtp-cn-not-negotiated rtp-pt-undeclared"
    ),
    case(
        "rtp-resume", "the callee does not send again after the hold", held_call,
        both(
            streams(lambda sent: sent.rows(sent.time < 5.0), 1), delayed("BYE 1", 10.0),
            lambda scene: scene.streams.__setitem__(0, stream(ALICE_MEDIA, BOB_MEDIA, 950, start=1.05, ssrc=0x1111))
        ), None, "media-stopped-early media-one-way"
    ),
    case(
        "rtp-hold-wrong", "the callee goes on sending while it is held", held_call,
        lambda scene: scene.streams.__setitem__(1, stream(BOB_MEDIA, ALICE_MEDIA, 480, start=1.02, ssrc=0x2222)), None,
        "",
        unseen="packets that cross the hold, or a sender that does not stop, disturb nobody: the holder ignores them"
    ),
    case(
        "early-none", "early media is announced and not sent", early_media,
        streams(lambda sent: sent.rows(sent.time > 1.0), 1), None, "early-media-gap media-late",
        unseen="a 183 with a description may announce media that begins with the answer"
    ),
    case("dtmf-no-end", "events without an end", dtmf_call, _events(_no_end), None, "dtmf-end-missing"),
    case(
        "dtmf-moving", "the timestamp moves within an event", dtmf_call, _events(_moving), None, "dtmf-ts-not-constant"
    ),
    case(
        "dtmf-shrinking", "the duration of an event shrinks", dtmf_call, _events(_shrinking), None,
        "dtmf-duration-decreasing"
    ),
    case("dtmf-short", "events of 10 ms", dtmf_call, _events(_short), None, "dtmf-duration-short"),
    case(
        "dtmf-type", "events of a type that was not agreed", dtmf_call, _events(_other_type), None,
        "dtmf-pt-mismatch rtp-pt-undeclared"
    ),
)
# fmt: on
