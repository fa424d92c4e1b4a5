"""Errors as the API answers them: JSON with `error`, `code` and `request_id`, whatever went wrong."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from sip_ci.service.wire import ErrorResponse
from sip_ci_server.accounts.interface import AccountsUnavailableError

RETRY_AFTER_SECONDS = 2
"""What a client is told to wait when the server cannot answer now."""


class ErrorCode(StrEnum):
    """The slugs of `code`."""

    INVALID_REQUEST = "invalid-request"
    UNREADABLE_INPUT = "unreadable-input"
    FETCH_FAILED = "fetch-failed"
    UNAUTHORIZED = "unauthorized"
    PLAN_WITHOUT_API = "plan-without-api"
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    TOO_LARGE = "too-large"
    ANALYSIS_TIMEOUT = "analysis-timeout"
    QUOTA_USED = "quota-used"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"
    STORE_FULL = "store-full"
    CAPTURES_DISABLED = "captures-disabled"


class ApiError(Exception):
    """An answer that is not the one asked for."""

    def __init__(self, status: HTTPStatus, code: ErrorCode, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text
        self.headers = headers or {}


def invalid(text: str, code: ErrorCode = ErrorCode.INVALID_REQUEST) -> ApiError:
    """Return a 400."""
    return ApiError(HTTPStatus.BAD_REQUEST, code, text)


def too_large(text: str, code: ErrorCode = ErrorCode.TOO_LARGE) -> ApiError:
    """Return a 413."""
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code, text)


def unavailable(text: str, code: ErrorCode = ErrorCode.UNAVAILABLE) -> ApiError:
    """Return a 503 that says when to try again."""
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, code, text, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def unauthorized() -> ApiError:
    """Return the one 401 that there is: it does not say what is wrong with the key."""
    return ApiError(
        HTTPStatus.UNAUTHORIZED,
        ErrorCode.UNAUTHORIZED,
        "the API key is missing, invalid or revoked; send it as `Authorization: Bearer sips_…`",
        {"WWW-Authenticate": "Bearer"},
    )


def error_response(request_id: str, error: ApiError) -> Response:
    """Return the response for an error."""
    body = ErrorResponse(error=error.text, code=error.code.value, request_id=request_id)
    return Response(body.model_dump_json(), error.status, error.headers, "application/json")


def install_error_handlers(app: FastAPI) -> None:
    """Make the app answer every error in the API's form."""

    def answer(request: Request, error: ApiError) -> Response:
        return error_response(request.state.request_id, error)

    @app.exception_handler(ApiError)
    async def on_api_error(request: Request, error: ApiError) -> Response:
        return answer(request, error)

    @app.exception_handler(AccountsUnavailableError)
    async def on_accounts_unavailable(request: Request, error: AccountsUnavailableError) -> Response:
        return answer(request, unavailable(f"accounts are unavailable: {error}; try again"))

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return answer(request, invalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}"))

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        known = {
            404: (ErrorCode.NOT_FOUND, "there is nothing at this address; the API begins at /v1/analyze"),
            405: (ErrorCode.METHOD_NOT_ALLOWED, "this address does not take this method"),
        }
        code, text = known.get(error.status_code, (ErrorCode.INVALID_REQUEST, str(error.detail)))
        return answer(request, ApiError(HTTPStatus(error.status_code), code, text, dict(error.headers or {})))
