"""Follows the TLS connections of a capture: puts their two sides together, and keeps what can be decrypted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sip_ci.trace.capture.marks import Mark
from sip_ci.trace.capture.tls_handshake import CLIENT_HELLO, SERVER_HELLO, hides_certificates
from sip_ci.trace.capture.tls_keys import KeyLog
from sip_ci.trace.capture.tls_records import TlsRecordReader, TlsSide
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.tls import TlsAlert, TlsConnection, TlsOutcome
from sip_ci.trace.trace import NoticeKind

Key = tuple[int, int]
"""The endpoint numbers of sender and receiver."""

_SHORTEST_FINISHED = 4 + 32 + 1 + 8
"""Bytes of a protected Finished of TLS 1.3 with the shortest hash and the shortest tag (RFC 8446 §4.4.4, §5.2)."""

_UNDECIDED_BYTES = 64 * 1024
"""Bytes of a connection that are kept until it is known whether a key log names it."""


@dataclass(slots=True)
class KeptSegment:
    """Bytes of a TLS stream that follow those kept before them in their direction."""

    key: Key
    data: bytes
    mark: Mark


class TrackedConnection:
    """One connection in the making."""

    __slots__ = ("_held", "ended_by", "ended_mark", "kept", "plain", "plain_by", "read", "readers", "reset", "wanted")

    def __init__(self) -> None:
        self.readers: dict[Key, TlsRecordReader] = {}
        self.wanted: bool | None = None
        """Whether its bytes are kept to be decrypted; None while that is open."""
        self.kept: list[KeptSegment] = []
        self.ended_by: Key | None = None
        self.ended_mark: Mark | None = None
        self.reset = False
        self.plain = b""
        self.plain_by: Key | None = None
        self.read = False
        self._held = 0

    @property
    def client_key(self) -> Key:
        """The direction that begins with a ClientHello; any other where none does."""
        hello = (key for key, reader in self.readers.items() if reader.side.client_hello is not None)
        return next(hello, next(iter(self.readers)))

    def keep(self, key: Key, data: bytes, mark: Mark, keys: KeyLog) -> int:
        """Keep bytes if they are wanted; the number of bytes by which what is kept has grown or shrunk."""
        if self.wanted is False:
            return 0
        if self.wanted is None:
            hello = next((item.side.client_hello for item in self.readers.values() if item.side.client_hello), None)
            if hello is not None:
                self.wanted = keys.knows(hello.random)
            elif self._held > _UNDECIDED_BYTES:
                self.wanted = False
            if self.wanted is False:
                freed, self._held = self._held, 0
                self.kept.clear()
                return -freed
        self.kept.append(KeptSegment(key, data, mark))
        self._held += len(data)
        return len(data)


@dataclass(slots=True)
class _Parties:
    client: Key
    speaks: TlsSide = field(default_factory=TlsSide)
    answers: TlsSide = field(default_factory=TlsSide)


class TlsConnections:
    """All TLS connections of a capture."""

    def __init__(self, endpoints: list[Endpoint], limits: Limits, notices: NoticeLog, keys: KeyLog) -> None:
        self._endpoints = endpoints
        self._limits = limits
        self._notices = notices
        self._keys = keys
        self._all: list[TrackedConnection] = []
        self._current: dict[frozenset[int], TrackedConnection] = {}
        self._kept = 0

    @property
    def any_hello(self) -> bool:
        """Whether the capture holds the beginning of any TLS connection."""
        return any(reader.side.client_hello for connection in self._all for reader in connection.readers.values())

    @property
    def kept(self) -> Iterator[TrackedConnection]:
        """The connections whose bytes were kept because the key log names them."""
        return (connection for connection in self._all if connection.wanted and connection.kept)

    def opened(self, key: Key) -> None:
        """A SYN was seen: what the ports carried before is over."""
        known = self._current.get(frozenset(key))
        if known is not None and (key in known.readers or known.ended_by is not None):
            del self._current[frozenset(key)]

    def feed(self, key: Key, data: bytes, mark: Mark) -> bool:
        """Take the next bytes of a direction that carries TLS; whether more of it is wanted."""
        pair = frozenset(key)
        connection = self._current.get(pair)
        if connection is None:
            if len(self._all) >= self._limits.tls_connections:
                self._notices.add(
                    NoticeKind.LIMIT,
                    f"There are more than {self._limits.tls_connections} TLS connections",
                    frame=mark.frame,
                )
                return False
            connection = self._current[pair] = TrackedConnection()
            self._all.append(connection)
        reader = connection.readers.get(key)
        if reader is None:
            reader = connection.readers[key] = TlsRecordReader()
        reader.feed(data, mark)
        if self._keys and not reader.side.gap:
            if self._kept > self._limits.tls_bytes:
                self._notices.add(
                    NoticeKind.LIMIT,
                    f"There are more than {self._limits.tls_bytes} bytes of TLS to decrypt; the rest was left out",
                    frame=mark.frame,
                )
                connection.wanted = bool(connection.kept and connection.wanted)
                return not reader.done
            self._kept += connection.keep(key, data, mark, self._keys)
            return connection.wanted is not False or not reader.done
        return not reader.done

    def gap(self, key: Key) -> None:
        """Bytes of a direction are missing."""
        connection = self._current.get(frozenset(key))
        reader = connection.readers.get(key) if connection is not None else None
        if connection is None or reader is None:
            return
        known = reader.side.gap
        reader.gap()
        if connection.wanted and not known:
            self._notices.add(
                NoticeKind.DECRYPTION,
                "Bytes of TLS connections whose secrets are known are missing; what follows was not decrypted",
            )
        reader.side.gap = True

    def ended(self, key: Key, mark: Mark, *, reset: bool) -> None:
        """A FIN or RST was seen."""
        connection = self._current.get(frozenset(key))
        if connection is not None and connection.ended_by is None:
            connection.ended_by, connection.ended_mark, connection.reset = key, mark, reset

    def plain(self, key: Key, first: bytes) -> None:
        """One direction of a connection turned out not to be TLS; `first` are its first bytes."""
        connection = self._current.get(frozenset(key))
        if connection is not None and key not in connection.readers and not connection.plain:
            connection.plain, connection.plain_by = first, key

    def results(self) -> Iterator[TlsConnection]:
        """What is known of each, in order of appearance."""
        for connection in self._all:
            result = self._result(connection)
            if result is not None:
                yield result

    def _parties(self, connection: TrackedConnection) -> _Parties:
        """The client begins with a ClientHello or hears a ServerHello; else it is the one with the higher port."""
        readers = connection.readers
        client = next((key for key, item in readers.items() if item.side.opening == CLIENT_HELLO), None)
        if client is None:
            client = next((key[::-1] for key, item in readers.items() if item.side.opening == SERVER_HELLO), None)
        if client is None:
            key = next(iter(readers))
            higher = self._endpoints[key[0]].port > self._endpoints[key[1]].port
            client = key if higher else key[::-1]
        parties = _Parties(client)
        if client in readers:
            parties.speaks = readers[client].side
        if client[::-1] in readers:
            parties.answers = readers[client[::-1]].side
        return parties

    def _result(self, connection: TrackedConnection) -> TlsConnection | None:
        parties = self._parties(connection)
        speaks, answers = parties.speaks, parties.answers
        marks = [side.first for side in (speaks, answers) if side.first is not None]
        if not marks:
            return None
        first = min(marks, key=lambda mark: (mark.time_ns, mark.frame))
        hello = answers.server_hello
        hidden = hides_certificates(hello)
        alerts = [
            TlsAlert(mark.time_ns / 1e9, mark.frame, by_client, fatal, description)
            for side, by_client in ((speaks, True), (answers, False))
            for mark, fatal, description in side.alerts
        ]
        ended = connection.ended_mark
        ended_by_client = None if connection.ended_by is None else connection.ended_by == parties.client
        if ended is not None:
            # What one side says of the end that the other has made is no reason for it.
            alerts = [
                alert for alert in alerts
                if alert.by_client is ended_by_client or (alert.time, alert.frame) <= (ended.time_ns / 1e9, ended.frame)
            ]  # fmt: skip
        alerts.sort(key=lambda alert: (alert.time, alert.frame))
        return TlsConnection(
            self._endpoints[parties.client[0]],
            self._endpoints[parties.client[1]],
            first.time_ns / 1e9,
            first.frame,
            _outcome(connection, speaks, answers, alerts),
            speaks.client_hello,
            hello,
            certificates=answers.certificates or (),
            certificate_requested=answers.certificate_requested,
            client_certificates=None if hidden else speaks.certificates,
            alerts=tuple(alerts),
            ended_by_client=ended_by_client,
            ended_with_reset=connection.reset,
            ended_time=ended.time_ns / 1e9 if ended is not None else None,
            ended_frame=ended.frame if ended is not None else None,
            plain=connection.plain,
            plain_by_client=connection.plain_by == parties.client,
            read=connection.read,
        )


def _outcome(connection: TrackedConnection, speaks: TlsSide, answers: TlsSide, alerts: list[TlsAlert]) -> TlsOutcome:
    if connection.plain:
        return TlsOutcome.NOT_TLS
    hello = answers.server_hello
    if hides_certificates(hello) and speaks.protected and speaks.protected[0] < _SHORTEST_FINISHED:
        return TlsOutcome.REFUSED
    if speaks.protected and answers.protected:
        return TlsOutcome.ESTABLISHED
    if any(alert.fatal for alert in alerts):
        return TlsOutcome.REFUSED
    if speaks.gap or answers.gap or speaks.client_hello is None:
        return TlsOutcome.UNKNOWN
    if connection.ended_by is not None:
        return TlsOutcome.CLOSED
    return TlsOutcome.UNANSWERED if answers.first is None else TlsOutcome.UNFINISHED
