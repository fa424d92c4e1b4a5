"""All targets by name."""

from __future__ import annotations

from fuzz.interface import Target
from fuzz.targets import captures, payloads, texts, wholes

TARGETS: dict[str, Target] = {
    target.name: target for module in (captures, payloads, texts, wholes) for target in module.TARGETS
}
