"""Faults of cancelling, of final responses and of their time (RFC 3261 §9, §17, §18 and §21)."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.injected.parts import ANSWER, FINE, INVITE, NOTHING
from tests.support.calls import ALICE
from tests.support.injection import Scene, add, delayed, header, lost, on, repeated, sent_from, sent_to, sub
from tests.support.injection_bases import (
    cancelled_call,
    direct_call,
)  # fmt: skip
from tests.support.injection_cases import Injection, case
from tests.support.injection_consequences import (
    both,
    given_up,
    put,
    refused,
    reply,
    unanswered,
)

from sip_ci.trace.observation import Endpoint

UNCAPTURED = "an ACK that is not in the trace may have gone another way"
ELSEWHERE = Endpoint("192.0.2.10", 5070)


def _second_final(scene: Scene) -> None:
    invite, accepted = scene.pick(INVITE)[0], scene.pick(ANSWER)[0]
    put(scene, invite, reply(invite.raw, 486), (accepted.time or 0.0) + 0.3, back=True)


def _misrouted(scene: Scene) -> None:
    invite = scene.pick(INVITE)[0]
    scene.cut_after(0.5)
    scene.packets[:] = [packet for packet in scene.packets if not packet.raw.startswith((b"ACK", b"BYE"))]
    scene.packets.extend([replace(invite, time=seconds) for seconds in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)])
    scene.ladder.end(60.0)


# fmt: off
TRANSACTIONS: tuple[Injection, ...] = (
    # cancelling
    case(
        "cancel-branch", "CANCEL with a branch of its own", cancelled_call,
        on("CANCEL 1*", sub("z9hG4bK-1-0", "z9hG4bK-own")), refused("CANCEL 1", 481),
        "cancel-mismatch-481 cancel-differs-from-invite cancel-200-no-match"
    ),
    case(
        "cancel-cseq", "CANCEL with another CSeq", cancelled_call, on("CANCEL 1*", header("CSeq", "2 CANCEL")),
        refused("CANCEL 1", 481), "cancel-mismatch-481 cancel-differs-from-invite cancel-200-no-match"
    ),
    case(
        "cancel-to-tag", "CANCEL with the To tag of the 180", cancelled_call,
        on("CANCEL 1", header("To", "<sip:bob@example.com>;tag=b1")), refused("CANCEL 1", 481),
        "cancel-mismatch-481 cancel-differs-from-invite cancel-200-no-match"
    ),
    case(
        "cancel-uri", "CANCEL to the Contact of the 180", cancelled_call,
        on("CANCEL 1", sub(r"\ACANCEL \S+", "CANCEL sip:bob@198.51.100.20:5060")), refused("CANCEL 1", 481),
        "cancel-mismatch-481 cancel-differs-from-invite cancel-200-no-match"
    ),
    case(
        "cancel-require", "CANCEL with Require", cancelled_call, on("CANCEL 1", add("Require: 100rel")),
        refused("CANCEL 1", 420, "Unsupported: 100rel"), "cancel-with-require"
    ),
    case(
        "cancel-early", "CANCEL before any response", cancelled_call, lost("INVITE 1 1??"), None,
        "cancel-before-provisional"
    ),
    case(
        "cancel-no-487", "the INVITE is not ended after a CANCEL", cancelled_call, on("CANCEL 1", FINE),
        both(lost("INVITE 1 487"), given_up("CANCEL 1 200", 60.0)), "cancel-no-487", unseen=NOTHING
    ),
    case(
        "cancel-ignored", "CANCEL is ignored", cancelled_call, on("CANCEL 1", FINE), unanswered("CANCEL 1"),
        "txn-no-response cancel-no-487", unseen=NOTHING
    ),
    case(
        "cancel-challenged", "CANCEL is challenged", cancelled_call, on("CANCEL 1", FINE),
        refused("CANCEL 1", 407, 'Proxy-Authenticate: Digest realm="x", nonce="n", qop="auth"'), "cancel-challenged",
        unseen=NOTHING
    ),
    case(
        "cancel-no-ack", "the 487 is not acknowledged", cancelled_call, lost("ACK 1"),
        repeated("INVITE 1 487", 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5), "ack-missing-non2xx",
        unseen=UNCAPTURED
    ),
    # responses and their time
    case(
        "invite-ignored", "the peer does not answer", direct_call, on(INVITE, FINE), unanswered(INVITE),
        "txn-no-response", unseen=NOTHING
    ),
    case(
        "slow-100", "the first response comes after seconds", direct_call,
        both(delayed("INVITE 1 100", 2.5), repeated(INVITE, 0.5, 1.5)), None, "txn-slow-100 txn-invite-retransmitted"
    ),
    case(
        "never-final", "a call that rings for ever", direct_call, on(INVITE, FINE), given_up("INVITE 1 180", 240.0),
        "txn-no-final-response", unseen=NOTHING
    ),
    case(
        "two-finals", "a refusal after the 200", direct_call, both(on(INVITE, FINE)), _second_final,
        "resp-conflicting-finals", unseen=NOTHING
    ),
    case(
        "slow-answer-to-bye", "BYE is answered after seconds", direct_call,
        both(delayed("BYE 1 200", 5.0), repeated("BYE 1", 0.5, 1.5, 3.5)), None, "kpi-sdd txn-noninvite-retransmitted"
    ),
    case(
        "refused-503", "the server is overloaded", direct_call, on(INVITE, FINE), refused(INVITE, 503), "final-503",
        unseen=NOTHING
    ),
    case(
        "refused-500", "the server fails", direct_call, on(INVITE, FINE), refused(INVITE, 500), "final-500",
        unseen=NOTHING
    ),
    case(
        "refused-404", "the number is unknown", direct_call, on(INVITE, FINE), refused(INVITE, 404), "final-404",
        unseen=NOTHING
    ),
    case(
        "refused-403", "the caller may not call", direct_call, on(INVITE, FINE), refused(INVITE, 403), "final-403",
        unseen=NOTHING
    ),
    case(
        "refused-480", "the callee is not registered", direct_call, on(INVITE, FINE), refused(INVITE, 480), "final-480",
        unseen=NOTHING
    ),
    case(
        "refused-484", "the number is incomplete", direct_call, on(INVITE, FINE), refused(INVITE, 484), "final-484",
        unseen=NOTHING
    ),
    case(
        "refused-408", "the gateway hears nothing", direct_call, on(INVITE, FINE), refused(INVITE, 408), "final-408",
        unseen=NOTHING
    ),
    case(
        "refused-482", "the gateway sees a loop", direct_call, on(INVITE, FINE), refused(INVITE, 482), "loop-482",
        unseen=NOTHING
    ),
    case(
        "refused-502", "the gateway's upstream is broken", direct_call, on(INVITE, FINE), refused(INVITE, 502),
        "final-502", unseen=NOTHING
    ),
    case(
        "refused-513", "the message is too large", direct_call, on(INVITE, FINE), refused(INVITE, 513), "final-513",
        unseen=NOTHING
    ),
    case(
        "refused-488", "no codec in common", direct_call, on(INVITE, FINE), refused(INVITE, 488), "sdp-488",
        unseen=NOTHING
    ),
    case(
        "refused-302-nowhere", "a redirection to nowhere", direct_call, on(INVITE, FINE), refused(INVITE, 302),
        "redirect-302 redirect-to-itself", unseen=NOTHING
    ),
    case(
        "response-port", "the response goes to the port of Via while the request came from another", direct_call,
        both(
            sent_from("INVITE 1", ELSEWHERE), sent_from("ACK 1", ELSEWHERE),
            on(INVITE, sub(";branch=z9hG4bK-1-0", ";branch=z9hG4bK-1-0;rport"))
        ), both(sent_to("INVITE 1 *", ALICE), lost("INVITE 1 200"), _misrouted), "resp-misrouted", unseen=NOTHING
    ),
)
# fmt: on
