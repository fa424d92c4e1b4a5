"""`python -m sip_ci`."""

from __future__ import annotations

from sip_ci.cli.main import run

run()
