"""sip-ci diagnoses the SIP calls of integration tests and gates the build on what it finds."""

from __future__ import annotations

__version__ = "0.1.0"
