"""The analysis API as functions: sends requests, checks answers, and says plainly what a refusal means."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from sip_ci.errors import InputError, ServiceError
from sip_ci.service.transport import Answer, Transport
from sip_ci.service.wire import (
    AnalysisResponse,
    AnalyzeRequest,
    CaptureCreated,
    ErrorResponse,
    InfoResponse,
    KeysResponse,
    WireModel,
)
from sip_ci.trace.printable import printable

logger = logging.getLogger(__name__)

_UPLOAD_CHUNK = 1024 * 1024
_LONGEST_QUOTA_WAIT = 60.0
"""Seconds that a run waits for the quota's reset; a later reset is for the user to decide about."""

Model = TypeVar("Model", bound=WireModel)


class RequestRefusedError(InputError):
    """Raised when the server refuses this one input; others may still be analysed."""

    def __init__(self, message: str, status: int, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        """The server's slug; empty where it gave none."""


@dataclass(frozen=True, slots=True)
class AnalysisClient:
    """One analysis server, with one key."""

    transport: Transport
    bundled: bool = False
    """Whether the server is this program's own: its request ids lead nowhere, as its log goes with it."""

    def info(self) -> InfoResponse | None:
        """What the server says of itself; None for a server without this extension, such as the hosted one."""
        answer = self.transport.send("GET", "/v1/info", doing="asking the server what it can do")
        if answer.status != 200:
            return None
        try:
            return InfoResponse.model_validate_json(answer.body)
        except ValidationError:
            # A web site that answers every unknown path with its front page.
            return None

    def analyze(self, request: AnalyzeRequest, name: str) -> AnalysisResponse:
        """Have one trace analysed; `name` is what messages call it.

        Raises:
            RequestRefusedError: This trace is refused; the message says why.
            ServiceError: The key, the quota or the server itself is the reason.
        """
        body = request.model_dump_json(exclude_none=True).encode()
        while True:
            answer = self.transport.send(
                "POST", "/v1/analyze", body=body, content_type="application/json", doing=f"the analysis of {name}"
            )
            if answer.status != 429 or not self._wait_for_quota(answer):
                return self._read(answer, AnalysisResponse)

    def upload(self, path: Path) -> CaptureCreated:
        """Upload a capture, streamed from the disk.

        Raises:
            RequestRefusedError: The server does not take this capture.
            ServiceError: As for `analyze`.
            OSError: The file cannot be read.
        """

        def pieces() -> Iterator[bytes]:
            with path.open("rb") as file:
                while piece := file.read(_UPLOAD_CHUNK):
                    yield piece

        path.open("rb").close()
        answer = self.transport.send(
            "POST", "/v1/captures", body=pieces, content_type="application/octet-stream", doing=f"uploading {path.name}"
        )
        return self._read(answer, CaptureCreated)

    def keys(self) -> KeysResponse:
        """The keys of the key's owner."""
        answer = self.transport.send("GET", "/v1/keys", doing="listing the keys")
        if answer.status == 200 and answer.body.lstrip().startswith(b"["):
            # The shape of the hosted service's answer is not published; a bare list is the other likely one.
            answer = Answer(200, answer.headers, b'{"keys":' + answer.body + b"}")
        return self._read(answer, KeysResponse)

    def _wait_for_quota(self, answer: Answer) -> bool:
        reset = _reset_time(answer)
        seconds = reset - time.time() + 1 if reset is not None else None
        if seconds is None or not 0 <= seconds <= _LONGEST_QUOTA_WAIT:
            return False
        logger.warning("the daily quota is used; it is renewed in %d seconds, waiting", seconds)
        return self.transport.deadline.pause(seconds)

    def _read(self, answer: Answer, model: type[Model]) -> Model:
        if answer.status not in (200, 201):
            raise self._refusal(answer)
        try:
            return model.model_validate_json(answer.body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            what = f"field {place}: {first['msg']}" if place else first["msg"]
            raise ServiceError(
                f"{self.transport.base_url} gave an answer that is not the analysis API's ({printable(what)[:200]}); "
                "check the server's address"
            ) from None

    def _refusal(self, answer: Answer) -> ServiceError | RequestRefusedError:
        base, status = self.transport.base_url, answer.status
        error = _error_body(answer)
        said = f": {printable(error.error)[:500]}" if error.error else ""
        request = f" (request {printable(error.request_id)[:64]})" if error.request_id and not self.bundled else ""
        if status in (400, 413, 415, 422):
            text = printable(error.error)[:500] or f"the server refused it with status {status}"
            return RequestRefusedError(text + request, status, error.code)
        if status in (500, 503):
            # It may well be this input that the server stumbled over; the others shall not pay for it.
            return RequestRefusedError(f"the server failed on it{said}{request}", status, error.code or "internal")
        if 300 <= status < 400:
            target = printable(answer.headers.get("Location", "another address"))[:200]
            return ServiceError(f"{base} redirects to {target}; give that server's own URL with --server")
        match status:
            case 401 if self.transport.key is None:
                reason = "wants an API key; set the environment variable SIP_CI_API_KEY"
            case 401:
                reason = f"does not accept the API key{said}; check SIP_CI_API_KEY: it may be revoked or mistyped"
            case 403:
                reason = f"refuses access{said}; the plan of this key's owner must include API access"
            case 404 | 405:
                reason = f"does not speak the analysis API (status {status}); check the server's address"
            case 429:
                reason = f"has no analyses left for this key today{_until(answer)}; wait, or use --server bundled"
            case _:
                reason = f"failed with status {status}{said}"
        return ServiceError(f"{base} {reason}{request}")


def _error_body(answer: Answer) -> ErrorResponse:
    try:
        content = json.loads(answer.body)
        return ErrorResponse.model_validate(content)
    except (ValueError, RecursionError):
        return ErrorResponse(error="")


def _reset_time(answer: Answer) -> float | None:
    """UNIX seconds at which the quota is renewed."""
    for name, offset in (("X-RateLimit-Reset", 0.0), ("Retry-After", time.time())):
        text = answer.headers.get(name, "")
        if text.isascii() and text.isdigit() and len(text) <= 11:
            return float(text) + offset
    return None


def _until(answer: Answer) -> str:
    reset = _reset_time(answer)
    if reset is None:
        return ""
    return f"; the quota is renewed at {datetime.fromtimestamp(reset, UTC):%Y-%m-%d %H:%M} UTC"
