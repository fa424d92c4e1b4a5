"""Fuzzes targets one after another, or several at a time; see README.md in this folder."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fuzz.minimising import failure, minimised
from fuzz.registry import TARGETS

_ROOT = Path(__file__).parents[1]
_SLACK = 300.0
"""Seconds that a worker may take for its imports, its seeds and its last input."""
_COUNTS = re.compile(r"(?:stat::number_of_executed_units|executions): *(\d+)")
_ARTIFACTS = ("crash-*", "timeout-*", "oom-*", "slow-unit-*")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one target."""

    name: str
    executions: int
    seconds: float
    failures: tuple[Path, ...]
    log: str


def main() -> int:
    """Fuzz the targets; 1 where one failed."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Fuzz what reads foreign bytes.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; without any, all")
    parser.add_argument("--executions", type=int, default=0, help="of all targets together")
    parser.add_argument("--seconds", type=float, default=0.0, help="of all targets together, on one core")
    parser.add_argument("--jobs", type=int, default=1, help="targets at the same time")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations; 0 means another one in each run")
    parser.add_argument("--blind", action="store_true", help="without atheris, as where it does not install")
    parser.add_argument("--crashers", type=Path, default=_ROOT / "build" / "fuzz", help="where failing inputs are left")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="run one input through TARGET, and no more")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.targets if name not in TARGETS]
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    if arguments.reproduce:
        return _reproduce(arguments.targets, arguments.reproduce)
    names = arguments.targets or list(TARGETS)
    if not arguments.seconds and not arguments.executions:
        arguments.seconds = 5.0 * len(names)
    with ThreadPoolExecutor(max(arguments.jobs, 1)) as pool:
        outcomes = list(pool.map(lambda name: _fuzz(name, names, arguments), names))
    print(f"\n{'target':14} {'executions':>11} {'seconds':>8}  failures")
    for outcome in outcomes:
        print(f"{outcome.name:14} {outcome.executions:11,} {outcome.seconds:8.1f}  {len(outcome.failures) or ''}")
    print(f"{'all':14} {sum(outcome.executions for outcome in outcomes):11,}")
    return int(any(outcome.failures for outcome in outcomes))


def _fuzz(name: str, names: list[str], arguments: argparse.Namespace) -> Outcome:
    """Run a worker until its share of executions or seconds is done, and keep what failed."""
    weight, weights = TARGETS[name].weight, sum(TARGETS[other].weight for other in names)
    seconds, executions = arguments.seconds / len(names), -(-arguments.executions * weight // weights)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"sip-ci-fuzz-{name}-") as place:
        command = [
            sys.executable,
            "-m",
            "fuzz.worker",
            name,
            place,
            f"--seconds={seconds}",
            f"--executions={executions}",
        ]
        command += [f"--seed={arguments.seed}"] + ["--blind"] * arguments.blind
        try:
            run = subprocess.run(
                command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                timeout=seconds + _SLACK if seconds else None, check=False,
            )  # fmt: skip
            log, status = run.stdout, run.returncode
        except subprocess.TimeoutExpired as error:
            log, status = str(error.stdout or "")[-20_000:] + "\nThe worker did not end.", 1
        found = [path.read_bytes() for pattern in _ARTIFACTS for path in Path(place).glob(pattern)]
    log = "\n".join(line for line in log.splitlines() if not line.startswith("INFO: Instrumenting"))
    failures = tuple(_kept(name, data, arguments.crashers) for data in found)
    if status and not failures:
        arguments.crashers.mkdir(parents=True, exist_ok=True)
        failures = (arguments.crashers / f"{name}.log",)
        failures[0].write_text(log)
    if failures:
        print(f"== {name} failed\n{log[-6000:]}", flush=True)
        for path in failures:
            print(f"== kept as {path}", flush=True)
    count = _COUNTS.findall(log)
    executions = int(count[-1]) if count else max((int(done) for done in re.findall(r"^#(\d+)", log, re.M)), default=0)
    return Outcome(name, executions, time.monotonic() - started, failures, log)


def _kept(name: str, data: bytes, folder: Path) -> Path:
    data = minimised(TARGETS[name], data)
    path = folder / name / sha256(data).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _reproduce(names: list[str], path: Path) -> int:
    if len(names) != 1:
        print("name the one target that is to run the input", file=sys.stderr)
        return 2
    found = failure(TARGETS[names[0]], path.read_bytes())
    print(found or "nothing fails")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
