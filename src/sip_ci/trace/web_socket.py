"""What the opening handshakes of WebSockets say (RFC 6455 §4), as SIP over WebSocket needs them (RFC 7118 §4)."""

from __future__ import annotations

from dataclasses import dataclass

from sip_ci.trace.observation import Endpoint


@dataclass(frozen=True, slots=True)
class WebSocketHandshake:
    """An HTTP request for a WebSocket, and its answer as far as the capture holds it."""

    client: Endpoint
    server: Endpoint
    time: float
    """When the request was complete (the answer, where the request was not seen), in seconds since the UNIX epoch."""
    frame: int
    path: str = ""
    """The request target."""
    offered: tuple[str, ...] | None = None
    """The subprotocols that the client offers; None where its request is not in the capture."""
    status: int | None = None
    """The status code of the answer; None where there is none."""
    answer_time: float | None = None
    answer_frame: int | None = None
    chosen: str = ""
    """The subprotocol that the server chose; empty where it named none."""
    extensions: str = ""
    """The extensions that the server agreed to, as it wrote them."""
    secure: bool = False
    """Whether it was read out of TLS."""
