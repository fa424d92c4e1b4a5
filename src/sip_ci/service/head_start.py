"""Starts the bundled server before anything is known but that the run will use it.

Reading the settings and finding the inputs takes as long as a small analysis, and the server can load meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sip_ci.errors import ServiceError
from sip_ci.service.embedded import EmbeddedServer

_VARIABLES = ("SIP_CI_SERVER", "SIP_CI_INPUT_SERVER", "SIP_CI_CONFIG", "SIP_CI_INPUT_CONFIG")
_BUNDLED = "bundled"
_LARGEST_CONFIG = 1 << 20


@contextlib.contextmanager
def head_start(
    flag: str | None, configs: Sequence[Path], environment: Mapping[str, str]
) -> Iterator[EmbeddedServer | None]:
    """A bundled server that is starting; None where the run may use another one, or where it cannot be started.

    Args:
        flag: What the command line says of the server.
        configs: The config files that may name a server.
        environment: The environment.
    """
    server = EmbeddedServer() if _uses_bundled(flag, configs, environment) else None
    if server is None:
        yield None
        return
    try:
        server.start()
    except ServiceError:
        # Whoever needs it says so.
        yield None
        return
    with server:
        yield server


def _uses_bundled(flag: str | None, configs: Sequence[Path], environment: Mapping[str, str]) -> bool:
    if flag is not None:
        return flag.strip() == _BUNDLED
    if any(environment.get(name, "").strip() not in ("", _BUNDLED) for name in _VARIABLES):
        return False
    return not any(_mentions_server(config) for config in configs)


def _mentions_server(config: Path) -> bool:
    try:
        with config.open("rb") as file:
            return b"server" in file.read(_LARGEST_CONFIG)
    except OSError:
        return False
