"""What a capture and a log of the same call must agree on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sip_ci.findings import Category

_NOT_SIGNALLING = {Category.MEDIA, Category.CAPTURE}
_SEEN_ON_THE_WIRE_ONLY = {"txn-icmp-unreachable": "txn-no-response"}
"""What a capture explains by a packet that is no SIP, and what is left of it in a log."""


class Claim(Protocol):
    """A finding, as any part of the project writes it."""

    @property
    def check(self) -> str: ...

    @property
    def category(self) -> Category: ...


def signalling_checks(findings: Iterable[Claim], unanswered_elsewhere: set[str]) -> set[str]:
    """Checks found in the signalling of one input, without those that the other input could not answer."""
    found = {finding.check for finding in findings if finding.category not in _NOT_SIGNALLING}
    return {_SEEN_ON_THE_WIRE_ONLY.get(check, check) for check in found} - unanswered_elsewhere
