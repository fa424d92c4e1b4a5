"""HTTP only: routes, errors, limits; no logic."""

from __future__ import annotations
