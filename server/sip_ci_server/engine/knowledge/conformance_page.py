"""The page that lists the requirements of RFCs, each with the check that decides it or the reason why none does."""

from __future__ import annotations

from sip_ci_server.engine.knowledge.conformance_files import Requirement, reasons_beyond, requirements
from sip_ci_server.engine.knowledge.pages import GENERATED

_INTRODUCTION = (
    "What the RFCs ask of a SIP element, as far as a trace can decide it: each requirement in short, with the check"
    " that finds who breaks it, or the reason why none does. What stays inside an element, or needs to know its"
    " configuration, is not listed."
)


def conformance_page() -> str:
    """The Markdown page, made from `conformance/*.yml`."""
    listed = requirements()
    decided = sum(entry.check is not None for entries in listed.values() for entry in entries)
    total = sum(len(entries) for entries in listed.values())
    parts = [GENERATED, "# Conformance", _INTRODUCTION, f"{decided} of {total} requirements have a check."]
    for number, entries in listed.items():
        parts += [f"## RFC {number}", "\n".join([_HEAD, *(_row(entry) for entry in entries)])]
    beyond = [f"- `{check}`: {reason.strip()}" for check, reason in sorted(reasons_beyond().items())]
    parts += ["## Checks beyond the requirements", "\n".join(beyond)]
    return "\n\n".join(parts) + "\n"


_HEAD = "| Section | Requirement | Check |\n|---|---|---|"


def _row(entry: Requirement) -> str:
    check = f"[{entry.check}](checks/{entry.check}.md)" if entry.check else f"none: {_cell(entry.reason or '')}"
    return f"| §{entry.section} | {_cell(entry.requirement)} | {check} |"


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|")
