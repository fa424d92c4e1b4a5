"""Compares sip-ci with sip-doctor on labelled traces: recall of the labelled faults, and alarms in healthy calls.

    python benchmarks/diagnosis/run.py --sip-doctor PATH/TO/sip-doctor [--corpus FOLDER]

Both read the same captures; field bugs, which are text, are converted first, for sip-doctor reads captures only. What a
finding of sip-doctor means in terms of our checks stands in `mapping.tsv`: every finding whose title matches a pattern
counts for all checks named there, whatever its severity.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from sip_ci.convert.forms import Converter, Form
from sip_ci.findings import Severity
from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze

ROOT = Path(__file__).parents[2]
TRACES = ROOT / "examples" / "traces"
REPORTS = ROOT / "tests" / "data" / "reports"
LABELS = Path(__file__).with_name("field-bugs.tsv")
MAPPING = Path(__file__).with_name("mapping.tsv")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A capture and the faults that are known to be in it; none means a healthy call."""

    name: str
    path: Path
    faults: tuple[frozenset[str], ...]
    """For each fault the checks of which any one finds it."""


@dataclass(slots=True)
class Score:
    """What one program made of them."""

    found: int = 0
    missed: int = 0
    alarms: int = 0
    mild: int = 0


def examples() -> Iterator[Labelled]:
    """The captures among the example traces."""
    with (TRACES / "truth.tsv").open(newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            if not row["file"].endswith(".log"):
                faults = () if row["expected"] == "healthy" else row["expected"].split(",")
                yield Labelled(row["file"], TRACES / row["file"], tuple(frozenset({fault}) for fault in faults))


def field_bugs(corpus: Path, folder: Path) -> Iterator[Labelled]:
    """The rebuilt reports, as captures in a folder."""
    with LABELS.open(newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            path = _as_capture(corpus / "field-bugs" / row["file"], folder)
            yield Labelled(row["file"], path, (frozenset({row["check"]}),))


def reports(folder: Path) -> Iterator[Labelled]:
    """Further reports, rebuilt for the tests of this project, as captures in a folder; `.fixed` is the mended call."""
    for label in sorted(REPORTS.glob("*.yml")):
        expected = yaml.safe_load(label.read_text(encoding="utf-8"))["expected"]
        checks = frozenset(expected["checks"] if isinstance(expected["checks"], list) else [expected["checks"]])
        yield Labelled(label.stem, _as_capture(label.with_suffix(".txt"), folder), (checks,))
        fixed = label.with_suffix(".fixed.txt")
        if fixed.exists() and not expected.get("still"):
            yield Labelled(fixed.stem, _as_capture(fixed, folder), ())


def _as_capture(text: Path, folder: Path) -> Path:
    trace = read_trace(text, text.name)
    converter = Converter(Form.PCAP)
    pieces = [*converter.pieces(trace, converter.chosen(trace), alone=True)]
    path = folder / f"{text.name}.pcap"
    path.write_bytes(converter.begin() + b"".join(pieces) + converter.end())
    return path


def healthy_corpus(corpus: Path) -> Iterator[Labelled]:
    """Captures of strangers that their owners call healthy."""
    with (corpus / "INDEX.tsv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            if row["path"].startswith("captures/") and "healthy" in row["truth"].lower() and row["sip_messages"] != "0":
                yield Labelled(row["path"], corpus / row["path"], ())


def ours(item: Labelled) -> tuple[set[str], int, int]:
    """The checks that sip-ci finds, and how many findings are at medium or above, and below that."""
    findings = analyze(read_trace(item.path, item.name), AnalysisContext()).findings
    alarms = [finding for finding in findings if finding.root and finding.severity.at_least(Severity.MEDIUM)]
    return {finding.check for finding in findings}, len(alarms), len(findings) - len(alarms)


def theirs(item: Labelled, program: str, mapping: list[tuple[re.Pattern[str], set[str]]]) -> tuple[set[str], int, int]:
    """The checks that sip-doctor's findings may mean, and how many are errors, and warnings."""
    ran = subprocess.run(
        [program, "read", "--json", "--all", "--brief", str(item.path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    findings = list(_findings(json.loads(ran.stdout))) if ran.stdout.startswith("{") else []
    meant: set[str] = set()
    for finding in findings:
        for pattern, checks in mapping:
            if pattern.search(f"{finding.get('title', '')}"):
                meant |= checks
    severities = [finding.get("severity") for finding in findings]
    return meant, severities.count("error"), severities.count("warn")


def _findings(value: object) -> Iterator[dict[str, str]]:
    if isinstance(value, dict):
        if "severity" in value and "title" in value:
            yield value
        for key, inner in value.items():
            if key != "explanations":
                yield from _findings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _findings(inner)


def main() -> int:
    """Print what each found, and the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sip-doctor", required=True, help="the program, from an environment of its own")
    options.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "corpus")
    arguments = options.parse_args()
    with MAPPING.open(newline="") as table:
        mapping = [
            (re.compile(row["pattern"]), set(row["checks"].split(","))) for row in csv.DictReader(table, delimiter="\t")
        ]
    with tempfile.TemporaryDirectory() as folder:
        sets = {"examples": list(examples()), "reports": list(reports(Path(folder)))}
        if arguments.corpus.is_dir():
            sets["field bugs"] = list(field_bugs(arguments.corpus, Path(folder)))
            sets["healthy captures of strangers"] = list(healthy_corpus(arguments.corpus))
        print("| Traces | Program | Faults found | Healthy | Alarms in them | Milder remarks |")
        print("|---|---|---|---|---|---|")
        for name, items in sets.items():
            scores = {"sip-ci": Score(), "sip-doctor": Score()}
            for item in items:
                for program, score in scores.items():
                    found, alarms, mild = (
                        ours(item) if program == "sip-ci" else theirs(item, arguments.sip_doctor, mapping)
                    )
                    for fault in item.faults:
                        score.found += bool(fault & found)
                        score.missed += not fault & found
                        if not fault & found:
                            print(f"{program} missed {' or '.join(sorted(fault))} in {item.name}", file=sys.stderr)
                    if not item.faults:
                        score.alarms += alarms
                        score.mild += mild
                        if alarms:
                            print(f"{program} raised {alarms} in healthy {item.name}", file=sys.stderr)
            healthy = sum(not item.faults for item in items)
            for program, score in scores.items():
                total = score.found + score.missed
                print(f"| {name} | {program} | {score.found} of {total} | {healthy} | {score.alarms} | {score.mild} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
