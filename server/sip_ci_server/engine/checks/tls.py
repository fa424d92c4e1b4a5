"""TLS handshakes that fail: what each side said last, as far as it was said in the clear."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.tls import TlsAlert, TlsConnection, TlsOutcome, version_name
from sip_ci_server.engine.certificate_rules import explains_refusal
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, Proof, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.secure_connections import answers_visible

CERTIFICATE_ALERTS = frozenset({42, 43, 44, 45, 46, 48, 49})
"""What a side says of a certificate that it does not accept (RFC 8446 §6.2)."""
_NOTHING_IN_COMMON = frozenset({40, 47, 70, 71, 86, 109, 110, 120})
_UNKNOWN_NAME = 112
_CERTIFICATE_REQUIRED = 116
_WITHOUT_CERTIFICATE = frozenset({40, 41, 42, 46, _CERTIFICATE_REQUIRED})
_PATIENCE = 5.0
"""Seconds of silence behind a ClientHello that no server needs."""


def hello_of(connection: TlsConnection) -> Proof:
    """The evidence that a client began."""
    hello = connection.client_hello
    if hello is None:
        text = f"TLS {connection.client} -> {connection.server}"
        return Proof("its first record", text=text, frame=connection.frame, time=connection.time)
    return Proof(
        "what the client offered",
        text=f"ClientHello {connection.client} -> {connection.server}: {version_name(max(hello.versions))},"
        f" {len(hello.ciphers)} cipher suites" + (f", for {hello.server_name}" if hello.server_name else ""),
        frame=hello.frame,
        time=hello.time,
    )


def alert_of(connection: TlsConnection, alert: TlsAlert) -> Proof:
    """The evidence of an alert."""
    sender, receiver = connection.client, connection.server
    if not alert.by_client:
        sender, receiver = receiver, sender
    return Proof(
        "what the other side said to it" if not alert.by_client else "why it gave up",
        text=f"Alert {sender} -> {receiver}: {alert.name} ({alert.description})",
        frame=alert.frame,
        time=alert.time,
    )


def end_of(connection: TlsConnection) -> Proof:
    """The evidence of who closed the connection."""
    who = connection.client if connection.ended_by_client else connection.server
    return Proof(
        "the end of the connection",
        text=f"TCP {'RST' if connection.ended_with_reset else 'FIN'} from {who}",
        frame=connection.ended_frame,
        time=connection.ended_time,
    )


def fatal_alert(connection: TlsConnection, *, by_client: bool) -> TlsAlert | None:
    """The first fatal alert of one side in a handshake that failed."""
    if connection.outcome is not TlsOutcome.REFUSED:
        return None
    return next((alert for alert in connection.alerts if alert.fatal and alert.by_client is by_client), None)


@check(
    "tls-unknown-ca",
    title="The client does not accept the certificate of the TLS server: {alert}",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 8446 §6.2",
    needs=Needs.CAPTURE,
)
def tls_unknown_ca(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """The client ended the handshake with an alert about the server's certificate; in TLS 1.3 it is encrypted.

    Where the certificate is out of date, or for another name, the checks of that say so.
    """
    del model
    if connection.outcome is not TlsOutcome.REFUSED or explains_refusal(connection):
        return
    alert = fatal_alert(connection, by_client=True)
    if alert is not None and alert.description in CERTIFICATE_ALERTS:
        issuer = f", issued by {connection.certificates[0].issuer}" if connection.certificates else ""
        yield Found(
            (hello_of(connection), alert_of(connection, alert)),
            f"{connection.client} refused the certificate of {connection.server}{issuer} with the alert {alert.name}.",
            {"alert": alert.name},
            key=(alert.name,),
        )
    elif alert is None and fatal_alert(connection, by_client=False) is None:
        yield Found(
            (hello_of(connection),),
            f"{connection.client} sent an encrypted alert to {connection.server} where its Finished was due."
            " TLS 1.3 hides which one it is, and the certificate too; most often a client refuses for the"
            " certificate.",
            {"alert": "an encrypted alert"},
            key=("encrypted",),
            confidence=Confidence.LIKELY,
        )


@check(
    "tls-no-shared-cipher",
    title="TLS client and server have nothing in common: {alert}",
    severity=Severity.CRITICAL,
    category=Category.ENCRYPTION,
    rfc="RFC 8446 §6.2",
    needs=Needs.CAPTURE,
)
def tls_no_shared_cipher(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """The server answered the ClientHello with an alert that says that no version, cipher or protocol suits it."""
    del model
    alert = fatal_alert(connection, by_client=False)
    if alert is None or alert.description not in _NOTHING_IN_COMMON or connection.certificate_requested:
        return
    offered = connection.client_hello
    versions = ", ".join(version_name(version) for version in offered.versions) if offered else "unknown versions"
    yield Found(
        (hello_of(connection), alert_of(connection, alert)),
        f"{connection.server} answered the ClientHello of {connection.client} with the alert {alert.name}. The"
        f" client offered {versions}" + (f" and {len(offered.ciphers)} cipher suites." if offered else "."),
        {"alert": alert.name},
        key=(alert.name,),
    )


@check(
    "tls-client-cert-required",
    title="The TLS server wants a certificate of the client: {alert}",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 8446 §4.4.2.4",
    needs=Needs.CAPTURE,
)
def tls_client_cert_required(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """The server asked for a certificate, got none or one that it does not accept, and ended the handshake."""
    del model
    alert = fatal_alert(connection, by_client=False)
    if alert is None:
        return
    shown = connection.client_certificates
    missing = shown == () and alert.description in _WITHOUT_CERTIFICATE
    refused = bool(shown) and alert.description in CERTIFICATE_ALERTS
    if not (alert.description == _CERTIFICATE_REQUIRED or (connection.certificate_requested and (missing or refused))):
        return
    had = f"showed the certificate {shown[0].subject}" if shown else "has none"
    yield Found(
        (hello_of(connection), alert_of(connection, alert)),
        f"{connection.server} asked {connection.client} for a certificate; the client {had}, and the server ended"
        f" the handshake with the alert {alert.name}.",
        {"alert": alert.name},
        key=("refused" if shown else "missing",),
    )


@check(
    "tls-sni-unknown",
    title="The TLS server does not know the name {name}",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 6066 §3",
    needs=Needs.CAPTURE,
)
def tls_sni_unknown(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """The server ended the handshake with unrecognized_name."""
    del model
    alert = fatal_alert(connection, by_client=False)
    if alert is not None and alert.description == _UNKNOWN_NAME:
        name = connection.client_hello.server_name if connection.client_hello else ""
        yield Found(
            (hello_of(connection), alert_of(connection, alert)),
            f"{connection.client} asked {connection.server} for `{name}`, and the server knows no such name.",
            {"name": name},
            key=(name,),
        )


@check(
    "tls-no-serverhello",
    title="The server does not answer the TLS handshake",
    severity=Severity.CRITICAL,
    category=Category.ENCRYPTION,
    rfc="RFC 8446 §4.1.3",
    needs=Needs.CAPTURE | Needs.TIMES,
)
def tls_no_serverhello(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """A ClientHello got no record of TLS and no other bytes within five seconds, though the connection stood."""
    if not is_silent(connection) or not answers_visible(model, connection.client, connection.server):
        return
    waited = (connection.ended_time or model.seen.ends or 0.0) - connection.time
    if waited < _PATIENCE or model.seen.lossy:
        return
    yield Found(
        (hello_of(connection), *((end_of(connection),) if connection.ended_by_client is not None else ())),
        f"{connection.server} accepted the connection of {connection.client} and did not answer its ClientHello"
        f" within {waited:.0f} s.",
        key=("silent",),
    )


def ended_behind_certificate(connection: TlsConnection) -> bool:
    """Whether the client ended the connection without a word when it had seen the server's certificate."""
    return (
        connection.outcome is TlsOutcome.CLOSED
        and connection.ended_by_client is True
        and bool(connection.certificates)
        and not any(alert.fatal for alert in connection.alerts)
    )


def is_silent(connection: TlsConnection) -> bool:
    """Whether the server said nothing at all."""
    return (
        connection.outcome in (TlsOutcome.UNANSWERED, TlsOutcome.CLOSED)
        and connection.server_hello is None
        and not connection.alerts
    )


@check(
    "tls-close-mid-handshake",
    title="The {side} ends the connection in the middle of the TLS handshake",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 8446 §6",
    needs=Needs.CAPTURE,
)
def tls_close_mid_handshake(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """FIN or RST came before both sides had finished, and neither an alert nor the server's certificate says why."""
    del model
    if connection.outcome is not TlsOutcome.CLOSED or any(alert.fatal for alert in connection.alerts):
        return
    if is_silent(connection) and (
        connection.server.port == 5060 or (connection.ended_time or 0.0) - connection.time >= _PATIENCE
    ):
        return
    if ended_behind_certificate(connection) and explains_refusal(connection):
        return
    side = "client" if connection.ended_by_client else "server"
    own = "self-signed " if connection.certificates and connection.certificates[0].self_signed else ""
    place = f"the server's {own}certificate" if connection.certificates else "the ServerHello"
    behind = f"behind {place}" if connection.server_hello else "behind the ClientHello"
    yield Found(
        (hello_of(connection), end_of(connection)),
        f"The {side} ended the connection of {connection.client} to {connection.server} {behind}, without an alert.",
        {"side": side},
        key=(side,),
    )
