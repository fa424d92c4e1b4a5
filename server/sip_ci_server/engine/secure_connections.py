"""Which TLS connections of a trace are SIP's, and how bad a weakness is between the hosts that take part."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.tls import DtlsHandshake, TlsConnection
from sip_ci_server.engine.addresses import Scope, scope_of
from sip_ci_server.engine.model import Model

SIP_PORTS = range(5060, 5092)


def sip_over_tls(model: Model) -> Iterator[TlsConnection]:
    """The TLS connections that carry SIP: on its ports, by the protocol that is offered, or because they were read."""
    for connection in model.trace.facts.tls:
        hello = connection.client_hello
        by_name = hello is not None and any(name == "sip" or name.startswith("sip/") for name in hello.protocols)
        if connection.server.port in SIP_PORTS or connection.read or by_name:
            yield connection


def is_lab(*hosts: str) -> bool:
    """Whether no public address takes part."""
    return not any(scope_of(host) in (Scope.PUBLIC, Scope.NAME) for host in hosts)


def exposure(connection: TlsConnection | DtlsHandshake) -> Severity | None:
    """The severity of a weakness that matters only on the Internet: low in a lab, else that of the check."""
    return Severity.LOW if is_lab(connection.client.host, connection.server.host) else None


def answers_visible(model: Model, client: Endpoint, server: Endpoint) -> bool:
    """Whether packets from the server's host to the client's are in the trace at all."""
    return (server.host, client.host) in model.trace.facts.host_pairs and client.host != server.host


def is_read_over(model: Model, client: Endpoint, server: Endpoint, *transports: Transport) -> bool:
    """Whether SIP messages between two endpoints were read from one of these transports."""
    pair = {client, server}
    return any(
        message.observation.transport in transports
        and {message.observation.source, message.observation.destination} == pair
        for message in model.messages
    )
