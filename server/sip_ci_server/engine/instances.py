"""What checks found, before it becomes findings: one instance for each time that a check fired."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.registry import Check, Found


@dataclass(frozen=True, slots=True)
class Instance:
    """One answer of one check."""

    check: Check
    found: Found

    @property
    def severity(self) -> Severity:
        """The check's severity, or the lower one that the instance asks for."""
        wanted = self.found.severity
        return wanted if wanted is not None and wanted.rank > self.check.severity.rank else self.check.severity

    @property
    def gates(self) -> bool:
        """Whether it can fail a build: what is said of the capture itself cannot."""
        return self.check.gates and self.check.category is not Category.CAPTURE

    def messages(self) -> Iterator[SipMessage]:
        """The messages that bear it out."""
        for proof in self.found.evidence:
            if proof.message is not None:
                yield proof.message

    @property
    def time(self) -> float | None:
        """When what bears it out begins, in seconds by the trace's clock."""
        times = [proof.time for proof in self.found.evidence if proof.time is not None]
        times += [message.observation.time for message in self.messages() if message.observation.time is not None]
        return min(times, default=None)


def fingerprint_of(instance: Instance) -> str:
    """The identity of a fault: the check and its stable key, never a Call-ID, tag, address, port or time."""
    text = "\x1f".join((instance.check.id, *instance.found.key))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
