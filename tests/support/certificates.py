"""Certificates made byte by byte (DER after X.690), with a signature that signs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address

from sip_ci.trace.capture.x509 import read_certificate
from sip_ci.trace.tls import Certificate

RSA, SHA256_WITH_RSA = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01010b")
COMMON_NAME, ALTERNATIVE_NAME = bytes.fromhex("550403"), bytes.fromhex("551d11")


def der(tag: int, *contents: bytes) -> bytes:
    """One value, its length in the shortest form."""
    content = b"".join(contents)
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def name(common_name: str) -> bytes:
    """A distinguished name with a common name, or none."""
    if not common_name:
        return der(0x30)
    return der(0x30, der(0x31, der(0x30, der(6, COMMON_NAME), der(12, common_name.encode()))))


def moment(time: float) -> bytes:
    """A UTCTime until 2049, a GeneralizedTime from then on (RFC 5280 §4.1.2.5)."""
    when = datetime.fromtimestamp(time, UTC)
    if when.year < 2050:
        return der(23, f"{when:%y%m%d%H%M%S}Z".encode())
    return der(24, f"{when:%Y%m%d%H%M%S}Z".encode())


def encoded(
    *, subject: str = "sip.example.com", issuer: str = "Example CA", not_before: float = 1_690_000_000.0,
    not_after: float = 1_720_000_000.0, hosts: Sequence[str] = (), uris: Sequence[str] = (),
    addresses: Sequence[str] = (), bits: int = 2048,
) -> bytes:  # fmt: skip
    """A certificate with an RSA key; its times in seconds since the UNIX epoch."""
    modulus = (1 << (bits - 1) | 1).to_bytes(bits // 8, "big")
    key = der(0x30, der(2, b"\0" + modulus), der(2, b"\1\0\1"))
    algorithm = der(0x30, der(6, SHA256_WITH_RSA), der(5))
    names = [der(0x82, host.encode()) for host in hosts] + [der(0x86, uri.encode()) for uri in uris]
    names += [der(0x87, ip_address(address).packed) for address in addresses]
    extensions = der(0xA3, der(0x30, der(0x30, der(6, ALTERNATIVE_NAME), der(4, der(0x30, *names))))) if names else b""
    body = der(
        0x30, der(0xA0, der(2, b"\2")), der(2, b"\1"), algorithm, name(issuer),
        der(0x30, moment(not_before), moment(not_after)), name(subject),
        der(0x30, der(0x30, der(6, RSA), der(5)), der(3, b"\0", key)), extensions,
    )  # fmt: skip
    return der(0x30, body, algorithm, der(3, b"\0", bytes(bits // 8)))


def certificate(**fields: object) -> Certificate:
    """The same, read."""
    found = read_certificate(encoded(**fields))  # type: ignore[arg-type]
    assert found is not None
    return found
