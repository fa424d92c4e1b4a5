"""Puts the reports where they were asked for, and tells the CI system what it can show itself."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sip_ci.config.settings import ColorChoice, OutputFormat, OutputRequest, Settings
from sip_ci.errors import NoInputError, SipCiError, UsageError
from sip_ci.findings import Conclusion
from sip_ci.report import github_outputs
from sip_ci.report.annotations import escape_data, stop_commands
from sip_ci.report.interface import ReportData, ReportOptions, VersionControl
from sip_ci.report.registry import renderer
from sip_ci.report.writing import STANDARD_OUTPUT, write_report
from sip_ci.trace.printable import printable

logger = logging.getLogger(__name__)


def in_github_actions(environment: Mapping[str, str]) -> bool:
    """Whether this run is a step of GitHub Actions."""
    return environment.get("GITHUB_ACTIONS") == "true"


class Publisher:
    """Knows every report of a run before the run begins, so that a mistake in them costs no analysis."""

    def __init__(self, settings: Settings, environment: Mapping[str, str], anchor: str, *, quiet: bool) -> None:
        """Take note of what is asked for.

        Raises:
            UsageError: Two reports would go to the same place.
        """
        self._settings = settings
        self._environment = environment
        self._anchor = anchor
        self._requests = _requests(settings.outputs, quiet=quiet)
        self._github = in_github_actions(environment)

    @property
    def files(self) -> frozenset[Path]:
        """The files that will be written, resolved; they are no inputs."""
        return frozenset(request.path.resolve() for request in self._requests if request.path is not None)

    def publish(self, data: ReportData) -> None:
        """Write all reports.

        Raises:
            UsageError: A report cannot be written; the others are.
        """
        written: dict[str, str] = {}
        problems: list[SipCiError] = []
        for request in self._requests:
            # An empty SARIF file tells GitHub that every fault is mended: without an analysis there is none.
            if request.format is OutputFormat.SARIF and _says_nothing(data):
                logger.warning("nothing was analysed, so no SARIF report is written")
                continue
            try:
                self._write(request, data)
            except UsageError as error:
                problems.append(error)
            else:
                if request.path is not None:
                    written.setdefault(request.format.value, self._shown(request.path))
        if self._github:
            self._tell_github(data, written)
        if problems:
            raise problems[0]

    def _write(self, request: OutputRequest, data: ReportData) -> None:
        text = renderer(request.format.value)(data, self._options(request))
        if request.path is not None:
            write_report(text, self._shown(request.path), self._settings.workspace)
            return
        if self._github and request.format is OutputFormat.TEXT:
            text = stop_commands(text, secrets.token_hex(16))
        try:
            write_report(text, STANDARD_OUTPUT, self._settings.workspace)
        except OSError as error:
            # What is left in the buffer must not fail a second time at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            # A reader that has seen enough and closed the pipe is no error.
            if not isinstance(error, BrokenPipeError):
                raise UsageError(f"standard output cannot be written: {error.strerror or error}") from None

    def _options(self, request: OutputRequest) -> ReportOptions:
        return ReportOptions(
            colour=use_colour(self._settings.values.color, self._environment, to_terminal=_is_terminal(request)),
            width=shutil.get_terminal_size((100, 24)).columns if _is_terminal(request) else 100,
            category=self._settings.values.category,
            anchor=self._anchor,
            version_control=version_control(self._environment),
            full_report=self._full_report(),
        )

    def _full_report(self) -> str:
        for wanted in (OutputFormat.JSON, OutputFormat.SARIF, OutputFormat.TEXT):
            for request in self._requests:
                if request.format is wanted and request.path is not None:
                    return self._shown(request.path)
        return ""

    def _shown(self, path: Path) -> str:
        workspace = self._settings.workspace
        return path.relative_to(workspace).as_posix() if path.is_relative_to(workspace) else str(path)

    def _tell_github(self, data: ReportData, written: Mapping[str, str]) -> None:
        values = self._settings.values
        asked = any(request.format is OutputFormat.ANNOTATIONS and request.path is None for request in self._requests)
        if values.annotations and not asked:
            text = renderer("annotations")(data, self._options(OutputRequest(OutputFormat.ANNOTATIONS, None)))
            machine_readable = any(
                request.path is None and request.format is not OutputFormat.TEXT for request in self._requests
            )
            stream = sys.stderr if machine_readable else sys.stdout
            stream.write(text)
            stream.flush()
        try:
            if values.job_summary:
                summary = renderer("markdown")(data, self._options(OutputRequest(OutputFormat.MARKDOWN, None)))
                github_outputs.append_summary(summary, self._environment)
            github_outputs.write_outputs(github_outputs.outputs_of(data.verdict, written), self._environment)
        except OSError as error:
            raise UsageError(f"GitHub's command files cannot be written: {error.strerror or error}") from None


def _requests(outputs: tuple[OutputRequest, ...], *, quiet: bool) -> tuple[OutputRequest, ...]:
    on_stdout = [request for request in outputs if request.path is None]
    if len(on_stdout) > 1:
        names = " and ".join(request.format.value for request in on_stdout)
        raise UsageError(f"{names} cannot both go to standard output; give all but one a path: FORMAT=PATH")
    targets = [request.path.resolve() for request in outputs if request.path is not None]
    if twice := next((target for target in targets if targets.count(target) > 1), None):
        raise UsageError(f"two reports would be written to {twice}; give each its own path")
    if on_stdout or quiet:
        return outputs
    return (*outputs, OutputRequest(OutputFormat.TEXT, None))


def _says_nothing(data: ReportData) -> bool:
    return data.verdict.conclusion is Conclusion.NO_INPUT or all(item.error for item in data.inputs)


def _is_terminal(request: OutputRequest) -> bool:
    return request.path is None and request.format is OutputFormat.TEXT


def use_colour(choice: ColorChoice, environment: Mapping[str, str], *, to_terminal: bool) -> bool:
    """Whether to colour: what the user says, else NO_COLOR and FORCE_COLOR, else whether somebody can see it.

    The logs of GitHub Actions and GitLab show colours although they are no terminals.
    """
    if choice is not ColorChoice.AUTO:
        return choice is ColorChoice.ALWAYS and to_terminal
    if not to_terminal or environment.get("NO_COLOR"):
        return False
    if any(environment.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if in_github_actions(environment) or environment.get("GITLAB_CI") == "true":
        return True
    return environment.get("TERM") != "dumb" and sys.stdout.isatty()


def version_control(environment: Mapping[str, str]) -> VersionControl | None:
    """The revision under test, where GitHub or GitLab says which it is."""
    server, repository = environment.get("GITHUB_SERVER_URL", ""), environment.get("GITHUB_REPOSITORY", "")
    if server.startswith("https://") and repository:
        return VersionControl(
            f"{server}/{repository}", environment.get("GITHUB_SHA", ""), environment.get("GITHUB_REF_NAME", "")
        )
    project = environment.get("CI_PROJECT_URL", "")
    if project.startswith("https://"):
        return VersionControl(project, environment.get("CI_COMMIT_SHA", ""), environment.get("CI_COMMIT_REF_NAME", ""))
    return None


@contextmanager
def failures_told(environment: Mapping[str, str]) -> Iterator[None]:
    """Tell GitHub why a run came to no verdict: an error annotation, and the output `conclusion`."""
    try:
        yield
    except Exception as error:
        if in_github_actions(environment):
            conclusion = Conclusion.NO_INPUT if isinstance(error, NoInputError) else Conclusion.ERROR
            text = str(error) if isinstance(error, SipCiError) else f"internal error: {type(error).__name__}"
            shown = "\n".join(printable(line) for line in text.splitlines())
            sys.stdout.write(f"::error title=sip-ci::{escape_data(shown)}\n")
            sys.stdout.flush()
            outputs = github_outputs.outputs_without_verdict(conclusion)
            try:
                github_outputs.write_outputs(outputs, environment)
            except OSError as problem:
                logger.warning("GitHub's command files cannot be written: %s", problem.strerror or problem)
        raise
