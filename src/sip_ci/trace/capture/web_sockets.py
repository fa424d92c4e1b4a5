"""Notes the opening handshakes of WebSockets (RFC 6455 §4.1 and §4.2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.capture.marks import Mark
from sip_ci.trace.limits import Limits
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.web_socket import WebSocketHandshake

_HEADER = re.compile(rb"^([A-Za-z-]{1,64})[ \t]*:[ \t]*([^\r\n]*)", re.MULTILINE)
_LONGEST = 200
_MOST_PROTOCOLS = 16


class _Handshake:
    __slots__ = ("answer", "answer_mark", "client", "mark", "request", "secure", "server")

    def __init__(self, client: int, server: int, mark: Mark, secure: bool) -> None:
        self.client = client
        self.server = server
        self.mark = mark
        self.secure = secure
        self.request = b""
        self.answer = b""
        self.answer_mark: Mark | None = None


class WebSockets:
    """All of a capture."""

    def __init__(self, endpoints: list[Endpoint], limits: Limits) -> None:
        self._endpoints = endpoints
        self._limits = limits
        self._all: list[_Handshake] = []
        self._open: dict[tuple[int, int], _Handshake] = {}

    def head(self, key: tuple[int, int], head: bytes, mark: Mark, *, secure: bool = False) -> None:
        """Take the head of the HTTP message that a direction begins with."""
        sender, receiver = key
        if head.startswith(b"HTTP/"):
            known = self._open.pop((receiver, sender), None)
            if known is None and _values(head).get("upgrade", "").lower() == "websocket":
                known = self._new(receiver, sender, mark, secure)
            if known is not None:
                known.answer, known.answer_mark = head, mark
        elif _values(head).get("upgrade", "").lower() == "websocket":
            request = self._new(sender, receiver, mark, secure)
            if request is not None:
                request.request = head
                self._open[key] = request

    def results(self) -> Iterator[WebSocketHandshake]:
        """What is known of each, in order of appearance."""
        for item in self._all:
            request, answer = _values(item.request), _values(item.answer)
            first = item.request.split(b" ", 2)
            status = item.answer[9:12]
            yield WebSocketHandshake(
                self._endpoints[item.client],
                self._endpoints[item.server],
                item.mark.time_ns / 1e9,
                item.mark.frame,
                first[1][:_LONGEST].decode("ascii", "replace") if len(first) > 1 else "",
                _tokens(request.get("sec-websocket-protocol", "")) if item.request else None,
                int(status) if status.isdigit() else None,
                item.answer_mark.time_ns / 1e9 if item.answer_mark is not None else None,
                item.answer_mark.frame if item.answer_mark is not None else None,
                answer.get("sec-websocket-protocol", ""),
                answer.get("sec-websocket-extensions", ""),
                item.secure,
            )

    def _new(self, client: int, server: int, mark: Mark, secure: bool) -> _Handshake | None:
        if len(self._all) >= self._limits.tls_connections:
            return None
        handshake = _Handshake(client, server, mark, secure)
        self._all.append(handshake)
        return handshake


def _values(head: bytes) -> dict[str, str]:
    """The headers by their names in lower case; values of one name are joined, as RFC 6455 §9.1 has it."""
    found: dict[str, str] = {}
    for name, value in _HEADER.findall(head):
        key = name.decode().lower()
        text = value[:_LONGEST].decode("latin-1").strip()
        found[key] = f"{found[key]}, {text}"[: 4 * _LONGEST] if key in found else text
    return found


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(token for token in (part.strip() for part in text.split(",")) if token)[:_MOST_PROTOCOLS]
