"""Which endpoints are one agent."""

from __future__ import annotations

from tests.support.calls import ALICE, BOB, Ladder

from sip_ci.trace.observation import Endpoint, Transport
from sip_ci_server.engine.nodes import UNKNOWN, same

LOCAL = "127.0.0.1"


def test_a_host_is_one_agent_whatever_port_it_sends_from() -> None:
    ladder = Ladder()
    ladder.call().answered()
    nodes = ladder.model().nodes

    assert nodes.of(ALICE) == nodes.of(Endpoint(ALICE.host, 40_000)) != nodes.of(BOB)


def test_agents_that_share_a_host_are_told_apart_by_port() -> None:
    ladder = Ladder()
    ladder.call(Endpoint(LOCAL, 5061), Endpoint(LOCAL, 5060)).answered()
    nodes = ladder.model().nodes

    assert nodes.of(Endpoint(LOCAL, 5061)) != nodes.of(Endpoint(LOCAL, 5060))


def test_the_ephemeral_port_of_a_tcp_client_is_the_agent_that_its_via_names() -> None:
    ladder = Ladder(transport=Transport.TCP)
    call = ladder.call(Endpoint(LOCAL, 5061), Endpoint(LOCAL, 5060))
    invite = call.invite(0.0)
    invite.packets[0].source = Endpoint(LOCAL, 48_000)
    nodes = ladder.model().nodes

    assert nodes.of(Endpoint(LOCAL, 48_000)) == nodes.of(Endpoint(LOCAL, 5061))


def test_an_end_that_the_trace_does_not_name_can_be_anyone() -> None:
    ladder = Ladder()
    ladder.put(ladder.call().invite(0.0).packets[0].raw, None, None, 1.0)
    nodes = ladder.model().nodes

    assert nodes.of(None) == UNKNOWN
    assert same(nodes.of(None), nodes.of(ALICE))
    assert not same(nodes.of(ALICE), nodes.of(BOB))
