"""The server's settings: one frozen model, read from `SIP_CI_SERVER_*`, overridden by flags of `serve`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from sip_ci.errors import ConfigError

ENVIRONMENT_PREFIX = "SIP_CI_SERVER_"

Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Bytes = Annotated[int, Field(ge=1, le=2**50)]
Seconds = Annotated[float, Field(gt=0, le=10 * 365 * 86400)]


class ServerSettings(BaseModel):
    """Everything that the operator can decide; each field is also the variable `SIP_CI_SERVER_<FIELD>`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: str = Field(default="sqlite:///sip-ci-server.db", description="SQLAlchemy URL: SQLite or PostgreSQL.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 lets the system choose.")
    workers: int = Field(
        default_factory=lambda: min(4, os.cpu_count() or 1), ge=1, le=256, description="Processes that analyse."
    )
    queue: Count = Field(default=64, description="Analyses that may wait for a worker; more are refused with 503.")
    analysis_timeout: Seconds = Field(default=300.0, description="Seconds that one analysis may take.")
    captures_dir: Path | None = Field(
        default=Path("sip-ci-captures"), description="Folder of uploaded captures; empty turns uploads off."
    )
    capture_bytes: Bytes = Field(default=2 * 1024**3, description="Largest capture, in bytes.")
    capture_ttl: Seconds = Field(default=3600.0, description="Seconds after which an uploaded capture is deleted.")
    capture_store_bytes: Bytes = Field(
        default=20 * 1024**3, description="Bytes that all stored captures may take together."
    )
    roots: tuple[Path, ...] = Field(
        default=(), description="Folders below which `file:` URLs are read, separated by `:` (`;` on Windows)."
    )
    public_url: str | None = Field(
        default=None, description="The server's address as clients see it; the request's own address if unset."
    )
    allow_http: bool = Field(default=False, description="Whether `pcap_url` may be `http:`.")
    fetch_ports: tuple[int, ...] = Field(
        default=(443, 8443), description="Ports that `pcap_url` may name, separated by commas."
    )
    fetch_timeout: Seconds = Field(default=120.0, description="Seconds that fetching one `pcap_url` may take in all.")
    pro_daily: Count = Field(default=100, description="Analyses a day for a user on the plan `pro`.")
    team_user_daily: Count = Field(default=100, description="Analyses a day for a user on the plan `teams`.")
    team_daily: Count = Field(default=300, description="Analyses a day for all members of a team together.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="What is logged to standard error: debug, info, warning or error."
    )
    local_key: SecretStr | None = Field(
        default=None, description="The only key, for a server without database; environment only."
    )

    @field_validator("roots", mode="before")
    @classmethod
    def _split_roots(cls, value: object) -> object:
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("fetch_ports", mode="before")
    @classmethod
    def _split_ports(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("captures_dir", mode="before")
    @classmethod
    def _empty_folder_means_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("public_url")
    @classmethod
    def _absolute_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("local_key")
    @classmethod
    def _key_has_the_form_of_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        from sip_ci_server.accounts.secrets import is_well_formed

        if value is not None and not is_well_formed(value.get_secret_value()):
            raise ValueError("must be sips_ and 36 lower-case hexadecimal digits")
        return value

    @property
    def embedded(self) -> bool:
        """Whether this is a server for one CI job: one key, no database, no uploads unless a folder is named."""
        return self.local_key is not None


def environment_name(field: str) -> str:
    """Return the environment variable that sets `field`."""
    return ENVIRONMENT_PREFIX + field.upper()


def load_settings(environ: Mapping[str, str], flags: Mapping[str, object] | None = None) -> ServerSettings:
    """Read the settings; flags win over the environment, and empty variables count as unset.

    `captures_dir` is the exception: an empty value turns uploads off, which is also the default of an embedded server.

    Raises:
        ConfigError: naming the variable or flag, what is wrong with it, and never a secret's value.
    """
    values: dict[str, object] = {}
    for field in ServerSettings.model_fields:
        text = environ.get(environment_name(field))
        if text is not None and (text or field == "captures_dir"):
            values[field] = text
    given = {field: value for field, value in (flags or {}).items() if value is not None}
    values |= given
    if "local_key" in values and "captures_dir" not in values:
        values["captures_dir"] = None
    try:
        return ServerSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0])
        where = f"--{field.replace('_', '-')}" if field in given else environment_name(field)
        raise ConfigError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
