"""Ports, addresses and keys of session descriptions that the other side may read otherwise."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder, assert_healthy, sdp

from sip_ci.findings import Severity


def offered(*media: str, session: str = "", connection: str = "") -> Ladder:
    """A call whose offer has these media lines; `session` stands below the session's c=, which may be another."""
    ladder = Ladder()
    call = ladder.call()
    body = sdp(ALICE, media="\r\n".join(media))
    if connection:
        body = body.replace(f"c=IN IP4 {ALICE.host}".encode(), connection.encode())
    if session:
        body = body.replace(b"t=0 0\r\n", f"t=0 0\r\n{session}\r\n".encode())
    invite = call.invite(0.0, offer=body)
    call.respond(invite, 200, 1.0, body=sdp(BOB, 42_000))
    call.ack(invite, 1.03)
    call.respond(call.bye(8.0), 200, 8.02)
    return ladder.end(60.0)


def test_an_odd_port_without_a_word_on_rtcp() -> None:
    finding = offered("m=audio 40001 RTP/AVP 0").findings()["sdp-rtp-port-odd"]

    assert finding.severity is Severity.LOW
    assert [proof.text for proof in finding.evidence] == ["m=audio 40001 RTP/AVP 0"]


@pytest.mark.parametrize(
    "media",
    [
        ("m=audio 40000 RTP/AVP 0",),
        ("m=audio 40001 RTP/AVP 0", "a=rtcp:40003"),
        ("m=audio 40001 RTP/AVP 0", "a=rtcp-mux"),
        ("m=audio 40001 RTP/AVP 0", "a=candidate:1 1 UDP 2130706431 192.0.2.10 40001 typ host"),
        ("m=audio 9 RTP/AVP 0",),
        ("m=audio 40000 RTP/AVP 0", "m=image 40001 udptl t38"),
    ],
    ids=["even", "rtcp", "mux", "ice", "discard", "fax"],
)
def test_ports_that_say_where_rtcp_goes(media: tuple[str, ...]) -> None:
    assert "sdp-rtp-port-odd" not in offered(*media).findings()


def test_a_netmask_in_the_address() -> None:
    finding = offered("m=audio 40000 RTP/AVP 0", connection="c=IN IP4 192.0.2.10/24").findings()[
        "sdp-connection-malformed"
    ]
    assert finding.severity is Severity.MEDIUM
    assert finding.evidence[0].text == "c=IN IP4 192.0.2.10/24"


@pytest.mark.parametrize("address", ["?", "(null)", "undefined", "[media_ip]", "${ip}", "{{ host }}"])
def test_a_placeholder_in_place_of_the_address(address: str) -> None:
    finding = offered("m=audio 40000 RTP/AVP 0", connection=f"c=IN IP4 {address}").findings()[
        "sdp-connection-malformed"
    ]
    assert finding.severity is Severity.HIGH
    assert finding.evidence[0].text == f"c=IN IP4 {address}"


@pytest.mark.parametrize("address", ["media.example.com", "localhost", "x.x.x.x", "REDACTED", "0.0.0.0"])
def test_names_and_hidden_addresses(address: str) -> None:
    ladder = offered("m=audio 40000 RTP/AVP 0", connection=f"c=IN IP4 {address}")
    assert "sdp-connection-malformed" not in ladder.findings()


def test_two_addresses_of_the_session_are_low() -> None:
    lines = f"c=IN IP4 {ALICE.host}\r\nc=IN IP4 192.0.2.11"
    finding = offered("m=audio 40000 RTP/AVP 0", connection=lines).findings()["sdp-connection-malformed"]
    assert finding.severity is Severity.LOW
    assert finding.evidence[0].text == "c=IN IP4 192.0.2.11"


@pytest.mark.parametrize(
    ("media", "connection"),
    [
        (("m=audio 40000 RTP/AVP 0",), ""),
        (("m=audio 40000 RTP/AVP 0", "c=IN IP4 192.0.2.11"), ""),
        (("m=audio 40000 RTP/AVP 0",), "c=IN IP4 233.252.0.1/127"),
    ],
    ids=["one", "one for each level", "a group"],
)
def test_addresses_as_they_should_be(media: tuple[str, ...], connection: str) -> None:
    assert "sdp-connection-malformed" not in offered(*media, connection=connection).findings()


def test_a_key_line() -> None:
    finding = offered("m=audio 40000 RTP/AVP 0", "k=clear:secret").findings()["sdp-key-line"]
    assert finding.severity is Severity.LOW
    assert "secret" not in finding.detail


def test_nothing_of_all_that_is_healthy() -> None:
    assert_healthy(offered("m=audio 40000 RTP/AVP 0 8"))


@pytest.mark.parametrize(
    ("media", "session", "found"),
    [
        (("m=audio 40000 RTP/AVP 0",), "a=rtcp-mux", True),
        (("m=audio 40000 RTP/AVP 0", "a=rtcp-mux"), "a=rtcp-mux", False),
        (("m=audio 40000 RTP/AVP 0", "a=rtcp-mux"), "", False),
    ],
)
def test_multiplexing_belongs_to_a_medium(media: tuple[str, ...], session: str, found: bool) -> None:
    finding = offered(*media, session=session).findings().get("rtcp-mux-session-level")
    assert (finding is not None) is found
    assert finding is None or (finding.severity is Severity.LOW and finding.evidence[0].text == "a=rtcp-mux")


def test_a_format_that_is_no_number() -> None:
    finding = offered("m=audio 40000 RTP/AVP PCMU 8").findings()["sdp-mandatory-line"]
    assert finding.severity is Severity.MEDIUM
    assert "PCMU" in finding.title
    assert "sdp-mandatory-line" not in offered("m=audio 40000 RTP/AVP 8", "m=image 40002 udptl t38").findings()


def test_two_names_of_the_session() -> None:
    finding = offered("m=audio 40000 RTP/AVP 0", connection=f"s=again\r\nc=IN IP4 {ALICE.host}").findings()[
        "sdp-mandatory-line"
    ]
    assert finding.severity is Severity.LOW
    assert finding.evidence[0].text == "s=again"
