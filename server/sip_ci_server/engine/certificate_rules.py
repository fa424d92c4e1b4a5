"""What is wrong with the certificate that a TLS server showed, so that a client refuses it."""

from __future__ import annotations

from sip_ci.trace.tls import Certificate, TlsConnection
from sip_ci_server.engine.addresses import same_address


def explains_refusal(connection: TlsConnection) -> bool:
    """Whether the certificate itself says why a client that verifies ends the handshake: it is out of date, or for
    another name than the client asked for.
    """
    if not connection.certificates:
        return False
    certificate = connection.certificates[0]
    return has_ended(connection, certificate) or not has_begun(connection, certificate) or bool(wrong_name(connection))


def has_ended(connection: TlsConnection, certificate: Certificate) -> bool:
    """Whether notAfter had passed at the time of the handshake (RFC 5280 §4.1.2.5)."""
    return certificate.not_after < connection.time


def has_begun(connection: TlsConnection, certificate: Certificate) -> bool:
    """Whether notBefore had come."""
    return certificate.not_before <= connection.time


def wrong_name(connection: TlsConnection) -> str:
    """The name that the client asked for, where the certificate is not for it; else empty."""
    name = connection.client_hello.server_name if connection.client_hello is not None else ""
    return name if name and not is_for(connection.certificates[0], name) else ""


def is_for(certificate: Certificate, name: str) -> bool:
    """Whether a certificate names a host (RFC 5922 §7.1): in a `sip:` URI, as a DNS name, or as its common name.

    A wildcard for one label counts as well, as clients take it that do not go by RFC 5922 §7.2.
    """
    wanted = name.rstrip(".").lower()
    names = [uri.partition(":")[2] for uri in certificate.uris if uri.lower().startswith(("sip:", "sips:"))]
    names += certificate.dns_names
    if not certificate.has_alternative_names:
        names += certificate.common_names
    if any(same_address(address, wanted) for address in certificate.addresses):
        return True
    for item in names:
        known = item.rstrip(".").lower()
        if known == wanted or (known.startswith("*.") and wanted.partition(".")[2] == known[2:]):
            return True
    return False
