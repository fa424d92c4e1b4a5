"""UDPTL that is lost, and what its redundancy brings back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from tests.support.calls import ALICE, BOB, Ladder, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, carry, media_table, stream

from sip_ci.findings import Severity
from sip_ci.trace.media_table import CONTENT_CUT, CONTENT_OTHER, MediaKind

FAX = "m=image {port} udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxRateManagement:transferredTCF"


def fax(
    lost: Iterable[int], copies: int, *, packets: int = 500, first: int = 0, order: list[int] | None = None
) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media=FAX.format(port=ALICE_MEDIA.port)))
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=FAX.format(port=BOB_MEDIA.port)))
    call.ack(invite, 1.03)
    call.respond(call.bye(21.0), 200, 21.02)
    sent = stream(ALICE_MEDIA, BOB_MEDIA, packets, ssrc=0, sequence=first, size=60).holding(copies)
    if order is not None:
        sent = sent.arriving(order)
    sent = sent.without(lost)
    carry(ladder, sent)
    table = media_table(sent)
    ladder.media = replace(
        table, kind=np.full(len(sent), MediaKind.UDPTL, np.uint8), payload_type=table.payload_type * 0
    )
    return ladder


def told(ladder: Ladder) -> Severity | None:
    finding = ladder.findings().get("t38-udptl-loss")
    return finding.severity if finding else None


@pytest.mark.parametrize(
    ("lost", "copies", "severity"),
    [
        ((), 0, None),
        ((100, 101, 102), 3, None),
        ((100, 101, 102), 2, Severity.LOW),
        ((100, 101, 102), 0, Severity.MEDIUM),
        ((100, 200, 300), 1, None),
        ((100, 200, 300), 0, Severity.MEDIUM),
        ((100, 101, 102), CONTENT_OTHER, None),
        (range(100, 400), 0, None),
    ],
)
def test_lost_packets(lost: Iterable[int], copies: int, severity: Severity | None) -> None:
    assert told(fax(lost, copies)) is severity


def test_what_the_finding_says() -> None:
    finding = fax((100, 101, 102, 103), 1).findings()["t38-udptl-loss"]
    assert "3 packets" in finding.title
    assert finding.calls
    assert finding.evidence[0].frame


def test_numbers_that_wrap_and_packets_out_of_order_are_no_loss() -> None:
    assert told(fax((), 0, first=65_300)) is None
    order = list(range(500))
    order[100], order[101] = 101, 100
    assert told(fax((), 0, order=order)) is None


def test_packets_that_were_cut_off() -> None:
    report = fax((100, 101, 102), CONTENT_CUT).report()
    assert "captured" in next(item.reason for item in report.not_checked if item.check == "t38-udptl-loss")


def test_no_fax_is_not_checkable() -> None:
    ladder = Ladder()
    ladder.call().answered()
    assert "t38-udptl-loss" in {item.check for item in ladder.report().not_checked}
