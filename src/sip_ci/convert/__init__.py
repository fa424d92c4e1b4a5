"""Writes what was read in another form: as a transcript, a capture, JSON, a ladder or a Mermaid diagram."""

from __future__ import annotations
