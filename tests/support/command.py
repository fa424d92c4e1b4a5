"""The command line, run as users run it: a process of its own with the bundled server as its child."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sip_ci.report.json_models import Report

_ROOT = Path(__file__).parents[2]
_SECONDS = 300


def sip_ci(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs `sip-ci` with these arguments in `folder`."""
    paths = [str(_ROOT / "src"), str(_ROOT / "server"), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-c", "from sip_ci.cli.main import run; run()", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def analyzed(*traces: Path, folder: Path, all_readable: bool = True) -> Report:
    """The JSON report of `sip-ci analyze` over these traces, which lie in `folder`.

    Without `all_readable` the report names the inputs that could not be analysed, and the others are judged.
    """
    names = [str(trace.relative_to(folder)) for trace in traces]
    outcome = sip_ci("analyze", *names, "--output", "json=report.json", "--fail-on", "never", folder=folder)
    assert outcome.returncode == 0 or not all_readable, f"{outcome.stdout}\n{outcome.stderr}"
    return Report.model_validate_json((folder / "report.json").read_text())
