from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRACES = ROOT / "examples" / "traces"


def test_an_archive_says_what_its_traces_say(tmp_path: Path) -> None:
    names = ["healthy-call.pcap", "final-403.log", "final-403.pcap"]
    with tarfile.open(tmp_path / "traces.tar.xz", "w:xz") as archive:
        for name in names:
            archive.add(TRACES / name, f"run/{name}")
            (tmp_path / name).write_bytes((TRACES / name).read_bytes())
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT / "server")))}
    for variable in ("GITHUB_ACTIONS", "GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        environment.pop(variable, None)
    reports = []
    for paths in (names, ["traces.tar.xz"]):
        ran = subprocess.run(
            [sys.executable, "-P", "-m", "sip_ci", "analyze", *paths, "-q", "-o", "json=-"],
            cwd=tmp_path, env=environment, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert (ran.returncode, ran.stderr) == (1, b"")
        reports.append(json.loads(ran.stdout))
    plain, unfolded = reports
    assert [item["name"] for item in unfolded["inputs"]] == [f"traces.tar.xz!/run/{name}" for name in sorted(names)]
    for first, second in zip(plain["inputs"], unfolded["inputs"], strict=True):
        assert [first[key] for key in ("format", "messages", "calls")] == [
            second[key] for key in ("format", "messages", "calls")
        ]

    def said(report: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
        return sorted((item["input"].rpartition("/")[2], item["check"]) for item in report["findings"])

    assert said(plain) == said(unfolded)
    assert len(said(plain)) >= 2
