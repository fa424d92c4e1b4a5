"""Makes the example traces anew: `python -m tests.e2e.live.record [NAME]…` (as root, with SIPp and tcpdump).

Without names every call of the catalogue is made. The table of `examples/traces/README.md` and `truth.tsv`, which
the tests read, are written from the catalogue.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.live.case import Case
from tests.e2e.live.catalogue import CASES

EXAMPLES = Path(__file__).parents[3] / "examples" / "traces"
TABLE_START = "<!-- table -->\n"
_WORKERS = 4


def _record(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        capture, log = case.record(Path(folder))
        shutil.copy(capture, EXAMPLES / f"{case.name}{case.capture_suffix}")
        if log is not None and case.log_checks is not None:
            shutil.copy(log, EXAMPLES / f"{case.name}.log")
    print(case.name, flush=True)


def _rows() -> list[tuple[str, str, str, str, str]]:
    """(file, expected checks, least severity of each, what was done, by what) of every example that is there."""
    rows = []
    for case in CASES:
        kept = [(f"{case.name}{case.capture_suffix}", case.capture_checks)]
        if case.log_checks is not None:
            kept.append((f"{case.name}.log", case.log_checks))
        for file, checks in kept:
            if (EXAMPLES / file).exists():
                severities = ",".join(str(case.severity_of(check)) for check in sorted(checks))
                rows.append((file, ",".join(sorted(checks)) or "healthy", severities, case.what, case.programs))
    return rows


def _shown(expected: str, severities: str) -> str:
    if expected == "healthy":
        return expected
    pairs = zip(expected.split(","), severities.split(","), strict=True)
    return ", ".join(f"`{check}` ({severity} or worse)" for check, severity in pairs)


def write_tables() -> None:
    """Writes `truth.tsv` and the table in the README from the catalogue."""
    rows = _rows()
    lines = ["file\texpected\tseverity\tnote", *("\t".join(row[:4]) for row in rows)]
    (EXAMPLES / "truth.tsv").write_text("\n".join(lines) + "\n")
    readme = EXAMPLES / "README.md"
    head = readme.read_text().split(TABLE_START)[0]
    table = ["| file | what was done | made with | what it must show |", "|---|---|---|---|"]
    for file, expected, severity, what, programs in rows:
        table.append(f"| {file} | {what} | {programs} | {_shown(expected, severity)} |")
    readme.write_text(head + TABLE_START + "\n".join(table) + "\n")


def main(names: list[str]) -> None:
    """Records the named cases, or all, a few at a time."""
    unknown = set(names) - {case.name for case in CASES}
    if unknown:
        raise SystemExit(f"no such call: {', '.join(sorted(unknown))}")
    EXAMPLES.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(_record, (case for case in CASES if not names or case.name in names)))
    write_tables()


if __name__ == "__main__":
    main(sys.argv[1:])
