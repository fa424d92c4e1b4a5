"""Traces of calls in a few lines, written as a ladder reads: who sends what, when, over which hops.

    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    ladder.end(60.0)
    assert "ack-missing-2xx" not in ladder.findings()

Times are seconds from the start of the trace. Every message is put on every hop of its path, two milliseconds apart,
as a capture at a proxy sees it; `hops` selects those that the trace holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tests.support.grounding import assert_grounded

from sip_ci.findings import Severity
from sip_ci.service.wire import AnalysisContext, AnalysisResponse, WireFinding
from sip_ci.trace.media_table import MediaTable
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Observation, Position, Transport
from sip_ci.trace.trace import Facts, Notice, Trace, TraceOrigin
from sip_ci_server.engine.analysis import analyze
from sip_ci_server.engine.model import Model, build_model

ALICE = Endpoint("192.0.2.10", 5060)
BOB = Endpoint("198.51.100.20", 5060)
CAROL = Endpoint("198.51.100.30", 5060)
PROXY = Endpoint("203.0.113.5", 5060)
SECOND_PROXY = Endpoint("203.0.113.6", 5060)

START = 1_700_000_000.0
HOP = 0.002
"""Seconds that a message takes from one hop to the next."""

PHRASES = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 183: "Session Progress", 200: "OK",
    202: "Accepted", 302: "Moved Temporarily", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    407: "Proxy Authentication Required", 408: "Request Timeout", 423: "Interval Too Brief",
    480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
    500: "Server Internal Error", 503: "Service Unavailable", 504: "Server Time-out", 603: "Decline",
}  # fmt: skip


def sdp(endpoint: Endpoint, port: int = 40_000, *, version: int = 1, media: str = "") -> bytes:
    """A session description with G.711, or with the m-line given."""
    lines = ["v=0", f"o=- 1 {version} IN IP4 {endpoint.host}", "s=-", f"c=IN IP4 {endpoint.host}", "t=0 0"]
    lines += [media or f"m=audio {port} RTP/AVP 0 8"]
    return ("\r\n".join(lines) + "\r\n").encode()


def written(start_line: str, headers: dict[str, str], lines: Iterable[str] = (), body: bytes = b"") -> bytes:
    """A message. `lines` replace the header of the same name, or are added; `Name` alone removes it."""
    headers = dict(headers)
    added: list[str] = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            headers.pop(name, None)
        elif name in headers:
            headers[name] = value.strip()
        else:
            added.append(line)
    if body and not any(line.lower().startswith("content-type:") for line in added):
        headers["Content-Type"] = "application/sdp"
    headers["Content-Length"] = str(len(body))
    return "\r\n".join([start_line, *(f"{k}: {v}" for k, v in headers.items() if v), *added, "", ""]).encode() + body


@dataclass(slots=True)
class Packet:
    """One message at one place, before the trace is made."""

    raw: bytes
    source: Endpoint | None
    destination: Endpoint | None
    time: float | None
    transport: Transport = Transport.UDP
    ip_id: int | None = None
    fragments: int = 1
    fidelity: Fidelity = Fidelity.EXACT


@dataclass(slots=True)
class Sent:
    """A message on its way: one packet for each hop."""

    packets: list[Packet]
    hops: tuple[int, ...]
    """Which hops of the way the packets are."""
    method: str = ""
    number: int = 0
    way: tuple[Endpoint, ...] = ()
    vias: tuple[tuple[str, ...], ...] = ()
    """The Via values of a request on each hop, topmost first."""
    record_routes: tuple[str, ...] = ()
    from_: str = ""
    to: str = ""
    to_tag: str = ""
    uri: str = ""
    final: int = 0


class Ladder:
    """A trace in the making."""

    def __init__(
        self,
        *,
        origin: TraceOrigin = TraceOrigin.CAPTURE,
        clock: Clock = Clock.ABSOLUTE,
        transport: Transport = Transport.UDP,
    ) -> None:
        self.origin, self.clock, self.transport = origin, clock, transport
        self.packets: list[Packet] = []
        self.facts = Facts()
        self.media = MediaTable.empty()
        self.notices: tuple[Notice, ...] = ()
        self._branches = 0
        self._calls = 0

    def branch(self) -> str:
        """A branch that no other message of this ladder has."""
        self._branches += 1
        return f"z9hG4bK-{self._branches}"

    def call(self, *path: Endpoint, **options: object) -> Call:
        """A call along a path, by default straight from Alice to Bob."""
        self._calls += 1
        return Call(self, path or (ALICE, BOB), f"call-{self._calls}@{(path or (ALICE,))[0].host}", **options)  # type: ignore[arg-type]

    def put(self, raw: bytes, source: Endpoint | None, destination: Endpoint | None, time: float | None) -> Packet:
        """One message at one place."""
        packet = Packet(raw, source, destination, time, self.transport)
        self.packets.append(packet)
        return packet

    def again(self, sent: Sent, *times: float) -> None:
        """The same bytes on the same hops once more, at each of the times."""
        first = sent.packets[0].time or 0.0
        for time in times:
            for packet in sent.packets:
                self.packets.append(replace(packet, time=time + (packet.time or 0.0) - first))

    def end(self, time: float) -> Ladder:
        """Let the capture go on until `time`."""
        self.facts = replace(self.facts, last_time=START + time)
        return self

    def know(self, **facts: object) -> Ladder:
        """Set what the capture says besides messages."""
        self.facts = replace(self.facts, **facts)  # type: ignore[arg-type]
        return self

    def trace(self) -> Trace:
        """The trace: messages in order of time, numbered; a log has lines, a capture has frames."""
        timed = self.clock is not Clock.ORDINAL
        ordered = sorted(self.packets, key=lambda packet: packet.time or 0.0)
        messages, line = [], 1
        for index, packet in enumerate(ordered):
            in_text = self.origin is not TraceOrigin.CAPTURE
            position = Position(line=line + 1) if in_text else Position(frame=index + 1)
            time = START + packet.time if timed and packet.time is not None else None
            observation = Observation(
                time, packet.source, packet.destination, packet.transport, position,
                ip_id=packet.ip_id, fragments=packet.fragments,
            )  # fmt: skip
            messages.append(SipMessage(packet.raw, observation, packet.fidelity, index))
            line += packet.raw.count(b"\n") + 2
        name = "trace.log" if self.origin is not TraceOrigin.CAPTURE else "trace.pcap"
        pairs = {(one.source.host, one.destination.host) for one in ordered if one.source and one.destination}
        times = [one.observation.time for one in messages if one.observation.time is not None]
        facts = replace(
            self.facts,
            packets=len(messages),
            first_time=min(times, default=None),
            last_time=max([*times, *([self.facts.last_time] if self.facts.last_time and timed else [])], default=None),
            host_pairs=self.facts.host_pairs | pairs if self.origin is TraceOrigin.CAPTURE else frozenset(),
        )
        return Trace(name, "test", self.origin, self.clock, tuple(messages), self.media, facts, self.notices)

    def model(self) -> Model:
        """The engine's model of the trace."""
        return build_model(self.trace())

    def report(self, issue: str | None = None) -> AnalysisResponse:
        """The diagnosis, each finding of which must be borne out by the trace."""
        trace = self.trace()
        report = analyze(trace, AnalysisContext(issue=issue))
        assert_grounded(trace, report)
        return report

    def findings(self) -> dict[str, WireFinding]:
        """The worst finding of each check."""
        found: dict[str, WireFinding] = {}
        for finding in self.report().findings:
            found.setdefault(finding.check, finding)
        return found


@dataclass(slots=True)
class Call:
    """One Call-ID between the ends of a path, and the proxies between them."""

    ladder: Ladder
    path: tuple[Endpoint, ...]
    call_id: str
    record_route: bool = False
    """Whether the proxies stay on the path of the dialog."""
    caller: str = "alice"
    callee: str = "bob"
    caller_tag: str = "a1"
    callee_tag: str = "b1"
    uri: str = ""
    """The Request-URI outside the dialog."""
    cseq: int = 0
    callee_cseq: int = 0
    sent: list[Sent] = field(default_factory=list)

    def request(
        self,
        method: str,
        time: float,
        *lines: str,
        body: bytes = b"",
        by_callee: bool = False,
        inside: bool = True,
        way: Sequence[Endpoint] | None = None,
        hops: Sequence[int] | None = None,
        number: int | None = None,
        to_tag: str | None = None,
    ) -> Sent:
        """A request; `inside` the dialog unless it says otherwise, and then with Route where proxies recorded."""
        if way is None:
            ends = tuple(reversed(self.path)) if by_callee else self.path
            way = ends if self.record_route or not inside else (ends[0], ends[-1])
        if number is None:
            if by_callee:
                number = self.callee_cseq = self.callee_cseq + 1
            else:
                number = self.cseq = self.cseq + 1
        callee_tag = (self.callee_tag if inside else "") if to_tag is None else to_tag
        near = f"<sip:{self.caller}@example.com>;tag={self.caller_tag}"
        far = f"<sip:{self.callee}@example.com>" + (f";tag={callee_tag}" if callee_tag else "")
        from_, to = (far, near) if by_callee else (near, far)
        target = f"sip:{self.caller if by_callee else self.callee}@{way[-1]}"
        uri = target if inside else self.uri or f"sip:{self.callee}@example.com"
        sent = Sent([], (), method, number, tuple(way), from_=from_, to=to, to_tag=callee_tag, uri=uri)
        branch = self.ladder.branch()
        vias: list[str] = []
        recorded: list[str] = []
        per_hop = []
        for hop in range(len(way) - 1):
            vias.insert(0, f"SIP/2.0/{self.ladder.transport} {way[hop]};branch={branch}-{hop}")
            per_hop.append(tuple(vias))
            if hop and self.record_route and not inside:
                recorded.insert(0, f"<sip:{way[hop]};lr>")
            routes = [f"<sip:{place};lr>" for place in way[hop + 1 : -1]] if inside else []
            if hops is None or hop in hops:
                self._put(sent, hop, time, vias, recorded, routes, lines, body, way[0])
        sent.vias, sent.record_routes = tuple(per_hop), tuple(recorded)
        self.sent.append(sent)
        return sent

    def _put(
        self, sent: Sent, hop: int, time: float, vias: Sequence[str], recorded: Sequence[str], routes: Sequence[str],
        lines: Iterable[str], body: bytes, sender: Endpoint,
    ) -> None:  # fmt: skip
        headers = {
            "Via": ", ".join(vias),
            "Route": ", ".join(routes),
            "Record-Route": ", ".join(recorded),
            "From": sent.from_,
            "To": sent.to,
            "Call-ID": self.call_id,
            "CSeq": f"{sent.number} {sent.method}",
            "Max-Forwards": str(70 - hop),
            "Contact": f"<sip:{sender}>",
        }
        raw = written(f"{sent.method} {sent.uri} SIP/2.0", headers, lines, body)
        sent.packets.append(self.ladder.put(raw, sent.way[hop], sent.way[hop + 1], time + hop * HOP))
        sent.hops += (hop,)

    def invite(self, time: float, *lines: str, offer: bytes | None = None, **options: object) -> Sent:
        """The INVITE that opens the call, with an offer unless that is empty."""
        body = sdp(self.path[0]) if offer is None else offer
        return self.request("INVITE", time, *lines, body=body, inside=False, **options)  # type: ignore[arg-type]

    def respond(
        self,
        request: Sent,
        status: int,
        time: float,
        *lines: str,
        body: bytes | None = None,
        hops: Sequence[int] | None = None,
        to_tag: str | None = None,
    ) -> Sent:
        """A response, from the far end of the request's way back to its beginning."""
        to = request.to
        if ";tag=" not in to and status > 100:
            to += f";tag={self.callee_tag if to_tag is None else to_tag}"
        if body is None:
            answers = request.method == "INVITE" and status in (183, 200) and b"v=0" in request.packets[0].raw
            body = sdp(request.way[-1], 42_000) if answers else b""
        if status >= 200 and not request.final:
            request.final = status
        wanted = range(len(request.way) - 1) if hops is None else hops
        sent = Sent([], (), request.method, request.number, tuple(reversed(request.way)))
        for order, hop in enumerate(sorted(wanted, reverse=True)):
            headers = {
                "Via": ", ".join(request.vias[hop]),
                "Record-Route": ", ".join(request.record_routes) if 100 < status < 300 else "",
                "From": request.from_,
                "To": to,
                "Call-ID": self.call_id,
                "CSeq": f"{request.number} {request.method}",
                "Contact": f"<sip:{request.way[-1]}>" if status < 300 else "",
            }
            raw = written(f"SIP/2.0 {status} {PHRASES.get(status, 'Other')}", headers, lines, body)
            packet = self.ladder.put(raw, request.way[hop + 1], request.way[hop], time + order * HOP)
            sent.packets.append(packet)
            sent.hops += (hop,)
        return sent

    def ack(self, invite: Sent, time: float, *lines: str, body: bytes = b"", **options: object) -> Sent:
        """The ACK: of the dialog after a 2xx, of each hop's transaction after a refusal."""
        if invite.final < 300:
            by_callee = invite.from_.startswith(f"<sip:{self.callee}@")
            return self.request(
                "ACK", time, *lines, body=body, number=invite.number, by_callee=by_callee, **options  # type: ignore[arg-type]
            )  # fmt: skip
        return self._on_each_hop("ACK", invite, time, lines, f"{invite.to};tag={self.callee_tag}")

    def cancel(self, invite: Sent, time: float, *lines: str) -> Sent:
        """The CANCEL of an INVITE, on each hop."""
        return self._on_each_hop("CANCEL", invite, time, lines, invite.to)

    def _on_each_hop(self, method: str, invite: Sent, time: float, lines: Iterable[str], to: str) -> Sent:
        if ";tag=" in invite.to:
            to = invite.to
        sent = Sent([], (), method, invite.number, invite.way, from_=invite.from_, to=to, uri=invite.uri)
        sent.vias = tuple((vias[0],) for vias in invite.vias)
        for hop, vias in enumerate(sent.vias):
            if hop not in invite.hops:
                continue
            self._put(sent, hop, time, vias, (), (), lines, b"", invite.way[0])
        return sent

    def bye(self, time: float, *lines: str, **options: object) -> Sent:
        """A BYE."""
        return self.request("BYE", time, *lines, **options)  # type: ignore[arg-type]

    def answered(self, time: float = 0.0, talk: float = 10.0) -> Call:
        """A whole healthy call: INVITE, 100, 180, 200, ACK, and BYE by the caller after `talk` seconds."""
        self.established(time)
        bye = self.bye(time + 1.0 + talk)
        self.respond(bye, 200, time + 1.02 + talk)
        return self

    def established(self, time: float = 0.0) -> Sent:
        """A call as far as its ACK; returns the INVITE. It is answered one second after `time`."""
        invite = self.invite(time)
        for hop in range(len(self.path) - 1):
            self.respond(invite, 100, time + 0.001 + HOP * hop, hops=(hop,))
        self.respond(invite, 180, time + 0.1)
        self.respond(invite, 200, time + 1.0)
        self.ack(invite, time + 1.03)
        return invite


def serious(findings: Iterable[WireFinding]) -> list[str]:
    """What stands at medium or above, as `check: severity`."""
    return [f"{item.check}: {item.severity}" for item in findings if item.severity.at_least(Severity.MEDIUM)]


def assert_healthy(ladder: Ladder) -> None:
    """Nothing at medium or above."""
    found = serious(ladder.report().findings)
    assert not found, found
