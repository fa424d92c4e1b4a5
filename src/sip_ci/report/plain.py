"""Prose from findings as plain lines, and the phrases that several reports share."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence

from sip_ci.findings import Conclusion, Evidence, Finding, JudgedFinding, Location, Severity, Verdict
from sip_ci.results import InputResult, IssueAnswer
from sip_ci.trace.printable import printable
from sip_ci.wording import plural

_LONGEST_TEXT = 20_000
_LONGEST_PATH = 300
_NAMED_INPUTS = 3


def lines_of(text: str) -> list[str]:
    """Split prose into its lines, each made printable; overlong prose is cut."""
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + "…"
    # Only real line ends split: the other separators of `splitlines` are escaped by `printable`.
    return [printable(line.replace("\t", "  ")) for line in text.replace("\r\n", "\n").split("\n")]


def one_line(text: str, maximum: int = 0) -> str:
    """Join prose into one printable line, cut to `maximum` code points where that is given.

    List items become clauses, set apart by semicolons.
    """
    joined = ""
    for line in lines_of(text):
        stripped = line.strip()
        is_item = stripped.startswith(("- ", "* "))
        if is_item:
            stripped = stripped[2:].lstrip()
            joined = joined if not joined or joined.endswith((":", ".", ";")) else joined + ";"
        joined = f"{joined} {stripped}" if joined and stripped else joined + stripped
    joined = " ".join(joined.split())
    return joined if not maximum or len(joined) <= maximum else joined[: maximum - 1].rstrip() + "…"


def shortened(text: str, maximum: int) -> str:
    """Join prose into one printable line of at most `maximum` code points that ends with a sentence where it can.

    Where not even the first sentence fits, or little would be left, it ends with a whole word and an ellipsis.
    """
    whole = one_line(text)
    if len(whole) <= maximum:
        return whole
    sentences = whole[: maximum + 1]
    end = max(sentences.rfind(mark) for mark in (". ", "! ", "? "))
    if end >= maximum // 3:
        return whole[: end + 1]
    words = whole[:maximum].rpartition(" ")[0].rstrip(" ,;:")
    return f"{words}…" if len(words) >= maximum // 3 else one_line(whole, maximum)


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Wrap prose to lines of at most `width` columns; list items hang, empty lines stay."""
    wrapped: list[str] = []
    for line in lines_of(text.strip("\n")):
        stripped = line.lstrip(" ")
        lead = indent + " " * (len(line) - len(stripped))
        hang = lead + ("  " if stripped.startswith(("- ", "* ")) else "")
        wrapped += textwrap.wrap(
            stripped,
            max(width, len(hang) + 20),
            initial_indent=lead,
            subsequent_indent=hang,
            break_on_hyphens=False,
        ) or [""]
    return wrapped


def sentence(text: str) -> str:
    """Return the text with a full stop at its end, as SARIF wants every message."""
    stripped = text.rstrip()
    return stripped if stripped.endswith((".", "!", "?")) else stripped + "."


def capitalised(text: str) -> str:
    """Return the text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def place(location: Location) -> str:
    """Return `path:line`."""
    return f"{path(location.path)}:{location.start_line}"


def path(name: str) -> str:
    """Return the name of a file as printable text of bearable length; the end tells more than the middle."""
    shown = printable(name[:_LONGEST_PATH] + name[-_LONGEST_PATH:] if len(name) > 2 * _LONGEST_PATH else name)
    return shown if len(shown) <= _LONGEST_PATH else f"{shown[: _LONGEST_PATH - 101]}…{shown[-100:]}"


def seen_at(finding: Finding) -> str:
    """Return where the fault was seen: `traces/a.log:19`, `traces/a.pcap packet 3`, or the trace alone."""
    where = next(((item, position(item)) for item in finding.evidence if position(item)), None)
    if where is None:
        return path(finding.input)
    evidence, spelled = where
    return f"{path(finding.input)}:{evidence.line}" if evidence.line is not None else f"{path(finding.input)} {spelled}"


def shown_at(item: JudgedFinding) -> str:
    """Return the place in the repository where a finding is shown although it was seen elsewhere; else nothing."""
    if item.location is None or item.location.path == item.finding.input:
        return ""
    return place(item.location)


def in_trace(finding: Finding) -> str:
    """Return the words that name the trace before anything is said of it: `In traces/a.pcap, packet 3: `."""
    where = next((position(item) for item in finding.evidence if position(item)), "")
    return f"In {path(finding.input)}{', ' if where else ''}{where}: "


def position(evidence: Evidence) -> str:
    """Return where in the input a piece of evidence stands: `line 9`, `packet 12`, `message 3`, or nothing."""
    if evidence.line is not None:
        return f"line {evidence.line}"
    if evidence.frame is not None:
        return f"packet {evidence.frame}"
    if evidence.message is not None:
        return f"message {evidence.message + 1}"
    return ""


def extent(finding: Finding) -> str:
    """Return how often a fault was seen and in how many of the calls, `5 times, 10 % of calls`; nothing for once."""
    if finding.occurrences < 2:
        return ""
    return f"{finding.occurrences:,} times" + (f", {_percent(finding.share)} of calls" if finding.share else "")


def _percent(share: float) -> str:
    return "under 1 %" if share < 0.01 else f"{int(share * 100)} %"


def effect_line(item: JudgedFinding) -> str:
    """Return an effect in one line, to stand below its root."""
    finding = item.finding
    times = f", {extent(finding)}" if extent(finding) else ""
    check = f" [{printable(finding.check)}]" if finding.check else ""
    return f"{finding.severity}: {one_line(finding.title, 200)}{check} ({seen_at(finding)}{times})"


_ANSWERS = ("confirmed", "not observable", "refuted")


def issue_answers(inputs: Iterable[InputResult]) -> list[tuple[IssueAnswer, list[str]]]:
    """Group the answers to `--issue` by what they say, with their inputs: what is confirmed comes first."""
    groups: dict[IssueAnswer, list[str]] = {}
    for item in inputs:
        if item.issue is not None:
            groups.setdefault(item.issue, []).append(item.name)
    known = {verdict: rank for rank, verdict in enumerate(_ANSWERS)}
    return sorted(groups.items(), key=lambda group: known.get(group[0].verdict, len(known)))


def inputs_phrase(names: Sequence[str], spelled: Callable[[str], str] = path) -> str:
    """Return the names of a few inputs, or how many they are."""
    return ", ".join(spelled(name) for name in names) if len(names) <= _NAMED_INPUTS else plural(len(names), "input")


def counts_phrase(verdict: Verdict) -> str:
    """Return the findings by severity, worst first: `1 high, 2 medium`; `no findings` where there are none."""
    parts = [f"{verdict.counts[severity]} {severity}" for severity in Severity if verdict.counts.get(severity)]
    if verdict.effects and parts:
        parts.append(f"with {plural(verdict.effects, 'effect')}")
    return ", ".join(parts) or "no findings"


def verdict_phrase(verdict: Verdict) -> str:
    """Return the outcome in one sentence without its full stop."""
    found = counts_phrase(verdict)
    not_analyzed = f"{plural(verdict.not_analyzed, 'input')} could not be analysed" if verdict.not_analyzed else ""
    if verdict.conclusion is Conclusion.ERROR:
        return f"Error: {not_analyzed or 'not everything could be analysed'}; {found}"
    if verdict.conclusion is Conclusion.NO_INPUT:
        return "Nothing to analyse: no input holds any SIP or media"
    if verdict.conclusion is Conclusion.FAILURE:
        also = f"; {not_analyzed}" if not_analyzed else ""
        return f"Failed: {plural(verdict.failing, 'finding')} at or above {verdict.fail_on} ({found}){also}"
    if verdict.fail_on is None:
        return f"Passed: {found} (nothing fails the build)"
    return f"Passed: {found}" + (f", none that fails the build at {verdict.fail_on}" if verdict.total else "")


def not_checked_groups(inputs: Iterable[InputResult]) -> list[tuple[str, list[str], list[str]]]:
    """Group what could not be checked: (reason, checks, inputs), so that one missing thing is said once."""
    by_reason: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for item in inputs:
        for entry in item.not_checked:
            checks, names = by_reason.setdefault(entry.reason, ({}, {}))
            checks[entry.check] = None
            names[item.name] = None
    return [(reason, list(checks), list(names)) for reason, (checks, names) in by_reason.items()]


def not_checked_count(inputs: Iterable[InputResult]) -> int:
    """Return how many checks could not be made on some input."""
    return len({entry.check for item in inputs for entry in item.not_checked})
