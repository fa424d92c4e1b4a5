"""How one input reaches the server: as text, as a URL, as an upload, or as a transcript in parts."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from sip_ci.errors import InputError, ServiceError
from sip_ci.inputs import TraceFile, is_called_capture
from sip_ci.results import InputResult
from sip_ci.service.client import AnalysisClient, RequestRefusedError
from sip_ci.service.translation import InputAnalysis, Part, translate
from sip_ci.service.wire import MAXIMUM_TRACE_BYTES, AnalysisContext, AnalyzeRequest
from sip_ci.trace.decompression import LONGEST_MAGIC, compression_of
from sip_ci.trace.magics import CAPTURE_MAGICS
from sip_ci.trace.printable import printable

logger = logging.getLogger(__name__)

UNREADABLE_CODES = frozenset({"unreadable-input", "unreadable", ""})
"""The server's words for an input that is no trace of any kind that it knows; the hosted one gives no word."""

_MAXIMUM_FAILURES = 3
_EMPTY = "is empty"
"""After so many inputs in a row that an unavailable server failed on, the server is to blame and not the inputs."""


class Route(Enum):
    """How inputs reach the server; short texts are sent as they are by the first two."""

    FILE_URL = "file URL"
    """The server runs on this machine and may read the workspace."""
    UPLOAD = "upload"
    """The server takes captures."""
    TRANSCRIPT = "transcript"
    """The server takes text only, such as the hosted one: the trace is written out here, redacted, and split."""


class _TooLargeError(InputError):
    """Raised for an input over the limit: it may well be a trace, whatever it is called."""


@dataclass(frozen=True, slots=True)
class Submitter:
    """Submits inputs to one server, one after the other or from several threads."""

    client: AnalysisClient
    route: Route
    context: AnalysisContext
    maximum_bytes: int
    """The largest input that is submitted."""
    _failures: list[str] = field(default_factory=list)
    """What the server said when it failed, input after input; emptied by every answer."""

    def submit(self, file: TraceFile) -> InputAnalysis:
        """Have one input analysed. What is wrong with the input alone becomes part of its result.

        Raises:
            ServiceError: The server failed, or refuses everything.
        """
        try:
            analysis = self._submit(file)
            self._failures.clear()
            return analysis
        except RequestRefusedError as error:
            if error.status >= 500:
                self._failures.append(str(error))
                if error.status == 503 and len(self._failures) >= _MAXIMUM_FAILURES:
                    raise ServiceError(f"{self.client.transport.base_url} is not available: {error}") from None
                return _failed(file, str(error), skip=False)
            unreadable = error.status != 413 and error.code in UNREADABLE_CODES
            return _failed(file, str(error), skip=unreadable and _may_be_no_trace(file))
        except _TooLargeError as error:
            return _failed(file, str(error), skip=False)
        except InputError as error:
            return _failed(file, str(error), skip=_may_be_no_trace(file))
        except OSError as error:
            return _failed(file, f"cannot be read: {error.strerror or type(error).__name__}", skip=False)

    def _submit(self, file: TraceFile) -> InputAnalysis:
        size = file.path.stat().st_size
        if size == 0:
            raise InputError(f"{_EMPTY}; check that the recording had started, and was allowed to record")
        if size > self.maximum_bytes:
            raise _TooLargeError(
                f"has {size} bytes, more than the limit of {self.maximum_bytes}; split it, "
                "or raise max-input-bytes in .sip-ci.yml"
            )
        is_text = not _has_binary_magic(file.path)
        # A server that takes transcripts only is not ours: even a short log goes there redacted.
        as_it_is = is_text and self.route is not Route.TRANSCRIPT and size <= MAXIMUM_TRACE_BYTES
        if as_it_is and (text := _read_text(file.path)) is not None:
            return self._analyze(file, AnalyzeRequest(trace=text, context=self._context_of_text()), is_text=True)
        match self.route:
            case Route.FILE_URL:
                url = file.path.as_uri()
            case Route.UPLOAD:
                url = self.client.upload(file.path).pcap_url
            case Route.TRANSCRIPT:
                return self._transcribe(file, is_text=is_text)
        return self._analyze(file, AnalyzeRequest(pcap_url=url, context=self.context), is_text=is_text)

    def _analyze(self, file: TraceFile, request: AnalyzeRequest, *, is_text: bool) -> InputAnalysis:
        return translate(file, [Part(self.client.analyze(request, file.name))], is_text=is_text)

    def _context_of_text(self) -> AnalysisContext:
        """The context without secrets, which are of no use for a text."""
        return self.context.model_copy(update={"tls_key_log": None})

    def _transcribe(self, file: TraceFile, *, is_text: bool) -> InputAnalysis:
        # Reading captures needs numpy and dpkt, which no other route loads.
        from sip_ci.service.transcribing import transcribe

        context = self._context_of_text()
        chunks = transcribe(file, self.maximum_bytes, (self.context.tls_key_log or "").encode())
        parts = [
            Part(self.client.analyze(AnalyzeRequest(trace=chunk.text, context=context), file.name), chunk)
            for chunk in chunks.pieces
        ]
        return translate(file, parts, is_text=is_text, notices=chunks.notices)


def choose_route(client: AnalysisClient, *, bundled: bool) -> Route:
    """Find out how captures reach the server; one that does not say takes text only.

    Raises:
        ServiceError: The server cannot be reached.
    """
    if bundled:
        return Route.FILE_URL
    info = client.info()
    return Route.UPLOAD if info is not None and info.captures else Route.TRANSCRIPT


def _failed(file: TraceFile, reason: str, *, skip: bool) -> InputAnalysis:
    # What has a trace's name and is empty tells of a recording that failed, also where it fails no build.
    level = logging.WARNING if skip and reason.startswith(_EMPTY) else logging.INFO
    logger.log(level, "%s: %s", printable(file.name), reason)
    return InputAnalysis(InputResult(name=file.name, error=reason), skipped=skip)


def _may_be_no_trace(file: TraceFile) -> bool:
    """Whether it is no wonder if this is no trace: a text that a search came upon, and that nobody called a capture."""
    return not file.named and not is_called_capture(file.name)


def _has_binary_magic(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(LONGEST_MAGIC)
    return head.startswith(CAPTURE_MAGICS) or compression_of(head) is not None


def _read_text(path: Path) -> str | None:
    """The file as text, or None if it is not UTF-8."""
    with path.open("rb") as file:
        # One byte more than allowed: the file may have grown since it was measured.
        data = file.read(MAXIMUM_TRACE_BYTES + 1)
    if len(data) > MAXIMUM_TRACE_BYTES:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
