"""Loads what the format parameters of codecs may say: `codecs.yml`, which a telephony engineer can correct."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

from sip_ci_server.engine.knowledge.texts import load_yaml


class ParameterKind(StrEnum):
    """What values a parameter takes."""

    INTEGER = "integer"
    CHOICE = "choice"
    INTEGERS = "integers"
    HEX = "hex"
    TEXT = "text"


class Parameter(BaseModel):
    """One format parameter of a codec."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ParameterKind
    minimum: int = 0
    maximum: int = 0
    choices: tuple[str, ...] = ()
    digits: int = Field(default=0, description="How many hexadecimal digits the value has.")
    default: str = Field(default="", description="What holds where the parameter is not written.")
    symmetric: bool = Field(default=False, description="Whether offer and answer must be equal.")

    def accepts(self, value: str) -> bool:
        """Whether a value as written is one of those that the parameter may have."""
        value = value.strip().strip('"')
        if self.kind is ParameterKind.CHOICE:
            return value.lower() in self.choices
        if self.kind is ParameterKind.HEX:
            return len(value) == self.digits and all(char in "0123456789abcdefABCDEF" for char in value)
        if self.kind is ParameterKind.INTEGER:
            return self._within(value)
        if self.kind is ParameterKind.INTEGERS:
            parts = [part.strip() for item in value.split(",") for part in item.split("-", 1)]
            return all(self._within(part) for part in parts)
        return True

    def _within(self, value: str) -> bool:
        return value.isascii() and value.isdigit() and len(value) < 10 and self.minimum <= int(value) <= self.maximum

    @property
    def words(self) -> str:
        """What the value may be, in words."""
        if self.kind is ParameterKind.CHOICE:
            said = (
                " or ".join((", ".join(self.choices[:-1]), self.choices[-1])) if self.choices[1:] else self.choices[0]
            )
        elif self.kind is ParameterKind.HEX:
            said = f"{self.digits} hexadecimal digits"
        elif self.kind is ParameterKind.TEXT:
            said = "a text"
        else:
            listed = "numbers" if self.kind is ParameterKind.INTEGERS else "a number"
            said = f"{listed} from {self.minimum} to {self.maximum}"
        unsaid = f"; {self.default} where it is not written" if self.default else ""
        return said + unsaid + ("; offer and answer must be equal" if self.symmetric else "")


class Codec(BaseModel):
    """An entry of `codecs.yml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clock_rate: int | None = Field(default=None, description="The clock rate of its rtpmap, where there is but one.")
    channels: int | None = Field(default=None, description="The channels of its rtpmap, where they are fixed.")
    meaning: str = Field(default="", description="What it is, and what goes wrong with it.")
    change: str = Field(default="", description="What to set on both sides.")
    source: str = Field(description="The document and section that defines the parameters.")
    parameters: dict[str, Parameter] = Field(default_factory=dict)


@lru_cache(maxsize=1)
def codecs() -> dict[str, Codec]:
    """The codecs that have an entry, by their encoding name in upper case.

    Raises pydantic.ValidationError for a file of another shape, which a test forbids.
    """
    raw = load_yaml("codecs.yml")
    assert isinstance(raw, dict)
    return {str(name).upper(): Codec.model_validate(entry) for name, entry in raw.items()}
