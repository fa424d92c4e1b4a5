"""Faults of transfers and of subscriptions (RFC 3515, RFC 6665)."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.injected.parts import FINE, NOTHING
from tests.support.injection import Scene, add, header, lost, new_body, on, sub
from tests.support.injection_bases import (
    subscription,
    transfer,
)  # fmt: skip
from tests.support.injection_cases import Injection, case
from tests.support.injection_consequences import (
    put,
    refused,
    reply,
    unanswered,
)

HARMLESS = "a state that is not shown is low: no call suffers"


def _run_out(scene: Scene) -> None:
    """No refresh comes; the next one is too late and refused."""
    late, told = scene.pick("SUBSCRIBE 2")[0], scene.pick("NOTIFY 1")[0]
    scene.cut_after((told.time or 0.0) + 1.0)
    sent = replace(late, time=150.0)
    scene.packets.append(sent)
    put(scene, sent, reply(sent.raw, 481), 150.02, back=True)
    scene.ladder.end(200.0)


# fmt: off
SERVICES: tuple[Injection, ...] = (
    # transfers
    case(
        "refer-no-target", "REFER without Refer-To", transfer, on("REFER 1", header("Refer-To", None)),
        refused("REFER 1", 400), "refer-to-count"
    ),
    case(
        "refer-two-targets", "REFER with two Refer-To", transfer,
        on("REFER 1", add("Refer-To: <sip:dave@example.com>")), refused("REFER 1", 400), "refer-to-count"
    ),
    case(
        "refer-refused", "the transfer is refused", transfer, on("REFER 1", FINE), refused("REFER 1", 603),
        "refer-rejected", undecidable="603 is a user's decision", unseen=NOTHING
    ),
    case(
        "refer-405", "the peer knows no transfer", transfer, on("REFER 1", FINE),
        refused("REFER 1", 405, "Allow: INVITE, ACK, BYE"), "refer-rejected", unseen=NOTHING
    ),
    case(
        "refer-ignored", "REFER is not answered", transfer, on("REFER 1", FINE), unanswered("REFER 1"),
        "txn-no-response", unseen=NOTHING
    ),
    case(
        "refer-unknown-dialog", "REFER with another tag", transfer, on("REFER 1", sub(";tag=b1", ";tag=b2")),
        refused("REFER 1", 481), "dialog-tag-changed"
    ),
    case("refer-no-notify", "no NOTIFY after REFER", transfer, lost("NOTIFY *"), None, "refer-no-notify"),
    case(
        "refer-no-final", "the last NOTIFY says Trying", transfer, lost("NOTIFY 2*"), None,
        "refer-no-final-notify refer-orphan"
    ),
    case(
        "refer-no-state", "NOTIFY without Subscription-State", transfer,
        on("NOTIFY [12]", header("Subscription-State", None)), refused("NOTIFY 1", 400), "notify-no-state"
    ),
    case(
        "refer-no-event", "NOTIFY without Event", transfer, on("NOTIFY [12]", header("Event", None)),
        refused("NOTIFY 1", 489), "event-missing notify-event-mismatch"
    ),
    case(
        "refer-event-other", "NOTIFY of another event", transfer, on("NOTIFY [12]", header("Event", "presence")),
        refused("NOTIFY 1", 481), "notify-event-mismatch notify-481",
        unseen="a NOTIFY that is accepted may be of another subscription"
    ),
    case(
        "refer-body", "NOTIFY without a status line", transfer,
        on("NOTIFY [12]", new_body("Transfer ok\r\n", "message/sipfrag")), refused("NOTIFY 1", 400),
        "refer-notify-sipfrag-invalid", undecidable=HARMLESS
    ),
    case(
        "refer-target-busy", "the target refuses", transfer, on("REFER 1", FINE),
        on("NOTIFY 2", new_body("SIP/2.0 503 Service Unavailable\r\n", "message/sipfrag")), "refer-target-failed",
        unseen=NOTHING
    ),
    case(
        "refer-notify-481", "the transferor refuses the NOTIFY", transfer, on("NOTIFY 1", FINE),
        refused("NOTIFY 1", 481), "notify-481", unseen=NOTHING
    ),
    case(
        "refer-replaces-raw", "Replaces not escaped", transfer,
        on("REFER 1", header("Refer-To", "<sip:carol@198.51.100.30?Replaces=abc@host;to-tag=1;from-tag=2>")),
        refused("REFER 1", 400), "refer-replaces-unescaped"
    ),
    # subscriptions
    case(
        "sub-no-event", "SUBSCRIBE without Event", subscription, on("SUBSCRIBE 1", header("Event", None)),
        refused("SUBSCRIBE 1", 489), "event-missing"
    ),
    case(
        "sub-489", "the event is unknown to the server", subscription, on("SUBSCRIBE 1", FINE),
        refused("SUBSCRIBE 1", 489), "sub-489", unseen=NOTHING
    ),
    case(
        "sub-no-contact", "SUBSCRIBE without Contact", subscription, on("SUBSCRIBE 1", header("Contact", None)),
        refused("SUBSCRIBE 1", 400), "contact-missing-subscribe"
    ),
    case(
        "sub-no-notify", "no NOTIFY after SUBSCRIBE", subscription, on("SUBSCRIBE 1", FINE), lost("NOTIFY *"),
        "sub-no-notify", unseen=NOTHING
    ),
    case(
        "sub-no-expires", "the 200 says no expiry", subscription, on("SUBSCRIBE ? 200", header("Expires", None)), None,
        "sub-expires-missing"
    ),
    case(
        "sub-longer", "the server grants more than was asked", subscription,
        on("SUBSCRIBE 1 200", header("Expires", "7200")), None, "notify-expires sub-expires-missing"
    ),
    case(
        "notify-no-state", "NOTIFY without Subscription-State", subscription,
        on("NOTIFY ?", header("Subscription-State", None)), refused("NOTIFY 1", 400), "notify-no-state"
    ),
    case(
        "notify-other-event", "NOTIFY of another event", subscription, on("NOTIFY ?", header("Event", "presence")),
        refused("NOTIFY 1", 489), "notify-event-mismatch"
    ),
    case(
        "notify-tag", "NOTIFY of an unknown dialog", subscription, on("NOTIFY 2*", sub(";tag=a1", ";tag=a7")),
        refused("NOTIFY 2", 481), "notify-481 dialog-tag-changed",
        unseen="a NOTIFY that is accepted may be of another subscription"
    ),
    case(
        "notify-body", "NOTIFY with a body of another event", subscription,
        on("NOTIFY ?", new_body("<presence/>", "application/pidf+xml")), refused("NOTIFY 1", 415),
        "notify-body-mismatch", undecidable=HARMLESS
    ),
    case(
        "notify-mwi", "a summary without Messages-Waiting", subscription,
        on("NOTIFY ?", new_body("Voice-Message: 1/0\r\n", "application/simple-message-summary")),
        refused("NOTIFY 1", 400), "mwi-bad", undecidable=HARMLESS
    ),
    case(
        "notify-ignored", "NOTIFY is not answered", subscription, on("NOTIFY 1", FINE), unanswered("NOTIFY 1"),
        "txn-no-response", unseen=NOTHING
    ),
    case(
        "sub-not-refreshed", "the subscription runs out", subscription, on("SUBSCRIBE 1", FINE), _run_out,
        "sub-refresh-late", unseen=NOTHING
    ),
    case(
        "sub-cseq", "the refresh counts CSeq down", subscription, on("SUBSCRIBE 2*", header("CSeq", "0 SUBSCRIBE")),
        refused("SUBSCRIBE 2", 500), "sub-cseq-decreasing cseq-decreasing"
    ),
    case(
        "sub-423", "the expiry is too short", subscription, on("SUBSCRIBE 1", FINE),
        refused("SUBSCRIBE 1", 423, "Min-Expires: 3600"), "sub-expires-rejected-423", unseen=NOTHING
    ),
    case(
        "sub-403", "the subscription is not allowed", subscription, on("SUBSCRIBE 1", FINE),
        refused("SUBSCRIBE 1", 403), "final-403", unseen=NOTHING
    ),
)
# fmt: on
