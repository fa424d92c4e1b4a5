"""Faults of requests inside a call, and of proxies (RFC 3261 §12.2, §14 and §16)."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.injected.parts import ANSWER, DROP, FINE, INVITE, NOTHING
from tests.support.calls import ALICE, BOB, PROXY
from tests.support.injection import Change, Scene, add, header, lost, on, sub
from tests.support.injection_bases import (
    early_media,
    held_call,
    proxied_call,
    tcp_call,
)  # fmt: skip
from tests.support.injection_cases import Injection, case
from tests.support.injection_consequences import (
    ack_in_vain,
    acknowledged,
    both,
    ended,
    given_up,
    put,
    refused,
    reply,
    unanswered,
)

UNCAPTURED = "an ACK that is not in the trace may have gone another way"


def _straight(pattern: str) -> Change:
    """A request that goes from the caller to the callee and not over the proxy."""

    def change(scene: Scene) -> None:
        first, *later = scene.pick(pattern)
        first.destination = BOB
        scene.packets[:] = [packet for packet in scene.packets if all(packet is not gone for gone in later)]

    return change


def _kept(pattern: str) -> Change:
    """A message that the proxy does not send on."""

    def change(scene: Scene) -> None:
        for packet in scene.pick(pattern):
            if packet.source == PROXY:
                scene.packets.remove(packet)

    return change


def _proxy_lost_answer(scene: Scene) -> None:
    """The callee repeats its 200, and then its BYE, to the proxy."""
    invite, answer = scene.pick(INVITE)[1], scene.pick(ANSWER)[0]
    start = answer.time or 0.0
    scene.cut_after(start)
    scene.packets.extend(
        [replace(answer, time=start + seconds) for seconds in (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)]
    )
    ended(scene, invite, answer.raw, start + 32.0, by_callee=True, status=481)
    scene.ladder.end(60.0)


def _early_bye(scene: Scene) -> None:
    given_up("INVITE 1 183", 20.0)(scene)
    invite, progress = scene.pick(INVITE)[0], scene.pick("INVITE 1 183")[0]
    ended(scene, invite, progress.raw, 5.0, by_callee=True)


def _proxy_408(scene: Scene) -> None:
    arrived, sent_on = scene.pick(INVITE)
    scene.cut_after(0.004)
    scene.packets[:] = [packet for packet in scene.packets if packet.source != BOB]
    scene.packets.extend([replace(sent_on, time=0.002 + seconds) for seconds in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)])
    answer = reply(arrived.raw, 408, tag="p1")
    put(scene, arrived, answer, 32.1, back=True)
    put(scene, arrived, acknowledged(arrived.raw, answer), 32.11)
    scene.ladder.end(60.0)


# fmt: off
ROUTES: tuple[Injection, ...] = (
    # re-INVITE
    case(
        "reinvite-488", "the hold is refused", held_call, on("INVITE 2", FINE), refused("INVITE 2", 488),
        "reinvite-rejected", unseen=NOTHING
    ),
    case(
        "reinvite-481", "the dialog is unknown to the peer", held_call, on("INVITE 2", FINE), refused("INVITE 2", 481),
        "dialog-481-refresh reinvite-rejected", unseen=NOTHING
    ),
    case(
        "reinvite-ignored", "the hold is ignored", held_call, on("INVITE 2", FINE), unanswered("INVITE 2"),
        "txn-no-response", unseen=NOTHING
    ),
    case(
        "reinvite-tag", "the hold has another From tag", held_call, on("INVITE 2", sub(";tag=a1", ";tag=a5")),
        refused("INVITE 2", 481), "dialog-tag-changed"
    ),
    case(
        "reinvite-no-to-tag", "the hold comes as a new call", held_call, on("INVITE 2", sub(";tag=b1", "")),
        refused("INVITE 2", 482), "loop-482 dialog-tag-changed",
        unseen="a second call of the same Call-ID looks the same"
    ),
    case(
        "reinvite-no-contact", "a re-INVITE without Contact", held_call, on("INVITE 2", header("Contact", None)),
        refused("INVITE 2", 400), "contact-missing-invite"
    ),
    case(
        "reinvite-cseq", "a re-INVITE with the CSeq of the first", held_call,
        on("INVITE 2*", header("CSeq", "1 INVITE")), refused("INVITE 2", 500), "cseq-decreasing invite-overlapping"
    ),
    case(
        "reinvite-491-given-up", "glare that nobody tries again", held_call, on("INVITE 2", FINE),
        refused("INVITE 2", 491), "reinvite-glare", unseen=NOTHING
    ),
    case(
        "reinvite-private-contact", "a re-INVITE moves the Contact behind a NAT", held_call,
        on("INVITE 2", header("Contact", "<sip:alice@192.168.7.7:5060>")), refused("INVITE 2", 500),
        "nat-contact-private reinvite-rejected",
        unseen="later requests go to where the re-INVITE came from, as clients behind NAT need it"
    ),
    # proxies and routes
    case(
        "route-dropped", "the caller leaves the route set out and goes straight", proxied_call,
        both(on("BYE 1", header("Route", None), leaving=ALICE)), both(_straight("BYE 1"), unanswered("BYE 1")),
        "record-route-not-honored route-not-followed bye-no-response"
    ),
    case(
        "ack-straight", "the ACK goes past the proxy", proxied_call, on("ACK 1", header("Route", None), leaving=ALICE),
        both(_straight("ACK 1"), ack_in_vain()), "record-route-not-honored route-not-followed ack-wrong-target"
    ),
    case(
        "record-route-not-copied", "the callee leaves Record-Route out", proxied_call,
        on(ANSWER, header("Record-Route", None)), DROP, "record-route-not-copied"
    ),
    case(
        "record-route-strict", "Record-Route without lr", proxied_call, on(ANSWER, sub(r";lr>", ">")), DROP,
        "record-route-no-lr record-route-not-copied"
    ),
    case(
        "record-route-private", "the proxy records a private address", proxied_call,
        both(
            on(
                INVITE, sub("^Record-Route: <sip:203.0.113.5:5060;lr>", "Record-Route: <sip:10.0.0.5:5060;lr>"),
                leaving=PROXY
            ), on(ANSWER, sub("^Record-Route: <sip:203.0.113.5:5060;lr>", "Record-Route: <sip:10.0.0.5:5060;lr>")),
            on("ACK 1", sub("<sip:203.0.113.5:5060;lr>", "<sip:10.0.0.5:5060;lr>"), leaving=ALICE),
            on("BYE 1", sub("<sip:203.0.113.5:5060;lr>", "<sip:10.0.0.5:5060;lr>"), leaving=ALICE)
        ), DROP, "record-route-private record-route-not-copied"
    ),
    case(
        "max-forwards-kept", "the proxy does not count Max-Forwards down", proxied_call,
        on(INVITE, header("Max-Forwards", "70"), leaving=PROXY), refused(INVITE, 483), "max-forwards-not-decremented"
    ),
    case(
        "proxy-from-tag", "the proxy changes the From tag on the way out alone", proxied_call,
        on(INVITE, sub(";tag=a1", ";tag=p1"), leaving=PROXY), None, "resp-headers-changed dialog-tag-changed"
    ),
    case(
        "proxy-no-ack", "the proxy keeps the ACK", proxied_call, _kept("ACK 1"), ack_in_vain(), "ack-missing-2xx",
        unseen=UNCAPTURED
    ),
    case(
        "proxy-no-bye", "the proxy keeps the BYE", proxied_call, on("BYE 1", FINE),
        both(_kept("BYE 1"), unanswered("BYE 1")), "bye-no-response", unseen=NOTHING
    ),
    case(
        "proxy-no-200", "the proxy keeps the 200", proxied_call, on(INVITE, add("X-A: b")),
        both(_kept(ANSWER), lost("ACK 1"), _proxy_lost_answer), "ack-missing-2xx", unseen=NOTHING
    ),
    case(
        "bye-cseq-same-proxied", "a BYE over a proxy has the CSeq of the INVITE", proxied_call,
        on("BYE 1*", header("CSeq", "1 BYE")), refused("BYE 1", 500),
        "cseq-decreasing resp-headers-changed bye-rejected"
    ),
    case(
        "proxy-content-length", "the proxy rewrites the body and not its length", proxied_call,
        on(INVITE, sub("c=IN IP4 192.0.2.10", "c=IN IP4 203.0.113.205"), leaving=PROXY), refused(INVITE, 400),
        "msg-content-length-mismatch nat-alg-suspected", beside="rtp-source-mismatch media-one-way"
    ),
    case(
        "proxy-408", "the proxy hears nothing from the callee", proxied_call, on(INVITE, add("X-A: b")), _proxy_408,
        "txn-no-response final-408", unseen=NOTHING
    ),
    case(
        "tcp-branch", "the answerer changes the branch on a stream", tcp_call,
        on("INVITE 1 *", sub("branch=z9hG4bK-1-0", "branch=z9hG4bK-other")), None,
        "txn-response-ignored resp-headers-changed resp-unmatched"
    ),
    case(
        "early-bye", "the callee sends BYE before it answers", early_media, on(INVITE, add("X-A: b")), _early_bye,
        "early-bye", unseen=NOTHING
    ),
)
# fmt: on
