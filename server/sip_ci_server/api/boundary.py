"""The outermost layer: request ids, whose key it is, headers of every response, counting, and the last resort."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sip_ci_server.accounts.interface import AccountsUnavailableError, Identity, Principal, Usage
from sip_ci_server.accounts.secrets import bearer_token
from sip_ci_server.api.errors import ApiError, ErrorCode, error_response
from sip_ci_server.services import Services

logger = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Caller:
    """Who sent a request, and the state of the quota that its response will tell."""

    def __init__(self) -> None:
        self.principal: Principal | None = None
        self.usage: Usage | None = None
        self.failure: AccountsUnavailableError | None = None
        """Why the key could not be looked up; an error only where a key is needed."""

    def recognise(self, identity: Identity) -> None:
        """Note whose key it is."""
        self.principal, self.usage = identity.principal, identity.usage


class Boundary:
    """Pure ASGI, so that bodies stream through it."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        wanted = headers.get("x-request-id", "")
        request_id = wanted if _REQUEST_ID.fullmatch(wanted) else secrets.token_hex(8)
        caller = Caller()
        scope.setdefault("state", {}).update(request_id=request_id, caller=caller)
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(MutableHeaders(scope=message), request_id, caller.usage)
            await send(message)

        started = time.perf_counter()
        try:
            await self._recognise(headers, caller)
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            logger.info("%s the client went away", request_id)
        except Exception:  # the last resort: nothing but an answer in the API's form reaches the client
            logger.exception("%s internal error", request_id)
            if status == 0:
                error = ApiError(
                    HTTPStatus.INTERNAL_SERVER_ERROR,
                    ErrorCode.INTERNAL,
                    "the server failed on this request; its log has the details under the request id",
                )
                await error_response(request_id, error)(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self._services.telemetry.request(scope["method"], route, status)
            elapsed_ms = 1000 * (time.perf_counter() - started)
            logger.info("%s %s %s %d %.1f ms", request_id, scope["method"], route, status, elapsed_ms)

    async def _recognise(self, headers: Headers, caller: Caller) -> None:
        authorization = headers.get("authorization")
        if authorization is None:
            return
        try:
            # Malformed keys are looked up too: a refusal takes the same time whatever was wrong.
            identity = await asyncio.to_thread(self._services.accounts.identify, bearer_token(authorization))
        except AccountsUnavailableError as error:
            caller.failure = error
            return
        if identity is not None:
            caller.recognise(identity)


def _add_headers(headers: MutableHeaders, request_id: str, usage: Usage | None) -> None:
    headers["X-Request-Id"] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cache-Control"] = "no-store"
    if usage is not None:
        headers["X-RateLimit-Limit"] = str(usage.limit)
        headers["X-RateLimit-Remaining"] = str(usage.remaining)
        headers["X-RateLimit-Reset"] = str(usage.reset)
