"""Every finding of low severity or above in the corpus, and the table of what people judged of them.

    SIP_CI_CORPUS=… python -m tests.e2e.corpus_findings     # adds new findings to the table, keeps what was judged

A row is one check in one file at one severity. Findings that are new have no judgement, and the test then fails until
somebody has looked at the trace and written one; rows of findings that are gone are dropped.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from tests.support.corpus import CORPUS

from sip_ci.findings import Severity
from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze

TABLE = Path(__file__).with_name("corpus_findings.tsv")
FOLDERS = ("captures", "text", "field-bugs", "messages")
JUDGEMENTS = ("true", "debatable")
"""What may stand in the table; a false finding is fixed instead."""
COLUMNS = ("check", "severity", "file", "judgement", "why")
Key = tuple[str, str, str]
"""Check, severity, and file below the corpus."""


def files() -> list[Path]:
    """The files that are judged."""
    return [path for folder in FOLDERS for path in sorted((CORPUS / folder).glob("*"))] if CORPUS.is_dir() else []


def name_of(path: Path) -> str:
    """The name of a file in the table."""
    return path.relative_to(CORPUS).as_posix()


def findings_of(path: Path) -> Iterator[Key]:
    """What is found in a file at low severity or above."""
    found = {
        (finding.check, finding.severity.value, name_of(path))
        for finding in analyze(read_trace(path, path.name), AnalysisContext()).findings
        if finding.severity.at_least(Severity.LOW)
    }
    yield from sorted(found)


def judged() -> dict[Key, tuple[str, str]]:
    """The table: judgement and reason of each row."""
    if not TABLE.is_file():
        return {}
    with TABLE.open(encoding="utf-8", newline="") as table:
        rows = csv.DictReader(table, delimiter="\t")
        return {(row["check"], row["severity"], row["file"]): (row["judgement"], row["why"]) for row in rows}


def main() -> None:
    """Write the table again, with the judgements that it has."""
    known = judged()
    by_check_and_file = {(check, file): told for (check, _, file), told in known.items()}
    with TABLE.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for key in sorted(key for path in files() for key in findings_of(path)):
            writer.writerow((*key, *known.get(key, by_check_and_file.get((key[0], key[2]), ("", "")))))


if __name__ == "__main__":
    main()
