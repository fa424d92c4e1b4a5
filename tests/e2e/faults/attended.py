"""An attended transfer among three phones: two calls become one, by REFER and Replaces (RFC 5589 §7)."""

from __future__ import annotations

from tests.e2e.faults.parts import ASKED_AND_KEPT, OK, RING, RINGING
from tests.e2e.live.calls import CALLEE, CALLER, THIRD, Call, Side
from tests.e2e.live.case import healthy
from tests.support.scenario import (
    Scenario,
    ack,
    expect,
    from_callee,
    inside,
    invite,
    outside,
    pause,
    reply,
    response,
    sdp,
    send,
)

_SECOND = "Call-ID: second///[call_id]"
_JOINED = "Call-ID: joined///[call_id]"
"""SIPp takes calls for one whose Call-IDs differ in what is before the three strokes."""
_MY_SECOND = "From: <sip:[caller]@[domain]>;tag=second"
_CAROL_TAG = "carol"
_ACTIVE = ("Subscription-State: active;expires=60", "SIP/2.0 100 Trying")
_DONE = ("Subscription-State: terminated;reason=noresource", "SIP/2.0 200 OK")


def _towards(host: str) -> str:
    return f'<nop><action><setdest host="{host}" port="5060" protocol="udp" /></action></nop>'


def _report(number: int, state: str, line: str) -> str:
    head = from_callee(
        "NOTIFY", number, "Event: refer", state, "Content-Type: message/sipfrag;version=2.0", "Content-Length: [len]"
    )
    return send(f"{head}{line}\n")


_ALICE = Scenario(
    "alice-transfers",
    send(invite()),
    RINGING,
    expect(200, routes=True, keep={"bob": ("To", ".*")}),
    send(ack(), again=False),
    pause(0.3),
    _towards(THIRD),
    send(invite(_SECOND, _MY_SECOND, uri=f"sip:carol@{THIRD}:5060")),
    expect(200, keep={"carol": ("To", ".*"), "carol_at": ("Contact", "sip:[^>]+")}),
    send(ack(1, _SECOND, _MY_SECOND, "To: [$carol]", uri="[$carol_at]"), again=False),
    pause(0.3),
    _towards(CALLEE),
    send(
        inside(
            "REFER",
            2,
            "To: [$bob]",
            f"Refer-To: <sip:carol@{THIRD}:5060?Replaces=second%2F%2F%2F[call_id]%3Bto-tag%3D{_CAROL_TAG}"
            "%3Bfrom-tag%3Dsecond>",
        )
    ),
    expect(202),
    expect("NOTIFY"),
    OK,
    expect("BYE"),
    _towards(THIRD),
    send(reply(200), again=False),
    _towards(CALLEE),
    expect("NOTIFY"),
    OK,
    send(inside("BYE", 3, "To: [$bob]")),
    expect(200),
)
_BOB = Scenario(
    "bob-is-transferred",
    ASKED_AND_KEPT,
    RING,
    send(response(200, body=sdp("answer"))),
    expect("ACK"),
    expect("REFER"),
    send(response(202, "[last_To:]"), again=False),
    pause(0.1),
    _report(1, *_ACTIVE),
    expect(200),
    _towards(THIRD),
    send(
        outside(
            "INVITE",
            _JOINED,
            "From: <sip:bob@[domain]>;tag=joined",
            "To: <sip:carol@[domain]>",
            "Contact: <sip:bob@[contact];transport=[transport]>",
            "Require: replaces",
            f"Replaces: second///[call_id];to-tag={_CAROL_TAG};from-tag=second",
            uri=f"sip:carol@{THIRD}:5060",
            body=sdp("answer"),
        )
    ),
    expect(200, keep={"carol": ("To", ".*")}),
    send(
        outside("ACK", _JOINED, "From: <sip:bob@[domain]>;tag=joined", "To: [$carol]", uri=f"sip:carol@{THIRD}:5060"),
        again=False,
    ),
    pause(0.5),
    _towards(CALLER),
    _report(2, *_DONE),
    expect(200),
    expect("BYE"),
    OK,
)
_CAROL = Scenario(
    "carol-is-joined",
    ASKED_AND_KEPT,
    send(response(200, "[last_To:];tag=" + _CAROL_TAG, body=sdp("answer"))),
    expect("ACK"),
    expect("INVITE"),
    _towards(CALLEE),
    send(response(200, "[last_To:];tag=again", body=sdp("answer"))),
    expect("ACK"),
    _towards(CALLER),
    send(
        from_callee("BYE", 1, "From: [$callee];tag=" + _CAROL_TAG, _SECOND),
    ),
    expect(200),
)

CASES = (
    healthy(
        "transferred-between-three",
        "Alice talks to Bob, asks Carol, and joins the two by REFER and Replaces. Recorded at the router",
        Call(_ALICE, _BOB, third=_CAROL, timeout=15, recorded_at=Side.ROUTER),
        log=False,
    ),
)
