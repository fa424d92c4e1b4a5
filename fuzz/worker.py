"""One target in a process of its own: `python -m fuzz.worker TARGET FOLDER --executions N | --seconds S`.

With atheris, libFuzzer guides the mutations by the branches that they reach; without, `fuzz.mutations` makes them.
What fails is left in the folder, and the exit status is not 0. The last line of output is the number of executions.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import traceback
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None


def main() -> int:
    """Fuzz one target."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--executions", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--blind", action="store_true")
    arguments = parser.parse_args()
    if atheris is None or arguments.blind:
        return _blind(arguments)
    return _guided(arguments)


def _blind(arguments: argparse.Namespace) -> int:
    from fuzz.bounds import check
    from fuzz.mutations import mutations
    from fuzz.registry import TARGETS

    target = TARGETS[arguments.target]
    end = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
    done = 0
    for data in mutations(target, arguments.seed):
        if done == arguments.executions > 0 or time.monotonic() > end:
            break
        done += 1
        try:
            check(target, data)
        except Exception:
            traceback.print_exc()
            (arguments.folder / f"crash-{done}").write_bytes(data)
            print(f"executions: {done}")
            return 1
    print(f"executions: {done}")
    return 0


def _guided(arguments: argparse.Namespace) -> int:
    with atheris.instrument_imports(include=["sip_ci", "sip_ci_server"]):
        from fuzz.bounds import SECONDS, check
        from fuzz.registry import TARGETS

    target = TARGETS[arguments.target]
    corpus = arguments.folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.seeds()):
        (corpus / f"seed-{number:04}").write_bytes(data[: target.largest])
    dictionary = arguments.folder / "tokens.dict"
    dictionary.write_text("".join(map(_dictionary_line, target.tokens)))
    done = 0

    def run(data: bytes) -> None:
        nonlocal done
        done += 1
        # Whoever diagnoses one input after the other needs no cycles collected within one.
        if done % 500 == 0:
            gc.collect()
        check(target, data, alarm=False)

    options = [
        sys.argv[0], f"-artifact_prefix={arguments.folder}/", f"-max_len={target.largest}",
        f"-timeout={SECONDS:.0f}", "-rss_limit_mb=2048", "-print_final_stats=1", "-close_fd_mask=0",
    ]  # fmt: skip
    if target.tokens:
        options.append(f"-dict={dictionary}")
    if arguments.executions:
        options.append(f"-runs={arguments.executions}")
    if arguments.seconds:
        options.append(f"-max_total_time={max(round(arguments.seconds), 1)}")
    if arguments.seed:
        options.append(f"-seed={arguments.seed}")
    atheris.Setup([*options, str(corpus)], run)
    atheris.Fuzz()  # Ends the process.
    return 0


def _dictionary_line(token: bytes) -> str:
    escaped = "".join(f"\\x{byte:02x}" for byte in token)
    return f'"{escaped}"\n'


if __name__ == "__main__":
    sys.exit(main())
