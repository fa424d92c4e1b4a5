"""Kamailio's sipdump module in text mode: a block of keys and values before each message, rulers around."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import port_number, transport_named
from sip_ci.trace.logs.anchors import lines_with
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import Stamp
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(rb"={20}[ \t]*\r?\n(?P<fields>(?:[a-z]{2,16}:[^\r\n]{0,255}\r?\n){4,24})~{20}[ \t]*\r?\n")
_FIELD = re.compile(rb"([a-z]{2,16}):[ \t]*([^\r\n]*)")
_TIME = re.compile(rb"[0-9]{9,11}(?:\.[0-9]{1,9})?")


class SipdumpLayout:
    """What Kamailio's sipdump writes (kamailio, `src/modules/sipdump/sipdump_write.c`)."""

    name = "kamailio-sipdump"
    origin = TraceOrigin.LOG
    tight = True
    terminator = re.compile(rb"\n(?=\|{20}\r?(?:\n|\Z))")
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The blocks between a ruler of `=` and one of `~`."""
        for start, _ in lines_with(text, b"=" * 20):
            match = _HEAD.match(text, start)
            if match is None:
                continue
            fields: dict[bytes, bytes] = dict(_FIELD.findall(match["fields"]))
            protocol = fields.get(b"proto", b"").split(b" ")[0]
            tag = fields.get(b"tag", b"")
            yield Head(
                start,
                match.end(),
                _stamp(fields.get(b"time", b"")),
                sent={b"snd": True, b"rcv": False}.get(tag),
                source=_endpoint(fields, b"src"),
                destination=_endpoint(fields, b"dst"),
                transport=transport_named(protocol.decode("latin-1")),
            )


def _stamp(written: bytes) -> Stamp | None:
    if _TIME.fullmatch(written) is None:
        return None
    return Stamp(float(written), absolute=True, resolution=10.0 ** -len(written.partition(b".")[2]))


def _endpoint(fields: dict[bytes, bytes], side: bytes) -> Endpoint | None:
    host = fields.get(side + b"ip", b"").strip().strip(b"[]")
    port = port_number(fields.get(side + b"port", b"").strip().decode("latin-1"))
    return Endpoint(host.decode("latin-1").lower(), port) if host else None


SIPDUMP = SipdumpLayout()
