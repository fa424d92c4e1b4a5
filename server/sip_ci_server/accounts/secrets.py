"""API keys as secrets: how they are made, recognised and stored."""

from __future__ import annotations

import hashlib
import re
import secrets

PREFIX_LENGTH = len("sips_") + 8
"""How much of a key is kept in clear so that its owner recognises it; 28 digits (112 bits) stay secret."""

_FORM = re.compile(r"sips_[0-9a-f]{36}")
_BEARER = re.compile(r"[Bb]earer +(\S{1,200}) *")


def new_key() -> str:
    """Return a new key: `sips_` and 36 lower-case hexadecimal digits, 144 bits of the system's randomness."""
    return "sips_" + secrets.token_hex(18)


def is_well_formed(key: str) -> bool:
    """Whether `key` has the form of a key."""
    return _FORM.fullmatch(key) is not None


def digest(key: str) -> str:
    """Return what is stored of a key: its SHA-256, in hexadecimal.

    A plain hash is enough for a random secret of 144 bits: there is nothing to guess that a slow hash would protect.
    """
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def visible_prefix(key: str) -> str:
    """Return the part of a key that may be shown, for example `sips_a1b2c3d4`."""
    return key[:PREFIX_LENGTH]


def bearer_token(authorization: str) -> str:
    """Return the token of an `Authorization: Bearer` header (RFC 6750 §2.1), or an empty string."""
    match = _BEARER.fullmatch(authorization)
    return match.group(1) if match else ""
