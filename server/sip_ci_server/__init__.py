"""The bundled analysis server: the same API as the hosted service."""

from __future__ import annotations
