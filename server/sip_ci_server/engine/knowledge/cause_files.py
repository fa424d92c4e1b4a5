"""Loads what knowledge says about causes and effects: `causes/*.yml`, one file for each topic."""

from __future__ import annotations

from importlib import resources

from pydantic import BaseModel, ConfigDict, Field

from sip_ci_server.engine.knowledge.texts import load_yaml


class CauseFile(BaseModel):
    """The shape of `causes/<topic>.yml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    same_fault: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="By check: the more specific checks that tell the same fault better in the same call.",
    )
    effects: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="By check: the checks whose findings in the same call, or in another call of the same session, are"
        " its causes.",
    )
    effects_of_further_legs: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="By check: the checks whose findings in a call that a B2BUA made of this one are its causes.",
    )
    effects_for_user: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="By check: the checks whose earlier findings about the user who calls or is called are its causes,"
        " whatever call they were in.",
    )


def cause_files() -> dict[str, CauseFile]:
    """Every topic by its name. Raises pydantic.ValidationError for a file of another shape, which a test forbids."""
    folder = resources.files(__package__) / "causes"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yml"))
    return {name.removesuffix(".yml"): CauseFile.model_validate(load_yaml(f"causes/{name}")) for name in names}
