"""What a trace can and cannot show: the policy behind every check that argues from silence (F1 to F6 of the catalogue).

A missing message is a fault only where it would have been seen: the capture ran long enough after it was due (F1), it
holds packets in that direction at all (F2), and nothing says that packets were lost on the way to the file (F5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sip_ci.findings import Confidence
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Clock, Endpoint, Transport
from sip_ci.trace.trace import NoticeKind, TcpEvent, TcpEventKind, Trace, TraceOrigin
from sip_ci_server.engine.addresses import Scope, same_address, same_private_block, same_subnet, scope_of
from sip_ci_server.engine.nodes import Nodes

T1 = 0.5
"""The round-trip estimate in seconds that SIP's timers build on (RFC 3261 §17.1.1.1)."""
T2 = 4.0
"""The longest retransmission interval in seconds of non-INVITE requests and INVITE responses (§17.1.2.2)."""
TIMER_B = 64 * T1
"""Seconds after which a client transaction gives up (timers B, F and H)."""
_STEP_BACK = 1.0
"""Seconds that a clock may go back between two frames without a step."""
_RUNS = 64
"""Runs of a capture with steps of the clock that are told apart."""


class Observability:
    """Answers what could have been seen."""

    def __init__(self, trace: Trace, messages: Sequence[SipMessage], nodes: Nodes) -> None:
        self._trace = trace
        self._nodes = nodes
        times = [message.observation.time for message in messages if message.observation.time is not None]
        first, last = trace.facts.first_time, trace.facts.last_time
        self.starts: float | None = min([*times[:1], *([first] if first is not None else [])], default=None)
        """When the trace begins, in seconds by its clock."""
        self.ends: float | None = max([*times[-1:], *([last] if last is not None else [])], default=None)
        """When the trace ends."""
        self._hosts_sending = {source for source, _ in trace.facts.host_pairs}
        self._pairs = set(trace.facts.host_pairs)
        for message in messages:
            source, destination = message.observation.source, message.observation.destination
            if source is not None and destination is not None:
                self._pairs.add((source.host, destination.host))
                self._hosts_sending.add(source.host)
        self.cut_heads = sum(copy.observation.copies for copy in messages) < len(trace.messages)
        """Whether messages were captured without the end of their headers, so that any message may be missing."""
        self._hosts = {host for pair in self._pairs for host in pair}
        self._dialled = _dialled(messages)
        self._runs = runs_of(messages) if trace.facts.clock_steps and trace.origin is TraceOrigin.CAPTURE else []
        self._ends: dict[frozenset[Endpoint], list[TcpEvent]] = defaultdict(list)
        for event in trace.facts.tcp_events:
            if event.kind in (TcpEventKind.RST, TcpEventKind.FIN):
                self._ends[frozenset((event.source, event.destination))].append(event)

    @property
    def origin(self) -> TraceOrigin:
        """Who wrote the trace."""
        return self._trace.origin

    @property
    def timed(self) -> bool:
        """Whether times are known, so that intervals can be judged."""
        return self._trace.clock is not Clock.ORDINAL

    @property
    def lossy(self) -> bool:
        """Whether the capturing program lost packets, or bytes of a TCP connection are missing (F5)."""
        return self._trace.facts.dropped_packets > 0 or any(
            notice.kind is NoticeKind.TCP_GAP for notice in self._trace.notices
        )

    @property
    def media_visible(self) -> bool:
        """Whether media would be in the trace: some RTP is (F4). Logs and filtered captures hold none."""
        return self._trace.origin is TraceOrigin.CAPTURE and len(self._trace.media) > 0

    @property
    def media_reason(self) -> str:
        """Why media cannot be judged; empty where it can."""
        if self._trace.origin is not TraceOrigin.CAPTURE:
            return "a log holds no media"
        return "" if self.media_visible else "the trace holds no RTP"

    def window_after(self, time: float | None) -> float | None:
        """Seconds between a time and the end of the trace; None where times are unknown (F1)."""
        if time is None or self.ends is None or not self.timed:
            return None
        runs = [end for start, end in self._runs if start <= time <= end]
        return max(runs, default=self.ends) - time

    def would_show(self, time: float | None, seconds: float) -> bool:
        """Whether the trace goes on for at least `seconds` after `time`, so that silence there means something."""
        window = self.window_after(time)
        return window is not None and window >= seconds

    def sees_reverse(self, message: SipMessage) -> bool:
        """Whether packets from the message's destination back to its source are in the trace at all (F2).

        A program's log holds both directions of what it sent and received.
        """
        if self._trace.origin is TraceOrigin.LOG:
            return True
        source, destination = message.observation.source, message.observation.destination
        if source is None or destination is None:
            return False
        # On one host the pair is its own reverse: what crosses the loopback interface is captured both ways.
        return (destination.host, source.host) in self._pairs

    def end_of_connection(self, request: SipMessage) -> TcpEvent | None:
        """The segment that ended the TCP connection of a request first: a FIN or RST that came after it."""
        source, destination, sent = (
            request.observation.source,
            request.observation.destination,
            request.observation.time,
        )
        if source is None or destination is None or sent is None or not request.observation.transport.reliable:
            return None
        ends = self._ends.get(frozenset((source, destination)), ())
        return next((event for event in ends if event.time > sent), None)

    def ever_sends(self, host: str) -> bool:
        """Whether any packet from this host is in the trace."""
        return host in self._hosts_sending

    def unreachable_for(self, address: str, receiver: str, sender: str) -> Confidence | None:
        """How sure it is that an advertised private address cannot be reached from where it was sent (F3); None if
        it can.

        Certain where the receiver is public, and only possible where that receiver dialled the address by itself.
        Between private hosts an address that is no neighbour of any host in the trace, is not the sender's own, and
        never sends a packet is suspicious: likely from a public sender or from another private block than the
        receiver's, only possible from the same one, which is usually routed as a whole.
        """
        if scope_of(address) not in (Scope.PRIVATE, Scope.SHARED):
            return None
        receiver_scope = scope_of(receiver)
        if receiver_scope is Scope.PUBLIC:
            return Confidence.POSSIBLE if (receiver, address) in self._dialled else Confidence.CERTAIN
        if receiver_scope in (Scope.NAME, Scope.UNSPECIFIED, Scope.LOOPBACK):
            return None
        if same_address(address, sender) or self.ever_sends(address):
            return None
        if any(same_subnet(address, host) for host in self._hosts):
            return None
        if same_private_block(address, receiver) and scope_of(sender) is not Scope.PUBLIC:
            return Confidence.POSSIBLE
        return Confidence.LIKELY

    def retransmits(self, transport: Transport) -> bool:
        """Whether SIP itself repeats a lost message on this transport; an unknown one counts as UDP."""
        return not transport.reliable


def _dialled(messages: Sequence[SipMessage]) -> set[tuple[str, str]]:
    """Pairs of hosts of which the first opened the conversation with a request to the second one's own address.

    No packet from inside had opened a way through a NAT before that, as far as the trace shows.
    """
    known: set[tuple[str, str]] = set()
    dialled: set[tuple[str, str]] = set()
    for message in messages:
        source, destination = message.observation.source, message.observation.destination
        if source is None or destination is None:
            continue
        pair = (source.host, destination.host)
        if pair not in known:
            known |= {pair, (destination.host, source.host)}
            if message.is_request and same_address(message.request_uri.host, destination.host):
                dialled.add(pair)
    return dialled


def runs_of(messages: Sequence[SipMessage]) -> list[tuple[float, float]]:
    """From when to when the messages of a capture go forward in time, in the order of its frames, longest first.

    Where the clock went back, as between recordings that were joined, nobody watched until the latest of all times.
    """
    stamped = [
        (message.observation.position.frame, message.observation.time)
        for message in messages
        if message.observation.position.frame is not None and message.observation.time is not None
    ]
    runs: list[tuple[float, float]] = []
    for _, time in sorted(stamped):
        if runs and time >= runs[-1][1] - _STEP_BACK:
            runs[-1] = (runs[-1][0], max(runs[-1][1], time))
        else:
            runs.append((time, time))
    return sorted(runs, key=lambda run: run[0] - run[1])[:_RUNS]
