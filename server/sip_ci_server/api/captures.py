"""`POST /v1/captures`."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from sip_ci.service.wire import CaptureCreated, ErrorResponse
from sip_ci_server.accounts.interface import Principal
from sip_ci_server.accounts.moments import timestamp
from sip_ci_server.api.access import own_origins, require_principal, services_of
from sip_ci_server.api.bodies import limited_body
from sip_ci_server.api.errors import ApiError, ErrorCode, invalid, unavailable
from sip_ci_server.storage.captures import CaptureStore, CaptureUpload, StoreFullError

router = APIRouter()

_FLUSH_BYTES = 1 << 20
_ERRORS = (400, 401, 403, 404, 413, 503)


@router.post(
    "/v1/captures",
    summary="Upload one capture, to be analysed by its URL",
    status_code=HTTPStatus.CREATED,
    response_model=CaptureCreated,
    responses={status: {"model": ErrorResponse, "description": HTTPStatus(status).phrase} for status in _ERRORS},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}},
        }
    },
)
async def create_capture(request: Request, principal: Annotated[Principal, Depends(require_principal)]) -> Response:
    """Keep the body, a capture or a log, compressed or not, until it expires."""
    services = services_of(request)
    store = services.captures
    if store is None:
        raise ApiError(HTTPStatus.NOT_FOUND, ErrorCode.CAPTURES_DISABLED, "this server keeps no captures")
    try:
        upload = await asyncio.to_thread(store.begin)
    except StoreFullError:
        raise unavailable("the store of captures is full; try again later", ErrorCode.STORE_FULL) from None
    try:
        size = await _receive(request, upload, services.settings.capture_bytes)
        if size == 0:
            raise invalid("the body is empty; it is the capture itself")
        expires_at = await asyncio.to_thread(store.finish, upload, principal.user_id)
    except OSError:
        await asyncio.to_thread(upload.discard)
        raise unavailable("the capture could not be stored", ErrorCode.STORE_FULL) from None
    except BaseException:
        await asyncio.to_thread(upload.discard)
        raise
    services.telemetry.uploaded(size)
    url = f"{own_origins(request)[0]}/v1/captures/{upload.id}"
    created = CaptureCreated(id=upload.id, pcap_url=url, expires_at=timestamp(expires_at))
    return Response(created.model_dump_json(), HTTPStatus.CREATED, media_type="application/json")


async def _receive(request: Request, upload: CaptureUpload, limit: int) -> int:
    size = 0
    waiting: list[bytes] = []
    waiting_bytes = 0
    refusal = f"the capture is larger than this server takes ({limit} bytes)"
    async for part in limited_body(request, limit, refusal):
        size += len(part)
        waiting.append(part)
        waiting_bytes += len(part)
        if waiting_bytes >= _FLUSH_BYTES:
            await asyncio.to_thread(upload.file.writelines, waiting)
            waiting, waiting_bytes = [], 0
    await asyncio.to_thread(upload.file.writelines, waiting)
    await asyncio.to_thread(upload.file.flush)
    return size


async def purge_forever(store: CaptureStore, interval: float = 60.0) -> None:
    """Delete expired captures, every `interval` seconds."""
    while True:
        await asyncio.to_thread(store.purge)
        await asyncio.sleep(interval)
