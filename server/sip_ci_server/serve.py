"""Runs the server in this process: binds, announces, serves, and ends in time."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import uvicorn

from sip_ci.errors import ServiceError
from sip_ci_server.api.captures import purge_forever
from sip_ci_server.app import create_app
from sip_ci_server.services import Services, open_services
from sip_ci_server.settings import ServerSettings
from sip_ci_server.workers import ProcessWorkers

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 0.8
"""What running analyses are given when the server is told to end."""


class AnnouncingServer(uvicorn.Server):
    """A uvicorn server that says when it listens, and that ends its workers before it ends."""

    def __init__(self, config: uvicorn.Config, services: Services, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._services = services
        self._announce = announce
        self._purging: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then announce it."""
        await super().startup(sockets)
        if self._services.captures is not None:
            self._purging = asyncio.create_task(purge_forever(self._services.captures))
        if not self.should_exit:
            self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let running requests finish for a moment; what is left by then is answered 503."""
        self._services.runner.closing = True
        closing = asyncio.create_task(self._services.runner.close(_GRACE_SECONDS))
        self._services.inputs.close()
        if self._purging is not None:
            self._purging.cancel()
        await super().shutdown(sockets)
        await closing


def serve(settings: ServerSettings, port_file: Path | None) -> NoReturn:
    """Serve until SIGTERM or SIGINT, then end this process with exit code 0.

    Args:
        settings: where to listen, and everything else.
        port_file: a file that is given the port once the server listens, for a parent that asked for port 0.

    Raises:
        ConfigError, ServiceError: in one line, if the server cannot start.
    """
    workers = ProcessWorkers(settings.workers, settings.analysis_timeout)
    try:
        listener = bind(settings.host, settings.port)
        services = open_services(settings, workers)
        host, port = listener.getsockname()[:2]

        def announce() -> None:
            shown = f"[{host}]" if ":" in host else host
            print(f"sip-ci-server listening on http://{shown}:{port}", file=sys.stderr, flush=True)  # noqa: T201
            if port_file is not None:
                write_atomically(port_file, f"{port}\n")
            workers.warm_up()
            gc.freeze()
            gc.enable()

        config = uvicorn.Config(
            create_app(services),
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        # uvicorn ends by raising the signal that it was sent; being told to end is no failure, so it finds no effect.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        AnnouncingServer(config, services, announce).run(sockets=[listener])
    finally:
        workers.shutdown(wait=False, cancel_futures=True)
    # Threads that wait for a name server or a lock must not hold the end up, and there is nothing left to tear down.
    logging.shutdown()
    sys.stderr.flush()
    os._exit(0)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ServiceError: if the address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(512)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        remedy = "; choose another with --port, or 0" if error.errno == errno.EADDRINUSE else ""
        raise ServiceError(f"cannot listen on {host} port {port}: {error.strerror}{remedy}") from None
    listener.setblocking(False)
    return listener


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that nobody ever reads half of it.

    Raises:
        ServiceError: if it cannot be written.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        Path(temporary).replace(path)
    except OSError as error:
        raise ServiceError(f"cannot write {path}: {error.strerror}") from None
