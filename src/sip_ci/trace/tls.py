"""What the TLS and DTLS handshakes of a capture say, and the certificates that were shown in them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sip_ci.trace.observation import Endpoint

TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 = 0x0301, 0x0302, 0x0303, 0x0304
DTLS_1_0, DTLS_1_2, DTLS_1_3 = 0xFEFF, 0xFEFD, 0xFEFC

_VERSIONS = {
    0x0300: "SSL 3.0", TLS_1_0: "TLS 1.0", TLS_1_1: "TLS 1.1", TLS_1_2: "TLS 1.2", TLS_1_3: "TLS 1.3",
    DTLS_1_0: "DTLS 1.0", DTLS_1_2: "DTLS 1.2", DTLS_1_3: "DTLS 1.3",
}  # fmt: skip

_ALERTS = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
    30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
    43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
    47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
    60: "export_restriction", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
    86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
    110: "unsupported_extension", 111: "certificate_unobtainable", 112: "unrecognized_name",
    113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", 115: "unknown_psk_identity",
    116: "certificate_required", 120: "no_application_protocol",
}  # fmt: skip


def version_name(version: int) -> str:
    """The name of a protocol version as it is written on the wire, for example `TLS 1.2` for 0x0303."""
    return _VERSIONS.get(version, f"version 0x{version:04x}")


def alert_name(description: int) -> str:
    """The name of an alert (RFC 8446 §6, RFC 5246 §7.2), for example `unknown_ca` for 48."""
    return _ALERTS.get(description, f"alert {description}")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What an X.509 certificate says of itself (RFC 5280 §4.1); nothing in it was verified."""

    subject: str
    """For example `CN=sip.example.com, O=Example`; empty where the subject is."""
    issuer: str
    common_names: tuple[str, ...]
    """The subject's common names."""
    dns_names: tuple[str, ...]
    """The dNSName entries of the subject alternative name."""
    uris: tuple[str, ...]
    """Its uniformResourceIdentifier entries."""
    addresses: tuple[str, ...]
    """Its iPAddress entries, spelled out."""
    not_before: float
    """Seconds since the UNIX epoch."""
    not_after: float
    key_type: str
    """For example `RSA`, `EC`, `Ed25519`; an object identifier where it is none of the usual ones."""
    key_bits: int
    """The length of the key in bits; 0 where it is not known."""
    signature: str
    """The signature algorithm, for example `sha256WithRSAEncryption`, or its object identifier."""
    encoded: bytes
    """The certificate as it was sent (DER), of which fingerprints are made."""

    @property
    def self_signed(self) -> bool:
        """Whether it names itself as its issuer; the signature was not verified."""
        return self.subject == self.issuer

    @property
    def has_alternative_names(self) -> bool:
        """Whether it names a host in its subject alternative name, so that the common name does not count."""
        return bool(self.dns_names or self.uris)


@dataclass(frozen=True, slots=True)
class TlsAlert:
    """An alert that was sent in the clear; those behind the handshake are encrypted."""

    time: float
    frame: int
    by_client: bool
    fatal: bool
    description: int

    @property
    def name(self) -> str:
        """For example `unknown_ca`."""
        return alert_name(self.description)


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client offers (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2)."""

    time: float
    frame: int
    versions: tuple[int, ...]
    """The versions of the supported_versions extension in its order, or the one version that an older client names."""
    ciphers: tuple[int, ...]
    """Cipher suite numbers in order of preference, without those that only keep the protocol flexible (GREASE)."""
    server_name: str
    """The host name that the client asks for (RFC 6066 §3); empty where it names none."""
    protocols: tuple[str, ...]
    """The application protocols that it offers (ALPN, RFC 7301)."""
    random: bytes
    """Its 32 random bytes, by which a key log names the connection."""


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What a server chose."""

    time: float
    frame: int
    version: int
    cipher: int
    protocol: str
    """The application protocol (ALPN), where it is sent in the clear; empty in TLS 1.3."""


class TlsOutcome(StrEnum):
    """How far a handshake got, as far as the capture shows it."""

    ESTABLISHED = "established"
    """Both sides protected their traffic."""
    REFUSED = "refused"
    """A side sent a fatal alert, or a TLS 1.3 client sent an alert, encrypted, in the place of its Finished."""
    CLOSED = "closed"
    """The connection was closed or reset in the middle of it."""
    UNANSWERED = "unanswered"
    """The client spoke, and the server said nothing."""
    UNFINISHED = "unfinished"
    """It stopped, or the capture ended, in the middle of it."""
    UNKNOWN = "unknown"
    """Its beginning is not in the capture, or bytes are missing."""
    NOT_TLS = "not-tls"
    """One side spoke TLS and the other did not."""


@dataclass(frozen=True, slots=True)
class TlsConnection:
    """One TCP connection that carries TLS, or tries to."""

    client: Endpoint
    server: Endpoint
    time: float
    """When its first TLS record was seen, in seconds since the UNIX epoch."""
    frame: int
    outcome: TlsOutcome
    client_hello: ClientHello | None = None
    server_hello: ServerHello | None = None
    certificates: tuple[Certificate, ...] = ()
    """What the server showed, its own first. TLS 1.3 hides them: then there are none."""
    certificate_requested: bool = False
    """Whether the server asked for a certificate of the client; hidden in TLS 1.3."""
    client_certificates: tuple[Certificate, ...] | None = None
    """What the client showed; empty where it answered that it has none, None where nothing was seen."""
    alerts: tuple[TlsAlert, ...] = ()
    ended_by_client: bool | None = None
    """Who closed or reset the connection first; None where nobody did."""
    ended_with_reset: bool = False
    ended_time: float | None = None
    ended_frame: int | None = None
    plain: bytes = b""
    """The first bytes of the side that did not speak TLS (`TlsOutcome.NOT_TLS`)."""
    plain_by_client: bool = False
    read: bool = False
    """Whether what it carries was decrypted."""


@dataclass(frozen=True, slots=True)
class DtlsHandshake:
    """The DTLS handshake between two endpoints (RFC 6347, RFC 9147), as for DTLS-SRTP (RFC 5764)."""

    client: Endpoint
    """Who sent the first ClientHello; the sender of the first record where none was seen."""
    server: Endpoint
    time: float
    frame: int
    outcome: TlsOutcome
    client_hello: ClientHello | None = None
    server_hello: ServerHello | None = None
    client_hellos: int = 0
    """How many ClientHello messages were sent, repetitions and the answer to a cookie among them."""
    certificates: tuple[Certificate, ...] = ()
    client_certificates: tuple[Certificate, ...] | None = None
    alerts: tuple[TlsAlert, ...] = ()
    last_time: float = 0.0
    """When its last record was seen."""
    srtp_profiles: tuple[int, ...] = ()
    """The SRTP protection profiles that the client offers (use_srtp, RFC 5764 §4.1.1)."""
