"""The certificates of TLS servers, as their handshakes show them; TLS 1.3 encrypts them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sip_ci.findings import Category, Severity
from sip_ci.trace.tls import Certificate, TlsConnection, TlsOutcome
from sip_ci_server.engine.certificate_rules import has_begun, has_ended, wrong_name
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, Proof, check
from sip_ci_server.engine.checks.tls import CERTIFICATE_ALERTS, ended_behind_certificate, fatal_alert
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.secure_connections import exposure

DAY = 86_400.0
SOON = 30 * DAY
"""Seconds before its end within which a certificate ought to have been renewed."""
_NONE_SHOWN = "the trace holds no certificate of a TLS server; TLS 1.3 and resumed sessions show none"


def _shows_certificate(connection: TlsConnection) -> bool:
    return bool(connection.certificates)


def _day(time: float) -> str:
    try:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return "a date beyond reckoning"


def _proof(connection: TlsConnection, certificate: Certificate) -> Proof:
    hello = connection.server_hello
    return Proof(
        "the certificate that the server showed",
        text=f"{connection.server}: {certificate.subject or 'no subject'}; issuer {certificate.issuer or 'none'};"
        f" {_day(certificate.not_before)} to {_day(certificate.not_after)}",
        frame=hello.frame if hello is not None else connection.frame,
        time=hello.time if hello is not None else connection.time,
    )


def _accepted(connection: TlsConnection) -> Severity | None:
    """Where the client went on all the same, only what protects against strangers is lost."""
    if connection.outcome is not TlsOutcome.ESTABLISHED:
        return None
    return exposure(connection) or Severity.MEDIUM


@check(
    "tls-cert-expired",
    title="The certificate of the TLS server has expired",
    severity=Severity.CRITICAL,
    category=Category.ENCRYPTION,
    rfc="RFC 5280 §4.1.2.5",
    needs=Needs.CAPTURE | Needs.TIMES,
    absent=_NONE_SHOWN,
    only=_shows_certificate,
)
def tls_cert_expired(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """At the time of the handshake, by the clock of the capture, notAfter had passed."""
    del model
    certificate = connection.certificates[0]
    if has_ended(connection, certificate):
        days = (connection.time - certificate.not_after) / DAY
        yield Found(
            (_proof(connection, certificate),),
            f"The certificate of {connection.server} ended on {_day(certificate.not_after)}, {days:.0f} days before"
            f" the handshake with {connection.client}." + _went_on(connection),
            key=(certificate.subject,),
            severity=_accepted(connection),
        )


@check(
    "tls-cert-not-yet-valid",
    title="The certificate of the TLS server is not valid yet",
    severity=Severity.CRITICAL,
    category=Category.ENCRYPTION,
    rfc="RFC 5280 §4.1.2.5",
    needs=Needs.CAPTURE | Needs.TIMES,
    absent=_NONE_SHOWN,
    only=_shows_certificate,
)
def tls_cert_not_yet_valid(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """At the time of the handshake, by the clock of the capture, notBefore lay ahead: one of the clocks is wrong."""
    del model
    certificate = connection.certificates[0]
    if not has_begun(connection, certificate):
        yield Found(
            (_proof(connection, certificate),),
            f"The certificate of {connection.server} begins on {_day(certificate.not_before)}, after the handshake"
            f" with {connection.client} on {_day(connection.time)}: one of the clocks is wrong." + _went_on(connection),
            key=(certificate.subject,),
            severity=_accepted(connection),
        )


def _went_on(connection: TlsConnection) -> str:
    return " The client accepted it all the same." if connection.outcome is TlsOutcome.ESTABLISHED else ""


@check(
    "tls-cert-soon",
    title="The certificate of the TLS server ends within {days} days",
    severity=Severity.LOW,
    category=Category.ENCRYPTION,
    rfc="RFC 5280 §4.1.2.5",
    needs=Needs.CAPTURE | Needs.TIMES,
    absent=_NONE_SHOWN,
    only=_shows_certificate,
)
def tls_cert_soon(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """Less than 30 days, and less than a third of its life, are left; silent for certificates made for a test run."""
    del model
    certificate = connection.certificates[0]
    left = certificate.not_after - connection.time
    life = certificate.not_after - certificate.not_before
    if 0 <= left < min(SOON, life / 3):
        yield Found(
            (_proof(connection, certificate),),
            f"The certificate of {connection.server} ends on {_day(certificate.not_after)}.",
            {"days": f"{left / DAY:.0f}"},
            key=(certificate.subject,),
        )


@check(
    "tls-name-mismatch",
    title="The certificate of the TLS server is not for {name}",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 5922 §7.1",
    needs=Needs.CAPTURE,
    absent=_NONE_SHOWN,
    only=_shows_certificate,
)
def tls_name_mismatch(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """The client asked for a name that stands neither in the alternative names nor, where those are absent, in the
    common name.
    """
    del model
    certificate = connection.certificates[0]
    name = wrong_name(connection)
    if not name:
        return
    names = [*certificate.dns_names, *certificate.uris, *certificate.addresses] or list(certificate.common_names)
    yield Found(
        (_proof(connection, certificate),),
        f"{connection.client} asked {connection.server} for `{name}`, and the certificate is for"
        f" {', '.join(f'`{item}`' for item in names[:5]) or 'nobody'}." + _went_on(connection),
        {"name": name},
        key=(name,),
        severity=_accepted(connection),
    )


@check(
    "tls-self-signed",
    title="The TLS server shows a self-signed certificate",
    severity=Severity.MEDIUM,
    category=Category.ENCRYPTION,
    rfc="RFC 5922 §7.1",
    needs=Needs.CAPTURE,
    absent=_NONE_SHOWN,
    only=_shows_certificate,
)
def tls_self_signed(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """The server's certificate names itself as its issuer; low in a lab. A client that refused it, or left, is told by
    `tls-unknown-ca` and `tls-close-mid-handshake`.
    """
    del model
    certificate = connection.certificates[0]
    alert = fatal_alert(connection, by_client=True)
    if not certificate.self_signed or (alert is not None and alert.description in CERTIFICATE_ALERTS):
        return
    if ended_behind_certificate(connection):
        return
    yield Found(
        (_proof(connection, certificate),),
        f"The certificate of {connection.server} names itself as its issuer ({certificate.subject}): only clients"
        " that were given it, or that do not verify, accept it.",
        key=(certificate.subject,),
        severity=exposure(connection),
    )
