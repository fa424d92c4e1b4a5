"""What routes ask of a request: whose it is, and the services behind it."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Request

from sip_ci_server.accounts.interface import Principal
from sip_ci_server.api.boundary import Caller
from sip_ci_server.api.errors import ApiError, ErrorCode, unauthorized
from sip_ci_server.services import Services


def services_of(request: Request) -> Services:
    """Return the services of the app that serves this request."""
    services: Services = request.app.state.services
    return services


def caller_of(request: Request) -> Caller:
    """Return who sent this request, as far as it is known."""
    caller: Caller = request.state.caller
    return caller


async def require_principal(request: Request) -> Principal:
    """Return whose key the request carries.

    Raises:
        AccountsUnavailableError: if that cannot be found out now.
        ApiError: 401 without a valid key, 403 if its plan has no API access.
    """
    caller = caller_of(request)
    if caller.failure is not None:
        raise caller.failure
    if caller.principal is None:
        raise unauthorized()
    if not caller.principal.plan.has_api_access:
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            ErrorCode.PLAN_WITHOUT_API,
            f"the plan {caller.principal.plan.value!r} has no API access; it comes with pro and teams",
        )
    return caller.principal


def own_origins(request: Request) -> tuple[str, ...]:
    """Return the addresses under which this server knows itself, the one for new URLs first."""
    seen = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
    public = services_of(request).settings.public_url
    return (public, seen) if public is not None else (seen,)
