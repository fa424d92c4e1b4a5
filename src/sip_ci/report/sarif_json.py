"""Serialises sarif-om objects, whose own serialiser loses and invents properties.

sarif-om 1.0.4 was generated in 2019 and is unmaintained. Mended here: default values that mean "absent" leak into the
file (`byteOffset: -1`, `contents: […]`); an explicit `level: "warning"` is dropped, so that the rule's default wins;
`Suppression.status` is called `state`; `$schema` comes last; unknown types turn silently into strings.
"""

from __future__ import annotations

import json
from typing import Any

import attr

_KEPT = frozenset({("Result", "level"), ("Notification", "level"), ("ReportingConfiguration", "level")})
"""Properties that are written also where they have their default value."""
_RENAMED = {("Suppression", "state"): "status"}
_FIRST = ("$schema", "version")


def serialise(log: Any) -> str:
    """Return the JSON text of a `SarifLog`: the same bytes for the same content, in UTF-8 without escapes.

    Raises TypeError for a value that has no place in SARIF.
    """
    document = _value(log)
    ordered = {key: document[key] for key in _FIRST if key in document}
    return json.dumps(ordered | document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _value(value: Any) -> Any:
    if attr.has(type(value)):
        return _properties(value)
    if isinstance(value, dict):
        return {_clean(key): _value(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    if isinstance(value, str):
        return _clean(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise TypeError(f"{type(value).__name__} cannot be written to SARIF")


def _properties(item: Any) -> dict[str, Any]:
    kind = type(item).__name__
    found = {}
    for field in attr.fields(type(item)):
        value = getattr(item, field.name)
        default = field.default.factory() if isinstance(field.default, attr.Factory) else field.default  # type: ignore[arg-type]
        if value is None or (value == default and (kind, field.name) not in _KEPT):
            continue
        found[_RENAMED.get((kind, field.name), field.metadata["schema_property_name"])] = _value(value)
    return found


def _clean(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot carry."""
    return text.encode("utf-8", errors="replace").decode("utf-8")
