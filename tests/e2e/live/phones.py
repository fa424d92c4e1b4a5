"""A call between two baresip phones, each with its own source of sound, so that RTP and RTCP flow both ways."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.support.capture import recorded
from tests.support.network import Host, Network
from tests.support.speech import write_tone
from tests.support.tls import make_identity

_MODULES = "/usr/lib/baresip/modules"
_START_SECONDS = 10
_STOP_SECONDS = 5
_LINGER_SECONDS = 0.7
_SOUND_SECONDS = 30
_CONTROL_PORT = 4444
_TARGETS = {"udp": "", "tcp": ";transport=tcp", "tls": ":5061;transport=tls"}
_SIP_PORT = ":13C4 "  # 5060, as /proc/net/udp writes it

_CONFIGURATION = """\
poll_method epoll
sip_listen {address}:5060
audio_source aufile,{sound}
audio_player aubridge,nowhere
audio_alert aubridge,nowhere
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels 1
auplay_channels 1
rtp_ports 10000-10100
rtp_stats yes
ctrl_tcp_listen 127.0.0.1:4444
video_source fakevideo,nil
video_display fakevideo,nil
module_path {modules}
module aufile.so
module aubridge.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
"""


def reason_without_baresip() -> str:
    """Why baresip cannot be used here, in one sentence; empty where it can."""
    return "" if shutil.which("baresip") and Path(_MODULES, "g711.so").exists() else "not installed: baresip"


@dataclass(frozen=True, slots=True)
class Phone:
    """What one phone can do, in the words of baresip's own configuration."""

    modules: tuple[str, ...] = ("g711",)
    account: str = "audio_codecs=PCMU,PCMA"
    """The parameters of its account."""
    settings: tuple[str, ...] = ()
    """More lines of its configuration."""
    sample_rate: int = 8000
    """Samples a second of its sound; a codec that wants another rate does not start."""
    transport: str = "udp"
    """`udp`, `tcp` or `tls`, by which it calls and answers."""


PLAIN_PHONE = Phone()


def _phone(host: Host, user: str, folder: Path, phone: Phone, *arguments: str) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    sound = folder / "tone.wav"
    rate = phone.sample_rate
    lines = [_CONFIGURATION.format(address=host.address, modules=_MODULES, sound=sound, rate=rate), *phone.settings]
    lines += [f"module {name}.so" for name in phone.modules]
    if phone.transport == "tls":
        lines.append(f"sip_certificate {_certificate(folder, host.address)}")
    (folder / "config").write_text("\n".join(lines) + "\n")
    own = f"<sip:{user}@{host.address};transport={phone.transport}>"
    (folder / "accounts").write_text(f"{own};regint=0;answermode=auto;{phone.account}\n")
    write_tone(sound, _SOUND_SECONDS, rate)
    (folder / "contacts").write_text("")
    with (folder / "output.log").open("wb") as output:
        return subprocess.Popen(
            host.command("baresip", "-f", str(folder), *arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
        )


def _certificate(folder: Path, address: str) -> Path:
    """A key and its self-signed certificate in one file."""
    identity = make_identity(folder, address, f"IP:{address}")
    both = folder / "identity.pem"
    both.write_bytes(identity.key.read_bytes() + identity.certificate.read_bytes())
    return both


def _press(host: Host, command: str, parameters: str) -> None:
    """Has a phone carry out one of its menu's commands, by JSON in a netstring over TCP."""
    said = json.dumps({"command": command, "params": parameters})
    script = f"exec 3<>/dev/tcp/127.0.0.1/{_CONTROL_PORT}; printf '%s' {shlex.quote(f'{len(said)}:{said},')} >&3; "
    host.run("bash", "-c", script + "sleep 0.2")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_SECONDS)


def call_between_phones(
    capture: Path,
    talk: float,
    *arguments: str,
    caller_phone: Phone = PLAIN_PHONE,
    callee_phone: Phone = PLAIN_PHONE,
    pressed: Sequence[tuple[float, str, str]] = (),
    dropped: Sequence[tuple[str, ...]] = (),
) -> None:
    """Makes a call of about `talk` seconds, recorded in `capture`. Raises RuntimeError where a phone does not start.

    `arguments` are given to both phones, whose output is kept beside the capture as `caller/output.log` and
    `callee/output.log`. `pressed` is what the caller does in the call: seconds after the one before, a command of the
    phone's menu, and its parameters. `dropped` are `iptables` matches of what the router between them drops.
    """
    folder = capture.parent
    with Network() as network, ExitStack() as running:
        caller, callee = network.host("caller", "203.0.113.10"), network.host("callee", "198.51.100.20")
        for match in dropped:
            network.drop(*match)
        with recorded(capture, caller):
            answering = _phone(callee, "bob", folder / "callee", callee_phone, *arguments)
            running.callback(_stop, answering)
            deadline = time.monotonic() + _START_SECONDS
            while _SIP_PORT not in Path(f"/proc/{answering.pid}/net/udp").read_text():
                if answering.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"baresip does not start: {(folder / 'callee' / 'output.log').read_text()}")
                time.sleep(0.05)
            target = f"sip:bob@{callee.address}{_TARGETS[callee_phone.transport]}"
            calling = _phone(caller, "alice", folder / "caller", caller_phone, *arguments, "-e", f"/dial {target}")
            running.callback(_stop, calling)
            for seconds, command, parameters in pressed:
                time.sleep(seconds)
                _press(caller, command, parameters)
            time.sleep(talk)
            _stop(calling)
            time.sleep(_LINGER_SECONDS)


@dataclass(frozen=True, slots=True)
class PhoneCall:
    """A call between two baresip phones, which keep no log."""

    talk: float
    suffix: str = ".pcap"

    @property
    def seen_from_one_place(self) -> bool:
        """There is no log to compare with."""
        return False

    @property
    def seconds(self) -> float:
        """How long the call may take."""
        return self.talk + _LINGER_SECONDS

    @property
    def programs(self) -> str:
        """Which programs made the call, in a few words."""
        return "baresip → baresip"

    def missing(self) -> str:
        """What it needs and is not here, in one sentence; empty where nothing is missing."""
        return reason_without_baresip()

    def record(self, folder: Path) -> tuple[Path, Path | None]:
        """Makes the call; returns the capture. RuntimeError where a phone does not start."""
        capture = folder / f"call{self.suffix}"
        call_between_phones(capture, self.talk)
        return capture, None
