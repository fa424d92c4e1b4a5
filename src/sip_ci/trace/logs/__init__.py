"""Readers of text: one module per log layout, behind one registry that detects the layout."""

from __future__ import annotations
