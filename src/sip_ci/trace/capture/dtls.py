"""Puts the DTLS handshakes on media ports together (RFC 6347 §4.1 and §4.2): records, fragments, repetitions."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.trace.capture.marks import Mark
from sip_ci.trace.capture.tls_handshake import (
    CERTIFICATE,
    CLIENT_HELLO,
    SERVER_HELLO,
    hides_certificates,
    read_certificates,
    read_client_hello,
    read_server_hello,
)
from sip_ci.trace.capture.tls_records import ALERT, APPLICATION_DATA, HANDSHAKE
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.tls import Certificate, ClientHello, DtlsHandshake, ServerHello, TlsAlert, TlsOutcome
from sip_ci.trace.trace import NoticeKind

_RECORD_HEAD = 13
_MESSAGE_HEAD = 12
_LARGEST_MESSAGE = 64 * 1024
_MOST_MESSAGES = 16
"""Unfinished messages of one side that are kept."""

Key = tuple[int, int]


class _Message:
    """A handshake message in the making."""

    __slots__ = ("data", "missing")

    def __init__(self, size: int) -> None:
        self.data = bytearray(size)
        self.missing = [(0, size)]

    def add(self, offset: int, fragment: bytes) -> bool:
        """Put a fragment in its place; whether the message is whole by now."""
        end = offset + len(fragment)
        left: list[tuple[int, int]] = []
        for begin, stop in self.missing:
            left += [(b, e) for b, e in ((begin, min(stop, offset)), (max(begin, end), stop)) if b < e]
        self.missing = left[:64]
        self.data[offset:end] = fragment
        return not self.missing


class _Side:
    __slots__ = ("certificates", "client_hello", "hellos", "protected", "server_hello", "srtp", "taken", "unfinished")

    def __init__(self) -> None:
        self.client_hello: ClientHello | None = None
        self.server_hello: ServerHello | None = None
        self.certificates: tuple[Certificate, ...] | None = None
        self.hellos = 0
        self.srtp: tuple[int, ...] = ()
        self.protected = False
        self.taken: set[int] = set()
        self.unfinished: dict[int, _Message] = {}


class _Handshake:
    __slots__ = ("alerts", "first", "key", "last", "sides")

    def __init__(self, key: Key, mark: Mark) -> None:
        self.key = key
        self.first = mark
        self.last = mark
        self.sides: dict[Key, _Side] = {key: _Side(), key[::-1]: _Side()}
        self.alerts: list[tuple[Key, Mark, bool, int]] = []

    @property
    def established(self) -> bool:
        return all(side.protected for side in self.sides.values())


class DtlsHandshakes:
    """All of a capture."""

    def __init__(self, endpoints: list[Endpoint], limits: Limits, notices: NoticeLog) -> None:
        self._endpoints = endpoints
        self._limits = limits
        self._notices = notices
        self._all: list[_Handshake] = []
        self._current: dict[frozenset[int], _Handshake] = {}

    def datagram(self, key: Key, data: bytes, mark: Mark) -> None:
        """Take a datagram of DTLS from one endpoint to another."""
        if data[:1] == bytes((APPLICATION_DATA,)):
            return
        pair = frozenset(key)
        handshake = self._current.get(pair)
        if handshake is None or (handshake.established and _begins(data)):
            if len(self._all) >= self._limits.tls_connections:
                self._notices.add(
                    NoticeKind.LIMIT,
                    f"There are more than {self._limits.tls_connections} DTLS handshakes",
                    frame=mark.frame,
                )
                return
            handshake = self._current[pair] = _Handshake(key, mark)
            self._all.append(handshake)
        handshake.last = mark
        place = 0
        while len(data) - place >= _RECORD_HEAD:
            kind, epoch = data[place], int.from_bytes(data[place + 3 : place + 5], "big")
            length = int.from_bytes(data[place + 11 : place + 13], "big")
            fragment = data[place + _RECORD_HEAD : place + _RECORD_HEAD + length]
            if data[place + 1] != 0xFE or len(fragment) < length:
                return
            if epoch:
                handshake.sides[key].protected = True
            elif kind == ALERT and length == 2 and len(handshake.alerts) < 16:
                handshake.alerts.append((key, mark, fragment[0] == 2, fragment[1]))
            elif kind == HANDSHAKE:
                self._fragments(handshake.sides[key], fragment, mark)
            place += _RECORD_HEAD + length

    def _fragments(self, side: _Side, data: bytes, mark: Mark) -> None:
        place = 0
        while len(data) - place >= _MESSAGE_HEAD:
            kind, size = data[place], int.from_bytes(data[place + 1 : place + 4], "big")
            number = int.from_bytes(data[place + 4 : place + 6], "big")
            offset = int.from_bytes(data[place + 6 : place + 9], "big")
            length = int.from_bytes(data[place + 9 : place + 12], "big")
            fragment = data[place + _MESSAGE_HEAD : place + _MESSAGE_HEAD + length]
            place += _MESSAGE_HEAD + length
            if len(fragment) < length or offset + length > size or size > _LARGEST_MESSAGE:
                return
            if kind == CLIENT_HELLO and offset == 0:
                side.hellos += 1
            if number in side.taken:
                continue
            message = side.unfinished.get(number)
            if message is None or len(message.data) != size:
                if len(side.unfinished) >= _MOST_MESSAGES:
                    return
                message = side.unfinished[number] = _Message(size)
            if message.add(offset, fragment):
                del side.unfinished[number]
                if len(side.taken) < 64:
                    side.taken.add(number)
                _take(side, kind, bytes(message.data), mark)

    def results(self) -> Iterator[DtlsHandshake]:
        """What is known of each, in order of appearance."""
        for item in self._all:
            client = next((key for key, side in item.sides.items() if side.client_hello is not None), None)
            if client is None:
                answered = (key[::-1] for key, side in item.sides.items() if side.server_hello is not None)
                client = next(answered, item.key)
            speaks, answers = item.sides[client], item.sides[client[::-1]]
            hidden = hides_certificates(answers.server_hello)
            alerts = tuple(
                TlsAlert(mark.time_ns / 1e9, mark.frame, key == client, fatal, description)
                for key, mark, fatal, description in item.alerts
            )
            yield DtlsHandshake(
                self._endpoints[client[0]],
                self._endpoints[client[1]],
                item.first.time_ns / 1e9,
                item.first.frame,
                _outcome(item, speaks, answers),
                speaks.client_hello,
                answers.server_hello,
                speaks.hellos,
                answers.certificates or (),
                None if hidden else speaks.certificates,
                alerts,
                item.last.time_ns / 1e9,
                speaks.srtp,
            )


def _begins(data: bytes) -> bool:
    return len(data) > _RECORD_HEAD and data[0] == HANDSHAKE and not any(data[3:5]) and data[13] == CLIENT_HELLO


def _take(side: _Side, kind: int, body: bytes, mark: Mark) -> None:
    if kind == CLIENT_HELLO:
        offer = read_client_hello(body, mark, datagram=True)
        if offer is not None and side.client_hello is None:
            side.client_hello, side.srtp = offer.hello, offer.srtp_profiles
    elif kind == SERVER_HELLO:
        side.server_hello = side.server_hello or read_server_hello(body, mark)
    elif kind == CERTIFICATE and side.certificates is None:
        side.certificates = read_certificates(body)


def _outcome(item: _Handshake, speaks: _Side, answers: _Side) -> TlsOutcome:
    if item.established:
        return TlsOutcome.ESTABLISHED
    if any(fatal for _, _, fatal, _ in item.alerts):
        return TlsOutcome.REFUSED
    if speaks.client_hello is None or hides_certificates(answers.server_hello):
        return TlsOutcome.UNKNOWN
    heard = answers.server_hello is not None or answers.certificates is not None or answers.taken
    return TlsOutcome.UNFINISHED if heard else TlsOutcome.UNANSWERED
