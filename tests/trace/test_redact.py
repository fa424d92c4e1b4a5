from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity, Observation, Position, Transport
from sip_ci.trace.redact import Redactor

KEY = b"k" * 32
NOWHERE = Observation(None, None, None, Transport.UDP, Position(line=7))


def message(text: str, fidelity: Fidelity = Fidelity.EXACT) -> SipMessage:
    return SipMessage(text.replace("\n", "\r\n").encode(), NOWHERE, fidelity, 3)


def redacted(text: str) -> SipMessage:
    return Redactor(KEY).redact_message(message(text))


REGISTER = """REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc
From: "Alice Liddell" <sip:alice.liddell@example.com>;tag=t1
To: <sip:alice.liddell:hunter2@example.com>
Call-ID: c1@192.0.2.1
CSeq: 2 REGISTER
Contact: <sip:alice.liddell@192.0.2.1:5060;transport=udp>
Authorization: Digest username="alice.liddell", realm="example.com",
 nonce="4f6e2a91deadbeef", uri="sip:example.com", response="6d66dcad8c176aa3ef7baec7680d2445",
 algorithm=MD5, cnonce="c0ffee11", opaque=5ccc069c403ebaf9, qop=auth, nc=00000001
Content-Length: 0

"""
INVITE = """INVITE sip:+441632960123@example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc
From: 1002 <sip:1002@example.com>;tag=t1
To: <tel:+441632960123>
P-Asserted-Identity: <sip:+441632960123;phone-context=example.com@example.com>
X-Customer: caller 441632960123 or 1002
Call-ID: c2@192.0.2.1
CSeq: 2 INVITE
Content-Type: application/sdp
Content-Length: {length}

v=0
o=bob 1 1 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
m=audio 4000 RTP/SAVP 0
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4
a=ice-pwd:asd88fgpdd777uzjYhagZg
"""


def invite() -> SipMessage:
    body = INVITE.partition("\n\n")[2].replace("\n", "\r\n")
    return message(INVITE.format(length=len(body)))


def test_credentials_are_masked_and_the_rest_of_them_stays() -> None:
    result = redacted(REGISTER)
    text = result.raw.decode()
    for secret in ("alice", "hunter2", "4f6e2a91deadbeef", "6d66dcad8c176aa3", "c0ffee11", "5ccc069c403ebaf9"):
        assert secret not in text
    assert "Liddell" not in text
    for kept in (
        'realm="example.com"',
        'uri="sip:example.com"',
        "algorithm=MD5",
        "qop=auth",
        "nc=00000001",
        "c1@192.0.2.1",
    ):
        assert kept in text
    response = re.search(r'response="([^"]*)"', text)
    assert response is not None
    assert re.fullmatch("[0-9a-f]{32}", response[1])


def test_the_digest_user_and_the_user_of_the_address_stay_the_same_person() -> None:
    result = redacted(REGISTER)
    user = re.search(r'username="([^"]*)"', result.raw.decode())
    assert user is not None
    assert user[1] == result.from_.uri.user == result.to.uri.user == result.contacts[0].uri.user


def test_keys_are_masked_and_the_length_follows_the_body() -> None:
    before, after = invite(), Redactor(KEY).redact_message(invite())
    text = after.raw.decode()
    for secret in ("WVNfX19zZW1jdGwg", "asd88fgpdd777uzjYhagZg", "o=bob", "960123", "1002"):
        assert secret not in text
    assert "inline:" in text
    assert "|2^20|1:4" in text
    assert before.content_length == len(before.body)
    assert after.content_length == len(after.body) != before.content_length
    assert len(after.raw) == after.body_start + len(after.body)


def test_phone_numbers_keep_their_length_and_country() -> None:
    after = Redactor(KEY).redact_message(invite())
    assert re.fullmatch(r"\+44\d{10}", after.request_uri.user)
    assert after.to.uri.user == after.request_uri.user
    assert re.fullmatch(r"\d{4}", after.from_.uri.user)
    assert after.from_.display_name == after.from_.uri.user


@pytest.mark.parametrize(
    ("number", "shape"),
    [("+15551234567", r"\+1\d{10}"), ("+35312345678", r"\+353\d{8}"), ("+49 30".replace(" ", ""), r"\+49\d\d")],
)
def test_country_codes(number: str, shape: str) -> None:
    pseudonym = Redactor(KEY).pseudonym(number)
    assert re.fullmatch(shape, pseudonym)
    assert pseudonym != number


def test_emergency_numbers_are_nobodys() -> None:
    assert Redactor(KEY).pseudonym("112") == "112"


def test_what_people_write_to_each_other_is_blanked_line_by_line() -> None:
    body = "meet me\r\nat nine"
    text = f"MESSAGE sip:b@h SIP/2.0\nCall-ID: x\nContent-Type: text/plain\nContent-Length: {len(body)}\n\n"
    result = Redactor(KEY).redact_message(message(text + body.replace("\r\n", "\n")))
    assert result.body == b"xxxx xx\r\nxx xxxx"
    assert result.content_length == len(result.body)


@pytest.mark.parametrize("scheme", ["Basic YWxpY2U6aHVudGVyMg==", "Bearer eyJhbGciOiJIUzI1NiJ9"])
def test_other_schemes_lose_all_their_credentials(scheme: str) -> None:
    result = redacted(f"INVITE sip:h SIP/2.0\nProxy-Authorization: {scheme}\nCall-ID: x\n\n")
    assert scheme.split()[1].encode() not in result.raw
    assert (result.header("proxy-authorization") or "").startswith(scheme.split()[0] + " ")


def test_a_wrong_content_length_stays_wrong_by_as_much() -> None:
    raw = invite().raw
    length = invite().content_length
    assert length is not None
    wrong = SipMessage(raw.replace(b"Content-Length: %d" % length, b"Content-Length: %d" % (length + 5)), NOWHERE)
    after = Redactor(KEY).redact_message(wrong)
    assert after.content_length == len(after.raw) - after.body_start + 5


def test_pseudonyms_are_stable_per_key_and_differ_between_keys() -> None:
    assert Redactor(KEY).pseudonym("alice") == Redactor(KEY).pseudonym("alice")
    assert Redactor(KEY).pseudonym("alice") != Redactor(b"other").pseudonym("alice")
    assert Redactor().pseudonym("alice") != Redactor().pseudonym("alice")


@given(st.lists(st.text("0123456789", min_size=1, max_size=3), unique=True, max_size=60))
def test_two_extensions_never_become_one(numbers: list[str]) -> None:
    redactor = Redactor(KEY)
    assert len({redactor.pseudonym(number) for number in numbers}) == len(numbers)


def test_place_and_index_stay() -> None:
    result = redacted(REGISTER)
    assert result.observation is NOWHERE
    assert result.index == 3


SECRET = st.text("abcdefghkmnpqrstvwyz0123456789", min_size=9, max_size=40).map(lambda text: "S3" + text)


@given(
    user=SECRET,
    password=SECRET,
    nonce=SECRET,
    response=SECRET,
    key=SECRET,
    name=SECRET,
    word=SECRET,
    newline=st.booleans(),
)
def test_no_secret_survives(
    user: str, password: str, nonce: str, response: str, key: str, name: str, word: str, newline: bool
) -> None:
    fold = "\n " if newline else " "
    text = (
        f'MESSAGE sip:{user}:{password}@h SIP/2.0\nFrom: {name} <sip:{user}@h>;tag=1\nt: "{name}"<sips:{user}@h>\n'
        f'Proxy-Authorization:{fold}Digest username="{user}",nonce = "{nonce}",{fold}response={response}\n'
        f'WWW-Authenticate: Digest nonce={nonce},opaque="{nonce}\n'
        f"X-Auth-Token: {word}\nSubject: {word} {word}\nX-User: {user}\nIdentity: {word}\n\n{word}\n{word}"
    )
    sdp = (
        f"INVITE sip:{user}@h SIP/2.0\nContent-Type: application/sdp\n\nv=0\no={user} 1 1 IN IP4 h\n"
        f"k=clear:{key}\na=crypto:1 A inline:{key}|1:1\na=ice-pwd:{key}\ne={word}\n"
    )
    for original in (message(text), message(sdp)):
        result = Redactor(KEY).redact_message(original)
        for secret in (user, password, nonce, response, key, name, word):
            assert secret.encode() not in result.raw
        assert result.raw.count(b"\n") == original.raw.count(b"\n")


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode), st.sampled_from([REGISTER, INVITE]))
def test_any_bytes_keep_their_lines_and_masking_twice_changes_nothing(noise: bytes, start: str) -> None:
    at = len(noise) % len(start)
    original = SipMessage(start[:at].encode() + noise + start[at:].encode(), NOWHERE)
    redactor = Redactor(KEY)
    once = redactor.redact_message(original)
    assert once.raw.count(b"\n") == original.raw.count(b"\n")
    assert redactor.redact_message(once).raw == once.raw


@pytest.mark.parametrize(
    "value",
    [
        '"Alice \\"Al\\" Liddell" <sip:a@h>', '"Alice Liddell <sip:a@h>', "Alice Liddell <sip:a@h>", '"Alice"<sip:a@h>',
        'Bob <sip:b@h>, "Alice" <sip:a@h>', '"x" <sip:b@h>;p="Q", "Alice Liddell" <sip:a@h>',
    ],
)  # fmt: skip
def test_names_are_masked_however_they_are_quoted(value: str) -> None:
    result = redacted(f"INVITE sip:h SIP/2.0\nFrom: {value}\nCall-ID: x\n\n").header("from") or ""
    assert "Alice" not in result
    assert "Liddell" not in result
    assert result.count("<") == value.count("<")
    assert result.count('"') == value.replace('\\"', "").count('"')
