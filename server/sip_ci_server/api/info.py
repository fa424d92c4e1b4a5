"""`GET /v1/info`: what this server is and takes."""

from __future__ import annotations

from fastapi import APIRouter, Request

from sip_ci import __version__
from sip_ci.service.wire import MAXIMUM_TRACE_BYTES, InfoLimits, InfoResponse
from sip_ci_server.api.access import services_of

router = APIRouter()


@router.get("/v1/info", summary="Ask what this server is")
async def info(request: Request) -> InfoResponse:
    """Say the version, whether captures can be uploaded, and the limits. Needs no key."""
    services = services_of(request)
    return InfoResponse(
        service="sip-ci-server",
        version=__version__,
        captures=services.captures is not None,
        limits=InfoLimits(trace_bytes=MAXIMUM_TRACE_BYTES, capture_bytes=services.settings.capture_bytes),
    )
