"""Digits: as telephone events, in INFO, or not at all as they were agreed."""

from __future__ import annotations

from tests.e2e.faults.media_call import Exchange, MediaCall, media, talking
from tests.e2e.live.case import broken, capture_only, healthy
from tests.support.playback import Digit, Piece, Sound
from tests.support.scenario import Scenario, expect, inside, reply, send
from tests.support.sipp import PCMU, audio

from sip_ci.findings import Severity

_PCMU, _G729, _EVENTS = "0 PCMU/8000", "18 G729/8000", "101 telephone-event/8000"
_WITH_EVENTS = audio(_PCMU, _EVENTS) + "\r\na=fmtp:101 0-16"
_SPEECH = (Sound(4),)


def _keys(payload_type: int = 101, clock: int = 8000) -> tuple[Piece, ...]:
    """Speech with three keys pressed in it."""
    pieces: list[Piece] = [Sound(0.8)]
    for number in (1, 2, 3):
        pieces += [Digit(number, payload_type, clock), Sound(0.6, marker=False)]
    return tuple(pieces)


def _call(offer: str, answer: str, caller: tuple[Piece, ...]) -> MediaCall:
    return MediaCall(talking(Exchange(media(offer), media(answer))), (caller,), (_SPEECH,))


def _in_info(call: MediaCall, status: int) -> MediaCall:
    """The same call with a digit in INFO before the BYE, answered `status`."""
    calling, called = call.scenarios
    info = inside("INFO", 2, "Content-Type: application/dtmf-relay", body="Signal=5\nDuration=160\n")
    *before, bye, last = calling.steps
    *answering, asked, answered = called.steps
    return MediaCall(
        (
            Scenario("calling-info", *before, send(info), expect(status), bye.replace("CSeq: 2", "CSeq: 3"), last),
            Scenario("called-info", *answering, expect("INFO"), send(reply(status), again=False), asked, answered),
        ),
        call.caller_plays,
        call.callee_plays,
        call.talk,
    )


_INFO = _call(PCMU, PCMU, _SPEECH)

CASES = (
    healthy("dtmf-events", "Three keys as telephone events, as agreed", _call(_WITH_EVENTS, _WITH_EVENTS, _keys())),
    healthy("dtmf-info", "A key in INFO, accepted with 200", _in_info(_INFO, 200)),
    healthy(
        "dtmf-each-its-own-number",
        "The caller calls events 96, the callee 101, and the caller sends 101, which the callee wants",
        _call(audio(_PCMU, "96 telephone-event/8000"), _WITH_EVENTS, _keys()),
    ),
    capture_only(
        broken(
            "dtmf-wrong-number",
            "The caller calls events 96, the callee 101, and the caller sends its own number",
            _call(audio(_PCMU, "96 telephone-event/8000"), _WITH_EVENTS, _keys(96)),
            "dtmf-pt-mismatch",
        )
    ),
    broken(
        "dtmf-not-answered",
        "Events are offered beside G.729 and not answered",
        MediaCall(
            talking(Exchange(media(audio(_G729, _EVENTS)), media(audio(_G729)))),
            ((Sound(4, "G729", 18),),),
            ((Sound(4, "G729", 18),),),
        ),
        "dtmf-inband-lowbitrate",
        severity=Severity.MEDIUM,
    ),
    broken(
        "dtmf-info-refused",
        "A key in INFO is refused with 415",
        _in_info(_INFO, 415),
        "dtmf-info-rejected",
        severity=Severity.MEDIUM,
    ),
)
