"""Test calls between two SIPp processes on hosts of their own, recorded as a capture and as SIPp's own log."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tests.e2e.live.proxy import messages_of_proxy, proxy_running, reason_without_kamailio
from tests.support.capture import recorded
from tests.support.middlebox import rewriting
from tests.support.network import Host, Network
from tests.support.relay import Impairment, relaying
from tests.support.scenario import Scenario
from tests.support.sipp import SCENARIOS, Sipp, finish
from tests.support.speech import write_speech
from tests.support.stream_relay import Segments, segmenting

CALLER = "203.0.113.10"
CALLEE = "198.51.100.20"
PROXY = "198.51.100.30"
RELAY = "198.51.100.40"
SECOND_PROXY = "198.51.100.31"
THIRD = "198.51.100.50"
CALLER_IPV6 = "2001:db8:1::10"
CALLEE_IPV6 = "2001:db8:2::20"
PROXY_IPV6 = "2001:db8:2::30"
CALLER_SSRC = 0x1A2B3C4D
CALLEE_SSRC = 0x5E6F7081
RTP_PORT = 6000
"""SIPp's own default."""
_LINGER_SECONDS = 0.7
_STOP_SECONDS = 1.0
_CALLEE_STAYS_SECONDS = 30.0
"""How much longer the called side is there than the caller, who may begin late on a busy machine."""


class Side(Enum):
    """One side of a call, or what stands between them."""

    CALLER = "caller"
    CALLEE = "callee"
    ROUTER = "router"
    PROXY = "proxy"
    THIRD = "third"
    """Another called side, of a fork or a transfer."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one test call is made of; the values left out make a healthy one."""

    caller: str | Scenario = "caller"
    """The scenario of the calling side."""
    callee: str | Scenario | None = "callee"
    """The scenario of the called side; None: nobody is there."""
    third: str | Scenario | None = None
    """The scenario of another called side."""
    talk: float = 1.5
    """Length of the pauses in the caller's scenario, in seconds."""
    callee_talk: float | None = None
    """Length of the pauses in the callee's scenario, where it differs."""
    caller_keys: dict[str, str] = field(default_factory=dict)
    callee_keys: dict[str, str] = field(default_factory=dict)
    caller_arguments: tuple[str, ...] = ()
    callee_arguments: tuple[str, ...] = ()
    transport: str = "u1"
    caller_address: str = CALLER
    callee_address: str = CALLEE
    nat: str = ""
    """The outside address of a NAT in front of the caller."""
    proxy: tuple[str, ...] | None = None
    """A proxy between the two, with these switches of `proxy.cfg`; None: they call each other directly."""
    middlebox: tuple[str, ...] = ()
    """Rules by which the router rewrites what the caller sends to the callee and gets back."""
    segments: Segments | None = None
    """How the router cuts and joins the caller's TCP connection to the callee."""
    second_proxy: bool = False
    """Whether another proxy of the same kind stands behind the first."""
    relay: Impairment | None = None
    """What a media relay between the two does to their RTP; None: it flows directly."""
    dropped: tuple[tuple[str, ...], ...] = ()
    """`iptables` matches of what the router drops."""
    reset: tuple[tuple[str, ...], ...] = ()
    """`iptables` matches of TCP segments that the router answers with a reset."""
    recorded_at: Side = Side.CALLER
    capture_filter: str = ""
    calls: int = 1
    rate: int = 10
    timeout: float = 25.0
    """When SIPp gives up on the call, in seconds."""
    linger: float = _LINGER_SECONDS
    """How long the recording goes on after the call, in seconds."""
    logged_by: Side = Side.CALLER
    then: Call | None = None
    """Another call between the same two, after this one."""
    callee_speech: float | None = None
    """Length of the speech that the callee plays, in seconds, where it is not as long as `talk`."""

    @property
    def suffix(self) -> str:
        """The ending of the capture's name."""
        return ".pcap"

    @property
    def seen_from_one_place(self) -> bool:
        """Whether the log's writer is where the capture was taken, so that both tell of the same messages."""
        return self.recorded_at is self.logged_by

    @property
    def seconds(self) -> float:
        """How long the call may take, to begin with the longest."""
        return max(self.talk, self.callee_talk or 0) + self.linger + (self.then.seconds if self.then else 0)

    @property
    def proxy_address(self) -> str:
        """The address of the first proxy, of the caller's family."""
        return PROXY_IPV6 if ":" in self.caller_address else PROXY

    @property
    def programs(self) -> str:
        """Which programs made the call, in a few words."""
        nobody = "nobody" if self.proxy is None else "registrar"
        called = f"`{self.callee}.xml`" if isinstance(self.callee, str) else "SIPp" if self.callee else nobody
        proxied = "Kamailio → " * (1 + self.second_proxy) if self.proxy is not None else ""
        calling = f"SIPp `{self.caller}.xml`" if isinstance(self.caller, str) else "SIPp"
        return f"{calling} → {proxied}{called}"

    def missing(self) -> str:
        """What else than SIPp it needs and is not here, in one sentence; empty where nothing is missing."""
        return "" if self.proxy is None else reason_without_kamailio()

    def record(self, folder: Path) -> tuple[Path, Path | None]:
        """Makes the call; returns the capture and the log of the same call. RuntimeError where a tool fails."""
        return place(self, folder)


def place(call: Call, folder: Path) -> tuple[Path, Path]:
    """Makes the call; returns the capture and the log of the same call. Raises RuntimeError where a tool fails."""
    folder.mkdir(parents=True, exist_ok=True)
    capture, log = folder / "call.pcap", folder / "call.log"
    folders = {side: folder / side.value for side in (Side.CALLER, Side.CALLEE, Side.THIRD)}
    for each in folders.values():
        each.mkdir(exist_ok=True)
    for side, ssrc in ((Side.CALLER, CALLER_SSRC), (Side.CALLEE, CALLEE_SSRC)):
        if _plays(call.caller if side is Side.CALLER else call.callee):
            longer = call.callee_speech if side is Side.CALLEE else None
            write_speech(folders[side] / "speech.pcap", call.talk if longer is None else longer, ssrc)
    with Network() as network, ExitStack() as running:
        hosts = {
            Side.CALLER: network.host("caller", call.caller_address),
            Side.CALLEE: network.host("callee", call.callee_address),
            Side.ROUTER: network.router,
        }
        if call.nat:
            network.translate(hosts[Side.CALLER], call.nat)
        if call.third is not None:
            hosts[Side.THIRD] = network.host("third", THIRD)
        if call.proxy is not None:
            hosts[Side.PROXY] = network.host("proxy", call.proxy_address)
            target = call.callee_address
            if call.second_proxy:
                second = network.host("second", SECOND_PROXY)
                running.enter_context(proxy_running(second, folder / "second-proxy", target, *call.proxy))
                target = SECOND_PROXY
            running.enter_context(proxy_running(hosts[Side.PROXY], folder / "proxy", target, *call.proxy))
        for match in call.dropped:
            network.drop(*match)
        for match in call.reset:
            network.reset(*match)
        if call.middlebox:
            running.enter_context(rewriting(network.router, (call.callee_address, 5060), call.middlebox))
        if call.segments is not None:
            running.enter_context(segmenting(network.router, (call.callee_address, 5060), call.segments))
        if call.relay is not None:
            between = (call.caller_address, call.callee_address)
            running.enter_context(relaying(network.host("relay", RELAY), RTP_PORT, between, call.relay))
        where = hosts[call.recorded_at]
        interface = "eth0" if call.recorded_at in folders else "any"
        with recorded(capture, where, interface, call.capture_filter):
            _run(call, hosts, folders)
            logs = [_log_of(call, folder)]
            if call.then is not None:
                _run(call.then, hosts, folders)
                logs.append(_log_of(call, folder))
            time.sleep(call.linger)
    log.write_bytes(logs[-1] if call.logged_by is Side.PROXY else b"".join(logs))
    return capture, log


def _log_of(call: Call, folder: Path) -> bytes:
    if call.logged_by is Side.PROXY:
        return messages_of_proxy(folder / "proxy").read_bytes()
    return (folder / call.logged_by.value / "messages.log").read_bytes()


def _plays(scenario: str | Scenario | None) -> bool:
    if scenario is None:
        return False
    text = scenario.xml if isinstance(scenario, Scenario) else (SCENARIOS / f"{scenario}.xml").read_text()
    return "play_pcap_audio" in text


def _run(call: Call, hosts: dict[Side, Host], folders: dict[Side, Path]) -> None:
    remote = call.callee_address if call.proxy is None else call.proxy_address
    talk = call.callee_talk if call.callee_talk is not None else call.talk
    called = [
        Sipp(
            scenario,
            hosts[side],
            own,
            folders[side],
            log="messages.log",
            calls=call.calls,
            talk=talk,
            timeout=call.timeout + _CALLEE_STAYS_SECONDS,
            transport=call.transport,
            keys=call.callee_keys,
            arguments=call.callee_arguments,
        ).start()
        for side, scenario, own in (
            (Side.CALLEE, call.callee, call.callee_address),
            (Side.THIRD, call.third, THIRD),
        )
        if scenario is not None
    ]
    calling = Sipp(
        call.caller,
        hosts[Side.CALLER],
        call.caller_address,
        folders[Side.CALLER],
        remote=f"[{remote}]:5060" if ":" in remote else f"{remote}:5060",
        log="messages.log",
        calls=call.calls,
        rate=call.rate,
        talk=call.talk,
        timeout=call.timeout,
        transport=call.transport,
        keys=call.caller_keys,
        arguments=call.caller_arguments,
    ).start()
    finish(calling, call.timeout + _STOP_SECONDS)
    for each in called:
        finish(each, _STOP_SECONDS)
