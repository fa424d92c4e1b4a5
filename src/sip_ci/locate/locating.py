"""Finding → place in the repository: the line of the trace where that is text in the workspace, else the anchor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sip_ci.findings import Confidence, Finding, LocatedFinding, Location
from sip_ci.locate.anchor import Anchor


def locate(
    findings: Iterable[Finding], text_paths: Mapping[str, str], anchor: Anchor | None
) -> tuple[LocatedFinding, ...]:
    """Give every finding its place.

    Args:
        findings: In any order, which is kept.
        text_paths: For inputs that are text files in the workspace, by the input's name: their path in it.
        anchor: What stands for findings without a better place; None where the repository has no such file.
    """
    fallback = _anchored(anchor)
    return tuple(LocatedFinding(finding, _in_trace(finding, text_paths) or fallback) for finding in findings)


def _in_trace(finding: Finding, text_paths: Mapping[str, str]) -> Location | None:
    path = text_paths.get(finding.input)
    line = next((item.line for item in finding.evidence if item.line is not None and item.line > 0), None)
    if not path or line is None:
        return None
    return Location(path, line, line, Confidence.CERTAIN, "the line of the trace that shows it")


def _anchored(anchor: Anchor | None) -> Location | None:
    if anchor is None:
        return None
    return Location(anchor.path, 1, 1, Confidence.POSSIBLE, f"{anchor.why}, as nothing in the repository is nearer")
