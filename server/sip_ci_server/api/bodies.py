"""Request bodies: read as they arrive, and no further than a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request

from sip_ci_server.api.errors import ApiError, invalid, too_large

IDLE_SECONDS = 30.0
"""How long the server waits for the next part of a body."""


async def limited_body(request: Request, limit: int, refusal: str) -> AsyncIterator[bytes]:
    """Yield a body's parts.

    Raises:
        ApiError: 413 with `refusal` once there are more than `limit` bytes, or before the first if the request says
            so; 400 if the client stops sending.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 18 or int(declared) > limit):
        raise _closing(too_large(refusal))
    received = 0
    parts = request.stream()
    while True:
        try:
            part = await asyncio.wait_for(anext(parts), IDLE_SECONDS)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise _closing(invalid(f"the request's body did not arrive: {IDLE_SECONDS:g} seconds of silence")) from None
        received += len(part)
        if received > limit:
            raise _closing(too_large(refusal))
        if part:
            yield part


async def read_body(request: Request, limit: int, refusal: str) -> bytes:
    """Return a whole body of at most `limit` bytes.

    Raises:
        ApiError: as `limited_body` does.
    """
    return b"".join([part async for part in limited_body(request, limit, refusal)])


def _closing(error: ApiError) -> ApiError:
    # The rest of the body is not read, so the connection cannot serve another request.
    error.headers["Connection"] = "close"
    return error
