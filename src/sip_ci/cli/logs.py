"""What is said on standard error."""

from __future__ import annotations

import logging
import sys

from sip_ci.trace.printable import printable


class _OneLineFormatter(logging.Formatter):
    """`sip-ci: warning: …`: one printable line for each message, so that none is taken for a CI system's command."""

    def format(self, record: logging.LogRecord) -> str:
        return f"sip-ci: {record.levelname.lower()}: {printable(record.getMessage())}"


def set_up_logging(level: str) -> None:
    """Send the project's messages of this level and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLineFormatter())
    project = logging.getLogger("sip_ci")
    project.handlers[:] = [handler]
    project.propagate = False
    project.setLevel(level.upper())
