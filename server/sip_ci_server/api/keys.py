"""`GET /v1/keys`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from sip_ci.service.wire import ErrorResponse, KeysResponse
from sip_ci_server.accounts.interface import Principal
from sip_ci_server.api.access import require_principal, services_of

router = APIRouter()


@router.get(
    "/v1/keys",
    summary="List your API keys",
    responses={
        status: {"model": ErrorResponse, "description": HTTPStatus(status).phrase} for status in (401, 403, 503)
    },
)
def list_keys(request: Request, principal: Annotated[Principal, Depends(require_principal)]) -> KeysResponse:
    """List the keys of the authenticated user, newest first, never their secrets."""
    return KeysResponse(keys=services_of(request).accounts.keys(principal))
