"""The catalogue of checks that ships with the client, and the addresses of the project that reports name.

The file `catalogue.json` beside this module is generated from the analysis server's registry. A server may be newer
than the client, so every reader must live with a check that the catalogue does not hold: `describe` gives it a card.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files

from sip_ci.findings import Category, Confidence, Finding, Severity

PROJECT_URI = "https://github.com/sip-ci/sip-ci"
"""The home of the project."""
CHECKS_URI = f"{PROJECT_URI}/blob/main/docs/checks/"
"""Below this address every check has a page, named by its id: the Markdown files of `docs/checks`."""
UNNAMED_CHECK = "service-finding"
"""The rule of findings to which the service gave no check id."""

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?")
_CATALOGUE_FILE = "catalogue.json"
_SECURITY_CATEGORIES = frozenset({Category.SECURITY, Category.ENCRYPTION, Category.AUTHENTICATION})


@dataclass(frozen=True, slots=True)
class CheckInfo:
    """What is known of a check before it is run."""

    id: str
    """The slug by which it is known everywhere, for instance `ack-missing-2xx`."""
    title: str
    """What it finds, in a few words, without the values of a particular case."""
    severity: Severity
    """The severity of its findings, unless circumstances lower it."""
    category: Category
    confidence: Confidence = Confidence.CERTAIN
    rfc: str = ""
    """The clause that it rests on."""
    description: str = ""
    """What it looks for and why that matters; Markdown."""
    recommendation: str = ""
    """What to change, by platform; Markdown."""
    help_uri: str = ""
    security: bool = False
    """Whether a finding is a weakness that an attacker can use."""

    @property
    def name(self) -> str:
        """The id in PascalCase, as SARIF wants names: `AckMissing2xx`."""
        return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^0-9A-Za-z]+", self.id))

    @property
    def address(self) -> str:
        """Where the check is explained."""
        return self.help_uri or f"{CHECKS_URI}{self.id}.md"

    @property
    def is_security(self) -> bool:
        """Whether findings belong among security alerts: only in the categories that can hold a weakness."""
        return self.security and self.category in _SECURITY_CATEGORIES


def describe(catalogue: Mapping[str, CheckInfo], finding: Finding) -> CheckInfo:
    """Return the catalogue's card for a finding, or a bare one where the catalogue has none.

    A bare card holds nothing of the finding's own words, which may come from a trace: cards are shown as they stand.
    """
    known = catalogue.get(finding.check)
    if known is not None:
        return known
    is_slug = _SLUG.fullmatch(finding.check) is not None
    return CheckInfo(
        id=finding.check if is_slug else UNNAMED_CHECK,
        title=finding.check.replace("-", " ").capitalize() if is_slug else "A finding of the analysis service",
        severity=finding.severity,
        category=finding.category,
        confidence=finding.confidence,
    )


def parse_catalogue(text: str) -> dict[str, CheckInfo]:
    """Read a catalogue from JSON, in the order of the file.

    Raises ValueError or KeyError where the text is not a catalogue.
    """
    checks = {}
    for entry in json.loads(text)["checks"]:
        info = CheckInfo(
            **{
                **entry,
                "severity": Severity(entry["severity"]),
                "category": Category(entry["category"]),
                "confidence": Confidence(entry.get("confidence", Confidence.CERTAIN)),
            }
        )
        checks[info.id] = info
    return checks


def write_catalogue(checks: Iterable[CheckInfo]) -> str:
    """Return the JSON text of a catalogue, ordered by id, the same for the same checks."""
    entries = [asdict(info) for info in sorted(checks, key=lambda info: info.id)]
    return json.dumps({"version": 1, "checks": entries}, indent=1, ensure_ascii=False) + "\n"


@cache
def load_catalogue() -> dict[str, CheckInfo]:
    """Return the checks that shipped with this client, by id; empty where the file was not packaged."""
    try:
        text = files("sip_ci").joinpath(_CATALOGUE_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    return parse_catalogue(text)
