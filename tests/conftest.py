"""What concerns all tests."""

from __future__ import annotations

_STAMPED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip"}
"""How files begin that hold the time at which they were made."""


def pytest_make_parametrize_id(val: object) -> str | None:
    """A name for packed bytes that is the same in each process of a run, whenever it packed them."""
    if isinstance(val, bytes):
        return next((name for magic, name in _STAMPED.items() if val.startswith(magic)), None)
    return None
