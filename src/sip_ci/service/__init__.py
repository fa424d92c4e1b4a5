"""Talks to the analysis server, bundled, self-hosted or hosted: the same HTTP API."""

from __future__ import annotations
