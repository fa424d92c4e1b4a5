"""RTP with RTCP on one port, and bundles."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.calls import ALICE, BOB, START, Ladder, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, media_table, stream

from sip_ci.findings import Severity
from sip_ci.trace.media_table import RtcpDatagram
from sip_ci.trace.observation import Endpoint, Transport

MUX = "\r\na=rtcp-mux"


def negotiated(offered: str, answered: str, rtcp_to: Endpoint | None = None, **options: object) -> Ladder:
    ladder = Ladder(**options)  # type: ignore[arg-type]
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media=offered))
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=answered))
    call.ack(invite, 1.03)
    call.respond(call.bye(12.0), 200, 12.1)
    if rtcp_to is not None:
        table = media_table(stream(ALICE_MEDIA, BOB_MEDIA, 400), stream(BOB_MEDIA, ALICE_MEDIA, 400))
        report = RtcpDatagram(int((START + 3) * 1e9), 99, ALICE_MEDIA, rtcp_to, bytes.fromhex("80c9000100000001"))
        ladder.media = replace(table, rtcp=(report,))
    return ladder


def audio(port: int, lines: str = "", formats: str = "0") -> str:
    return f"m=audio {port} RTP/AVP {formats}{lines}"


def test_rtcp_goes_to_the_rtp_port_all_the_same() -> None:
    ladder = negotiated(audio(40_000, MUX), audio(42_000), BOB_MEDIA)
    finding = ladder.findings()["rtcp-mux-unanswered"]
    assert finding.severity is Severity.MEDIUM
    assert finding.evidence[-1].frame == 99


@pytest.mark.parametrize(
    ("offered", "answered", "port"),
    [(MUX, MUX, 42_000), (MUX, "", 42_001), ("", "", 42_001), (MUX, "\r\na=rtcp:42000", 42_000)],
    ids=["agreed", "next port", "never offered", "the same port by name"],
)
def test_rtcp_goes_where_it_should(offered: str, answered: str, port: int) -> None:
    ladder = negotiated(audio(40_000, offered), audio(42_000, answered), Endpoint(BOB.host, port))
    assert "rtcp-mux-unanswered" not in ladder.findings()


def test_a_later_call_on_the_same_port_is_another() -> None:
    ladder = negotiated(audio(40_000, MUX), audio(42_000), BOB_MEDIA)
    ladder.media = replace(ladder.media, rtcp=(replace(ladder.media.rtcp[0], time_ns=int((START + 30) * 1e9)),))
    assert "rtcp-mux-unanswered" not in ladder.findings()


def test_multiplexing_was_not_offered() -> None:
    assert (
        negotiated(audio(40_000), audio(42_000, MUX)).findings()["rtcp-mux-answered-unoffered"].severity is Severity.LOW
    )
    assert "rtcp-mux-answered-unoffered" not in negotiated(audio(40_000, MUX), audio(42_000, MUX)).findings()


def test_payload_types_that_look_like_rtcp() -> None:
    mapped = "\r\na=rtpmap:72 AMR/8000"
    assert "rtcp-mux-payload-type" in negotiated(audio(40_000, MUX + mapped, "72"), audio(42_000, MUX)).findings()
    assert "rtcp-mux-payload-type" not in negotiated(audio(40_000, mapped, "72"), audio(42_000)).findings()
    fine = audio(40_000, MUX + "\r\na=rtpmap:96 AMR/8000", "96")
    assert "rtcp-mux-payload-type" not in negotiated(fine, fine).findings()


@pytest.mark.parametrize(
    ("transport", "lines", "expected"),
    [(Transport.WSS, "", True), (Transport.WSS, MUX, False), (Transport.UDP, "", False)],
    ids=["browser", "with it", "phone"],
)
def test_browsers_insist_on_multiplexing(transport: Transport, lines: str, expected: bool) -> None:
    media = "m=audio {} UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:sha-256 AA\r\na=setup:{}" + lines
    ladder = negotiated(media.format(40_000, "actpass"), media.format(42_000, "active"), transport=transport)
    finding = ladder.findings().get("webrtc-rtcp-mux-missing")
    assert (finding is not None) is expected
    assert finding is None or finding.severity is Severity.MEDIUM


def bundled(group: str, *ports: int) -> bytes:
    media = "\r\n".join(f"m=audio {port} RTP/AVP 0\r\na=mid:{number}" for number, port in enumerate(ports))
    return sdp(ALICE, media=media).replace(b"t=0 0\r\n", f"t=0 0\r\na=group:BUNDLE {group}\r\n".encode())


@pytest.mark.parametrize(
    ("offer", "answer", "expected"),
    [
        (bundled("0", 40_000, 40_002), bundled("0 1", 42_000, 42_000), True),
        (bundled("0 1", 40_000, 40_002), bundled("0 1", 42_000, 42_002), True),
        (bundled("0 1", 40_000, 40_002), bundled("0 1", 42_000, 42_000), False),
        (bundled("0 1", 40_000, 40_002), bundled("0", 42_000, 42_002), False),
        (bundled("0 1", 40_000, 40_000), bundled("0 1", 42_000, 0), False),
    ],
    ids=["other media", "two ports", "one port", "a subset", "one rejected"],
)
def test_bundles(offer: bytes, answer: bytes, expected: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=offer)
    call.respond(invite, 200, 1.0, body=answer)
    assert ("bundle-mismatch" in ladder.findings()) is expected
