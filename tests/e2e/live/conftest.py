"""What the tests of this folder need."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _tools(live_tools: None) -> None:
    """Every test here makes calls."""
