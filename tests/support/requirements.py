"""What a test needs from the machine: without it the test is skipped, or fails where it was promised to be there."""

from __future__ import annotations

import os

import pytest

LIVE_IS_REQUIRED = "SIP_CI_REQUIRE_LIVE"
"""Set to 1 where everything that real calls need was installed, so that no such test may be skipped."""


def require_for_live_calls(*reasons: str) -> None:
    """Skips the test that runs for the first reason that is not empty; fails it where `SIP_CI_REQUIRE_LIVE` is 1."""
    reason = next(filter(None, reasons), "")
    if not reason:
        return
    if os.environ.get(LIVE_IS_REQUIRED) == "1":
        pytest.fail(f"{reason}, but {LIVE_IS_REQUIRED}=1 asks for all live tests", pytrace=False)
    pytest.skip(reason)
