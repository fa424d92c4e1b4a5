"""What most scenarios of the matrix have in common."""

from __future__ import annotations

from tests.support.scenario import DIALOG, Scenario, ack, expect, inside, invite, reply, response, sdp, send

RING = send(response(180), again=False)
ANSWER = send(response(200, body=sdp("answer")))
ACKNOWLEDGE = send(ack(), again=False)
ASKED = expect("INVITE")
ASKED_AND_KEPT = expect("INVITE", keep=DIALOG)
OK = send(reply(200), again=False)
TRYING = expect(100, optional=True)
RINGING = expect(180, optional=True)
ANSWERED = expect(200, routes=True)


def hang_up(number: int, *lines: str, uri: str = "[next_url]") -> tuple[str, str]:
    """The caller's BYE, and its answer."""
    return send(inside("BYE", number, *lines, uri=uri)), expect(200)


def calling(
    name: str, *talk: str, request: str | None = None, bye: int | None = 2, acknowledge: str = ACKNOWLEDGE
) -> Scenario:
    """A caller that calls, is answered, does what `talk` says, and hangs up with this CSeq, or not at all."""
    end = () if bye is None else hang_up(bye)
    return Scenario(f"caller-{name}", send(request or invite()), TRYING, RINGING, ANSWERED, acknowledge, *talk, *end)


def called(name: str, *talk: str, answer: str = ANSWER, keeps: bool = False, bye: bool = True) -> Scenario:
    """A callee that rings, answers, does what `talk` says, and is hung up on where `bye` says so."""
    asked = ASKED_AND_KEPT if keeps else ASKED
    end = (expect("BYE"), OK) if bye else ()
    return Scenario(f"callee-{name}", asked, RING, answer, expect("ACK"), *talk, *end)


def refusing(name: str, code: int, *lines: str) -> Scenario:
    """A callee that refuses with this code."""
    return Scenario(f"callee-{name}", ASKED, send(response(code, *lines, contact=False)), expect("ACK"))
