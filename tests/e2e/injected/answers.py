"""Faults of offer and answer (RFC 3264)."""

from __future__ import annotations

from tests.e2e.injected.parts import ANSWER, HUNG_UP, INVITE, NO_MEDIA, NOTHING, OPUS, VIDEO, answered, two_lines
from tests.support.calls import ALICE, BOB, Call, sdp
from tests.support.injection import Scene, add, body, lost, new_body, on, sub
from tests.support.injection_bases import (
    delayed_offer,
    direct_call,
    early_media,
    held_call,
    reliable_call,
)  # fmt: skip
from tests.support.injection_cases import Injection, case
from tests.support.injection_consequences import both, dropped, refused, silent


def _hold_without_video(scene: Scene) -> None:
    call = Call(scene.ladder, (ALICE, BOB), "call-1@192.0.2.10", cseq=1)
    invite = call.request("INVITE", 6.0, body=sdp(ALICE, version=2))
    call.respond(invite, 200, 6.05, body=sdp(BOB, 42_000, version=2))
    call.ack(invite, 6.06)
    scene.packets[:] = [packet for packet in scene.packets if b" BYE\r\n" not in packet.raw]


def _never_resumed(scene: Scene) -> None:
    for packet in scene.pick("BYE 1*"):
        packet.time = (packet.time or 0.0) + 80.0
    scene.ladder.end(120.0)


# fmt: off
ANSWERS: tuple[Injection, ...] = (
    # offer and answer
    case(
        "answer-none", "a 200 without an answer", direct_call, on(ANSWER, new_body("")), HUNG_UP, "sdp-answer-missing"
    ),
    case(
        "answer-rejected", "the answer refuses the audio", direct_call, answered("audio 42000", "audio 0"),
        both(HUNG_UP), "sdp-media-rejected"
    ),
    case(
        "answer-other-codec", "the answer has no codec of the offer", direct_call,
        answered("RTP/AVP 0 8", "RTP/AVP 18"), HUNG_UP, "sdp-no-common-codec"
    ),
    case(
        "answer-more-lines", "the answer has more m-lines than the offer", direct_call,
        answered("RTP/AVP 0 8\r\n", "RTP/AVP 0 8\r\nm=video 42010 RTP/AVP 34\r\n"), HUNG_UP, "sdp-mline-count"
    ),
    case(
        "answer-fewer-lines", "the answer leaves the video out",
        two_lines(VIDEO.format(40_000, 40_010), VIDEO.format(42_000, 42_010)), answered(r"m=video.*", ""), HUNG_UP,
        "sdp-mline-count sdp-media-line-dropped"
    ),
    case(
        "answer-order", "the answer swaps the m-lines",
        two_lines(VIDEO.format(40_000, 40_010), VIDEO.format(42_000, 42_010)),
        answered(r"(m=audio[^\r]*\r\n)(m=video.*)\Z", r"\2\1"), HUNG_UP, "sdp-mline-count"
    ),
    case(
        "answer-profile", "the answer has another profile", direct_call, answered("RTP/AVP", "RTP/SAVP"), HUNG_UP,
        "sdp-profile-mismatch srtp-no-keys"
    ),
    case(
        "answer-direction", "sendonly is answered with sendrecv", held_call,
        on("INVITE 2 200", body("a=recvonly", "a=sendrecv")), None, "sdp-answer-direction"
    ),
    case(
        "answer-pt", "another type for the same codec",
        two_lines(OPUS.format(40_000), OPUS.format(42_000), media=False), answered("111", "96"), None, "sdp-pt-remap"
    ),
    case(
        "answer-sendonly-both", "both sides only send", held_call, on("INVITE 2 200", body("a=recvonly", "a=sendonly")),
        dropped("ACK 2"), "sdp-answer-direction"
    ),
    case(
        "answer-type", "the answer is called text/plain", direct_call, on(ANSWER, sub("application/sdp", "text/plain")),
        HUNG_UP, "content-type-mismatch"
    ),
    case(
        "answer-malformed", "the answer lacks its origin", direct_call, answered(r"^o=[^\r]*\r\n", ""), HUNG_UP,
        "sdp-mandatory-line"
    ),
    case(
        "answer-no-c", "the answer lacks its address", direct_call, answered(r"^c=[^\r]*\r\n", ""), silent(0),
        "sdp-missing-connection", beside="media-one-way"
    ),
    case(
        "answer-drift", "the 200 answers otherwise than the reliable 183", reliable_call,
        on(ANSWER, new_body(sdp(BOB, 43_000, version=2).decode())), None, "sdp-answer-drift"
    ),
    case(
        "ack-no-answer", "the ACK lacks the answer", delayed_offer, on("ACK 1", new_body("")),
        both(dropped("ACK 1", after=0.1), NO_MEDIA), "ack-sdp-missing"
    ),
    case(
        "no-offer", "no offer in the 200 to an INVITE without one", delayed_offer,
        both(on(ANSWER, new_body("")), on("ACK 1", new_body(""))),
        both(dropped("ACK 1", after=0.1, by_callee=False), NO_MEDIA), "sdp-missing-delayed",
        undecidable="without any media in the trace it may be a test of signalling alone"
    ),
    case(
        "delayed-refused", "an INVITE without an offer is refused", delayed_offer, on(INVITE, add("X-A: b")),
        refused(INVITE, 488), "offerless-invite-refused sdp-488", unseen=NOTHING
    ),
    case(
        "hold-same-version", "the hold does not count the version up", held_call,
        on("INVITE [23]", body("^o=- 1 [23]", "o=- 1 1")), None, "sdp-version-not-incremented"
    ),
    case(
        "hold-other-session", "the hold has another session id", held_call,
        on("INVITE 2", body("^o=- 1 2", "o=- 77 2")), refused("INVITE 2", 488), "sdp-origin-changed reinvite-rejected"
    ),
    case(
        "hold-lines", "the hold drops an m-line", two_lines(VIDEO.format(40_000, 40_010), VIDEO.format(42_000, 42_010)),
        _hold_without_video, refused("INVITE 2", 488), "sdp-media-line-dropped reinvite-rejected"
    ),
    case(
        "hold-forever", "the hold is never taken back", held_call, both(lost("INVITE 3*"), lost("ACK 3")),
        _never_resumed, "hold-not-resumed", undecidable="a hold that is never taken back may be meant",
        unseen="ten seconds of hold are none too long"
    ),
    case(
        "early-answer-differs", "the 183 and the 200 have different addresses", early_media,
        answered("audio 42000", "audio 43000"), silent(0), "sdp-answer-drift", beside="media-one-way"
    ),
)
# fmt: on
