"""STUN messages, as RFC 5769 writes them down, and damaged ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sip_ci.trace.media_table import StunDatagram
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.stun import StunClass, StunMessage, StunMethod, parse_stun

ALICE, BOB = Endpoint("192.0.2.1", 4000), Endpoint("198.51.100.2", 5000)
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
"""RFC 5769 §2.1."""
RESPONSE_V4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
"""RFC 5769 §2.2."""


def parsed(data: bytes) -> StunMessage | None:
    return parse_stun(StunDatagram(1_500_000_000, 7, ALICE, BOB, data, whole=True))


def test_a_request() -> None:
    message = parsed(REQUEST)
    assert message is not None
    assert (message.method, message.kind) == (StunMethod.BINDING, StunClass.REQUEST)
    assert (message.username, message.software, message.signed) == ("evtj:h6vY", "STUN test client", True)
    assert (message.controlled, message.controlling) == (0x932FF9B151263B36, None)
    assert (message.time, message.frame, message.nominates, message.error) == (1.5, 7, False, None)


def test_a_response() -> None:
    message = parsed(RESPONSE_V4)
    assert message is not None
    assert (message.kind, message.mapped) == (StunClass.SUCCESS, Endpoint("192.0.2.1", 32853))


def test_an_error() -> None:
    head = bytes.fromhex("01130008" + "2112a442" + "00" * 12)
    message = parsed(head + bytes.fromhex("0009000400000457"))
    assert message is not None
    assert (message.method, message.kind, message.error) == (StunMethod.ALLOCATE, StunClass.ERROR, 487)


def test_what_is_cut_off_is_not_there() -> None:
    message = parsed(REQUEST[:50])
    assert message is not None
    assert (message.software, message.username) == ("STUN test client", None)
    assert parsed(REQUEST[:19]) is None
    assert parsed(b"\x00\x01\x00\x00" + bytes(16)) is None


@given(st.binary(max_size=200), st.integers(0, 120))
def test_anything_can_be_read(noise: bytes, kept: int) -> None:
    parsed(REQUEST[:kept] + noise)
    parsed(REQUEST[:8] + noise)
