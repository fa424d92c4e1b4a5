"""Reads a packet capture into a `Trace`: container, headers, payloads, and what they add up to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from sip_ci.trace.capture import pcap, pcapng, snoop
from sip_ci.trace.capture.classify import classify
from sip_ci.trace.capture.columns import HeaderColumns, TransportColumns, decode_headers
from sip_ci.trace.capture.dtls import DtlsHandshakes
from sip_ci.trace.capture.endpoints import EndpointTable
from sip_ci.trace.capture.facts import FactsBuilder
from sip_ci.trace.capture.framing import Mark
from sip_ci.trace.capture.hep import MAGIC as HEP_MAGIC
from sip_ci.trace.capture.media_rows import MediaRows, MediaRowsBuilder
from sip_ci.trace.capture.plain_rtp import PlainRtp
from sip_ci.trace.capture.plain_sip import take_plain_messages
from sip_ci.trace.capture.records import PADDING, RecordBatch
from sip_ci.trace.capture.slow_path import SlowPath
from sip_ci.trace.capture.tcp import FIN, RST, SYN, TcpReassembler
from sip_ci.trace.capture.tls_keys import KeyLog
from sip_ci.trace.capture.tunnel_columns import peel_tunnels
from sip_ci.trace.capture.writers import written_by_program
from sip_ci.trace.input_stream import InputStream
from sip_ci.trace.limits import Limits
from sip_ci.trace.media_table import DSCP_UNKNOWN, MediaKind, RtcpDatagram, StunDatagram
from sip_ci.trace.message import SipMessage
from sip_ci.trace.message_table import MessageTable
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Clock, Fidelity, Transport
from sip_ci.trace.tls import TlsOutcome
from sip_ci.trace.trace import NoticeKind, Trace, TraceOrigin

MAGICS = pcap.MAGICS | {pcapng.MAGIC, snoop.MAGIC}
"""The first bytes, four or eight, of the files that `read_capture` reads."""

LONGEST_FILE_HEADER = max(pcap.FILE_HEADER, pcapng.FILE_HEADER)


def is_capture(head: bytes) -> bool:
    """Whether a file that begins with these bytes, eight if it has them, is one that `read_capture` reads."""
    return head[:4] in MAGICS or head[:8] in MAGICS


def has_file_header(head: bytes) -> bool:
    """Whether a file that begins with one of `MAGICS` has all of its file header in its first bytes."""
    if head[:4] == pcapng.MAGIC:
        return len(head) >= pcapng.FILE_HEADER
    return len(head) >= (snoop.FILE_HEADER if head[:8] == snoop.MAGIC else pcap.FILE_HEADER)


_MAYBE_FAX = b"m=image"
_FAX_MEDIA = re.compile(rb"(?:^|\n)m=image ([0-9]{1,5}) udptl", re.IGNORECASE)


def read_capture(stream: InputStream, name: str, limits: Limits, notices: NoticeLog, key_log: bytes = b"") -> Trace:
    """Read a pcap, pcapng or snoop file; whatever is wrong with it becomes a notice.

    `key_log` holds secrets of TLS connections, one to a line, as `SSLKEYLOGFILE` makes programs write them.
    """
    if stream.peek(4) == pcapng.MAGIC:
        blocks = pcapng.PcapngReader(stream, limits, notices)
        reader = CaptureReader(limits, notices, KeyLog(key_log, blocks.secrets))
        reader.read(blocks.batches())
        return reader.trace(name, "pcapng", blocks.dropped)
    reader = CaptureReader(limits, notices, KeyLog(key_log))
    if stream.peek(8) == snoop.MAGIC:
        records = snoop.SnoopReader(stream, limits, notices)
        reader.read(records.batches())
        return reader.trace(name, "snoop", records.dropped)
    reader.read(pcap.read_pcap(stream, limits, notices))
    return reader.trace(name, "pcap", 0)


_FEW_MESSAGES = 2_000
"""Up to here all messages become objects at once, which is simpler for everybody."""


class CaptureReader:
    """Turns batches of packets into messages, media rows and facts."""

    def __init__(self, limits: Limits, notices: NoticeLog, keys: KeyLog | None = None) -> None:
        self._keys = keys if keys is not None else KeyLog()
        self._limits = limits
        self._notices = notices
        self._endpoints = EndpointTable(limits.endpoints)
        self._messages = MessageTable(self._endpoints.endpoints)
        self._media = MediaRowsBuilder(self._endpoints, self._fax_ports, notices)
        self._plain_rtp = PlainRtp(self._endpoints)
        self._rtcp: list[RtcpDatagram] = []
        self._rtcp_bytes = 0
        self._stun: list[StunDatagram] = []
        self._stun_bytes = 0
        self._facts = FactsBuilder(limits, notices)
        self._tcp = TcpReassembler(self._stream_message, self._endpoints.endpoints, limits, notices, self._keys)
        self._dtls = DtlsHandshakes(self._endpoints.endpoints, limits, notices)
        self._slow_path = SlowPath(self._endpoints, self._facts, self._tcp, self._stream_message, limits, notices)

    def read(self, batches: Iterator[RecordBatch]) -> None:
        """Take all packets."""
        for batch in batches:
            self._facts.batch(batch)
            self._packets(batch)
            self._media.batch_ends()
        self._tcp.finish()
        self._slow_path.finish()

    def _packets(self, batch: RecordBatch) -> None:
        """Take packets, the plain media among them first."""
        rows, others = self._plain_rtp.take(batch)
        if rows is not None:
            self._media.add(rows)
            self._facts.pairs(self._plain_rtp.new_pairs)
        if others is not None:
            batch = batch.select(others)
        if len(batch):
            self._batch(batch)

    def _batch(self, batch: RecordBatch) -> None:
        """Take packets of any kind."""
        headers = decode_headers(batch, self._endpoints)
        self._facts.pairs(headers.pairs_v4.tolist(), headers.pairs_v6.tolist())
        self._udp_columns(batch, headers.udp)
        carried, slow = peel_tunnels(batch, headers)
        self._in_order(batch, headers, slow.tolist())
        self._flush_slow_media()
        if carried is not None:
            self._packets(carried)

    def trace(self, name: str, format_name: str, dropped: int) -> Trace:
        """The result."""
        if self._endpoints.full:
            self._notices.add(
                NoticeKind.LIMIT, f"There are more than {self._limits.endpoints} addresses; the others count as one"
            )
        self._decrypt()
        self._messages.sort()
        tls = tuple(self._tcp.tls.results())
        unread = dict.fromkeys(
            (item.client, item.server) for item in tls if not item.read and item.outcome is not TlsOutcome.NOT_TLS
        )
        facts = replace(
            self._facts.facts(self._tcp.sip_connections, unread, dropped),
            tls=tls,
            dtls=tuple(self._dtls.results()),
            web_sockets=tuple(self._tcp.web_sockets.results()),
        )
        media = self._media.table(tuple(self._rtcp), tuple(self._stun))
        return Trace(
            name, format_name, TraceOrigin.CAPTURE, Clock.ABSOLUTE, self._all_messages(), media, facts,
            self._notices.notices(),
        )  # fmt: skip

    def _decrypt(self) -> None:
        """Add the messages of the TLS connections whose secrets are known."""
        if self._keys.given or self._keys:
            # Not loaded by the many that never need it.
            from sip_ci.trace.capture.tls_decryption import read_tls

            read_tls(
                self._tcp.tls, self._keys, self._stream_message, self._tcp.web_sockets, self._limits, self._notices
            )

    def _all_messages(self) -> Sequence[SipMessage]:
        return self._messages if len(self._messages) > _FEW_MESSAGES else tuple(self._messages)

    # -- UDP in columns -----------------------------------------------------------------------------------------

    def _udp_columns(self, batch: RecordBatch, udp: TransportColumns) -> None:
        if not len(udp.row):
            return
        media = classify(batch.buffer, udp.payload, udp.captured, udp.wire)
        frame = batch.frame[udp.row]
        time_ns = batch.time_ns[udp.row]
        # Not SIP until looked at: what turns out to be a message leaves the table.
        is_sip = np.zeros(len(udp.row), np.bool_)
        candidates = np.flatnonzero(media.maybe_sip)
        if len(candidates):
            rewritten = written_by_program(batch, udp.row[candidates])
            plain = take_plain_messages(batch, udp, candidates, rewritten, self._endpoints, self._messages)
            is_sip[plain] = True
            odd = ~is_sip[candidates]
            candidates, rewritten = candidates[odd], rewritten[odd]
            for place, *values in zip(
                candidates.tolist(), udp.payload[candidates].tolist(), udp.captured[candidates].tolist(),
                udp.wire[candidates].tolist(), udp.source[candidates].tolist(), udp.destination[candidates].tolist(),
                time_ns[candidates].tolist(), frame[candidates].tolist(), udp.ip_id[candidates].tolist(),
                rewritten.tolist(), strict=True,
            ):  # fmt: skip
                start, captured, wire, source, destination, when, number, ip_id, by_program = values
                payload = batch.buffer[start : start + captured]
                mark = Mark(when, number, ip_id if ip_id >= 0 else None)
                is_sip[place] = self._slow_path.datagram(
                    payload, wire, source, destination, mark, rewritten=bool(by_program)
                )
        for place in np.flatnonzero(media.kind == MediaKind.DTLS).tolist():
            start = int(udp.payload[place])
            self._dtls.datagram(
                (int(udp.source[place]), int(udp.destination[place])),
                batch.buffer[start : start + int(udp.captured[place])],
                Mark(int(time_ns[place]), int(frame[place]), None),
            )
        for place in np.flatnonzero(media.kind == MediaKind.RTCP).tolist():
            start = int(udp.payload[place])
            self._rtcp_datagram(
                int(time_ns[place]), int(frame[place]), int(udp.source[place]), int(udp.destination[place]),
                batch.buffer[start : start + int(udp.captured[place])],
            )  # fmt: skip
        for place in np.flatnonzero((media.kind == MediaKind.STUN) & ~is_sip).tolist():
            start = int(udp.payload[place])
            self._stun_datagram(
                int(time_ns[place]), int(frame[place]), int(udp.source[place]), int(udp.destination[place]),
                batch.buffer[start : start + int(udp.captured[place])], int(udp.wire[place]),
            )  # fmt: skip
        rows = np.flatnonzero(~is_sip & (udp.wire > 0))
        self._media.add(
            MediaRows(
                time_ns[rows], frame[rows], udp.source[rows], udp.destination[rows], media.kind[rows],
                np.minimum(udp.wire[rows], 0xFFFF).astype(np.uint16), media.payload_type[rows], media.marker[rows],
                media.sequence[rows], media.timestamp[rows], media.ssrc[rows],
                np.maximum(udp.ip_id[rows], 0).astype(np.uint16), udp.dscp[rows], media.content[rows],
            )
        )  # fmt: skip

    def _stream_message(
        self, raw: bytes, source: int, destination: int, mark: Mark, transport: Transport, cut: bool
    ) -> None:
        if raw.startswith(HEP_MAGIC):
            self._slow_path.mirrored(raw, mark)
        else:
            self._message(raw, source, destination, mark, transport, cut=cut)

    def _message(
        self, raw: bytes, source: int, destination: int, mark: Mark, transport: Transport, *, cut: bool
    ) -> None:
        self._messages.add(
            raw, mark.time_ns, source, destination, mark.frame, -1 if mark.ip_id is None else mark.ip_id,
            mark.fragments, transport, Fidelity.TRUNCATED if cut else Fidelity.EXACT,
        )  # fmt: skip

    def _rtcp_datagram(self, time_ns: int, frame: int, source: int, destination: int, data: bytes) -> None:
        self._rtcp_bytes += len(data)
        if len(self._rtcp) >= self._limits.rtcp_datagrams or self._rtcp_bytes > self._limits.rtcp_bytes:
            self._notices.add(
                NoticeKind.LIMIT,
                f"There are more than {self._limits.rtcp_datagrams} RTCP datagrams or {self._limits.rtcp_bytes} bytes"
                " of them; the others were not kept",
                frame=frame,
            )
            return
        endpoints = self._endpoints.endpoints
        self._rtcp.append(RtcpDatagram(time_ns, frame, endpoints[source], endpoints[destination], data))

    def _stun_datagram(self, time_ns: int, frame: int, source: int, destination: int, data: bytes, wire: int) -> None:
        self._stun_bytes += len(data)
        if len(self._stun) >= self._limits.stun_datagrams or self._stun_bytes > self._limits.stun_bytes:
            self._notices.add(
                NoticeKind.LIMIT,
                f"There are more than {self._limits.stun_datagrams} STUN messages or {self._limits.stun_bytes} bytes"
                " of them; the others were counted only",
                frame=frame,
            )
            return
        endpoints = self._endpoints.endpoints
        ends = endpoints[source], endpoints[destination]
        self._stun.append(StunDatagram(time_ns, frame, *ends, data, len(data) >= wire))

    # -- everything that is taken one packet at a time -------------------------------------------------------------

    def _in_order(self, batch: RecordBatch, headers: HeaderColumns, slow: list[int]) -> None:
        """TCP segments and odd packets in the order of the capture, as streams must be put together in order."""
        tcp = headers.tcp
        if len(tcp.row):
            interesting = np.flatnonzero((tcp.wire > 0) | ((tcp.flags & (SYN | RST | FIN)) != 0))
        else:
            interesting = np.zeros(0, np.int64)
        next_slow = 0
        columns = zip(
            tcp.row[interesting].tolist(), tcp.source[interesting].tolist(), tcp.destination[interesting].tolist(),
            tcp.sequence[interesting].tolist(), tcp.flags[interesting].tolist(), tcp.payload[interesting].tolist(),
            tcp.captured[interesting].tolist(), tcp.wire[interesting].tolist(), tcp.ip_id[interesting].tolist(),
            batch.time_ns[tcp.row[interesting]].tolist(), batch.frame[tcp.row[interesting]].tolist(), strict=True,
        )  # fmt: skip
        for row, source, destination, sequence, flags, payload, captured, wire, ip_id, time_ns, frame in columns:
            while next_slow < len(slow) and slow[next_slow] < row:
                self._slow(batch, headers, slow[next_slow])
                next_slow += 1
            if flags & (SYN | RST | FIN):
                self._tcp_flags(flags, time_ns, source, destination, frame)
            elif self._tcp.ignores(source, destination):
                continue
            data = batch.buffer[payload : payload + captured]
            mark = Mark(time_ns, frame, ip_id if ip_id >= 0 else None)
            self._tcp.segment(source, destination, sequence, flags, data, wire, mark)
        for row in slow[next_slow:]:
            self._slow(batch, headers, row)

    def _tcp_flags(self, flags: int, time_ns: int, source: int, destination: int, frame: int) -> None:
        endpoints = self._endpoints.endpoints
        connection = frozenset((source, destination))
        self._facts.tcp_flags(flags, time_ns, endpoints[source], endpoints[destination], connection, frame)

    def _slow(self, batch: RecordBatch, headers: HeaderColumns, row: int) -> None:
        ethertype = int(headers.link.ethertype[row])
        start = int(batch.offset[row])
        end = start + int(batch.captured[row])
        begin = int(headers.link.offset[row]) if ethertype >= 0 else start
        self._slow_path.frame(
            int(batch.link[row]), ethertype, batch.buffer[begin:end], int(batch.wire[row]) - (begin - start),
            int(batch.frame[row]), int(batch.time_ns[row]),
        )  # fmt: skip

    def _flush_slow_media(self) -> None:
        """Turn the UDP payloads that came out of tunnels and fragments into rows."""
        waiting = self._slow_path.take_media()
        if not waiting:
            return
        times, frames, sources, destinations, ids, payloads, wires = zip(*waiting, strict=True)
        captured = np.array([len(payload) for payload in payloads], np.int64)
        offsets = np.cumsum(captured) - captured
        buffer = b"".join(payloads) + bytes(PADDING)
        wire = np.array(wires, np.int64)
        media = classify(buffer, offsets, captured, wire)
        for place in np.flatnonzero(media.kind == MediaKind.DTLS).tolist():
            self._dtls.datagram(
                (sources[place], destinations[place]), payloads[place], Mark(times[place], frames[place], None)
            )
        for place in np.flatnonzero(media.kind == MediaKind.RTCP).tolist():
            self._rtcp_datagram(times[place], frames[place], sources[place], destinations[place], payloads[place])
        for place in np.flatnonzero(media.kind == MediaKind.STUN).tolist():
            self._stun_datagram(
                times[place], frames[place], sources[place], destinations[place], payloads[place], wires[place]
            )
        self._media.add(
            MediaRows(
                np.array(times, np.int64), np.array(frames, np.int64), np.array(sources, np.int32),
                np.array(destinations, np.int32), media.kind, np.minimum(wire, 0xFFFF).astype(np.uint16),
                media.payload_type, media.marker, media.sequence, media.timestamp, media.ssrc,
                np.array(ids, np.uint16), np.full(len(waiting), DSCP_UNKNOWN, np.uint8), media.content,
            )
        )  # fmt: skip

    def _fax_ports(self) -> set[int]:
        """The ports that stand in a session description as UDPTL.

        Only the port is compared: behind a NAT, the address in the description is not the one on the wire.
        """
        raws = self._messages.raws
        return {int(match[1]) for raw in raws if _MAYBE_FAX in raw for match in _FAX_MEDIA.finditer(raw)} - {0}
