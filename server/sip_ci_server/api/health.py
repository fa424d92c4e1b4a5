"""`GET /healthz`, `/readyz` and `/metrics`, for whoever operates the server."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from sip_ci.service.wire import ErrorResponse
from sip_ci_server.api.access import services_of
from sip_ci_server.api.errors import unavailable
from sip_ci_server.api.telemetry import CONTENT_TYPE

router = APIRouter()


class HealthResponse(BaseModel):
    """That all is well."""

    status: str = "ok"


@router.get("/healthz", summary="Whether the process lives")
async def healthz() -> HealthResponse:
    """Answer while the process can answer at all."""
    return HealthResponse()


@router.get("/readyz", summary="Whether requests would be served", responses={503: {"model": ErrorResponse}})
async def readyz(request: Request) -> HealthResponse:
    """Answer 200 if the accounts can be reached and an analysis would be taken; else 503."""
    services = services_of(request)
    if not services.runner.available:
        raise unavailable("no further analysis is taken now")
    await asyncio.to_thread(services.accounts.ping)
    return HealthResponse()


@router.get("/metrics", summary="Counters for Prometheus", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Answer the counters of this process."""
    services = services_of(request)
    return Response(services.telemetry.render(services.runner.pending), media_type=CONTENT_TYPE)
