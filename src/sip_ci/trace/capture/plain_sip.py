"""The SIP messages among the UDP payloads of a batch that need no second look: those of a capture of calls, all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sip_ci.trace.capture.columns import TransportColumns
from sip_ci.trace.capture.endpoints import EndpointTable
from sip_ci.trace.capture.records import RecordBatch
from sip_ci.trace.message_table import MessageTable
from sip_ci.trace.start_line import is_usual_start_line

Places = npt.NDArray[np.int64]


def take_plain_messages(
    batch: RecordBatch,
    udp: TransportColumns,
    candidates: Places,
    rewritten: npt.NDArray[np.bool_],
    endpoints: EndpointTable,
    messages: MessageTable,
) -> Places:
    """Put the plain messages among some datagrams into the table; returns the places of those that were.

    A message is plain where it begins with a start line of the usual form and is there to its last byte. One that a
    program wrote into the capture, which may name no port of its own, is not: its transport stands in its Via.
    `rewritten` has one element for each candidate.
    """
    unnamed = [number for number, endpoint in enumerate(endpoints.endpoints) if not endpoint.port]
    whole = (udp.captured[candidates] == udp.wire[candidates]) & ~rewritten
    if unnamed:
        whole &= ~np.isin(udp.source[candidates], unnamed) & ~np.isin(udp.destination[candidates], unnamed)
    places: Places = candidates[whole]
    starts = udp.payload[places]
    buffer = batch.buffer
    raws = [
        buffer[start:end] for start, end in zip(starts.tolist(), (starts + udp.captured[places]).tolist(), strict=True)
    ]
    usual = np.fromiter((is_usual_start_line(raw, 0) for raw in raws), np.bool_, len(raws))
    if not usual.all():
        places = places[usual]
        raws = [raw for raw, plain in zip(raws, usual.tolist(), strict=True) if plain]
    rows = udp.row[places]
    messages.extend(
        raws, batch.time_ns[rows], udp.source[places], udp.destination[places], batch.frame[rows], udp.ip_id[places]
    )
    return places
