"""A trace as JSON, schema version 1.

Within version 1 fields are only added, never renamed, removed or given another meaning.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sip_ci.trace.observation import Clock, Fidelity, Transport
from sip_ci.trace.trace import NoticeKind, TcpEventKind, TraceOrigin

SCHEMA_VERSION = 1
SCHEMA_URI = "https://raw.githubusercontent.com/sip-ci/sip-ci/main/docs/schemas/trace.schema.json"


class TraceModel(BaseModel):
    """The base of all parts of the document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tool(TraceModel):
    """What wrote the document."""

    name: Literal["sip-ci"] = "sip-ci"
    version: str


class HeaderLine(TraceModel):
    """One header line of a message."""

    name: str = Field(description="As written, compact forms included.")
    value: str = Field(description="Unfolded, without white space around it.")


class Message(TraceModel):
    """One SIP message as it was seen once."""

    index: int = Field(ge=0, description="Its place in the trace, from 0; the evidence of findings names it.")
    time: float | None = Field(description="Seconds, by the clock of the trace.")
    timestamp: str | None = Field(description="The time in UTC (RFC 3339), where the date is known.")
    source: str | None = Field(description="`host:port`; null where the trace does not say.")
    destination: str | None = Field(description="`host:port`; null where the trace does not say.")
    sent: bool | None = Field(description="Whether the writer of a log sent it; null where that is unknown.")
    transport: Transport
    frame: int | None = Field(description="1-based packet number, in captures.")
    line: int | None = Field(description="1-based line of the start line, in texts.")
    copies: int = Field(ge=1, description="Identical copies that were folded into this one.")
    fidelity: Fidelity = Field(description="How close the bytes are to those that were on the wire.")
    start_line: str
    method: str | None = Field(description="Of a request.")
    status: int | None = Field(description="Of a response.")
    call_id: str
    cseq: str = Field(description="The value of the CSeq header.")
    headers: tuple[HeaderLine, ...] = Field(description="In order.")
    body: str | None = Field(description="The body where it is UTF-8 text.")
    body_base64: str | None = Field(description="The body where it is not.")


class Stream(TraceModel):
    """The RTP packets of one SSRC from one endpoint to another."""

    source: str
    destination: str
    ssrc: int = Field(ge=0)
    payload_type: int = Field(ge=0, le=127, description="The one that most packets have.")
    encoding: str | None = Field(description="Of a static payload type (RFC 3551), for instance `PCMU/8000`.")
    packets: int = Field(ge=1)
    first_time: float = Field(description="UNIX seconds.")
    last_time: float
    frame: int = Field(description="1-based number of the first packet.")


class ConnectionEvent(TraceModel):
    """A segment that opens, refuses or ends a TCP connection."""

    kind: TcpEventKind
    time: float
    source: str
    destination: str
    frame: int


class Unreachable(TraceModel):
    """An ICMP error and the datagram that it quotes."""

    time: float
    reporter: str
    type: int
    code: int
    source: str = Field(description="Where the quoted datagram came from.")
    destination: str = Field(description="Where it was going.")
    transport: Transport
    frame: int


class TraceFacts(TraceModel):
    """What the input says besides messages and media."""

    packets: int = Field(ge=0, description="All packets of a capture; 0 for a text.")
    media_packets: int = Field(ge=0, description="UDP packets that carry no SIP.")
    first_time: float | None
    last_time: float | None
    dropped_packets: int = Field(description="What the capturing program says that it lost.")
    truncated_packets: int
    clock_steps: int = Field(description="How often time went backwards by more than a second.")
    clock_resolution: float = Field(description="The step in which times were written, in seconds; 0 where unknown.")
    tcp_events: tuple[ConnectionEvent, ...]
    icmp_errors: tuple[Unreachable, ...]
    tls_connections: tuple[tuple[str, str], ...] = Field(description="Client and server of TLS that was not read.")


class TraceNotice(TraceModel):
    """What could not be read, or was left out."""

    kind: NoticeKind
    text: str
    count: int = Field(ge=1)
    frame: int | None = Field(description="Where it happened first: the 1-based packet number.")
    line: int | None = Field(description="Where it happened first: the 1-based line.")


class ConvertedTrace(TraceModel):
    """One input."""

    name: str
    format: str = Field(description="The container or log layout that was recognised, for instance `pcapng` or `sipp`.")
    origin: TraceOrigin
    clock: Clock = Field(description="What times mean: UNIX seconds, seconds since a midnight, or nothing.")
    redacted: bool = Field(description="Whether identities and secrets in the messages were masked.")
    calls: tuple[str, ...] | None = Field(
        description="The Call-IDs that were chosen; null where all messages are here."
    )
    facts: TraceFacts
    notices: tuple[TraceNotice, ...]
    notice_counts: dict[NoticeKind, int] = Field(description="The counts of the notices, by kind.")
    streams: tuple[Stream, ...] = Field(description="In order of their first packets; only where no call was chosen.")
    messages: tuple[Message, ...]


class TraceDocument(TraceModel):
    """What `sip-ci convert --to json` writes."""

    schema_version: Literal[1] = 1
    tool: Tool
    traces: tuple[ConvertedTrace, ...]


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the document, as it is published with the documentation."""
    schema = TraceDocument.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_URI, **schema}
