"""A small GitHub Actions runner: does with a container action what actions/runner does.

Followed here are ContainerActionHandler.cs, DockerCommandManager.cs, FileCommandManager.cs and ActionCommand.cs of
actions/runner. One step is run; expressions other than `${{ inputs.NAME }}` are refused.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.e2e.container import engine

RUNNER_UID = 1001
"""The user of GitHub's own machines; group 127 is called docker there."""
RUNNER_GID = 127

_INPUT_EXPRESSION = re.compile(r"\$\{\{\s*inputs\.([\w-]+)\s*\}\}")
_FILE_COMMANDS = {
    "GITHUB_ENV": "set_env",
    "GITHUB_OUTPUT": "set_output",
    "GITHUB_PATH": "add_path",
    "GITHUB_STATE": "save_state",
    "GITHUB_STEP_SUMMARY": "step_summary",
}
_COMMAND_NAMES = frozenset(
    {"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher"}
    | {"save-state", "set-env", "set-output", "warning"}
)


@dataclass(frozen=True, slots=True)
class Command:
    """A workflow command that the action printed."""

    name: str
    properties: Mapping[str, str]
    message: str


@dataclass(frozen=True, slots=True)
class StepResult:
    """What is left when the step has ended, well or not."""

    exit_code: int
    outputs: Mapping[str, str]
    summary: str
    commands: tuple[Command, ...]
    log: str
    """Both streams of the container."""
    environment_changes: str
    """What the action wrote into GITHUB_ENV, GITHUB_PATH and GITHUB_STATE."""

    @property
    def outcome(self) -> str:
        """`success` or `failure`, as `steps.ID.outcome` says it."""
        return "failure" if self.exit_code else "success"

    def named(self, name: str) -> list[Command]:
        """The commands of one name, such as `error`, in the order in which they were printed."""
        return [command for command in self.commands if command.name == name]


class GithubRunner:
    """Runs steps of one action in one workspace."""

    def __init__(self, action_file: Path, image: str, folder: Path) -> None:
        """`image` is what the runner would have built from the action's Dockerfile; `folder` is empty."""
        self.action: dict[str, Any] = yaml.safe_load(action_file.read_text())
        self.image = image
        self.owner = (RUNNER_UID, RUNNER_GID) if os.getuid() == 0 else (os.getuid(), os.getgid())
        self.workspace = self._folder(folder / "work" / "project" / "project")
        temporary = self._folder(folder / "work" / "_temp")
        self.home = self._folder(temporary / "_github_home")
        self.workflow = self._folder(temporary / "_github_workflow")
        self.file_commands = self._folder(temporary / "_runner_file_commands")
        self.temporary = temporary
        self._file(self.workflow / "event.json", "{}")

    def step(self, inputs: Mapping[str, str], environment: Mapping[str, str] | None = None) -> StepResult:
        """Runs the action with `inputs` (the step's `with`) in a job whose environment is `environment`."""
        files = {
            variable: self._file(self.file_commands / f"{prefix}_{uuid.uuid4()}", "")
            for variable, prefix in _FILE_COMMANDS.items()
        }
        ended = engine.run(
            self.image,
            options=self._options(),
            environment=self._environment(self._inputs(inputs), environment or {}, files),
        )
        log = ended.output
        return StepResult(
            exit_code=ended.exit_code,
            outputs=_assignments(files["GITHUB_OUTPUT"].read_text()),
            summary=files["GITHUB_STEP_SUMMARY"].read_text(),
            commands=tuple(_commands(ended.stdout)) + tuple(_commands(ended.stderr)),
            log=log,
            environment_changes="".join(
                files[name].read_text() for name in ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE")
            ),
        )

    def add(self, name: str, content: bytes) -> Path:
        """Puts a file into the workspace, as a checkout would."""
        target = self.workspace / name
        for parent in reversed(target.parents):
            if parent.is_relative_to(self.workspace) and not parent.exists():
                self._folder(parent)
        target.write_bytes(content)
        os.chown(target, *self.owner)
        return target

    def _folder(self, path: Path) -> Path:
        path.mkdir(parents=True)
        os.chown(path, *self.owner)
        return path

    def _file(self, path: Path, content: str) -> Path:
        path.write_text(content)
        os.chown(path, *self.owner)
        return path

    def _inputs(self, given: Mapping[str, str]) -> dict[str, str]:
        declared: dict[str, Any] = self.action.get("inputs", {})
        unknown = given.keys() - declared.keys()
        assert not unknown, f"unexpected inputs: {unknown}"
        return {name: given.get(name, str(entry.get("default", ""))) for name, entry in declared.items()}

    def _environment(
        self, inputs: Mapping[str, str], job: Mapping[str, str], files: Mapping[str, Path]
    ) -> dict[str, str]:
        environment = dict(job)
        for name, value in inputs.items():
            environment[f"INPUT_{name.replace(' ', '_').upper()}"] = value
        for name, template in self.action["runs"].get("env", {}).items():
            # The runner's rule: what the job has already is not overwritten.
            environment.setdefault(name, _evaluate(str(template), inputs))
        environment |= {
            "HOME": "/github/home",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION": "__self",
            "GITHUB_ACTOR": "octocat",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": "/github/workflow/event.json",
            "GITHUB_JOB": "call",
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_REPOSITORY": "octocat/project",
            "GITHUB_RUN_ID": "1",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_SHA": "0" * 40,
            "GITHUB_WORKFLOW": "calls",
            "GITHUB_WORKFLOW_REF": "octocat/project/.github/workflows/calls.yml@refs/pull/7/merge",
            "GITHUB_WORKSPACE": "/github/workspace",
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": "/github/runner_temp",
        }
        environment.setdefault("CI", "true")
        for variable, path in files.items():
            environment[variable] = f"/github/file_commands/{path.name}"
        return environment

    def _options(self) -> list[str]:
        mounts = {
            self.temporary: "/github/runner_temp",
            self.home: "/github/home",
            self.workflow: "/github/workflow",
            self.file_commands: "/github/file_commands",
            self.workspace: "/github/workspace",
        }
        if engine.SOCKET.exists():
            mounts[engine.SOCKET] = str(engine.SOCKET)
        volumes = [f"--volume={source}:{target}" for source, target in mounts.items()]
        return ["--workdir=/github/workspace", *volumes]


def _evaluate(template: str, inputs: Mapping[str, str]) -> str:
    value = _INPUT_EXPRESSION.sub(lambda match: inputs[match[1]], template)
    # What came out of an input is not looked at again, so only the template may be searched for other expressions.
    assert "${{" not in _INPUT_EXPRESSION.sub("", template), f"expression that this runner does not know: {template}"
    return value


def _assignments(text: str) -> dict[str, str]:
    """Reads `name=value` lines and `name<<DELIMITER` blocks; whichever sign comes first decides."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            found[line[:equals]] = line[equals + 1 :]
            continue
        assert heredoc >= 0, f"invalid line in a file command: {line!r}"
        name, delimiter = line[:heredoc], line[heredoc + 2 :]
        assert name, f"a file command without a name: {line!r}"
        assert delimiter, f"a file command without a delimiter: {line!r}"
        value: list[str] = []
        for inner in lines:
            if inner == delimiter:
                break
            value.append(inner)
        else:
            raise AssertionError(f"the delimiter {delimiter!r} of {name!r} is missing")
        found[name] = "\n".join(value)
    return found


def _commands(stream: str) -> list[Command]:
    found: list[Command] = []
    stop_token = ""
    for line in stream.splitlines():
        if stop_token:
            if line.strip() == f"::{stop_token}::":
                stop_token = ""
            continue
        command = _command(line)
        if command is None:
            continue
        if command.name == "stop-commands":
            stop_token = command.message
        elif command.name in _COMMAND_NAMES:
            found.append(command)
    return found


def _command(line: str) -> Command | None:
    """Reads `::name key=value,…::message` at the start of a line, or `##[name key=value;…]message` anywhere in it."""
    text = line.lstrip()
    if text.startswith("::"):
        head, separator, message = text[2:].partition("::")
        pair_end, escapes = ",", (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
    elif "##[" in line:
        head, separator, message = line[line.index("##[") + 3 :].partition("]")
        pair_end, escapes = ";", (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%"))
    else:
        return None
    if not separator:
        return None
    name, _, properties = head.partition(" ")
    pairs = (pair.partition("=") for pair in properties.split(pair_end) if "=" in pair)
    return Command(
        name.strip().lower(),
        {key.strip(): _unescape(value, escapes) for key, _, value in pairs},
        _unescape(message, (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))),
    )


def _unescape(text: str, escapes: tuple[tuple[str, str], ...]) -> str:
    for written, meant in escapes:
        text = text.replace(written, meant)
    return text
