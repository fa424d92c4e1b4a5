"""Session descriptions that cannot be read, and odd ones that can."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder, assert_healthy, sdp

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Fidelity


def offered(body: bytes, *lines: str, status: int = 200, **options: object) -> Ladder:
    """A call whose INVITE has this body."""
    ladder = Ladder(**options)  # type: ignore[arg-type]
    call = ladder.call()
    invite = call.invite(0.0, *lines, offer=body)
    call.respond(invite, status, 1.0, body=sdp(BOB, 42_000) if status == 200 else None)
    call.ack(invite, 1.03)
    if status == 200:
        call.respond(call.bye(8.0), 200, 8.02)
    return ladder


def found(ladder: Ladder, check: str) -> WireFinding | None:
    return ladder.findings().get(check)


def without(letter: str) -> bytes:
    return b"".join(line for line in sdp(ALICE).splitlines(keepends=True) if not line.startswith(letter.encode()))


def audio(formats: str, *lines: str) -> bytes:
    return sdp(ALICE, media="\r\n".join([f"m=audio 40000 RTP/AVP {formats}", *lines]))


def test_a_dynamic_type_without_meaning() -> None:
    finding = found(offered(audio("96 97"), status=488), "sdp-dynamic-pt-without-rtpmap")
    assert finding is not None
    assert finding.severity is Severity.HIGH
    assert finding.evidence[0].text == "m=audio 40000 RTP/AVP 96 97"


def test_a_dynamic_type_beside_others_is_less_bad() -> None:
    finding = found(offered(audio("0 101")), "sdp-dynamic-pt-without-rtpmap")
    assert finding is not None
    assert finding.severity is Severity.MEDIUM
    assert "101" in finding.title


def test_an_answer_that_leaves_out_what_the_offer_says_of_a_type() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=audio("0 101", "a=rtpmap:101 telephone-event/8000"))
    call.respond(invite, 200, 1.0, body=sdp(BOB, media="m=audio 42000 RTP/AVP 0 101"))
    call.ack(invite, 1.03)
    finding = found(ladder.end(20.0), "sdp-dynamic-pt-without-rtpmap")
    assert finding is not None
    assert finding.severity is Severity.LOW
    assert "telephone-event/8000" in finding.detail


def test_an_rtpmap_that_cannot_be_read_is_shown() -> None:
    finding = found(offered(audio("0 101", "a=rtpmap:101 telephone-event")), "sdp-dynamic-pt-without-rtpmap")
    assert finding is not None
    assert [proof.text for proof in finding.evidence] == ["m=audio 40000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event"]


@pytest.mark.parametrize(
    "body",
    [
        audio("0 101", "a=rtpmap:101 telephone-event/8000"),
        audio("0 8 3 9 18 13"),
        sdp(ALICE, media="m=audio 40000 RTP/AVP 0\r\nm=video 0 RTP/AVP 97"),
        sdp(ALICE, media="m=audio 40000 RTP/AVP 0\r\nm=xgame 40002 RTP/AVP 100\r\na=rtpmap:100 chess/8000"),
        sdp(ALICE, media="m=audio 40000 RTP/AVP 0\r\nm=application 40002 UDP/BFCP *"),
    ],
    ids=["mapped", "static", "switched off", "unknown medium", "no RTP"],
)
def test_types_that_mean_something(body: bytes) -> None:
    ladder = offered(body)
    assert found(ladder, "sdp-dynamic-pt-without-rtpmap") is None
    assert found(ladder, "sdp-duplicate-pt") is None


def test_a_retransmitted_and_forwarded_description_counts_once() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=audio("96"))
    ladder.again(invite, 0.5, 1.5)
    call.respond(invite, 488, 2.0)
    call.ack(invite, 2.1)
    finding = found(ladder, "sdp-dynamic-pt-without-rtpmap")
    assert finding is not None
    assert finding.occurrences == 1


def test_two_meanings_of_one_type() -> None:
    body = audio("0 96", "a=rtpmap:96 opus/48000/2", "a=rtpmap:96 telephone-event/8000")
    finding = found(offered(body), "sdp-duplicate-pt")
    assert finding is not None
    assert finding.severity is Severity.MEDIUM
    assert [proof.text for proof in finding.evidence] == [
        "a=rtpmap:96 opus/48000/2",
        "a=rtpmap:96 telephone-event/8000",
    ]


def test_one_meaning_written_twice_is_none() -> None:
    body = audio("0 96", "a=rtpmap:96 opus/48000/2", "a=rtpmap:96 OPUS/48000/2")
    assert found(offered(body), "sdp-duplicate-pt") is None


@pytest.mark.parametrize(("letter", "severity"), [("o", Severity.HIGH), ("s", Severity.MEDIUM), ("t", Severity.MEDIUM)])
def test_a_mandatory_line_is_missing(letter: str, severity: Severity) -> None:
    finding = found(offered(without(letter)), "sdp-mandatory-line")
    assert finding is not None
    assert (finding.severity, f"{letter}=" in finding.title) == (severity, True)


def test_a_name_with_a_blank_in_the_origin() -> None:
    finding = found(offered(sdp(ALICE).replace(b"o=- ", b"o=Alice Smith ")), "sdp-mandatory-line")
    assert finding is not None
    assert finding.evidence[0].text.startswith("o=Alice Smith")


@pytest.mark.parametrize(
    ("old", "new"), [(b"v=0", b"v=1"), (b"m=audio 40000 ", b"m=audio 400000 "), (b"m=audio 40000 ", b"m=audio ")]
)
def test_lines_that_cannot_be_read(old: bytes, new: bytes) -> None:
    finding = found(offered(sdp(ALICE).replace(old, new)), "sdp-mandatory-line")
    assert finding is not None
    assert finding.severity is Severity.MEDIUM
    assert finding.evidence[0].text.encode().startswith(new)


def test_lines_in_another_order_are_minor() -> None:
    body = sdp(ALICE).replace(b"t=0 0\r\n", b"").replace(b"s=-\r\n", b"t=0 0\r\ns=-\r\n")
    finding = found(offered(body), "sdp-mandatory-line")
    assert finding is not None
    assert finding.severity is Severity.LOW


@pytest.mark.parametrize(
    "body",
    [
        sdp(ALICE),
        sdp(ALICE).replace(b"s=-\r\n", b"s=-\r\ni=a call\r\nu=http://example.com\r\n"),
        sdp(ALICE).replace(b"t=0 0\r\n", b"b=AS:64\r\nt=0 0\r\nr=7d 1h 0 25h\r\na=sendrecv\r\n"),
    ],
)
def test_lines_in_order(body: bytes) -> None:
    assert_healthy(offered(body))
    assert found(offered(body), "sdp-mandatory-line") is None


def test_no_address() -> None:
    finding = found(offered(without("c"), status=488), "sdp-missing-connection")
    assert finding is not None
    assert finding.severity is Severity.HIGH


def test_an_address_line_that_cannot_be_read() -> None:
    body = sdp(ALICE).replace(b"c=IN IP4 192.0.2.10", b"c=IN IP4")
    finding = found(offered(body, status=488), "sdp-missing-connection")
    assert finding is not None
    assert finding.evidence[1].text == "c=IN IP4"


def test_the_address_may_stand_in_each_medium() -> None:
    body = without("c") + b"c=IN IP4 192.0.2.10\r\n"
    assert found(offered(body), "sdp-missing-connection") is None


def test_media_switched_off_needs_no_address() -> None:
    body = without("c").replace(b"m=audio 40000", b"m=audio 0")
    assert found(offered(body, status=488), "sdp-missing-connection") is None


@pytest.mark.parametrize(
    ("declared", "body"), [("text/plain", sdp(ALICE)), ("application/sdp", b"<html>not found</html>")]
)
def test_the_body_is_something_else(declared: str, body: bytes) -> None:
    finding = found(offered(body, f"Content-Type: {declared}", status=488), "content-type-mismatch")
    assert finding is not None
    assert finding.severity is Severity.HIGH
    assert finding.evidence[0].text == f"Content-Type: {declared}"


@pytest.mark.parametrize(
    ("declared", "body"),
    [
        ("application/sdp", sdp(ALICE)),
        ("APPLICATION/SDP", sdp(ALICE)),
        ("application/sdp;charset=utf-8", sdp(ALICE)),
        ("application/sdp", b"\r\n" + sdp(ALICE)),
        ("multipart/mixed;boundary=x", b"--x\r\nContent-Type: application/sdp\r\n\r\n" + sdp(ALICE) + b"\r\n--x--"),
        ("application/isup", b"\x01\x02\x03"),
        ("application/sdp", without("v")),
    ],
)
def test_the_body_is_what_it_says(declared: str, body: bytes) -> None:
    assert found(offered(body, f"Content-Type: {declared}"), "content-type-mismatch") is None


def test_what_was_cut_is_not_judged() -> None:
    ladder = offered(without("o"))
    for packet in ladder.packets:
        packet.fidelity = Fidelity.TRUNCATED
    assert found(ladder, "sdp-mandatory-line") is None
