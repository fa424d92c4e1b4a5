"""Settings: `.sip-ci.yml`, `pyproject.toml`, environment and flags become one frozen `Settings`."""

from __future__ import annotations
