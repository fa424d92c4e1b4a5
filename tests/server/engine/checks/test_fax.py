"""Fax over T.38: refused, answered with more than was offered, unused, and as it should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.support.calls import ALICE, BOB, START, Call, Ladder, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, media_table, stream

from sip_ci.findings import Severity
from sip_ci.trace.media_table import MediaKind

FAX = "m=image {} udptl t38"


def established(formats: str = "0") -> tuple[Ladder, Call]:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media=f"m=audio 40000 RTP/AVP {formats}"))
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=f"m=audio 42000 RTP/AVP {formats}"))
    call.ack(invite, 1.03)
    return ladder, call


def switch(
    call: Call, time: float, status: int = 200, *, offer: str = FAX.format(40_002), answer: str = FAX.format(42_002),
    by_callee: bool = False,
) -> None:  # fmt: skip
    ends = (BOB, ALICE) if by_callee else (ALICE, BOB)
    version = int(time)
    invite = call.request("INVITE", time, body=sdp(ends[0], version=version, media=offer), by_callee=by_callee)
    call.respond(invite, status, time + 0.1, body=sdp(ends[1], version=version, media=answer) if status == 200 else b"")
    call.ack(invite, time + 0.2)


def ended(ladder: Ladder, call: Call, time: float = 60.0) -> Ladder:
    call.respond(call.bye(time), 200, time + 0.1)
    return ladder


def test_the_switch_is_refused_on_a_compressed_codec() -> None:
    ladder, call = established("18")
    switch(call, 5.0, 488)
    findings = ended(ladder, call).findings()
    assert findings["t38-reinvite-rejected"].severity is Severity.HIGH
    assert findings["fax-on-compressed-codec"].severity is Severity.HIGH
    assert "G729" in findings["fax-on-compressed-codec"].title
    assert "reinvite-rejected" not in findings
    assert "sdp-488" not in findings


def test_the_switch_is_refused_by_port_zero() -> None:
    ladder, call = established("18")
    switch(call, 5.0, answer=FAX.format(0))
    assert "t38-reinvite-rejected" in ended(ladder, call).findings()


def test_g711_may_carry_the_fax() -> None:
    ladder, call = established()
    switch(call, 5.0, 488)
    findings = ended(ladder, call).findings()
    assert findings["t38-reinvite-rejected"].severity is Severity.MEDIUM
    assert "fax-on-compressed-codec" not in findings


def test_gateways_fall_back_on_purpose() -> None:
    ladder, call = established("18")
    switch(call, 5.0, 488)
    switch(call, 6.0, offer="m=audio 40000 RTP/AVP 8", answer="m=audio 42000 RTP/AVP 8")
    findings = ended(ladder, call).findings()
    assert findings["t38-reinvite-rejected"].severity is Severity.LOW
    assert "fax-on-compressed-codec" not in findings


def test_a_challenge_or_a_second_try_is_no_refusal() -> None:
    for status in (407, 491):
        ladder, call = established("18")
        switch(call, 5.0, status)
        switch(call, 7.5)
        assert "t38-reinvite-rejected" not in ended(ladder, call).findings()


def test_a_refused_hold_is_no_fax() -> None:
    ladder, call = established("18")
    switch(call, 5.0, 488, offer="m=audio 40000 RTP/AVP 18\r\na=sendonly")
    assert not {"t38-reinvite-rejected", "fax-on-compressed-codec"} & set(ended(ladder, call).findings())


def drift(offered: str, answered: str) -> Ladder:
    ladder, call = established()
    switch(
        call, 5.0, offer=f"{FAX.format(40_002)}\r\n{offered}", answer=f"{FAX.format(42_002)}\r\n{answered}"
    )  # fmt: skip
    return ended(ladder, call)


def test_the_answer_wants_more() -> None:
    finding = drift(
        "a=T38FaxVersion:0\r\na=T38MaxBitRate:9600", "a=T38FaxVersion:0\r\na=T38MaxBitRate:14400"
    ).findings()["t38-param-drift"]
    assert finding.severity is Severity.MEDIUM
    assert [proof.text for proof in finding.evidence] == ["a=T38MaxBitRate:9600", "a=T38MaxBitRate:14400"]
    assert (
        "t38-param-drift"
        in drift("a=T38FaxRateManagement:transferredTCF", "a=T38FaxRateManagement:localTCF").findings()
    )


def test_the_answer_wants_less_or_the_same() -> None:
    assert "t38-param-drift" not in drift("a=T38FaxVersion:3\r\na=T38MaxBitRate:14400", "a=T38FaxVersion:0").findings()
    assert (
        "t38-param-drift"
        not in drift("a=T38FaxRateManagement:transferredTCF", "a=T38FaxRateManagement:TransferredTCF").findings()
    )


def test_the_port_of_the_audio_is_reused() -> None:
    ladder, call = established()
    switch(call, 5.0, offer=FAX.format(40_000))
    assert ended(ladder, call).findings()["t38-port-reuse"].severity is Severity.INFO
    ladder, call = established()
    switch(call, 5.0)
    assert "t38-port-reuse" not in ended(ladder, call).findings()


def test_both_switch_at_once() -> None:
    ladder, call = established()
    switch(call, 5.0, 491)
    switch(call, 5.05, 491, by_callee=True)
    assert ladder.findings()["t38-glare"].severity is Severity.LOW
    ladder, call = established()
    switch(call, 5.0, 491)
    assert "t38-glare" not in ladder.findings()


def with_media(ladder: Ladder, *, fax: bool) -> Ladder:
    """The audio until the switch, and packets of UDPTL behind it."""
    table = media_table(stream(ALICE_MEDIA, BOB_MEDIA, 200), stream(BOB_MEDIA, ALICE_MEDIA, 200))
    if fax:
        ends = (*table.endpoints, ALICE_MEDIA._replace(port=40_002), BOB_MEDIA._replace(port=42_002))
        kind, times = table.kind.copy(), table.time_ns.copy()
        source, destination = table.source.copy(), table.destination.copy()
        kind[-10:], source[-10:], destination[-10:] = MediaKind.UDPTL, len(ends) - 2, len(ends) - 1
        times[-10:] = np.int64((START + 6.0) * 1e9)
        table = replace(table, endpoints=ends, kind=kind, time_ns=times, source=source, destination=destination)
    ladder.media = table
    return ladder


def test_nothing_is_sent_after_the_switch() -> None:
    ladder, call = established()
    switch(call, 5.0)
    finding = with_media(ended(ladder, call), fax=False).findings()["t38-no-udptl"]
    assert finding.severity is Severity.HIGH


def test_the_fax_flows_or_cannot_be_seen() -> None:
    ladder, call = established()
    switch(call, 5.0)
    ended(ladder, call)
    assert "t38-no-udptl" not in ladder.findings()
    assert "t38-no-udptl" not in with_media(ladder, fax=True).findings()
    short, call = established()
    switch(call, 5.0)
    assert "t38-no-udptl" not in with_media(ended(short, call, 7.0), fax=False).findings()
