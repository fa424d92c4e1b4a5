"""Reads what checks ask of an X.509 certificate (RFC 5280 §4.1, DER after ITU-T X.690), and verifies nothing.

A reader of two hundred lines in the place of a cryptography library: no signature is looked at, nothing is trusted on
its word, and any input that is not such a certificate is None.
"""

from __future__ import annotations

from calendar import timegm
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from sip_ci.trace.tls import Certificate

_LARGEST = 64 * 1024
_MOST_ENTRIES = 1000

_INTEGER, _BIT_STRING, _OCTET_STRING, _OBJECT, _UTC_TIME, _GENERALIZED_TIME = 2, 3, 4, 6, 23, 24
_SEQUENCE, _SET = 0x30, 0x31
_TEXTS = {12: "utf-8", 18: "ascii", 19: "ascii", 20: "latin-1", 22: "ascii", 28: "utf-32-be", 30: "utf-16-be"}

_ATTRIBUTES = {
    "2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU",
    "1.2.840.113549.1.9.1": "emailAddress", "0.9.2342.19200300.100.1.25": "DC", "2.5.4.5": "serialNumber",
}  # fmt: skip
_SIGNATURES = {
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption", "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.10": "rsassaPss", "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption", "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1", "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384", "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.3.101.112": "ED25519", "1.3.101.113": "ED448",
}  # fmt: skip
_KEYS = {
    "1.2.840.113549.1.1.1": ("RSA", 0), "1.2.840.113549.1.1.10": ("RSA", 0), "1.2.840.10045.2.1": ("EC", 0),
    "1.3.101.112": ("Ed25519", 256), "1.3.101.113": ("Ed448", 456), "1.2.840.10040.4.1": ("DSA", 0),
}  # fmt: skip
_CURVES = {"1.2.840.10045.3.1.7": 256, "1.3.132.0.34": 384, "1.3.132.0.35": 521, "1.3.132.0.10": 256}
_SUBJECT_ALTERNATIVE_NAME = "2.5.29.17"


class _Value(NamedTuple):
    tag: int
    content: bytes


def _values(data: bytes) -> list[_Value]:
    """The values that lie one behind the other. Raises ValueError where a length is not as DER writes it."""
    found: list[_Value] = []
    place = 0
    while place < len(data):
        if len(found) >= _MOST_ENTRIES or len(data) - place < 2 or data[place] & 0x1F == 0x1F:
            raise ValueError("no DER")
        tag, length, start = data[place], data[place + 1], place + 2
        if length >= 0x80:
            octets = length & 0x7F
            if not 1 <= octets <= 4 or start + octets > len(data):
                raise ValueError("no definite length")
            length = int.from_bytes(data[start : start + octets], "big")
            start += octets
        if length > len(data) - start:
            raise ValueError("a length beyond the end")
        found.append(_Value(tag, data[start : start + length]))
        place = start + length
    return found


def _inside(value: _Value, tag: int = _SEQUENCE) -> list[_Value]:
    if value.tag != tag:
        raise ValueError(f"tag {value.tag} in the place of {tag}")
    return _values(value.content)


def _object_identifier(content: bytes) -> str:
    if not content or len(content) > 64:
        raise ValueError("no object identifier")
    arcs: list[int] = []
    value = 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            arcs.append(value)
            value = 0
    if not arcs:
        raise ValueError("an unfinished object identifier")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def _text(value: _Value) -> str:
    return value.content.decode(_TEXTS.get(value.tag, "latin-1"), "replace")


def _time(value: _Value) -> float:
    """Seconds since the UNIX epoch of a UTCTime or a GeneralizedTime (RFC 5280 §4.1.2.5)."""
    text = value.content.decode("ascii")
    if value.tag == _UTC_TIME and len(text) == 13:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif value.tag != _GENERALIZED_TIME:
        raise ValueError("no time")
    if len(text) != 15 or text[-1] != "Z" or not text[:14].isdigit():
        raise ValueError("no time in UTC to the second")
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
    hour, minute, second = int(text[8:10]), int(text[10:12]), int(text[12:14])
    if not (year and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        raise ValueError("no such time")
    return float(timegm((year, month, day, hour, minute, second)))


def _name(value: _Value) -> list[tuple[str, str]]:
    """The attributes of a distinguished name (§4.1.2.4)."""
    attributes: list[tuple[str, str]] = []
    for relative in _inside(value):
        for attribute in _inside(relative, _SET):
            kind, content = _inside(attribute)[:2]
            number = _object_identifier(kind.content)
            attributes.append((_ATTRIBUTES.get(number, number), _text(content)))
    return attributes


def _written(name: list[tuple[str, str]]) -> str:
    return ", ".join(f"{kind}={value}" for kind, value in name)


def _key(value: _Value) -> tuple[str, int]:
    """Kind and length in bits of a public key (§4.1.2.7, RFC 3279 §2.3, RFC 5480 §2)."""
    algorithm, key = _inside(value)[:2]
    parts = _inside(algorithm)
    number = _object_identifier(parts[0].content)
    kind, bits = _KEYS.get(number, (number, 0))
    if kind == "RSA" and key.tag == _BIT_STRING:
        modulus = _inside(_values(key.content[1:])[0])[0]
        bits = int.from_bytes(modulus.content, "big").bit_length()
    elif kind == "EC" and len(parts) > 1 and parts[1].tag == _OBJECT:
        bits = _CURVES.get(_object_identifier(parts[1].content), 0)
    return kind, bits


def _alternative_names(extensions: _Value) -> tuple[list[str], list[str], list[str]]:
    """Host names, URIs and addresses of the subject alternative name (§4.2.1.6)."""
    hosts: list[str] = []
    uris: list[str] = []
    addresses: list[str] = []
    for extension in _inside(_values(extensions.content)[0]):
        parts = _inside(extension)
        if _object_identifier(parts[0].content) != _SUBJECT_ALTERNATIVE_NAME or parts[-1].tag != _OCTET_STRING:
            continue
        for name in _inside(_values(parts[-1].content)[0]):
            if name.tag == 0x82:
                hosts.append(name.content.decode("ascii", "replace"))
            elif name.tag == 0x86:
                uris.append(name.content.decode("ascii", "replace"))
            elif name.tag == 0x87 and len(name.content) in (4, 16):
                addresses.append(str(ip_address(name.content)))
    return hosts, uris, addresses


@lru_cache(maxsize=512)
def read_certificate(encoded: bytes) -> Certificate | None:
    """Read a DER-encoded certificate of at most 64 KiB; None where it is no X.509 certificate."""
    if len(encoded) > _LARGEST:
        return None
    try:
        body, algorithm = _inside(_values(encoded)[0])[:2]
        fields = _inside(body)
        if fields[0].tag == 0xA0:
            fields = fields[1:]
        _serial, _algorithm, issuer, validity, subject, key = fields[:6]
        not_before, not_after = _inside(validity)[:2]
        names = _name(subject)
        key_type, key_bits = _key(key)
        extensions = next((field for field in fields[6:] if field.tag == 0xA3), None)
        hosts, uris, addresses = _alternative_names(extensions) if extensions is not None else ([], [], [])
        signature = _object_identifier(_inside(algorithm)[0].content)
        return Certificate(
            _written(names), _written(_name(issuer)), tuple(value for kind, value in names if kind == "CN"),
            tuple(hosts), tuple(uris), tuple(addresses), _time(not_before), _time(not_after), key_type, key_bits,
            _SIGNATURES.get(signature, signature), encoded,
        )  # fmt: skip
    except (ValueError, IndexError):
        return None
