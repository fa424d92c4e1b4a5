"""SIP messages over WebSockets: what they say of their transport, and requests to addresses that do not exist."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.observation import Transport
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.transactions import Transaction

_WEB = (Transport.WS, Transport.WSS)
_UNROUTABLE = (476, 477, 478, 500, 502, 503, 504)
"""What proxies answer where they find no way; 404 and 480 may come from the user behind the connection."""


@check(
    "ws-via-mismatch",
    title="The Via of a request over {actual} says {written}",
    severity=Severity.LOW,
    category=Category.ENCRYPTION,
    rfc="RFC 7118 §5.1",
    absent="the trace holds no SIP over a WebSocket",
    only=lambda item: item.transport in _WEB,
)
def ws_via_mismatch(item: Transaction, model: Model) -> Iterator[Outcome]:
    """The transport of the topmost Via is WS on a plain and WSS on an encrypted WebSocket.

    Only noted for WSS on a plain one: a proxy in front usually ends TLS there.
    """
    del model
    written = item.request.top_via.transport
    if not written or written == item.transport.value:
        return
    yield Found(
        (at_header(item.request, "via", f"sent over {item.transport.value}"),),
        f"The {item.method} from {item.source} went over {item.transport.value}, and its Via says {written}.",
        {"actual": item.transport.value, "written": written},
        key=(item.transport.value, written),
        calls=(item.call_id,),
        severity=Severity.INFO if (item.transport, written) == (Transport.WS, "WSS") else None,
    )


@check(
    "ws-contact-invalid-routing",
    title="A request to an .invalid address was not delivered: {status}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 7118 §B.1; RFC 5626 §5.3",
    absent="the trace holds no request to an .invalid address outside a WebSocket",
    only=lambda item: item.transport not in _WEB and item.request.request_uri.host.endswith(".invalid"),
)
def ws_contact_invalid_routing(item: Transaction, model: Model) -> Iterator[Outcome]:
    """Browsers give a Contact with a host under .invalid. A request to it, which nothing but the connection of its
    registration can carry, failed as one that cannot be routed.
    """
    final = item.final
    if final is None or (final.status or 0) not in _UNROUTABLE or model.relayed_from_further_on(item):
        return
    status = f"{final.status} {final.reason}".strip()
    yield Found(
        (at(item.request, "the address in the Request-URI"), at(final, "the answer")),
        f"{item.method} to {item.request.request_uri.host} was answered {status} by {item.destination}: a host under"
        " .invalid is in no DNS.",
        {"status": status},
        key=(item.method, str(final.status)),
        calls=(item.call_id,),
    )
