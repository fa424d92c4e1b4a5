"""Turns findings into a verdict."""

from __future__ import annotations
