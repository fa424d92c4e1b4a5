"""`POST /v1/analyze`."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from sip_ci import __version__
from sip_ci.service.wire import MAXIMUM_TRACE_BYTES, AnalysisResponse, AnalyzeRequest, ErrorResponse
from sip_ci_server.accounts.interface import Principal, Usage
from sip_ci_server.accounts.moments import timestamp
from sip_ci_server.api.access import caller_of, own_origins, require_principal, services_of
from sip_ci_server.api.bodies import read_body
from sip_ci_server.api.errors import ApiError, ErrorCode, invalid, too_large, unavailable
from sip_ci_server.fetching import FetchError, TooLargeError
from sip_ci_server.worker_process import WorkerCrashedError, WorkerTimeoutError
from sip_ci_server.workers import OverloadedError

logger = logging.getLogger(__name__)

router = APIRouter()

_BODY_LIMIT = 6 * MAXIMUM_TRACE_BYTES + 65_536
"""The longest body: every byte of the trace written as `\\u00XX`, and room for the rest."""
_TRACE_TOO_LARGE = f"the trace is over {MAXIMUM_TRACE_BYTES // 1024} KB; split it by call, or send a capture"
_ERRORS = (400, 401, 403, 413, 429, 503)


@router.post(
    "/v1/analyze",
    summary="Diagnose one trace",
    response_model=AnalysisResponse,
    responses={status: {"model": ErrorResponse, "description": HTTPStatus(status).phrase} for status in _ERRORS},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AnalyzeRequest"}}},
        }
    },
)
async def analyze(request: Request, principal: Annotated[Principal, Depends(require_principal)]) -> Response:
    """Analyse a text (`trace`) or a capture (`pcap_url`) and answer the findings."""
    started = time.perf_counter()
    services = services_of(request)
    caller = caller_of(request)
    wanted = parse_request(await read_body(request, _BODY_LIMIT, _TRACE_TOO_LARGE))
    if not services.runner.available:
        raise unavailable("too many analyses are waiting; try again", ErrorCode.OVERLOADED)

    reservation = await asyncio.to_thread(services.accounts.reserve, principal)
    caller.usage = reservation.usage
    if not reservation.granted:
        raise _quota_used(reservation.usage)
    try:
        raw = await _run(request, principal, wanted)
        body = _complete(raw, principal, reservation.usage, started)
    except BaseException:
        # A refused request, and one that the server failed on, costs nothing.
        caller.usage = await asyncio.to_thread(services.accounts.release, principal, reservation)
        raise
    services.telemetry.analysis(time.perf_counter() - started)
    return Response(body, media_type="application/json")


def parse_request(body: bytes) -> AnalyzeRequest:
    """Read the body of a request.

    Raises:
        ApiError: 400 if it is not what the API asks for, 413 if the trace is too long.
    """
    try:
        wanted = AnalyzeRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise invalid(f"{place}: {first['msg']}" if place else f"the body is not valid: {first['msg']}") from None
    if (wanted.trace is None) == (wanted.pcap_url is None):
        raise invalid("send either `trace` or `pcap_url`, not " + ("both" if wanted.trace is not None else "neither"))
    if wanted.trace is not None:
        if len(wanted.trace) > MAXIMUM_TRACE_BYTES or len(wanted.trace.encode()) > MAXIMUM_TRACE_BYTES:
            raise too_large(_TRACE_TOO_LARGE)
        if not wanted.trace.strip():
            raise invalid("`trace` is empty")
    return wanted


async def _run(request: Request, principal: Principal, wanted: AnalyzeRequest) -> bytes:
    services = services_of(request)
    with ExitStack() as stack:
        source: Path | str
        try:
            if wanted.pcap_url is not None:
                opening = services.inputs.open(wanted.pcap_url, principal.user_id, own_origins(request))
                loop = asyncio.get_running_loop()
                opened = await loop.run_in_executor(services.inputs.threads, stack.enter_context, opening)
                source, name = opened.path, opened.name
            else:
                source, name = wanted.trace or "", "trace"
            return await services.runner.run(source, name, wanted.context)
        except TooLargeError as error:
            raise too_large(str(error)) from None
        except FetchError as error:
            if services.runner.closing:
                raise unavailable("the server is shutting down; try again") from None
            raise invalid(str(error), ErrorCode.FETCH_FAILED) from None
        except OverloadedError as error:
            raise unavailable(f"{error}; try again", ErrorCode.OVERLOADED) from None
        except WorkerTimeoutError as error:
            raise too_large(
                f"{error}, which is this server's limit; split the input", ErrorCode.ANALYSIS_TIMEOUT
            ) from None
        except WorkerCrashedError as error:
            logger.warning("%s %s", request.state.request_id, error)
            raise unavailable(f"{error}; try again") from None
        except MemoryError:
            raise too_large("the input needs more memory than this server has; split it") from None
        except Exception as error:
            # By name: importing the class would load the engine into this process.
            if type(error).__name__ == "UnreadableInputError":
                raise invalid(str(error), ErrorCode.UNREADABLE_INPUT) from None
            raise


def _complete(raw: bytes, principal: Principal, usage: Usage, started: float) -> bytes:
    response = AnalysisResponse.model_validate_json(raw)
    meta = response.meta.model_copy(
        update={
            "analyzed_at": timestamp(datetime.now(UTC)),
            "elapsed_ms": round(1000 * (time.perf_counter() - started), 3),
            "plan": principal.plan.value,
            "calls_today": usage.used,
            "calls_remaining": usage.remaining,
            "calls_limit": usage.limit,
            "engine_version": response.meta.engine_version or __version__,
        }
    )
    return response.model_copy(update={"meta": meta}).model_dump_json().encode()


def _quota_used(usage: Usage) -> ApiError:
    wait = max(1, usage.reset - int(time.time()))
    whose = "team's" if usage.used < usage.limit else "day's"
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        ErrorCode.QUOTA_USED,
        f"the {whose} analyses are used up; the quota is renewed at midnight UTC",
        {"Retry-After": str(wait)},
    )
