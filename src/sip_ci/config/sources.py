"""Puts the settings together: defaults, config file, environment, flags; each later one wins."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from sip_ci.config.documents import Document, discover, read_document
from sip_ci.config.options import API_KEY_VARIABLE, FILE_KEYS, OPTION_BY_KEY, OPTIONS, Kind, Option, Place
from sip_ci.config.settings import FileSettings, Origin, Settings
from sip_ci.errors import ConfigError, UsageError

_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_WORKSPACE_VARIABLES = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
_FILE_ONLY_KEYS = ("version",)


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
    given = {
        **(_from_file(document) if document else {}),
        **_from_environment(variables),
        **{key: _Given(value, Origin(_flag_label(key))) for key, value in flags.items()},
    }
    values = _validate(given)
    api_key = variables.get(API_KEY_VARIABLE)
    return Settings(
        values=values,
        workspace=workspace,
        directory=directory,
        config_file=document.path if document else None,
        api_key=SecretStr(api_key.strip()) if api_key else None,
        allow_http=_environment_boolean(OPTION_BY_KEY["allow-http"], variables) or False,
        origins={key: item.origin for key, item in given.items()} | _origins_outside_file(variables, config, document),
        warnings=warnings,
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


def _from_file(document: Document) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for key, entry in document.entries.items():
        place = f"{document.label}:{entry.line}" if entry.line else document.label
        if key == "api-key":
            raise ConfigError(
                f"{place}: the API key must not stand in a file; set the environment variable {API_KEY_VARIABLE}"
            )
        if key not in FILE_KEYS and key not in _FILE_ONLY_KEYS:
            raise ConfigError(f"{place}: {_unknown_key(key)}")
        if entry.value is not None:
            given[key] = _Given(entry.value, Origin(place, document.path.parent))
    return given


def _unknown_key(key: str) -> str:
    if key in OPTION_BY_KEY:
        return f"'{key}' cannot be set in a file; set the environment variable {OPTION_BY_KEY[key].variable}"
    near = difflib.get_close_matches(key.replace("_", "-").lower(), [*FILE_KEYS, *_FILE_ONLY_KEYS], n=1)
    suggestion = f"; did you mean '{near[0]}'?" if near else f"; the keys are {', '.join(FILE_KEYS)}"
    return f"unknown key '{key}'{suggestion}"


def _from_environment(variables: Mapping[str, str]) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for option in OPTIONS:
        if option.place is Place.EVERYWHERE and option.variable in variables:
            given[option.key] = _Given(_environment_value(option, variables), Origin(option.variable))
    return given


def _environment_value(option: Option, variables: Mapping[str, str]) -> Any:
    text = variables[option.variable]
    match option.kind:
        case Kind.LIST:
            return [line.strip() for line in text.splitlines() if line.strip()]
        case Kind.BOOLEAN:
            return _environment_boolean(option, variables)
        case _:
            return text.strip()


def _environment_boolean(option: Option, variables: Mapping[str, str]) -> bool | None:
    if option.variable not in variables:
        return None
    text = variables[option.variable].strip()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ConfigError(f"{option.variable}: must be true or false, not '{text}'")


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


def _validate(given: Mapping[str, _Given]) -> FileSettings:
    try:
        return FileSettings.model_validate({key: item.value for key, item in given.items()})
    except ValidationError as error:
        problems = [_problem(detail, given) for detail in error.errors(include_url=False)]
    more = f" (and {len(problems) - 1} more: see `sip-ci config check`)" if len(problems) > 1 else ""
    raise InvalidConfigError(problems[0] + more, tuple(problems))


def _problem(detail: ErrorDetails, given: Mapping[str, _Given]) -> str:
    key = str(detail["loc"][0]) if detail["loc"] else ""
    origin = given[key].origin.label if key in given else "configuration"
    place = origin if origin.startswith(("-", "SIP_CI_")) else f"{origin}: {key}"
    return f"{place}: {_reason(detail)}"


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
