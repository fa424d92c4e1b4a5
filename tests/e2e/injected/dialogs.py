"""Faults of dialogs: what a response copies, who acknowledges, and where BYE goes (RFC 3261 §12, §13, §15 and §17)."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.injected.parts import ANSWER, DROP, FINE, INVITE, NOTHING
from tests.support.calls import BOB, PROXY
from tests.support.injection import Scene, add, by, delayed, header, lost, on, repeated, sent_from, sent_to, sub
from tests.support.injection_bases import (
    busy_call,
    callee_ends,
    direct_call,
)  # fmt: skip
from tests.support.injection_cases import Injection, case
from tests.support.injection_consequences import (
    ack_in_vain,
    both,
    ended,
    refused,
    silent,
    unanswered,
    unheard,
)

UNCAPTURED = "an ACK that is not in the trace may have gone another way"


def _hung_up_first(scene: Scene) -> None:
    """The callee sends BYE before the ACK comes (RFC 3261 §15)."""
    invite, accepted, ack = scene.pick(INVITE)[0], scene.pick(ANSWER)[0], scene.pick("ACK 1")[0]
    ack.time = 1.4
    scene.cut_after(1.4)
    ended(scene, invite, accepted.raw, 1.2, by_callee=True)
    scene.ladder.end(40.0)


def _deaf(scene: Scene) -> None:
    """The caller takes no response for its own: it asks again until it gives up, and the callee answers each time."""
    invite, rings, accepted = (scene.pick(label)[0] for label in (INVITE, "INVITE 1 180", ANSWER))
    scene.cut_after(accepted.time or 0.0)
    scene.packets.extend([replace(invite, time=seconds) for seconds in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)])
    scene.packets.extend([replace(rings, time=seconds) for seconds in (0.502,)])
    scene.packets.extend([replace(accepted, time=1.0 + seconds) for seconds in (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5)])
    scene.ladder.end(60.0)


# fmt: off
DIALOGS: tuple[Injection, ...] = (
    # what a response copies
    case(
        "response-no-via", "a 200 without Via", direct_call, on(ANSWER, header("Via", None)), DROP,
        "msg-mandatory-missing"
    ),
    case(
        "response-branch", "the answerer changes the branch", direct_call,
        on("INVITE 1 *", sub("branch=z9hG4bK-1-0", "branch=z9hG4bK-other")), _deaf,
        "txn-response-ignored resp-headers-changed resp-unmatched"
    ),
    case(
        "response-call-id", "the answerer changes the Call-ID", direct_call,
        on("INVITE 1 *", header("Call-ID", "call-1@10.0.0.1")), None, "resp-headers-changed"
    ),
    case(
        "response-from-tag", "the answerer changes the From tag", direct_call, on(ANSWER, sub(";tag=a1", ";tag=A1X")),
        None, "resp-headers-changed"
    ),
    case(
        "response-cseq", "the answerer counts CSeq up", direct_call, on(ANSWER, header("CSeq", "2 INVITE")), None,
        "resp-headers-changed"
    ),
    case(
        "response-no-to-tag", "a 200 without To tag", direct_call, on(ANSWER, sub(";tag=b1", "")), DROP,
        "to-tag-missing"
    ),
    case(
        "response-to-tag-own", "the ACK and the BYE carry another To tag than the 200", direct_call,
        by("a1", sub(";tag=b1", ";tag=b9"), b";tag=b1"), DROP, "dialog-tag-changed ack-missing-2xx"
    ),
    case(
        "bye-response-to-tag", "the 200 of the BYE has another To tag", direct_call,
        on("BYE 1 200", sub(";tag=b1", ";tag=b7")), unanswered("BYE 1"),
        "dialog-tag-changed resp-headers-changed bye-no-response"
    ),
    case(
        "swapped-from-to", "From and To swapped in a response", direct_call,
        on(ANSWER, sub(r"^From: ([^\r]*)\r\nTo: ([^\r]*)", r"From: \2\r\nTo: \1")), None, "resp-headers-changed"
    ),
    # acknowledgement
    case("ack-lost", "the caller sends no ACK", direct_call, lost("ACK 1"), DROP, "ack-missing-2xx", unseen=UNCAPTURED),
    case(
        "ack-cseq", "ACK with another CSeq", direct_call, on("ACK 1", header("CSeq", "2 ACK")), ack_in_vain(),
        "ack-cseq-mismatch"
    ),
    case(
        "ack-call-id", "ACK with another Call-ID", direct_call, on("ACK 1", header("Call-ID", "call-1@10.0.0.1")), DROP,
        "ack-missing-2xx", unseen=UNCAPTURED
    ),
    case(
        "ack-host", "ACK to the Request-URI instead of the Contact", direct_call,
        both(on("ACK 1", sub(r"\AACK \S+", "ACK sip:bob@example.com")), sent_to("ACK 1", PROXY)), ack_in_vain(),
        "ack-wrong-target request-wrong-target", unseen=""
    ),
    case(
        "ack-refusal-lost", "a refusal is not acknowledged", busy_call, lost("ACK 1"),
        both(repeated("INVITE 1 486", 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)), "ack-missing-non2xx",
        unseen=UNCAPTURED
    ),
    case(
        "ack-refusal-branch", "the ACK of a refusal has a branch of its own", busy_call,
        on("ACK 1", sub("z9hG4bK-1-0", "z9hG4bK-own")),
        repeated("INVITE 1 486", 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5),
        "ack-branch-misuse ack-differs-from-invite"
    ),
    case(
        "ack-refusal-to-tag", "the ACK of a refusal has no To tag", busy_call, on("ACK 1", sub(";tag=b1", "")),
        repeated("INVITE 1 486", 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5), "ack-differs-from-invite",
        unseen="a refusal that is not repeated has got its ACK, whatever is in it"
    ),
    case(
        "ack-late", "the ACK comes after seconds", direct_call, both(delayed("ACK 1", 3.0), repeated(ANSWER, 0.5, 1.5)),
        None, "ack-late"
    ),
    case(
        "ack-not-repeated", "the 2xx is repeated and its ACK is not", direct_call, repeated(ANSWER, 0.5, 1.5, 3.5, 7.5),
        unheard(ANSWER, status=200), "ack-ignored ack-not-repeated"
    ),
    case(
        "ok-unknown-contact", "the Contact of the 200 is a loopback address", direct_call,
        on(ANSWER, header("Contact", "<sip:bob@127.0.0.1:5060>")), DROP, "nat-sdp-loopback nat-contact-private"
    ),
    case(
        "ok-private-contact", "the Contact of the 200 is behind a NAT", direct_call,
        on(ANSWER, header("Contact", "<sip:bob@10.1.2.3:5060>")), DROP, "nat-contact-private"
    ),
    case(
        "ok-zero-contact", "the Contact of the 200 is 0.0.0.0", direct_call,
        on(ANSWER, header("Contact", "<sip:bob@0.0.0.0:5060>")), DROP,
        "msg-contact-uri-bad nat-contact-private nat-sdp-loopback"
    ),
    case(
        "ok-other-port", "the Contact of the 200 names a port where nobody listens", direct_call,
        both(
            on(ANSWER, header("Contact", "<sip:bob@198.51.100.20:5099>")),
            on("ACK 1", sub(r"\AACK \S+", "ACK sip:bob@198.51.100.20:5099")), sent_to("ACK 1", BOB._replace(port=5099)),
            on("BYE 1", sub(r"\ABYE \S+", "BYE sip:bob@198.51.100.20:5099")), sent_to("BYE 1", BOB._replace(port=5099))
        ), ack_in_vain(), "contact-other-listener ack-missing-2xx ack-ignored",
        unseen="a second socket may be listening"
    ),
    # BYE and other requests of the dialog
    case(
        "bye-to-tag", "BYE with another To tag", direct_call, on("BYE 1", sub(";tag=b1", ";tag=b2")),
        refused("BYE 1", 481), "dialog-tag-changed"
    ),
    case(
        "bye-from-tag", "BYE with another From tag", direct_call, on("BYE 1", sub(";tag=a1", ";tag=a2")),
        refused("BYE 1", 481), "dialog-tag-changed"
    ),
    case(
        "bye-no-to-tag", "BYE without To tag", direct_call, on("BYE 1", sub(";tag=b1", "")), refused("BYE 1", 481),
        "bye-outside-dialog dialog-tag-changed"
    ),
    case(
        "bye-call-id", "BYE with another Call-ID", direct_call, on("BYE 1*", header("Call-ID", "other@192.0.2.10")),
        refused("BYE 1", 481), "bye-rejected final-481 bye-outside-dialog ghost-dialog",
        undecidable="a BYE of a Call-ID that the trace does not know may be of a call that began earlier",
        unseen="a dialog of another Call-ID may have begun earlier"
    ),
    case(
        "bye-tags-swapped", "BYE with From and To swapped", direct_call,
        on("BYE 1", sub(r"^From: ([^\r]*)\r\nTo: ([^\r]*)", r"From: \2\r\nTo: \1")), refused("BYE 1", 481),
        "dialog-tag-changed bye-rejected sec-unauth-bye",
        unseen="a BYE of the other side with its own tags looks the same"
    ),
    case(
        "bye-cseq-same", "BYE with the CSeq of the INVITE", direct_call, on("BYE 1*", header("CSeq", "1 BYE")),
        refused("BYE 1", 500), "cseq-decreasing"
    ),
    case(
        "bye-cseq-lower", "BYE with CSeq 0", direct_call, on("BYE 1*", header("CSeq", "0 BYE")), refused("BYE 1", 500),
        "cseq-decreasing"
    ),
    case(
        "bye-branch-reused", "every request has the same branch", direct_call,
        on("BYE 1*", sub("branch=z9hG4bK-3-0", "branch=z9hG4bK-1-0")), unanswered("BYE 1"), "branch-reused"
    ),
    case(
        "bye-aor", "BYE to the address of record", direct_call,
        both(
            on("BYE 1", sub(r"\ABYE \S+", "BYE sip:bob@example.com")), sent_to("BYE 1", PROXY),
            sent_from("BYE 1 200", PROXY)
        ), refused("BYE 1", 404), "request-wrong-target"
    ),
    case(
        "bye-ignored", "BYE is ignored", direct_call, on("BYE 1", FINE), unanswered("BYE 1"), "bye-no-response",
        unseen=NOTHING
    ),
    case(
        "bye-500", "BYE is answered 500", direct_call, on("BYE 1", FINE), refused("BYE 1", 500), "bye-rejected",
        unseen=NOTHING
    ),
    case(
        "bye-challenged", "BYE is challenged and given up", direct_call, on("BYE 1", FINE),
        refused("BYE 1", 407, 'Proxy-Authenticate: Digest realm="x", nonce="n", qop="auth"'),
        "auth-no-credentials bye-rejected", unseen=NOTHING
    ),
    case(
        "bye-before-ack", "the callee ends before the ACK", callee_ends, on(INVITE, FINE), _hung_up_first,
        "bye-before-ack", undecidable="both want the call to end, so that nobody misses anything", unseen=NOTHING
    ),
    case(
        "vanished", "the callee vanishes without a BYE", direct_call, on("BYE 1", FINE),
        both(silent(1, after=3.0), unanswered("BYE 1")), "bye-no-response media-stopped-early", unseen=NOTHING
    ),
    case(
        "bye-cause", "a BYE for a media timeout", direct_call,
        on("BYE 1", add('Reason: Q.850;cause=102;text="RTP timeout"')), silent(1, after=3.0),
        "bye-abnormal-cause media-stopped-early", unseen=""
    ),
    case(
        "bye-reason-form", "a Reason without a protocol", direct_call, on("BYE 1", add("Reason: cause=16")),
        refused("BYE 1", 400), "msg-reason"
    ),
)
# fmt: on
