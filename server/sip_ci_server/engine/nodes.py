"""Which endpoints are one and the same agent.

Two messages of one dialog may leave a host from different ports: a TCP client's port is ephemeral, and some agents send
from another port than they listen on. Several agents may also share one host, as in a test on the loopback interface.
One agent has two addresses where a NAT is seen from both sides.
"""

from __future__ import annotations

from collections.abc import Iterable

from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint, Transport

Node = str
"""A host, or `host:port` where several agents share the host."""

UNKNOWN: Node = "?"
"""An end that the trace does not name; it equals every other."""


class Nodes:
    """Maps endpoints to agents, from what the whole trace shows."""

    def __init__(self, messages: Iterable[SipMessage]) -> None:
        self._listening: dict[Endpoint, Endpoint] = {}
        self._shared_hosts: set[str] = set()
        self._names: dict[Endpoint, Node] = {}
        self._homes: dict[Endpoint, Endpoint] = {}
        for message in messages:
            source, destination = message.observation.source, message.observation.destination
            if source is None or destination is None:
                continue
            if source.host == destination.host and source.port != destination.port:
                self._shared_hosts.add(source.host)
            if message.observation.transport not in (Transport.UDP, Transport.UNKNOWN) and message.is_request:
                via = message.top_via
                if via.port is not None and via.port != source.port and source not in self._listening:
                    self._listening[source] = Endpoint(source.host, via.port)

            for other_source, other_destination in message.observation.other_paths:
                self._translate(other_source, source)
                self._translate(other_destination, destination)

    def _translate(self, copy: Endpoint | None, original: Endpoint) -> None:
        if copy is not None and copy != original and original not in self._homes:
            self._homes.setdefault(copy, original)

    def home(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint itself, or the one that a NAT translates it to, where the same packets were seen with both."""
        return self._homes.get(endpoint, endpoint)

    def of(self, endpoint: Endpoint | None) -> Node:
        """The agent behind an endpoint."""
        if endpoint is None:
            return UNKNOWN
        endpoint = self.home(endpoint)
        name = self._names.get(endpoint)
        if name is None:
            if endpoint.host in self._shared_hosts:
                name = str(self._listening.get(endpoint, endpoint))
            else:
                name = endpoint.host
            self._names[endpoint] = name
        return name

    def source(self, message: SipMessage) -> Node:
        """The agent that sent a message."""
        return self.of(message.observation.source)

    def destination(self, message: SipMessage) -> Node:
        """The agent that a message was sent to."""
        return self.of(message.observation.destination)


def same(left: Node, right: Node) -> bool:
    """Whether two nodes can be the same agent."""
    return left == right or UNKNOWN in (left, right)
