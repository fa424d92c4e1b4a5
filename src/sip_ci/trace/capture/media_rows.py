"""Gathers the rows of a `MediaTable` batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sip_ci.trace.media_table import MediaKind, MediaTable, RtcpDatagram
from sip_ci.trace.observation import Endpoint

_COLUMNS = (
    ("time_ns", np.int64), ("frame", np.int64), ("source", np.int32), ("destination", np.int32), ("kind", np.uint8),
    ("size", np.uint16), ("payload_type", np.uint8), ("marker", np.bool_), ("sequence", np.uint16),
    ("timestamp", np.uint32), ("ssrc", np.uint32), ("ip_id", np.uint16),
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


class MediaRowsBuilder:
    """Collects parts; `table` puts them together in the order of capture."""

    def __init__(self) -> None:
        self._parts: list[MediaRows] = []

    def add(self, rows: MediaRows) -> None:
        """Take some rows."""
        if len(rows.frame):
            self._parts.append(rows)

    def table(
        self,
        endpoints: tuple[Endpoint, ...],
        fax: npt.NDArray[np.bool_],
        rtcp: tuple[RtcpDatagram, ...],
    ) -> MediaTable:
        """Everything that was added.

        `fax` says for each endpoint whether a session description gives it to UDPTL: what is nothing else there is
        that, as UDPTL cannot be told by its bytes (ITU-T T.38 Annex D). Other unknown payloads are left out, and so
        is what only looks like media on the ports of other services.
        """
        service = np.fromiter(
            (0 < endpoint.port < _FIRST_USER_PORT for endpoint in endpoints), np.bool_, len(endpoints)
        )
        parts = [self._keep(part, fax, service) for part in self._parts]
        self._parts = []
        columns: dict[str, Any] = {}
        for name, kind in _COLUMNS:
            pieces = [getattr(part, name) for part in parts]
            columns[name] = np.concatenate(pieces).astype(kind, copy=False) if pieces else np.zeros(0, kind)
        table = MediaTable(
            endpoints=endpoints,
            rtcp=tuple(item for item in rtcp if not (_is_service(item.source) or _is_service(item.destination))),
            **columns,
        )
        if np.any(np.diff(table.frame) < 0):
            table = table.select(np.argsort(table.frame, kind="stable"))
        return table

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
