"""SIPS URIs on the way (RFC 5630), and the transport parameter of TLS."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.observation import Transport
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.secure_connections import is_lab
from sip_ci_server.engine.transactions import Transaction

_CLEAR = (Transport.UDP, Transport.TCP, Transport.WS, Transport.SCTP)


@check(
    "sips-downgraded",
    title="A request to a sips URI {how}",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 5630 §3.1.3",
    needs=Needs.ADDRESSES,
    absent="the trace holds no request to a sips URI",
    only=lambda item: item.request.request_uri.scheme == "sips",
)
def sips_downgraded(item: Transaction, model: Model) -> Iterator[Outcome]:
    """A request to a sips URI went over a transport without TLS, or its 2xx brings a Contact that is not sips.

    Low where no public address takes part, and silent on one host, where a proxy in front may end TLS.
    """
    del model
    source, destination = item.source, item.destination
    if source is None or destination is None or source.host == destination.host:
        return
    severity = Severity.LOW if is_lab(source.host, destination.host) else None
    if item.transport in _CLEAR:
        yield Found(
            (at(item.request, "the sips URI, over a transport in the clear"),),
            f"{item.method} to {item.request.request_uri.scheme}:… went from {source} to {destination} over"
            f" {item.transport.value}.",
            {"how": f"went over {item.transport.value}"},
            key=("transport", item.transport.value),
            calls=(item.call_id,),
            severity=severity,
        )
        return
    success = item.success
    if item.method != "INVITE" or success is None or not success.contacts:
        return
    if success.contacts[0].uri.scheme == "sip":
        yield Found(
            (at(item.request, "the request"), at_header(success, "contact", "not sips")),
            f"The {success.summary} to a sips URI has the Contact scheme sip, so that later requests need no TLS.",
            {"how": "was answered with a Contact that is not sips"},
            key=("contact",),
            calls=(item.call_id,),
            severity=severity or Severity.MEDIUM,
        )


@check(
    "tls-transport-param",
    title="A Contact has the parameter transport=tls",
    severity=Severity.INFO,
    category=Category.ENCRYPTION,
    rfc="RFC 3261 §26.2.2",
    absent="the trace holds no Contact with transport=tls",
    only=lambda item: item.method in ("REGISTER", "INVITE") and b"ransport=tls" in item.request.raw.lower(),
)
def tls_transport_param(item: Transaction, model: Model) -> Iterator[Outcome]:
    """`transport=tls` is deprecated by RFC 3261 §26.2.2 and used everywhere: only noted."""
    del model
    for contact in item.request.contacts:
        if (contact.uri.parameter("transport") or "").lower() == "tls":
            yield Found(
                (at_header(item.request, "contact", "transport=tls"),),
                f"The Contact of the {item.method} asks for TLS with the parameter transport=tls.",
                key=(item.method,),
                calls=(item.call_id,),
            )
            return
