"""Gives each finding its place in the repository."""

from __future__ import annotations
