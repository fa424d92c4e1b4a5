"""Calls on hold, and those that only look so."""

from __future__ import annotations

from tests.support.calls import ALICE, BOB, Call, Ladder, assert_healthy, sdp

from sip_ci.findings import Severity
from sip_ci.trace.observation import Clock
from sip_ci.trace.trace import TraceOrigin

AUDIO = "m=audio 40000 RTP/AVP 0\r\na="


def established(**options: object) -> tuple[Ladder, Call]:
    ladder = Ladder(**options)  # type: ignore[arg-type]
    call = ladder.call()
    call.established()
    return ladder, call


def change(call: Call, time: float, offered: str, answered: str, *, by_callee: bool = False, status: int = 200) -> None:
    """A re-INVITE with a direction, and its answer."""
    ends = (BOB, ALICE) if by_callee else (ALICE, BOB)
    version = int(time)
    invite = call.request(
        "INVITE", time, body=sdp(ends[0], version=version, media=AUDIO + offered), by_callee=by_callee
    )
    answer = sdp(ends[1], version=version, media=AUDIO + answered)
    call.respond(invite, status, time + 0.1, body=answer if status == 200 else b"")
    call.ack(invite, time + 0.2)


def ended(ladder: Ladder, call: Call, time: float) -> Ladder:
    call.respond(call.bye(time), 200, time + 0.1)
    return ladder


def test_nobody_resumes() -> None:
    ladder, call = established()
    change(call, 5.0, "sendonly", "recvonly")
    finding = ended(ladder, call, 60.0).findings()["hold-not-resumed"]
    assert finding.severity is Severity.LOW
    assert "55 s" in finding.title
    assert finding.evidence[0].text == "a=sendonly"


def test_resumed_calls_and_short_holds() -> None:
    ladder, call = established()
    change(call, 5.0, "sendonly", "recvonly")
    change(call, 20.0, "sendrecv", "sendrecv")
    assert "hold-not-resumed" not in ended(ladder, call, 90.0).findings()
    ladder, call = established()
    change(call, 5.0, "sendonly", "recvonly")
    assert "hold-not-resumed" not in ended(ladder, call, 20.0).findings()


def test_a_refused_hold_is_none() -> None:
    ladder, call = established()
    change(call, 5.0, "sendonly", "recvonly", status=488)
    assert "hold-not-resumed" not in ended(ladder, call, 90.0).findings()


def test_a_transferred_call_stays_on_hold() -> None:
    ladder, call = established()
    change(call, 5.0, "sendonly", "recvonly")
    call.respond(call.request("REFER", 10.0, "Refer-To: <sip:carol@example.com>"), 202, 10.1)
    assert "hold-not-resumed" not in ended(ladder, call, 90.0).findings()


def test_without_times_nothing_is_said() -> None:
    ladder, call = established(origin=TraceOrigin.LOG, clock=Clock.ORDINAL)
    change(call, 5.0, "sendonly", "recvonly")
    assert "hold-not-resumed" not in ended(ladder, call, 90.0).findings()


def test_both_hold_and_one_resumes() -> None:
    ladder, call = established()
    change(call, 5.0, "sendonly", "recvonly")
    change(call, 8.0, "inactive", "inactive", by_callee=True)
    change(call, 12.0, "sendrecv", "sendonly")
    finding = ended(ladder, call, 60.0).findings()["hold-double"]
    assert (finding.severity, "caller" in finding.title) == (Severity.LOW, True)


def test_both_hold_and_both_resume() -> None:
    ladder, call = established()
    change(call, 5.0, "sendonly", "recvonly")
    change(call, 8.0, "inactive", "inactive", by_callee=True)
    change(call, 12.0, "sendrecv", "sendonly")
    change(call, 14.0, "sendrecv", "sendrecv", by_callee=True)
    ended(ladder, call, 60.0)
    assert not {"hold-double", "hold-not-resumed"} & set(ladder.findings())
    assert_healthy(ladder)


def zero(body: bytes) -> bytes:
    return body.replace(b"c=IN IP4 192.0.2.10", b"c=IN IP4 0.0.0.0")


def test_the_null_address() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=zero(sdp(ALICE)))
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    finding = ladder.findings()["sdp-zero-connection"]
    assert finding.severity is Severity.LOW
    assert finding.evidence[0].text == "c=IN IP4 0.0.0.0"


def test_the_null_address_of_ice_comes_with_candidates() -> None:
    ladder = Ladder()
    call = ladder.call()
    body = zero(sdp(ALICE, media="m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=ice-ufrag:abcd\r\na=ice-options:trickle"))
    call.respond(call.invite(0.0, offer=body), 488, 1.0)
    assert "sdp-zero-connection" not in ladder.findings()
