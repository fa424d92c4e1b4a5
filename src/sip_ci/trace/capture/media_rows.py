"""Gathers the rows of a `MediaTable` batch by batch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sip_ci.trace.capture.endpoints import BEYOND, EndpointTable
from sip_ci.trace.media_spill import STREAMS, MediaSpill
from sip_ci.trace.media_table import MediaKind, MediaTable, RtcpDatagram, StunDatagram
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.trace import NoticeKind

logger = logging.getLogger(__name__)

RUN = 1 << 20
"""Rows that are put in order together."""
IN_MEMORY = 2 << 20
"""Rows up to which all of them stay in memory; more go to a disk."""

_COLUMNS = (
    ("time_ns", np.int64), ("frame", np.int64), ("source", np.int32), ("destination", np.int32), ("kind", np.uint8),
    ("size", np.uint16), ("payload_type", np.uint8), ("marker", np.bool_), ("sequence", np.uint16),
    ("timestamp", np.uint32), ("ssrc", np.uint32), ("ip_id", np.uint16), ("dscp", np.uint8), ("content", np.uint32),
)  # fmt: skip

_FIRST_USER_PORT = 1024
"""Ports below it are assigned to services (RFC 6335 §6): DNS, NTP and the like have packets that pass for RTP."""


@dataclass(frozen=True, slots=True, eq=False)
class MediaRows:
    """Some rows, as the columns of the table."""

    time_ns: npt.NDArray[np.int64]
    frame: npt.NDArray[np.int64]
    source: npt.NDArray[np.int32]
    destination: npt.NDArray[np.int32]
    kind: npt.NDArray[np.uint8]
    size: npt.NDArray[np.uint16]
    payload_type: npt.NDArray[np.uint8]
    marker: npt.NDArray[np.bool_]
    sequence: npt.NDArray[np.uint16]
    timestamp: npt.NDArray[np.uint32]
    ssrc: npt.NDArray[np.uint32]
    ip_id: npt.NDArray[np.uint16]
    dscp: npt.NDArray[np.uint8]
    content: npt.NDArray[np.uint32]


class MediaRowsBuilder:
    """Collects rows; what cannot be media is left out, and many rows go to a disk."""

    def __init__(self, endpoints: EndpointTable, fax_ports: Callable[[], set[int]], notices: NoticeLog) -> None:
        """`fax_ports` gives the ports that the session descriptions so far give to UDPTL."""
        self._addresses = endpoints
        self._endpoints = endpoints.endpoints
        self._fax_ports = fax_ports
        self._notices = notices
        self._parts: list[MediaRows] = []
        self._waiting = 0
        self._settled: list[MediaTable] = []
        self._spill: MediaSpill | None = None
        self._worker: ThreadPoolExecutor | None = None
        """Settles the runs of large captures, one after the other, while the next one is read."""
        self._running: Future[None] | None = None

    def add(self, rows: MediaRows) -> None:
        """Take some rows."""
        if len(rows.frame):
            self._parts.append(rows)
            self._waiting += len(rows.frame)

    def batch_ends(self) -> None:
        """Say that all rows up to here have been added: those that come later belong to later packets."""
        if self._waiting >= RUN:
            self._join()
            if self._worker is None:
                self._worker = ThreadPoolExecutor(1, thread_name_prefix="media")
            self._running = self._worker.submit(self._settle, *self._taken())

    def table(self, rtcp: tuple[RtcpDatagram, ...], stun: tuple[StunDatagram, ...]) -> MediaTable:
        """Everything that was added, in the order of capture."""
        self._join()
        if self._worker is not None:
            self._worker.shutdown()
        self._settle(*self._taken())
        rtcp = tuple(item for item in rtcp if not (_is_service(item.source) or _is_service(item.destination)))
        endpoints = tuple(self._endpoints)
        if self._spill is not None:
            if self._spill.refused:
                self._notices.add(
                    NoticeKind.LIMIT,
                    f"There are more than {STREAMS} streams of media; packets of the others were not kept",
                    count=self._spill.refused,
                )
            return replace(MediaTable.empty(), endpoints=endpoints, rtcp=rtcp, stun=stun, spill=self._spill)
        settled, self._settled = self._settled, []
        if len(settled) == 1:
            return replace(settled[0], endpoints=endpoints, rtcp=rtcp, stun=stun)
        columns: dict[str, Any] = {
            name: np.concatenate([np.zeros(0, kind), *(getattr(part, name) for part in settled)])
            for name, kind in _COLUMNS
        }
        return MediaTable(endpoints=endpoints, rtcp=rtcp, stun=stun, **columns)

    def _join(self) -> None:
        """Wait for the run that is being settled."""
        if self._running is not None:
            self._running.result()
            self._running = None

    def _taken(self) -> tuple[list[MediaRows], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """The waiting rows, and which endpoints are those of UDPTL and of other services."""
        parts, self._parts, self._waiting = self._parts, [], 0
        ports = np.fromiter((endpoint.port for endpoint in self._endpoints), np.int64, len(self._endpoints))
        service = (ports > 0) & (ports < _FIRST_USER_PORT)
        if self._addresses.full:
            # Streams of many senders would pass for one.
            service[self._addresses.number(BEYOND)] = True
        return parts, np.isin(ports, list(self._fax_ports())), service

    def _settle(self, parts: list[MediaRows], fax: npt.NDArray[np.bool_], service: npt.NDArray[np.bool_]) -> None:
        """Decide what of some rows is media, and put them in order.

        UDPTL cannot be told by its bytes (ITU-T T.38 Annex D): what is nothing else and goes to or from a port that a
        session description gives to UDPTL is that. Other unknown payloads are left out, and so is what only looks
        like media on the ports of other services.
        """
        if not parts:
            return
        parts = [self._keep(part, fax, service) for part in parts]
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]).astype(kind, copy=False)
            for name, kind in _COLUMNS
        }
        table = MediaTable(endpoints=(), **columns)
        if np.any(np.diff(table.frame) < 0):
            table = table.select(np.argsort(table.frame, kind="stable"))
        self._settled.append(table)
        if self._spill is not None or sum(map(len, self._settled)) > IN_MEMORY:
            self._to_disk()

    def _to_disk(self) -> None:
        if self._spill is None:
            try:
                self._spill = MediaSpill()
            except OSError as error:
                logger.warning(
                    "no temporary file can be made (%s): media packets stay in memory; name another folder in TMPDIR",
                    error.strerror,
                )
                return
        for table in self._settled:
            self._spill.add(table)
        self._settled = []

    @staticmethod
    def _keep(part: MediaRows, fax: npt.NDArray[np.bool_], service: npt.NDArray[np.bool_]) -> MediaRows:
        other = part.kind == MediaKind.OTHER
        is_fax = other & (fax[part.source] | fax[part.destination])
        part.kind[is_fax] = MediaKind.UDPTL
        looks = (part.kind == MediaKind.RTP) | (part.kind == MediaKind.RTCP)
        kept = (~other | is_fax) & ~(looks & (service[part.source] | service[part.destination]))
        if kept.all():
            return part
        return MediaRows(*(getattr(part, name)[kept] for name, _kind in _COLUMNS))


def _is_service(endpoint: Endpoint) -> bool:
    return 0 < endpoint.port < _FIRST_USER_PORT
