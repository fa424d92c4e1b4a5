"""One run against one server: opens it, submits every input to it, and closes it whatever happens."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from sip_ci.errors import UsageError
from sip_ci.inputs import TraceFile
from sip_ci.service.deadline import Deadline
from sip_ci.service.embedded import EmbeddedServer

if TYPE_CHECKING:
    from sip_ci.service.submission import Submitter
    from sip_ci.service.translation import InputAnalysis
    from sip_ci.service.transport import Transport
    from sip_ci.service.wire import AnalysisContext

logger = logging.getLogger(__name__)

_MAXIMUM_CONCURRENT = 4


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """Which server to use, and how."""

    url: str | None
    """None is the bundled server."""
    key: SecretStr | None
    allow_http: bool
    key_required: bool
    """Whether it is known beforehand that the server wants a key."""
    timeout: float
    """Seconds for the whole run."""
    maximum_bytes: int
    """The largest input that is submitted."""
    context: AnalysisContext
    started: EmbeddedServer | None = None
    """A bundled server that was started before it was known what the run needs."""


def analyze_all(
    access: ServerAccess,
    files: Sequence[TraceFile],
    workspace: Path,
    finished: Callable[[str], None] = lambda _name: None,
) -> tuple[InputAnalysis, ...]:
    """Have all inputs analysed, several at a time; the answers come in the order of the inputs.

    Args:
        access: The server.
        files: The inputs.
        workspace: The folder that a bundled server may read besides the inputs' own.
        finished: Called with the name of each input that is done, from any thread.

    Raises:
        ServiceError: The server failed or refuses everything; nothing of the run is kept.
        UsageError: The server wants a key and there is none, or it may not be sent there.
    """
    deadline = Deadline(access.timeout)
    with _open(access, files, workspace, deadline) as submitter:

        def submit(file: TraceFile) -> InputAnalysis:
            analysis = submitter.submit(file)
            finished(file.name)
            return analysis

        pool = ThreadPoolExecutor(max_workers=min(_MAXIMUM_CONCURRENT, len(files)), thread_name_prefix="submit")
        try:
            return tuple(pool.map(submit, files))
        finally:
            # After the first failure, or Ctrl-C, nothing that is still waiting may start or go on waiting.
            deadline.cancel()
            pool.shutdown(wait=False, cancel_futures=True)


@contextlib.contextmanager
def _open(access: ServerAccess, files: Sequence[TraceFile], workspace: Path, deadline: Deadline) -> Iterator[Submitter]:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_embedded(access, files, workspace)) if access.url is None else None
        # Imported while the child is getting ready: they take as long to load as a small analysis.
        from sip_ci.service.client import AnalysisClient
        from sip_ci.service.submission import Submitter, choose_route
        from sip_ci.service.transport import Transport

        if server is not None:
            transport = Transport(server.wait(), server.key, deadline, check_server=server.check)
        else:
            assert access.url is not None
            transport = _remote(access, access.url, deadline)
        client = AnalysisClient(transport, bundled=server is not None)
        route = choose_route(client, bundled=access.url is None)
        logger.info("analysing with %s (%s)", access.url or "the bundled server", route.value)
        yield Submitter(client, route, access.context, access.maximum_bytes)


def _embedded(access: ServerAccess, files: Sequence[TraceFile], workspace: Path) -> EmbeddedServer:
    server = access.started or EmbeddedServer()
    server.need(_file_roots(files, workspace), access.maximum_bytes, access.timeout)
    return server


def _remote(access: ServerAccess, url: str, deadline: Deadline) -> Transport:
    if access.key is None and access.key_required:
        raise UsageError(
            f"{url} wants an API key: set the environment variable SIP_CI_API_KEY (in CI: from a secret), "
            "or use --server bundled, which needs none"
        )
    from sip_ci.service.transport import Transport, is_loopback

    transport = Transport(url, access.key, deadline, allow_http=access.allow_http)
    if url.startswith("http:") and not is_loopback(url):
        logger.warning("%s is spoken to without encryption: traces, and the key if any, can be read on the way", url)
    return transport


def _file_roots(files: Sequence[TraceFile], workspace: Path) -> tuple[Path, ...]:
    outside = {file.path.parent for file in files if not file.path.is_relative_to(workspace)}
    return (workspace, *sorted(outside))
