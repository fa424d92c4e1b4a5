"""Faults of PRACK and of session timers (RFC 3262, RFC 4028)."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.injected.parts import FINE, NOTHING
from tests.support.injection import Scene, add, header, lost, on, repeated, sub
from tests.support.injection_bases import (
    reliable_call,
    timed_call,
)  # fmt: skip
from tests.support.injection_cases import Injection, case
from tests.support.injection_consequences import (
    acknowledged,
    both,
    ended,
    given_up,
    put,
    refused,
    reply,
    unanswered,
)

UNCAPTURED = "what nobody misses may have gone another way"


def _unpracked(scene: Scene) -> None:
    """The 183 is repeated until the callee refuses the call (RFC 3262 §3)."""
    invite, progress = scene.pick("INVITE 1")[0], scene.pick("INVITE 1 183")[0]
    start = progress.time or 0.0
    given_up("INVITE 1 183", 60.0)(scene)
    scene.packets.extend([replace(progress, time=start + after) for after in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)])
    answer = reply(invite.raw, 504)
    put(scene, invite, answer, start + 32.0, back=True)
    put(scene, invite, acknowledged(invite.raw, answer), start + 32.02)


def _expired(scene: Scene) -> None:
    """The callee ends the call before the interval is over (RFC 4028 §10)."""
    scene.cut_after(61.0)
    ended(scene, scene.pick("INVITE 1")[0], scene.pick("INVITE 1 200")[0].raw, 61.0, by_callee=True)
    scene.ladder.end(100.0)


def _refresh_refused(scene: Scene) -> None:
    refused("UPDATE 1", 481)(scene)
    ended(scene, scene.pick("INVITE 1")[0], scene.pick("INVITE 1 200")[0].raw, 46.5, by_callee=False, status=481)


# fmt: off
TIMERS: tuple[Injection, ...] = (
    # PRACK
    case(
        "prack-none", "no PRACK is sent", reliable_call, lost("PRACK *"), _unpracked, "prack-missing", unseen=UNCAPTURED
    ),
    case(
        "rseq-none", "a reliable response without RSeq", reliable_call, on("INVITE 1 183", header("RSeq", None)),
        both(lost("PRACK 1*"), given_up("INVITE 1 183", 40.0)), "rseq-missing", beside="txn-no-final-response"
    ),
    case(
        "rseq-zero", "RSeq 0", reliable_call,
        both(on("INVITE 1 183", header("RSeq", "0")), on("PRACK 1", header("RAck", "0 1 INVITE"))),
        refused("PRACK 1", 481), "rseq-out-of-range"
    ),
    case(
        "rseq-jump", "RSeq skips", reliable_call,
        both(on("INVITE 1 180", header("RSeq", "5")), on("PRACK 2", header("RAck", "5 1 INVITE"))), None, "rseq-gap"
    ),
    case(
        "rack-number", "RAck of another response", reliable_call, on("PRACK 1", header("RAck", "9 1 INVITE")),
        refused("PRACK 1", 481), "rack-mismatch", unseen=UNCAPTURED
    ),
    case(
        "rack-cseq", "RAck of another CSeq", reliable_call, on("PRACK 1", header("RAck", "1 7 INVITE")),
        refused("PRACK 1", 481), "rack-mismatch"
    ),
    case(
        "rack-none", "PRACK without RAck", reliable_call, on("PRACK 1", header("RAck", None)), refused("PRACK 1", 400),
        "rack-mismatch msg-mandatory-missing"
    ),
    case(
        "prack-ignored", "PRACK is not answered", reliable_call, on("PRACK 1", FINE), unanswered("PRACK 1"),
        "txn-no-response prack-rejected prack-missing reliable-1xx-after-prack", unseen=NOTHING
    ),
    case(
        "prack-500", "PRACK is refused", reliable_call, on("PRACK 1", FINE), refused("PRACK 1", 500), "prack-rejected",
        unseen=NOTHING
    ),
    case(
        "100rel-unsolicited", "reliable though the caller does not support it", reliable_call,
        on("INVITE 1", sub("^Supported: 100rel\r\n", "")), refused("INVITE 1", 421, "Require: 100rel"),
        "reliable-1xx-unsolicited final-421 ext-required-by-peer-421"
    ),
    case(
        "183-after-prack", "the 183 is repeated though its PRACK was accepted", reliable_call,
        repeated("INVITE 1 183", 0.5, 1.5, 3.5), None, "reliable-1xx-after-prack"
    ),
    case(
        "prack-target", "PRACK to the address of record", reliable_call,
        on("PRACK *[12]", sub(r"\APRACK \S+", "PRACK sip:bob@example.com")), refused("PRACK 1", 404),
        "prack-wrong-target request-wrong-target"
    ),
    # session timers
    case(
        "se-malformed", "Session-Expires is no number", timed_call, on("INVITE 1", header("Session-Expires", "ninety")),
        refused("INVITE 1", 400), "se-malformed"
    ),
    case(
        "se-60", "Session-Expires below 90", timed_call, on("INVITE 1", header("Session-Expires", "60")),
        refused("INVITE 1", 422, "Min-SE: 90"), "st-se-below-90"
    ),
    case(
        "se-below-min", "Session-Expires below the message's own Min-SE", timed_call,
        on("INVITE 1", add("Min-SE: 200")), refused("INVITE 1", 422, "Min-SE: 200"), "st-se-below-min-se"
    ),
    case(
        "422-no-min", "422 without Min-SE", timed_call, on("INVITE 1", FINE), refused("INVITE 1", 422),
        "msg-422-no-min-se st-too-small-422", unseen=NOTHING
    ),
    case(
        "422-given-up", "422 and no other try", timed_call, on("INVITE 1", FINE),
        refused("INVITE 1", 422, "Min-SE: 1800"), "st-too-small-422", unseen=NOTHING
    ),
    case(
        "se-no-refresher", "the 200 does not say who refreshes", timed_call,
        on("INVITE 1 200", header("Session-Expires", "90")), both(lost("UPDATE *"), _expired), "st-refresher-missing"
    ),
    case(
        "refresh-none", "the refresher does not refresh", timed_call, lost("UPDATE *"), _expired, "st-refresh-missing",
        unseen=UNCAPTURED
    ),
    case(
        "refresh-481", "the refresh is refused", timed_call, on("UPDATE 1", FINE), _refresh_refused,
        "st-refresh-rejected dialog-481-refresh", unseen=NOTHING
    ),
    case(
        "refresh-ignored", "the refresh is not answered", timed_call, on("UPDATE 1", FINE), unanswered("UPDATE 1"),
        "txn-no-response st-refresh-rejected", unseen=NOTHING
    ),
    case(
        "se-changed", "the answerer lengthens the interval", timed_call,
        on("INVITE 1 200", header("Session-Expires", "3600;refresher=uac")), None, "st-answer-out-of-range"
    ),
    case(
        "se-role", "the answerer overrules the refresher that was asked for", timed_call,
        both(
            on("INVITE 1", header("Session-Expires", "90;refresher=uac")),
            on("INVITE 1 200", header("Session-Expires", "90;refresher=uas"))
        ), None, "st-refresher-overridden"
    ),
    case(
        "timer-require-420", "timer is required of a peer without it", timed_call,
        on("INVITE 1", add("Require: timer")), refused("INVITE 1", 420, "Unsupported: timer"),
        "ext-required-unsupported final-420", unseen="the peer may know it"
    ),
)
# fmt: on
