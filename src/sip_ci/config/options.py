"""The table of options: every key of the config file with its environment variable and its flag.

The command line, the environment reader and the documentation are made from this table. It imports nothing heavy,
because `sip-ci --help` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

ENVIRONMENT_PREFIX = "SIP_CI_"
API_KEY_VARIABLE = "SIP_CI_API_KEY"


class Kind(Enum):
    """What an option's value looks like."""

    TEXT = "text"
    LIST = "list"
    BOOLEAN = "true or false"
    SECONDS = "seconds"
    BYTES = "bytes"


class Place(Enum):
    """Where an option may be given."""

    EVERYWHERE = "everywhere"
    """Config file, environment, and the command line where it has a flag."""
    NOT_IN_FILE = "not in the file"
    """Environment, and the command line where it has a flag."""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a user can set."""

    key: str
    """Its name in the config file."""
    kind: Kind
    help: str
    default: str
    """The default, as the documentation shows it."""
    flag: str = ""
    """The long flag; empty where there is none."""
    short: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()
    place: Place = Place.EVERYWHERE

    @property
    def variable(self) -> str:
        """The environment variable."""
        return ENVIRONMENT_PREFIX + self.key.upper().replace("-", "_")

    @property
    def parameter(self) -> str:
        """The name as a Python identifier."""
        return self.key.replace("-", "_")


OPTIONS: tuple[Option, ...] = (
    Option(
        "paths",
        Kind.LIST,
        "Traces to analyse: files, globs (with `**`) and folders. On the command line these are the arguments.",
        "none",
    ),
    Option(
        "server",
        Kind.TEXT,
        "The analysis server: the bundled one, the hosted service, or the URL of your own.",
        "bundled",
        flag="--server",
        metavar="bundled|hosted|URL",
    ),
    Option(
        "output",
        Kind.LIST,
        "A report: FORMAT=PATH; `-` is standard output. Formats: text, json, sarif, junit, markdown, annotations.",
        "text=-",
        flag="--output",
        short="-o",
        metavar="FORMAT=PATH",
    ),
    Option(
        "fail-on",
        Kind.TEXT,
        "Fail (exit code 1) on findings of this severity or worse.",
        "high",
        flag="--fail-on",
        choices=("critical", "high", "medium", "low", "info", "never"),
    ),
    Option(
        "issue",
        Kind.TEXT,
        "The symptom under investigation, such as `one-way-audio`; the report answers it.",
        "none",
        flag="--issue",
        metavar="TEXT",
    ),
    Option(
        "endpoints",
        Kind.LIST,
        "A label for a host of the trace, in the order in which the hosts first appear.",
        "none",
        flag="--endpoint",
        metavar="LABEL",
    ),
    Option(
        "category",
        Kind.TEXT,
        "Tells apart the results of several runs of one commit, such as the jobs of a matrix.",
        "none",
        flag="--category",
        metavar="NAME",
    ),
    Option(
        "anchor",
        Kind.TEXT,
        "The file in the repository at which findings appear that have no better place.",
        "the config file, else the workflow file, else .gitlab-ci.yml, else README",
        flag="--anchor",
        metavar="FILE",
    ),
    Option(
        "tls-keylog",
        Kind.TEXT,
        "The key log of the TLS connections in captures, as `SSLKEYLOGFILE` makes programs write it; needs tshark.",
        "none",
        flag="--tls-keylog",
        metavar="FILE",
    ),
    Option(
        "annotations",
        Kind.BOOLEAN,
        "Show findings as annotations when running in GitHub Actions.",
        "true",
        flag="--annotations",
    ),
    Option(
        "job-summary",
        Kind.BOOLEAN,
        "Write the job summary when running in GitHub Actions.",
        "true",
        flag="--job-summary",
    ),
    Option(
        "timeout",
        Kind.SECONDS,
        "How long the analysis of all inputs may take.",
        "600",
        flag="--timeout",
        metavar="SECONDS",
    ),
    Option(
        "max-input-bytes",
        Kind.BYTES,
        "The largest input that is analysed.",
        "17179869184",
    ),
    Option(
        "color",
        Kind.TEXT,
        "Colour in the text report.",
        "auto",
        flag="--color",
        choices=("auto", "always", "never"),
    ),
    Option(
        "log-level",
        Kind.TEXT,
        "How much is said on standard error.",
        "warning",
        choices=("debug", "info", "warning", "error"),
    ),
    Option(
        "config",
        Kind.TEXT,
        "The config file to use instead of the one that is found.",
        "the nearest .sip-ci.yml, .sip-ci.yaml or pyproject.toml with [tool.sip-ci]",
        flag="--config",
        metavar="FILE",
        place=Place.NOT_IN_FILE,
    ),
    Option(
        "api-key",
        Kind.TEXT,
        "The API key for the hosted or a self-hosted server.",
        "none",
        place=Place.NOT_IN_FILE,
    ),
    Option(
        "allow-http",
        Kind.BOOLEAN,
        "Allow the API key to be sent over plain http to a server that is not on this machine.",
        "false",
        place=Place.NOT_IN_FILE,
    ),
)

OPTION_BY_KEY: dict[str, Option] = {option.key: option for option in OPTIONS}
FILE_KEYS: tuple[str, ...] = tuple(option.key for option in OPTIONS if option.place is Place.EVERYWHERE)
