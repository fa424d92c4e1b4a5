"""Loads the texts of checks and the meanings of response codes: YAML files beside this module, read when asked for."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, Field


class CheckText(BaseModel):
    """What people are told of a check; the shape of `checks/<id>.yml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: str = Field(description="What the check finds, in one sentence.")
    description: str = Field(description="When it fires, what it rests on, and when it stays silent.")
    impact: str = Field(description="What a caller notices, in one sentence.")
    mild: str = Field(
        default="",
        description="What is said instead of `impact` where a check of medium or worse is low or info in a case: why it"
        " did no harm here, and when it would.",
    )
    recommendation: str = Field(description="What to change, on any platform.")
    platforms: dict[str, str] = Field(
        default_factory=dict,
        description="What to change on one platform: asterisk, freeswitch, kamailio, opensips, sipp …",
    )
    sources: tuple[str, ...] = Field(
        default=(), description="What the check rests on: RFC and section, ITU-T recommendation."
    )


class ResponseCode(BaseModel):
    """What a final response means; an entry of `responses.yml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phrase: str
    meaning: str
    impact: str
    recommendation: str
    platforms: dict[str, str] = Field(default_factory=dict)
    source: str


PLATFORM_NAMES = {
    "asterisk": "Asterisk (PJSIP)",
    "freeswitch": "FreeSWITCH",
    "kamailio": "Kamailio",
    "opensips": "OpenSIPS",
    "sipp": "SIPp",
    "cisco": "Cisco CUBE",
    "audiocodes": "AudioCodes",
    "webrtc": "WebRTC",
}
"""The platforms that advice is given for, in the order in which it is shown."""


def load_yaml(name: str) -> object:
    """The content of a YAML file below this folder."""
    text = (resources.files(__package__) / name).read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders, and the file is our own


@lru_cache(maxsize=512)
def text_of(check_id: str) -> CheckText:
    """The texts of a check; those of `final-<code>` are made from the response code's entry.

    Raises FileNotFoundError for a check without texts, which a test forbids.
    """
    family, _, code = check_id.rpartition("-")
    if family == "final" and code.isdigit():
        entry = response_codes()[int(code)]
        return CheckText(
            summary=f"A request ended with {code} {entry.phrase}.",
            description=f"{entry.meaning} The finding names the element that gave the response first, not those that"
            " passed it on, and its Reason and Warning headers. Only requests outside a dialog are judged; REGISTER,"
            " BYE and CANCEL have checks of their own. A call that was answered all the same, on another branch or a"
            " later try, and a 3xx or 4xx to OPTIONS, which shows that the element is alive, are only noted.",
            impact=entry.impact,
            mild="No call was lost by it.",
            recommendation=entry.recommendation,
            platforms=entry.platforms,
            sources=(entry.source,),
        )
    return CheckText.model_validate(load_yaml(f"checks/{check_id}.yml"))


@lru_cache(maxsize=1)
def response_codes() -> dict[int, ResponseCode]:
    """The final responses that have an entry, by code."""
    raw = load_yaml("responses.yml")
    assert isinstance(raw, dict)
    return {int(code): ResponseCode.model_validate(entry) for code, entry in raw.items()}
