"""Calls between two SIPp processes of which each plays what it is told to, over a path that can be harmed."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.faults.media_engine import media_engine_running, reason_without_media_engine
from tests.e2e.live.calls import CALLEE, CALLEE_SSRC, CALLER, CALLER_SSRC, PROXY, RELAY, RTP_PORT, Side
from tests.e2e.live.proxy import proxy_running, reason_without_kamailio
from tests.support.capture import recorded
from tests.support.middlebox import rewriting
from tests.support.network import Host, Network
from tests.support.pacing import was_held_up
from tests.support.playback import Piece, write_playback
from tests.support.relay import Impairment, relaying
from tests.support.scenario import Scenario, ack, expect, inside, invite, pause, reply, response, sdp, send
from tests.support.sipp import Sipp, finish

Sounds = tuple[tuple[Piece, ...], ...]
"""What a side plays in its first stretch of talk, in its second, and so on."""
_LINGER_SECONDS = 0.5
_STOP_SECONDS = 1.0
_TIMEOUT_SECONDS = 30.0
_ATTEMPTS = 3


def play(number: int = 1) -> str:
    """Plays the side's stretch of this number; what it plays already ends."""
    return f'<nop><action><exec play_pcap_audio="stretch-{number}.pcap" /></action></nop>'


def media(lines: str, port: str = "[media_port]", profile: str = "RTP/AVP") -> str:
    """An audio section whose formats and attributes are `lines`."""
    return f"m=audio {port} {profile} {lines}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """An offer of the caller and the answer of the callee: what follows the session part of the SDP."""

    offer: str
    answer: str = ""
    """Empty: the same as the offer."""
    status: int = 200
    """How the callee answers."""


def talking(*exchanges: Exchange, callee_waits: float = 0.0) -> tuple[Scenario, Scenario]:
    """A caller and a callee who agree, play, pause, agree anew and play on; the caller hangs up.

    The callee begins to play `callee_waits` seconds after the answer.
    """
    first, *others = exchanges
    calling = [
        send(invite(body=sdp(media=first.offer))),
        expect(100, optional=True),
        expect(180, optional=True),
        expect(200, routes=True),
        send(ack(), again=False),
        play(),
        pause(),
    ]
    called = [
        expect("INVITE"),
        send(response(180), again=False),
        send(response(200, body=sdp("answer", media=first.answer or first.offer))),
        expect("ACK"),
        *([pause(callee_waits)] if callee_waits else []),
        play(),
    ]
    for number, other in enumerate(others, start=2):
        body = sdp("offer", number, media=other.offer)
        calling += [send(inside("INVITE", number, body=body)), expect(100, optional=True)]
        called.append(expect("INVITE"))
        contact = "Contact: <sip:[callee]@[contact];transport=[transport]>"
        answer = sdp("answer", number, media=other.answer or other.offer) if other.status == 200 else ""
        called += [send(reply(other.status, contact, body=answer)), expect("ACK")]
        calling.append(expect(other.status))
        if other.status == 200:
            calling.append(send(ack(number), again=False))
        else:
            calling.append(send(inside("ACK", number, "[last_Via:]"), again=False))
        calling += [play(number), pause()]
        called.append(play(number))
    last = len(exchanges) + 1
    calling += [send(inside("BYE", last)), expect(200)]
    called += [expect("BYE"), send(reply(200), again=False)]
    return Scenario("calling", *calling), Scenario("called", *called)


@dataclass(frozen=True, slots=True)
class MediaCall:
    """What one test call with media is made of."""

    scenarios: tuple[Scenario, Scenario]
    """What the caller and the callee do."""
    caller_plays: Sounds = ()
    callee_plays: Sounds = ()
    talk: float = 4.0
    """Length of the caller's pauses, in seconds."""
    caller_address: str = CALLER
    callee_address: str = CALLEE
    offer_address: str = ""
    """Where the caller asks for media; empty: at itself."""
    answer_address: str = ""
    nat: str = ""
    """The outside address of a NAT in front of the caller."""
    caller_keys: dict[str, str] = field(default_factory=dict)
    callee_arguments: tuple[str, ...] = ()
    rules: tuple[tuple[str, ...], ...] = ()
    """Rules of the router's `iptables`, as its arguments."""
    middlebox: tuple[str, ...] = ()
    """Rules by which the router rewrites what the caller sends to the callee and gets back."""
    relay: Impairment | None = None
    """What happens to the media on its way between the two, who do not know of the relay that does it."""
    media_engine: tuple[str, ...] | None = None
    """Kamailio with rtpengine between the two, with these switches of `proxy.cfg`; None: they call each other."""
    recorded_at: Side = Side.CALLER
    linger: float = _LINGER_SECONDS
    caller_ssrc: int = CALLER_SSRC
    callee_ssrc: int = CALLEE_SSRC
    then: MediaCall | None = None
    """Another call between the same two, after this one."""

    @property
    def suffix(self) -> str:
        """The ending of the capture's name."""
        return ".pcap"

    @property
    def seen_from_one_place(self) -> bool:
        """Whether the log's writer, the caller, is where the capture was taken."""
        return self.recorded_at is Side.CALLER

    @property
    def seconds(self) -> float:
        """How long the call may take."""
        pauses = "".join(self.scenarios[0].steps).count("<pause")
        return self.talk * pauses + self.linger + (self.then.seconds if self.then else 0)

    @property
    def programs(self) -> str:
        """Which programs made the call, in a few words."""
        return "SIPp → SIPp" if self.media_engine is None else "SIPp → Kamailio, rtpengine → SIPp"

    def missing(self) -> str:
        """What else than SIPp it needs and is not here, in one sentence; empty where nothing is missing."""
        return "" if self.media_engine is None else reason_without_kamailio() or reason_without_media_engine()

    def record(self, folder: Path) -> tuple[Path, Path | None]:
        """Makes the call; returns the capture and the caller's log. RuntimeError where a tool fails.

        A call in which the machine itself was held up is made again.
        """
        for number in range(_ATTEMPTS):
            capture, log = self._record(folder / str(number))
            if self.recorded_at is Side.PROXY or not was_held_up(capture, self.caller_address, self.callee_address):
                break
        return capture, log

    def _record(self, folder: Path) -> tuple[Path, Path | None]:
        capture = folder / "call.pcap"
        folders = {side: folder / side.value for side in (Side.CALLER, Side.CALLEE)}
        for each in folders.values():
            each.mkdir(parents=True, exist_ok=True)
        with Network() as network, ExitStack() as running:
            hosts = {
                Side.CALLER: network.host("caller", self.caller_address),
                Side.CALLEE: network.host("callee", self.callee_address),
                Side.ROUTER: network.router,
            }
            if self.nat:
                network.translate(hosts[Side.CALLER], self.nat)
            for rule in self.rules:
                network.router.run("iptables", *rule)
            if self.middlebox:
                running.enter_context(rewriting(network.router, (self.callee_address, 5060), self.middlebox))
            if self.relay is not None:
                between = (self.caller_address, self.callee_address)
                running.enter_context(relaying(network.host("relay", RELAY), RTP_PORT, between, self.relay))
                _lead_through_relay(network, between)
            if self.media_engine is not None:
                hosts[Side.PROXY] = network.host("proxy", PROXY)
                running.enter_context(media_engine_running(hosts[Side.PROXY], folder))
                switches = ("WITH_MEDIA_ENGINE", *self.media_engine)
                running.enter_context(
                    proxy_running(hosts[Side.PROXY], folder / "proxy", self.callee_address, *switches)
                )
            interface = "eth0" if self.recorded_at in folders else "any"
            with recorded(capture, hosts[self.recorded_at], interface):
                self._run(hosts, folders)
                if self.then is not None:
                    self.then._run(hosts, folders)
                time.sleep(self.linger)
        return capture, folders[Side.CALLER] / "messages.log"

    def _write_sounds(self, folders: dict[Side, Path]) -> None:
        for side, sounds, ssrc in (
            (Side.CALLER, self.caller_plays, self.caller_ssrc),
            (Side.CALLEE, self.callee_plays, self.callee_ssrc),
        ):
            for number, pieces in enumerate(sounds, start=1):
                write_playback(folders[side] / f"stretch-{number}.pcap", ssrc, pieces)

    def _run(self, hosts: dict[Side, Host], folders: dict[Side, Path]) -> None:
        self._write_sounds(folders)
        calling, called = self.scenarios
        remote = f"[{self.callee_address}]" if ":" in self.callee_address else self.callee_address
        callee = Sipp(
            _audible(called, self.callee_plays),
            hosts[Side.CALLEE],
            self.callee_address,
            folders[Side.CALLEE],
            log="messages.log",
            talk=self.talk,
            timeout=_TIMEOUT_SECONDS + self.seconds,
            keys={"answer_address": self.answer_address or self.callee_address},
            arguments=self.callee_arguments,
        ).start()
        caller = Sipp(
            _audible(calling, self.caller_plays),
            hosts[Side.CALLER],
            self.caller_address,
            folders[Side.CALLER],
            remote=f"{remote if self.media_engine is None else PROXY}:5060",
            log="messages.log",
            talk=self.talk,
            timeout=_TIMEOUT_SECONDS + self.seconds,
            keys={"offer_address": self.offer_address or self.caller_address, **self.caller_keys},
        ).start()
        finish(caller, _TIMEOUT_SECONDS + self.seconds)
        finish(callee, _STOP_SECONDS)


def _lead_through_relay(network: Network, between: tuple[str, str]) -> None:
    """Lets the router lead the media of two hosts through the relay, under their own addresses."""
    for one, other in (between, between[::-1]):
        media_port = ("-p", "udp", "--dport", str(RTP_PORT))
        to_relay = ("-s", one, "-d", other, *media_port, "-j", "DNAT", "--to", f"{RELAY}:{RTP_PORT}")
        network.router.run("iptables", "-t", "nat", "-A", "PREROUTING", *to_relay)
        from_relay = ("-s", RELAY, "-d", other, *media_port, "-j", "SNAT", "--to", f"{one}:{RTP_PORT}")
        network.router.run("iptables", "-t", "nat", "-A", "POSTROUTING", *from_relay)


def _audible(scenario: Scenario, sounds: Sounds) -> Scenario:
    """The scenario without playing what there is not: SIPp refuses to start without the file."""
    silent = [play(number) for number in range(1, 10) if number > len(sounds) or not sounds[number - 1]]
    return Scenario(scenario.name, *(step for step in scenario.steps if step not in silent))
