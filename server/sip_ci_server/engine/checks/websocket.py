"""The opening handshakes of SIP over WebSocket."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.observation import Transport
from sip_ci.trace.web_socket import WebSocketHandshake
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.secure_connections import is_read_over

_NONE = "the trace holds no request for a WebSocket of SIP"


def _request(item: WebSocketHandshake) -> Proof:
    offered = "not in the trace" if item.offered is None else f"offers {', '.join(item.offered) or 'no subprotocol'}"
    return Proof(
        "the request", text=f"GET {item.path} {item.client} -> {item.server}: {offered}", frame=item.frame,
        time=item.time,
    )  # fmt: skip


def _answer(item: WebSocketHandshake) -> Proof:
    chosen = item.chosen or "no subprotocol"
    return Proof(
        "the answer", text=f"HTTP {item.status} {item.server} -> {item.client}: {chosen}", frame=item.answer_frame,
        time=item.answer_time,
    )  # fmt: skip


def _offers_sip(item: WebSocketHandshake) -> bool:
    return item.offered is not None and any(name.lower() == "sip" for name in item.offered)


def _carries_sip(item: WebSocketHandshake, model: Model) -> bool:
    return is_read_over(model, item.client, item.server, Transport.WS, Transport.WSS)


@check(
    "ws-no-sip-subprotocol",
    title="The WebSocket {side} does not name the subprotocol `sip`",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 7118 §4.1",
    needs=Needs.CAPTURE,
)
def ws_no_sip_subprotocol(model: Model, _: Model) -> Iterator[Outcome]:
    """A WebSocket that carries SIP, or was asked for it, was opened without the subprotocol `sip` on both sides."""
    any_sip = False
    for item in model.trace.facts.web_sockets:
        offers = _offers_sip(item)
        carries = _carries_sip(item, model)
        any_sip = any_sip or offers or carries
        if item.status != 101 or not (offers or carries):
            continue
        if item.offered is not None and not offers:
            side, severity = "client", Severity.MEDIUM if carries else None
        elif item.chosen.lower() != "sip":
            side, severity = "server", Severity.MEDIUM if carries else None
        else:
            continue
        yield Found(
            (_request(item), _answer(item)),
            f"The {side} of the WebSocket between {item.client} and {item.server} did not name the subprotocol `sip`."
            + (" SIP went over it all the same; browsers close such a connection." if carries else ""),
            {"side": side},
            key=(side,),
            severity=severity,
        )
    if not any_sip:
        yield NotCheckable(_NONE)


@check(
    "ws-handshake-refused",
    title="The server refuses the WebSocket of SIP with {status}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 6455 §4.1",
    needs=Needs.CAPTURE,
)
def ws_handshake_refused(model: Model, _: Model) -> Iterator[Outcome]:
    """A request for a WebSocket with the subprotocol `sip` was answered with another status than 101."""
    wanted = [item for item in model.trace.facts.web_sockets if _offers_sip(item)]
    if not wanted:
        yield NotCheckable(_NONE)
    for item in wanted:
        if item.status is None or item.status == 101:
            continue
        opened = any(
            later.status == 101 and later.time >= item.time
            and (later.client.host, later.server) == (item.client.host, item.server)
            for later in wanted
        )  # fmt: skip
        yield Found(
            (_request(item), _answer(item)),
            f"{item.server} answered the request of {item.client} for a WebSocket at `{item.path}` with {item.status}."
            + (" A later request succeeded." if opened else ""),
            {"status": str(item.status)},
            key=(str(item.status),),
            severity=Severity.LOW if opened else None,
        )
