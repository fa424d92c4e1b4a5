"""The ground floor: bytes become a Trace. No network, no settings, no printing."""

from __future__ import annotations
