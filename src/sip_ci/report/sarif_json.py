"""Serialises sarif-om objects, whose own serialiser loses and invents properties.

sarif-om 1.0.4 was generated in 2019 and is unmaintained. Mended here: default values that mean "absent" leak into the
file (`byteOffset: -1`, `contents: […]`); an explicit `level: "warning"` is dropped, so that the rule's default wins;
`Suppression.status` is called `state`; `$schema` comes last; unknown types turn silently into strings.
"""

from __future__ import annotations

import json
from functools import cache
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


def _properties(item: object) -> dict[str, Any]:
    found = {}
    for name, written, default in _fields(type(item)):  # type: ignore[arg-type] # mypy does not see that a class can be hashed
        value = getattr(item, name)
        if value is not None and value != default:
            found[written] = _value(value)
    return found


@cache
def _fields(kind: type[Any]) -> tuple[tuple[str, str, Any], ...]:
    """Return the properties of a class: attribute, name in SARIF, and the value that means "absent"."""
    fields = []
    for field in attr.fields(kind):
        key = (kind.__name__, field.name)
        default = field.default
        if isinstance(default, attr.Factory):  # type: ignore[arg-type]
            default = default.factory()
        written = _RENAMED.get(key, field.metadata["schema_property_name"])
        fields.append((field.name, written, None if key in _KEPT else default))
    return tuple(fields)


def _clean(text: str) -> str:
    """Write lone surrogates, which UTF-8 cannot carry, as escapes."""
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")
