"""Users, plans, keys and quota."""

from __future__ import annotations
