"""The app: routes, errors and the boundary around them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from sip_ci import __version__
from sip_ci.service.wire import AnalyzeRequest
from sip_ci_server.api import analyze, captures, health, info, keys
from sip_ci_server.api.boundary import Boundary
from sip_ci_server.api.errors import install_error_handlers
from sip_ci_server.services import Services


class AnalysisApp(FastAPI):
    """FastAPI with the API's own description of itself."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, with the request that the analyze route reads by itself."""
        if not self.openapi_schema:
            document = get_openapi(title=self.title, version=self.version, routes=self.routes)
            request = AnalyzeRequest.model_json_schema(ref_template="#/components/schemas/{model}")
            request["oneOf"] = [_only("trace", "pcap_url"), _only("pcap_url", "trace")]
            components = document.setdefault("components", {})
            components.setdefault("schemas", {}).update(request.pop("$defs", {}), AnalyzeRequest=request)
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
                    if path in ("/v1/analyze", "/v1/keys", "/v1/captures"):
                        operation["security"] = [{"key": []}]
            self.openapi_schema = document
        return self.openapi_schema


def _only(wanted: str, other: str) -> dict[str, Any]:
    properties = {wanted: {"type": "string", "minLength": 1}, other: {"type": "null"}}
    return {"required": [wanted], "properties": properties}


def create_app(services: Services) -> AnalysisApp:
    """Put the app together."""
    app = AnalysisApp(
        title="sip-ci analysis API", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.state.services = services
    app.add_middleware(Boundary, services=services)
    install_error_handlers(app)
    for module in (analyze, captures, keys, info, health):
        app.include_router(module.router)
    return app
