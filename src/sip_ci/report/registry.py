"""The report formats by name. A new format is one module with a `render` and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from sip_ci.errors import UsageError
from sip_ci.report.interface import Renderer

_MODULES = {
    "text": "sip_ci.report.text",
    "json": "sip_ci.report.json",
    "sarif": "sip_ci.report.sarif",
    "junit": "sip_ci.report.junit",
    "markdown": "sip_ci.report.markdown",
    "annotations": "sip_ci.report.annotations",
}

FORMATS = tuple(_MODULES)
"""The names that `--output` takes."""


def renderer(name: str) -> Renderer:
    """Return what renders the format; its module is loaded only now, so unused formats cost no start-up time.

    Raises UsageError for a name that is no format.
    """
    module = _MODULES.get(name)
    if module is None:
        raise UsageError(f"unknown report format {name!r}; choose from {', '.join(FORMATS)}")
    return cast(Renderer, import_module(module).render)
