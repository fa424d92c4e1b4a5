"""TLS and plain text on the wrong ports, versions that must not be used, and keys that were of no use."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.observation import Transport
from sip_ci.trace.tls import TlsConnection, TlsOutcome, version_name
from sip_ci.trace.trace import NoticeKind, TcpEventKind
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, Proof, at, check
from sip_ci_server.engine.checks.tls import alert_of, end_of, hello_of, is_silent
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.secure_connections import exposure


@check(
    "tls-on-plain-port",
    title="A client speaks TLS to a port that does not",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 3261 §19.1.2",
    needs=Needs.CAPTURE,
)
def tls_on_plain_port(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """A ClientHello was answered with text, or with the end of the connection on port 5060."""
    del model
    text = connection.outcome is TlsOutcome.NOT_TLS and not connection.plain_by_client
    ended = connection.outcome is TlsOutcome.CLOSED and connection.server.port == 5060 and is_silent(connection)
    if not text and not (ended and not connection.ended_by_client):
        return
    answer = connection.plain.decode("ascii", "replace").splitlines()[0] if connection.plain else ""
    proof = Proof("the answer", text=f"{connection.server} answered: {answer}") if text else end_of(connection)
    yield Found(
        (hello_of(connection), proof),
        f"{connection.client} began a TLS handshake with {connection.server}, which "
        + ("answered in plain text." if text else "ended the connection."),
        key=("text" if text else "closed",),
    )


@check(
    "plain-on-tls-port",
    title="A client speaks plain SIP to a TLS port",
    severity=Severity.CRITICAL,
    category=Category.ENCRYPTION,
    rfc="RFC 3261 §19.1.2",
    needs=Needs.CAPTURE,
)
def plain_on_tls_port(model: Model, _: Model) -> Iterator[Outcome]:
    """SIP over TCP was answered with a TLS alert, or went to port 5061 and the server ended the connection."""
    for connection in model.trace.facts.tls:
        if (
            connection.outcome is TlsOutcome.NOT_TLS
            and connection.plain_by_client
            and b"sip" in connection.plain.lower()
        ):
            alerts = tuple(alert_of(connection, alert) for alert in connection.alerts[:1])
            sent = connection.plain.decode("ascii", "replace").splitlines()[0]
            path = (connection.client, connection.server)
            calls = dict.fromkeys(
                item.call_id for item in model.transactions if (item.source, item.destination) == path
            )
            yield Found(
                (Proof("what the client sent", text=f"{connection.client} -> {connection.server}: {sent}…"), *alerts),
                f"{connection.client} sent SIP without TLS to {connection.server}, which speaks TLS.",
                key=("plain",),
                calls=tuple(calls),
            )
    answered = {(connection.client, connection.server) for connection in model.trace.facts.tls}
    ends = [event for event in model.trace.facts.tcp_events if event.kind in (TcpEventKind.FIN, TcpEventKind.RST)]
    for transaction in model.transactions:
        source, destination = transaction.source, transaction.destination
        if (
            transaction.transport is not Transport.TCP or transaction.responses or source is None or destination is None
            or destination.port != 5061 or (source, destination) in answered or transaction.time is None
        ):  # fmt: skip
            continue
        end = next(
            (e for e in ends if (e.source, e.destination) == (destination, source) and e.time >= transaction.time), None
        )
        if end is not None:
            yield Found(
                (
                    at(transaction.request, "sent without TLS"),
                    Proof(
                        "the answer", text=f"TCP {end.kind.upper()} from {destination}", frame=end.frame, time=end.time
                    ),
                ),
                f"{source} sent {transaction.method} without TLS to {destination}, the port of SIP over TLS, and the"
                " server ended the connection.",
                key=("plain",),
                calls=(transaction.call_id,),
                confidence=Confidence.LIKELY,
            )


@check(
    "tls-version-obsolete",
    title="SIP over {version}, which must not be used any more",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 8996 §4",
    needs=Needs.CAPTURE,
)
def tls_version_obsolete(connection: TlsConnection, model: Model) -> Iterator[Outcome]:
    """The server chose TLS 1.1 or older (RFC 8996 §4 and §5)."""
    del model
    hello = connection.server_hello
    if hello is None or hello.version > 0x0302:
        return
    version = version_name(hello.version)
    yield Found(
        (
            hello_of(connection),
            Proof("what the server chose", text=f"ServerHello: {version}", frame=hello.frame, time=hello.time),
        ),
        f"{connection.client} and {connection.server} agreed on {version}.",
        {"version": version},
        key=(version,),
        severity=exposure(connection),
    )


@check(
    "cap-not-decrypted",
    title="TLS keys are there, and not all was decrypted: {what}",
    severity=Severity.LOW,
    category=Category.CAPTURE,
    rfc="",
    gates=False,
)
def cap_not_decrypted(model: Model, _: Model) -> Iterator[Outcome]:
    """A key log or a secrets block was there, and connections stayed unread."""
    notices = [notice for notice in model.trace.notices if notice.kind is NoticeKind.DECRYPTION]
    if notices:
        yield Found(
            tuple(Proof("the reader of the input says", text=f"{item.text} ({item.count})") for item in notices[:5]),
            f"{notices[0].text}. What these connections carry was not checked.",
            {"what": notices[0].text},
            key=("keys",),
        )
