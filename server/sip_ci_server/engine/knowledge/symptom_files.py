"""Loads the symptoms that users name: `symptoms.yml`."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sip_ci_server.engine.knowledge.texts import load_yaml


class Sight(StrEnum):
    """What of a trace shows a symptom if it is there."""

    MEDIA = "media"
    QUALITY = "quality"
    DELAYS = "delays"
    ENDINGS = "endings"
    SETUPS = "setups"
    REGISTRATIONS = "registrations"
    CHALLENGES = "challenges"
    RINGING = "ringing"
    EARLY_MEDIA = "early_media"
    TRANSFERS = "transfers"
    HOLDS = "holds"
    DTMF = "dtmf"
    FAX = "fax"
    WEBRTC = "webrtc"
    TLS = "tls"
    CODECS = "codecs"
    CALLER_ID = "caller_id"
    LOAD = "load"


class Symptom(BaseModel):
    """An entry of `symptoms.yml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: tuple[str, ...] = Field(min_length=1, description="What people write; letters, digits and blanks.")
    sight: Sight | None = None
    decides: tuple[str, ...] = Field(default=(), description="Checks whose finding is the symptom itself.")
    confirms: tuple[str, ...] = Field(
        default=(),
        description="Checks whose finding is the symptom at any severity, for it carries measured values or harms"
        " nothing else; a word after the check has to be in the title.",
    )
    suggests: tuple[str, ...] = Field(
        default=(), description="Checks whose finding makes the symptom possible, and shows no more."
    )
    explains: tuple[str, ...] = Field(default=(), description="Checks whose finding leads to it.")
    never: str = Field(default="", description="Why no trace can show it.")

    @model_validator(mode="after")
    def _is_decidable_or_not(self) -> Symptom:
        if bool(self.never) == (self.sight is not None):
            raise ValueError("a symptom has either a sight or the reason why no trace shows it")
        return self


@lru_cache(maxsize=1)
def symptoms() -> dict[str, Symptom]:
    """The symptoms by name. Raises pydantic.ValidationError for a file of another shape, which a test forbids."""
    raw = load_yaml("symptoms.yml")
    assert isinstance(raw, dict)
    return {str(name): Symptom.model_validate(entry) for name, entry in raw.items()}
