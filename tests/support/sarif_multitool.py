"""Microsoft's SARIF Multitool and the schemas beside the project, where they can be found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]


def schema_folder() -> Path:
    """Return the folder of schemas: `SIP_CI_SCHEMAS`, or the one beside the project. Skips the test elsewhere."""
    folder = Path(os.environ.get("SIP_CI_SCHEMAS") or _ROOT.parent / "shared" / "schemas")
    if not folder.is_dir():
        pytest.skip("no schemas: set SIP_CI_SCHEMAS")
    return folder


def multitool_complaints(reports: list[Path], scratch: Path) -> list[str]:
    """Return what the Multitool has against the reports at error or warning level. Skips the test without it.

    The tool's exit code is 0 whatever it finds, so its own report is read.
    """
    tool = os.environ.get("SIP_CI_SARIF_MULTITOOL") or shutil.which(
        "sarif-multitool", path=str(_ROOT / "node_modules" / ".bin")
    )
    if not tool or not Path(tool).is_file():
        pytest.skip("no SARIF Multitool: set SIP_CI_SARIF_MULTITOOL")
    rules = schema_folder() / "sarif-multitool-github-rules.json"
    answer = scratch / "multitool.sarif"
    options = ["--rule-kind", "Sarif;Ghas", "-c", str(rules), "-o", str(answer), "--log", "ForceOverwrite"]
    done = subprocess.run(
        [tool, "validate", *map(str, reports), *options],
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.is_file(), done.stdout + done.stderr
    runs: list[dict[str, Any]] = json.loads(answer.read_text(encoding="utf-8"))["runs"]
    return [
        json.dumps(result)
        for run in runs
        for result in run.get("results", [])
        if result.get("level", "warning") in ("error", "warning")
    ]
