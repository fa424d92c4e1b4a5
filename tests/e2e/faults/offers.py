"""Offers and answers that do not fit, and unusual ones that do."""

from __future__ import annotations

from tests.e2e.faults.parts import ACKNOWLEDGE, ANSWERED, ASKED, ASKED_AND_KEPT, OK, called, calling, hang_up
from tests.e2e.live.calls import Call
from tests.e2e.live.case import Case, broken, healthy
from tests.support.scenario import LATE, Scenario, ack, ack_refusal, expect, inside, invite, pause, response, sdp, send
from tests.support.sipp import audio

from sip_ci.findings import Severity

_EVENTS = audio("0 PCMU/8000", "101 telephone-event/8000") + "\r\na=fmtp:101 0-16"


def _agreed(name: str, offer: str, answer: str) -> Call:
    """A call with these descriptions."""
    return Call(
        calling(name, pause(), request=invite(body=offer)), called(name, answer=send(response(200, body=answer)))
    )


def _refused(name: str, offer: str, code: int = 488) -> Call:
    """A call whose offer is refused."""
    return Call(
        Scenario(f"caller-{name}", send(invite(body=offer)), expect(code), send(ack_refusal(), again=False)),
        Scenario(f"callee-{name}", ASKED, send(response(code, contact=False)), expect("ACK")),
    )


def _wrong(
    name: str, what: str, check: str, offer: str = "", answer: str = "", *, severity: Severity = Severity.HIGH
) -> Case:
    return broken(name, what, _agreed(name, offer or sdp(), answer or sdp("answer")), check, severity=severity)


def _changed(name: str, offer: str, answer: str) -> Call:
    """A call whose description is changed by a re-INVITE."""
    return Call(
        calling(
            name,
            pause(0.5),
            send(inside("INVITE", 2, body=offer)),
            ANSWERED,
            send(ack(2), again=False),
            pause(0.5),
            bye=3,
        ),
        called(name, ASKED, send(response(200, "[last_To:]", body=answer)), expect("ACK")),
    )


_OFFERED = "m=audio [media_port] RTP/AVP"
_AUDIO = f"{_OFFERED} 0"
_MAP = "a=rtpmap:0 PCMU/8000"

CASES = (
    healthy(
        "events-agreed",
        "Telephone events offered and answered",
        Call(
            caller_keys={"offer": _EVENTS},
            callee_keys={"answer": audio("0 PCMU/8000", "101 telephone-event/8000") + "\r\na=fmtp:101 0-16"},
        ),
    ),
    healthy(
        "codec-chosen-of-three",
        "PCMA, PCMU and Opus offered, PCMA answered",
        Call(
            caller_keys={"offer": audio("111 opus/48000/2", "8 PCMA/8000", "0 PCMU/8000")},
            callee_keys={"answer": audio("8 PCMA/8000")},
        ),
    ),
    healthy(
        "codec-changed-in-call",
        "A re-INVITE changes from PCMU to PCMA",
        _changed(
            "codec-change",
            sdp("offer", 2, "a=rtpmap:8 PCMA/8000", media=f"{_OFFERED} 8"),
            sdp("answer", 2, "a=rtpmap:8 PCMA/8000", media=f"{_OFFERED} 8"),
        ),
    ),
    healthy(
        "on-hold-from-the-start",
        "The call is offered inactive and answered inactive",
        _agreed("inactive", sdp("offer", 1, "a=inactive"), sdp("answer", 1, "a=inactive")),
    ),
    _wrong(
        "dynamic-format-without-map",
        "The answer lists payload type 96 without rtpmap",
        "sdp-dynamic-pt-without-rtpmap",
        sdp("offer", 1, _MAP, "a=rtpmap:96 opus/48000/2", media=f"{_OFFERED} 96 0"),
        sdp("answer", 1, media=f"{_OFFERED} 96"),
        severity=Severity.LOW,
    ),
    broken(
        "no-connection-line",
        "The offer has no c= line and is refused with 400",
        _refused("no-connection", "\n".join(line for line in sdp().split("\n") if not line.startswith("c=")), 400),
        "sdp-missing-connection",
    ),
    broken(
        "no-origin-line",
        "The offer has no o= line and is refused with 400",
        _refused("no-origin", "\n".join(line for line in sdp().split("\n") if not line.startswith("o=")), 400),
        "sdp-mandatory-line",
    ),
    _wrong(
        "direction-of-answer",
        "The offer is sendonly, and so is the answer",
        "sdp-answer-direction",
        sdp("offer", 1, "a=sendonly"),
        sdp("answer", 1, "a=sendonly"),
    ),
    broken(
        "profile-of-answer",
        "RTP/AVP offered, RTP/SAVP answered, and without a key",
        _agreed("profile", sdp(), sdp("answer", 1, _MAP, media="m=audio [media_port] RTP/SAVP 0")),
        "sdp-profile-mismatch",
        "srtp-no-keys",
    ),
    _wrong(
        "answer-with-more-media",
        "Audio offered, audio and video answered",
        "sdp-mline-count",
        sdp(),
        sdp("answer", 1, "m=video 6002 RTP/AVP 99", "a=rtpmap:99 H264/90000"),
    ),
    _wrong(
        "audio-declined",
        "The call is answered with port 0 for its only medium",
        "sdp-media-rejected",
        sdp(),
        sdp("answer", 1, _MAP, media="m=audio 0 RTP/AVP 0"),
    ),
    _wrong(
        "address-of-other-family",
        "The answer names IP6 and gives an IPv4 address",
        "ipv6-sdp-type",
        sdp(),
        sdp("answer").replace("c=IN IP[local_ip_type]", "c=IN IP6"),
    ),
    broken(
        "type-of-body",
        "The offer is sent as application/isup; it is refused with 400",
        Call(
            Scenario(
                "caller-body-type",
                send(invite("Content-Type: application/isup")),
                expect(400),
                send(ack_refusal(), again=False),
            ),
            Scenario("callee-body-type", ASKED, send(response(400, contact=False)), expect("ACK")),
        ),
        "content-type-mismatch",
    ),
    _wrong(
        "one-number-two-codecs",
        "The offer gives payload type 96 two meanings",
        "sdp-duplicate-pt",
        sdp("offer", 1, "a=rtpmap:96 opus/48000/2", "a=rtpmap:96 iLBC/8000", _MAP, media=f"{_OFFERED} 96 0"),
        severity=Severity.MEDIUM,
    ),
    broken(
        "number-gets-another-codec",
        "A re-INVITE gives payload type 96, Opus before, to iLBC",
        Call(
            calling(
                "pt-redefined",
                pause(0.5),
                send(
                    inside("INVITE", 2, body=sdp("offer", 2, "a=rtpmap:96 iLBC/8000", _MAP, media=f"{_OFFERED} 96 0"))
                ),
                ANSWERED,
                send(ack(2), again=False),
                pause(0.5),
                bye=3,
                request=invite(body=sdp("offer", 1, "a=rtpmap:96 opus/48000/2", _MAP, media=f"{_OFFERED} 96 0")),
            ),
            called(
                "pt-redefined",
                ASKED,
                send(response(200, "[last_To:]", body=sdp("answer", 2))),
                expect("ACK"),
            ),
        ),
        "sdp-pt-redefined",
        severity=Severity.MEDIUM,
    ),
    broken(
        "medium-left-out",
        "Audio and video agreed; a re-INVITE offers audio alone",
        Call(
            calling(
                "media-dropped",
                pause(0.5),
                send(inside("INVITE", 2, body=sdp("offer", 2))),
                ANSWERED,
                send(ack(2), again=False),
                pause(0.5),
                bye=3,
                request=invite(
                    body=sdp("offer", 1, _MAP, "m=video 6002 RTP/AVP 99", "a=rtpmap:99 H264/90000", media=_AUDIO)
                ),
            ),
            called(
                "media-dropped",
                ASKED,
                send(response(200, "[last_To:]", body=sdp("answer", 2))),
                expect("ACK"),
                answer=send(
                    response(
                        200,
                        body=sdp("answer", 1, _MAP, "m=video 6002 RTP/AVP 99", "a=rtpmap:99 H264/90000", media=_AUDIO),
                    )
                ),
            ),
        ),
        "sdp-media-line-dropped",
        severity=Severity.MEDIUM,
    ),
    broken(
        "answer-drifts",
        "The reliable 183 answers PCMU at one port, the 200 of the same callee PCMA at another",
        Call(
            Scenario(
                "caller-drift",
                send(invite("Supported: 100rel", body=sdp("offer", 1, media=f"{_OFFERED} 0 8"))),
                expect(183, routes=True),
                send(inside("PRACK", 2, "RAck: 1 1 INVITE")),
                expect(200),
                ANSWERED,
                ACKNOWLEDGE,
                pause(),
                *hang_up(3),
            ),
            Scenario(
                "callee-drift",
                ASKED_AND_KEPT,
                send(response(183, "Require: 100rel", "RSeq: 1", body=sdp("answer", 1, _MAP, media=_AUDIO))),
                expect("PRACK"),
                OK,
                pause(0.3),
                send(
                    response(200, *LATE, body=sdp("answer", 1, "a=rtpmap:8 PCMA/8000", media="m=audio 6100 RTP/AVP 8"))
                ),
                expect("ACK"),
                expect("BYE"),
                OK,
            ),
        ),
        "sdp-answer-drift",
        severity=Severity.MEDIUM,
    ),
)
