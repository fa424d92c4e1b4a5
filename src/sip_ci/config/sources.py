"""Puts the settings together: defaults, config file, environment, flags; each later one wins."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from sip_ci.config.documents import Document, discover, read_document
from sip_ci.config.options import (
    API_KEY_VARIABLE,
    ENVIRONMENT_PREFIX,
    FILE_KEYS,
    OPTION_BY_KEY,
    OPTIONS,
    Kind,
    Option,
    Place,
)
from sip_ci.config.settings import FileSettings, Origin, Settings
from sip_ci.errors import ConfigError, UsageError
from sip_ci.trace.printable import printable

_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_WORKSPACE_VARIABLES = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
_FILE_ONLY_KEYS = ("version",)
_OTHER_PREFIXES = ("SIP_CI_SERVER_", "SIP_CI_INPUT_")
"""Variables of the analysis server, and those in which the action hands its inputs over."""
_OTHER_VARIABLES = frozenset({"SIP_CI_IMAGE", "SIP_CI_PORT"})
"""Variables of the documented pipelines and of the compose file."""


class InvalidConfigError(ConfigError):
    """Raised when values are of the wrong kind or out of range; it knows all of them."""

    def __init__(self, message: str, problems: tuple[str, ...]) -> None:
        super().__init__(message)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class _Given:
    """One value that somebody gave, and who."""

    value: Any
    origin: Origin
    line: int = sys.maxsize
    """1-based, in the config file; beyond any line elsewhere, so that problems of the file come first."""


@dataclass(frozen=True, slots=True)
class _Problem:
    """One thing that is wrong with the settings."""

    text: str
    line: int = sys.maxsize
    """As in `_Given`."""


def load_settings(
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    directory: Path,
    *,
    config: str | None = None,
    use_config: bool = True,
) -> Settings:
    """Put the settings together.

    Args:
        flags: By config key, what the command line gave; keys that were not given are absent.
        environment: The environment variables; an empty one counts as unset.
        directory: The current directory.
        config: The config file that the command line named.
        use_config: Whether to use a config file at all.

    Raises:
        ConfigError: A value is unknown or out of range; the message names its file and line, variable or flag.
        UsageError: `config` was given although no config file is to be used.
    """
    directory = directory.resolve()
    variables = {name: value for name, value in environment.items() if value.strip()}
    workspace = _workspace(variables, directory)
    if config and not use_config:
        raise UsageError("--config and --no-config exclude each other")
    document, warnings = _document(config, variables, directory) if use_config else (None, ())
    problems: list[_Problem] = []
    given = {
        **(_from_file(document, problems) if document else {}),
        **_from_environment(variables, problems),
        **{key: _Given(value, Origin(_flag_label(key))) for key, value in flags.items()},
    }
    allow_http = _environment_boolean(OPTION_BY_KEY["allow-http"], variables, problems)
    values = _validate(given, problems)
    api_key = variables.get(API_KEY_VARIABLE)
    return Settings(
        values=values,
        workspace=workspace,
        directory=directory,
        config_file=document.path if document else None,
        api_key=SecretStr(api_key.strip()) if api_key else None,
        allow_http=allow_http or False,
        origins={key: item.origin for key, item in given.items()} | _origins_outside_file(variables, config, document),
        warnings=(*warnings, *_unknown_variables(variables)),
    )


def _workspace(variables: Mapping[str, str], directory: Path) -> Path:
    for name in _WORKSPACE_VARIABLES:
        if name in variables and Path(variables[name]).is_dir():
            return Path(variables[name]).resolve()
    return directory


def _document(
    config: str | None, variables: Mapping[str, str], directory: Path
) -> tuple[Document | None, tuple[str, ...]]:
    chosen = config or variables.get("SIP_CI_CONFIG", "").strip()
    if chosen:
        return read_document((directory / chosen).resolve(), directory), ()
    found = discover(directory)
    document = read_document(found.path, directory) if found.path else None
    return document, (found.warning,) if found.warning else ()


def _from_file(document: Document, problems: list[_Problem]) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for key, entry in document.entries.items():
        place = f"{document.label}:{entry.line}" if entry.line else document.label
        if key not in FILE_KEYS and key not in _FILE_ONLY_KEYS:
            problems.append(_Problem(f"{place}: {_unknown_key(key)}", entry.line))
        elif entry.value is not None:
            given[key] = _Given(entry.value, Origin(place, document.path.parent), entry.line)
    return given


def _unknown_key(key: str) -> str:
    if key == "api-key":
        return f"the API key must not stand in a file; set the environment variable {API_KEY_VARIABLE}"
    if key in OPTION_BY_KEY:
        return f"'{key}' cannot be set in a file; set the environment variable {OPTION_BY_KEY[key].variable}"
    near = difflib.get_close_matches(key.replace("_", "-").lower(), [*FILE_KEYS, *_FILE_ONLY_KEYS], n=1)
    suggestion = f"; did you mean '{near[0]}'?" if near else f"; the keys are {', '.join(FILE_KEYS)}"
    return f"unknown key '{key}'{suggestion}"


def _unknown_variables(variables: Mapping[str, str]) -> Iterator[str]:
    """A variable that is mistyped would have no effect, and nobody would notice."""
    known = [option.variable for option in OPTIONS]
    for name in sorted(variables):
        if not name.startswith(ENVIRONMENT_PREFIX) or name in known or name.startswith(_OTHER_PREFIXES):
            continue
        if name not in _OTHER_VARIABLES:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            hint = f"did you mean {near[0]}?" if near else "`sip-ci analyze --help` names the variables"
            yield f"the variable {printable(name)} is no setting and has no effect; {hint}"


def _from_environment(variables: Mapping[str, str], problems: list[_Problem]) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for option in OPTIONS:
        if option.place is not Place.EVERYWHERE or option.variable not in variables:
            continue
        value = _environment_value(option, variables, problems)
        if value is not None:
            given[option.key] = _Given(value, Origin(option.variable))
    return given


def _environment_value(option: Option, variables: Mapping[str, str], problems: list[_Problem]) -> Any:
    text = variables[option.variable]
    match option.kind:
        case Kind.LIST:
            return [line.strip() for line in text.splitlines() if line.strip()]
        case Kind.BOOLEAN:
            return _environment_boolean(option, variables, problems)
        case _:
            return text.strip()


def _environment_boolean(option: Option, variables: Mapping[str, str], problems: list[_Problem]) -> bool | None:
    if option.variable not in variables:
        return None
    text = variables[option.variable].strip()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    problems.append(_Problem(f"{option.variable}: must be true or false, not '{printable(text)}'"))
    return None


def _flag_label(key: str) -> str:
    return OPTION_BY_KEY[key].flag or "the arguments"


def _origins_outside_file(
    variables: Mapping[str, str], config: str | None, document: Document | None
) -> dict[str, Origin]:
    origins = {
        option.key: Origin(option.variable)
        for option in OPTIONS
        if option.place is Place.NOT_IN_FILE and option.variable in variables
    }
    if config:
        origins["config"] = Origin("--config")
    elif document and "config" not in origins:
        origins["config"] = Origin("found")
    return origins


def _validate(given: Mapping[str, _Given], problems: Sequence[_Problem]) -> FileSettings:
    """Make the settings, or raise with all problems: those known before, and those of the values."""
    values: FileSettings | None = None
    found = list(problems)
    try:
        values = FileSettings.model_validate({key: item.value for key, item in given.items()})
    except ValidationError as error:
        found += [_problem(detail, given) for detail in error.errors(include_url=False)]
    if values is not None and not found:
        return values
    texts = tuple(item.text for item in sorted(found, key=lambda item: item.line))
    more = f" (and {len(texts) - 1} more: see `sip-ci config check`)" if len(texts) > 1 else ""
    raise InvalidConfigError(texts[0] + more, texts)


def _problem(detail: ErrorDetails, given: Mapping[str, _Given]) -> _Problem:
    key = str(detail["loc"][0]) if detail["loc"] else ""
    if key not in given:
        return _Problem(f"configuration: {key}: {_reason(detail)}")
    origin = given[key].origin.label
    place = origin if origin.startswith(("-", "SIP_CI_")) else f"{origin}: {key}"
    return _Problem(f"{place}: {_reason(detail)}", given[key].line)


def _reason(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "enum" | "literal_error":
            return f"must be {context.get('expected', '')}, not '{detail['input']}'"
        case "tuple_type":
            return "must be a list"
        case "bool_type":
            return f"must be true or false, not '{detail['input']}'"
        case "value_error":
            return str(context.get("error", detail["msg"]))
        case _:
            return detail["msg"].replace("Input should", "must").replace("String should", "must")
