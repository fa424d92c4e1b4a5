"""The checks: one module per category, one small function per check."""

from __future__ import annotations
