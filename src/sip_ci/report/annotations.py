"""Annotations: one line for each finding, as commands of GitHub Actions or as compilers write them.

GitHub shows ten annotations of a kind from one step and drops the others without a word, so the worst come first and
the number of the others is said. Whatever stands at the start of a line and between two double colons is a command to
the runner: text from a trace never gets there.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from sip_ci.catalogue import UNNAMED_CHECK
from sip_ci.findings import JudgedFinding, Severity
from sip_ci.report.interface import AnnotationStyle, ReportData, ReportOptions, faults, is_shown
from sip_ci.report.plain import in_trace, one_line, place, seen_at, shortened, shown_at
from sip_ci.trace.printable import printable
from sip_ci.wording import plural

MAXIMUM_PER_KIND = 10
"""Annotations of one kind that GitHub shows from one step."""
_MAXIMUM_MESSAGE = 3500
"""The runner cuts messages at 4,096 characters."""
_MAXIMUM_TITLE = 120
_LONGEST_PATH = 1024

KINDS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.INFO: "notice",
}


def render(data: ReportData, options: ReportOptions) -> str:
    """Return the annotations, worst first; one for each fault, as its effects have no other place to be mended."""
    shown = [fault.lead for fault in faults(item for item in data.findings if is_shown(item))]
    if options.annotation_style is AnnotationStyle.PLAIN:
        return "".join(_plain(item) + "\n" for item in shown)
    by_kind: dict[str, list[JudgedFinding]] = defaultdict(list)
    for item in shown:
        by_kind[KINDS[item.finding.severity]].append(item)
    room = dict.fromkeys(by_kind, MAXIMUM_PER_KIND)
    if any(len(items) > MAXIMUM_PER_KIND for items in by_kind.values()):
        # The line that says how many are missing is a notice itself.
        room["notice"] = MAXIMUM_PER_KIND - 1
    lines = []
    withheld: Counter[str] = Counter()
    for kind in ("error", "warning", "notice"):
        items = by_kind.get(kind, [])
        lines += [_command(item, options) for item in items[: room.get(kind, 0)]]
        withheld[kind] = len(items) - min(len(items), room.get(kind, 0))
    if withheld.total():
        kinds = ", ".join(plural(count, kind) for kind, count in withheld.items() if count)
        where = f"see {options.full_report}" if options.full_report else "see the other reports of sip-ci"
        text = f"{plural(withheld.total(), 'more finding')} not annotated ({kinds}): {where}."
        lines.append(f"::notice title=sip-ci::{escape_data(printable(text))}")
    return "".join(line + "\n" for line in lines)


def _command(item: JudgedFinding, options: ReportOptions) -> str:
    finding = item.finding
    properties: dict[str, str] = {}
    if item.location is not None and len(item.location.path) <= _LONGEST_PATH:
        properties |= {
            "file": printable(item.location.path),
            "line": str(item.location.start_line),
            "endLine": str(max(item.location.end_line, item.location.start_line)),
        }
    elif item.location is None and options.anchor:
        properties |= {"file": printable(options.anchor), "line": "1"}
    title = f"{one_line(finding.title, _MAXIMUM_TITLE)} [{finding.check or UNNAMED_CHECK}]"
    properties["title"] = printable(title)
    is_at_trace = item.location is not None and item.location.path == finding.input
    parts = [("" if is_at_trace else in_trace(finding)) + shortened(finding.detail, 1500)]
    if finding.recommendation:
        parts.append(f"What to change: {shortened(finding.recommendation, 1500)}")
    message = "\n".join(part for part in parts if part)[:_MAXIMUM_MESSAGE] or one_line(finding.title)
    given = ",".join(f"{name}={escape_property(value)}" for name, value in properties.items())
    return f"::{KINDS[finding.severity]} {given}::{escape_data(message)}"


def _plain(item: JudgedFinding) -> str:
    finding = item.finding
    # Problem matchers want `path:line:` first: the place in the repository, where there is one.
    start = place(item.location) if item.location is not None else seen_at(finding)
    lead = in_trace(finding) if shown_at(item) else ""
    line = f"{start}: {finding.severity}: {lead}{one_line(finding.title, 300)}"
    return defused(f"{line} [{printable(finding.check or UNNAMED_CHECK)}]")


def defused(line: str) -> str:
    """Return a line that no CI service takes for a command: neither `::…` nor `##[…` stands at its start."""
    return f" {line}" if line.lstrip().startswith(("::", "##")) else line


def escape_data(text: str) -> str:
    """Escape the message of a workflow command, as the toolkit of GitHub Actions does."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Escape the value of a property of a workflow command."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def stop_commands(text: str, token: str) -> str:
    """Wrap text that may hold lines of strangers, so that the runner of GitHub Actions prints it and obeys nothing.

    `token` has to be random and new for each run; text that holds it nevertheless has it removed.
    """
    body = text.replace(token, "")
    end = "" if body.endswith("\n") or not body else "\n"
    return f"::stop-commands::{token}\n{body}{end}::{token}::\n"
