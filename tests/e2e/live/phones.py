"""A call between two baresip phones, each with its own source of sound, so that RTP and RTCP flow both ways."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.support.capture import recorded
from tests.support.network import Host, Network
from tests.support.speech import write_tone

_MODULES = "/usr/lib/baresip/modules"
_START_SECONDS = 10
_STOP_SECONDS = 5
_LINGER_SECONDS = 0.7
_SOUND_SECONDS = 30
_SIP_PORT = ":13C4 "  # 5060, as /proc/net/udp writes it

_CONFIGURATION = """\
poll_method epoll
sip_listen {address}:5060
audio_source aufile,{sound}
audio_player aubridge,nowhere
audio_alert aubridge,nowhere
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports 10000-10100
rtcp_mux no
rtp_stats yes
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module_app account.so
module_app menu.so
"""


def reason_without_baresip() -> str:
    """Why baresip cannot be used here, in one sentence; empty where it can."""
    return "" if shutil.which("baresip") and Path(_MODULES, "g711.so").exists() else "not installed: baresip"


def _phone(host: Host, user: str, folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(
        _CONFIGURATION.format(address=host.address, modules=_MODULES, sound=folder / "tone.wav")
    )
    (folder / "accounts").write_text(f"<sip:{user}@{host.address}>;regint=0;answermode=auto;audio_codecs=PCMU,PCMA\n")
    write_tone(folder / "tone.wav", _SOUND_SECONDS)
    (folder / "contacts").write_text("")
    with (folder / "output.log").open("wb") as output:
        return subprocess.Popen(
            host.command("baresip", "-f", str(folder), *arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_SECONDS)


def call_between_phones(capture: Path, talk: float, *arguments: str) -> None:
    """Makes a call of about `talk` seconds, recorded in `capture`. Raises RuntimeError where a phone does not start.

    `arguments` are given to both phones, whose output is kept beside the capture as `caller/output.log` and
    `callee/output.log`.
    """
    folder = capture.parent
    with Network() as network, ExitStack() as running:
        caller, callee = network.host("caller", "203.0.113.10"), network.host("callee", "198.51.100.20")
        with recorded(capture, caller):
            answering = _phone(callee, "bob", folder / "callee", *arguments)
            running.callback(_stop, answering)
            deadline = time.monotonic() + _START_SECONDS
            while _SIP_PORT not in Path(f"/proc/{answering.pid}/net/udp").read_text():
                if answering.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"baresip does not start: {(folder / 'callee' / 'output.log').read_text()}")
                time.sleep(0.05)
            calling = _phone(caller, "alice", folder / "caller", *arguments, "-e", f"/dial sip:bob@{callee.address}")
            running.callback(_stop, calling)
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
