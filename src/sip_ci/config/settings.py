"""The settings as values: what a config file may say, and what a run finally uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from sip_ci.findings import Severity

BUNDLED = "bundled"
HOSTED = "hosted"
HOSTED_URL = "https://sipsymposium.com"


class FailOn(StrEnum):
    """The worst severity that a build bears, or `never`."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"
    NEVER = "never"

    @property
    def threshold(self) -> Severity | None:
        """The severity at and above which findings fail the build; None for never."""
        return None if self is FailOn.NEVER else Severity(self.value)


class ColorChoice(StrEnum):
    """When to colour the text report."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class LogLevel(StrEnum):
    """How much is said on standard error."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class OutputFormat(StrEnum):
    """The names of the report formats."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    ANNOTATIONS = "annotations"


@dataclass(frozen=True, slots=True)
class OutputRequest:
    """One report that was asked for."""

    format: OutputFormat
    path: Path | None
    """None is standard output."""


def _check_server(value: str) -> str:
    if value in (BUNDLED, HOSTED):
        return value
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"is not a URL ({error})") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("must be `bundled`, `hosted`, or a URL that begins with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or password; the API key goes into SIP_CI_API_KEY")
    if parts.query or parts.fragment:
        raise ValueError("must not contain a query or fragment")
    return value.rstrip("/")


def _check_output(value: str) -> str:
    name, _, path = value.partition("=")
    if name not in list(OutputFormat):
        raise ValueError(f"'{name}' is no report format; the formats are {', '.join(OutputFormat)}")
    if "=" in value and not path:
        raise ValueError(f"'{value}' names no path; write {name}=PATH, or {name}=- for standard output")
    return value


def _check_category(value: str) -> str:
    if any(character.isspace() or ord(character) < 0x20 for character in value):
        raise ValueError("must not contain blanks")
    return value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _check_path(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    # The bytes of a name that is no UTF-8 are lone surrogates in Python, which pydantic takes for broken text.
    if isinstance(value, str) and any("\udc80" <= character <= "\udcff" for character in value):
        check(value.encode("utf-8", "backslashreplace").decode("utf-8"))
        return value
    return check(value)


AnyCase = BeforeValidator(_lower)
Text = Annotated[str, Field(min_length=1, max_length=4096)]
PathText = Annotated[Text, WrapValidator(_check_path)]
"""A path as the system has it, which need not be UTF-8."""


def _file_key(name: str) -> str:
    return name.replace("_", "-")


class FileSettings(BaseModel):
    """What a config file may say."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=_file_key,
        title="sip-ci configuration",
        hide_input_in_errors=True,
    )

    version: Literal[1] = Field(default=1, description="The version of this file's layout.")
    paths: tuple[PathText, ...] = Field(
        default=(), description="Traces to analyse: files, globs (with `**`) and folders, relative to this file."
    )
    server: Annotated[Text, AfterValidator(_check_server)] = Field(
        default=BUNDLED, description="`bundled`, `hosted`, or the URL of your own server."
    )
    output: tuple[Annotated[Text, AfterValidator(_check_output)], ...] = Field(
        default=(), description="Reports as FORMAT=PATH, relative to this file; `-` is standard output."
    )
    fail_on: Annotated[FailOn, AnyCase] = Field(
        default=FailOn.HIGH, description="Fail on findings of this severity or worse."
    )
    issue: Annotated[str, Field(max_length=2000)] | None = Field(
        default=None, description="The symptom under investigation."
    )
    endpoints: Annotated[tuple[Text, ...], Field(max_length=64)] = Field(
        default=(), description="Labels for hosts, in the order in which they first appear in the trace."
    )
    category: Annotated[str, Field(max_length=255), AfterValidator(_check_category)] = Field(
        default="", description="Tells apart the results of several runs of one commit."
    )
    anchor: Text | None = Field(
        default=None, description="The file at which findings appear that have no better place, relative to this file."
    )
    tls_keylog: Text | None = Field(
        default=None, description="The key log of the TLS connections in captures, relative to this file."
    )
    annotations: StrictBool = Field(default=True, description="Annotations when running in GitHub Actions.")
    job_summary: StrictBool = Field(default=True, description="The job summary when running in GitHub Actions.")
    timeout: Annotated[float, Field(gt=0, le=86400)] = Field(
        default=600.0, description="How long the analysis of all inputs may take, in seconds."
    )
    max_input_bytes: Annotated[int, Field(gt=0, le=2**50)] = Field(
        default=16 * 1024**3, description="The largest input that is analysed, in bytes."
    )
    color: Annotated[ColorChoice, AnyCase] = Field(default=ColorChoice.AUTO, description="Colour in the text report.")
    log_level: Annotated[LogLevel, AnyCase] = Field(
        default=LogLevel.WARNING, description="How much is said on standard error."
    )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from."""

    label: str
    """For people: `--fail-on`, `SIP_CI_FAIL_ON`, `.sip-ci.yml:3` or `default`."""
    directory: Path | None = None
    """The folder of the config file, where the value came from one; its relative paths start there."""


DEFAULT_ORIGIN = Origin("default")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a run needs to know from its user."""

    values: FileSettings
    workspace: Path
    """The repository's root in this job, resolved."""
    directory: Path
    """The current directory, resolved."""
    config_file: Path | None = None
    api_key: SecretStr | None = None
    allow_http: bool = False
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """By key; a key that is missing has its default."""
    warnings: tuple[str, ...] = ()

    def origin(self, key: str) -> Origin:
        """Where the value of `key` came from."""
        return self.origins.get(key, DEFAULT_ORIGIN)

    def base(self, key: str) -> Path:
        """The folder from which relative paths under `key` start."""
        return self.origin(key).directory or self.directory

    @property
    def server_url(self) -> str | None:
        """The server's base URL; None for the bundled one."""
        match self.values.server:
            case "bundled":
                return None
            case "hosted":
                return HOSTED_URL
            case url:
                return url

    @property
    def outputs(self) -> tuple[OutputRequest, ...]:
        """The reports to write, with absolute paths."""
        return tuple(self._output(text) for text in self.values.output)

    def _output(self, text: str) -> OutputRequest:
        name, _, path = text.partition("=")
        target = None if path in ("", "-") else self.base("output") / path
        return OutputRequest(OutputFormat(name), target)


def config_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a config file."""
    schema = FileSettings.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
