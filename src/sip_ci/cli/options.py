"""Click options made from the table of options, so that flag, variable and key cannot drift apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from sip_ci.config.options import OPTION_BY_KEY, OPTIONS, Kind, Option

Command = TypeVar("Command", bound=Callable[..., Any])


def setting(key: str) -> Callable[[Command], Command]:
    """The decorator that adds the flag of a key. What is not given is absent: file and environment then decide."""
    option = OPTION_BY_KEY[key]
    names = [f"{option.flag}/--no-{key}"] if option.kind is Kind.BOOLEAN else [option.flag]
    if option.short:
        names.append(option.short)
    return click.option(
        *names,
        option.parameter,
        type=_type(option),
        multiple=option.kind is Kind.LIST,
        default=None,
        metavar=option.metavar or None,
        help=_help(option),
    )


def all_settings(command: Command) -> Command:
    """Add the flags of all keys, in the order of the table."""
    for option in reversed(OPTIONS):
        if option.flag:
            command = setting(option.key)(command)
    return command


def given_flags(values: dict[str, Any]) -> dict[str, Any]:
    """What the user gave, by config key."""
    flags: dict[str, Any] = {}
    for option in OPTIONS:
        value = values.get(option.parameter)
        if option.key != "config" and value not in (None, ()):
            flags[option.key] = list(value) if isinstance(value, tuple) else value
    return flags


def _type(option: Option) -> click.ParamType[Any] | type:
    if option.choices:
        return click.Choice(option.choices, case_sensitive=False)
    match option.kind:
        case Kind.SECONDS:
            return float
        case Kind.BOOLEAN:
            return bool
        case _:
            return str


def _help(option: Option) -> str:
    several = " May be given several times." if option.kind is Kind.LIST else ""
    return f"{option.help}{several}  [env: {option.variable}; default: {option.default}]"
