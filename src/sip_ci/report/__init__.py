"""Writes what was found, one module per format."""

from __future__ import annotations
