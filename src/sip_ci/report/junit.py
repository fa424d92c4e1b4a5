"""The JUnit XML report: a suite for each input, a test case for each check, so that healthy runs show what was tested.

Built with junit-xml, whose own writer is not used: it crashes on characters that XML does not have, or writes
malformed files, adds attributes that no schema knows, and lets times fall out. The tree is mended here instead.
"""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from junit_xml import TestCase, TestSuite

from sip_ci.catalogue import UNNAMED_CHECK, CheckInfo, describe
from sip_ci.findings import JudgedFinding
from sip_ci.report.interface import JunitFamily, ReportData, ReportOptions, bears_out, faults, is_shown, worst_first
from sip_ci.report.ladder import draw, excerpt
from sip_ci.report.plain import effect_line, extent, lines_of, one_line, position, seen_at, shown_at
from sip_ci.results import InputResult
from sip_ci.trace.printable import printable
from sip_ci.wording import plural

READABLE = "input-readable"
"""The test case that fails where an input cannot be analysed."""
_NOT_XML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")
_MAXIMUM_TEXT = 30_000
_FINDINGS_IN_CASE = 20
_LADDER_STEPS = 30
_MANY_INPUTS = 10
"""With more inputs, what could not be checked is one case for each reason; one for each check would be thousands,
and only cases with findings carry properties."""
_NAMED_CHECKS = 40
_NO_TIME = "0.000"
"""Checks are not timed one by one; readers that need a number get this one."""


def render(data: ReportData, options: ReportOptions) -> str:
    """Return the report as JUnit XML."""
    root = ET.Element("testsuites", {"name": "sip-ci"})
    class_names = _class_names(source.name for source in data.inputs)
    found: dict[str, list[JudgedFinding]] = defaultdict(list)
    for item in worst_first(data.findings):
        found[item.finding.input].append(item)
    related = _related(data)
    for source in data.inputs:
        cases = [_readable(source, class_names[source.name])]
        if not source.error:
            cases += _checks(data, source, found[source.name], class_names[source.name], options.junit_family, related)
        root.append(_suite(source, cases, options.junit_family))
    for attribute in ("tests", "failures", "errors"):
        root.set(attribute, str(sum(int(suite.get(attribute, "0")) for suite in root)))
    root.set("time", _NO_TIME)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


_Related = dict[str, tuple[str, ...]]
"""By fingerprint: the lines that say how a finding hangs together with others."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A test case of junit-xml, and what junit-xml has no words for."""

    case: TestCase
    properties: dict[str, str]


def _suite(source: InputResult, cases: list[_Case], family: JunitFamily) -> ET.Element:
    suite = TestSuite(
        _name(source.name),
        [item.case for item in cases],
        hostname="ci",
        properties=_cleaned({"format": source.format, "messages": str(source.messages), "calls": str(source.calls)}),
    )
    element: ET.Element = suite.build_xml_doc(encoding="utf-8")
    element.attrib.pop("disabled", None)
    element.set("time", _NO_TIME)
    for item, made in zip(cases, element.iter("testcase"), strict=True):
        made.set("time", _NO_TIME)
        if family is JunitFamily.RICH and item.properties:
            made.insert(0, _properties(item.properties))
    return element


def _properties(values: dict[str, str]) -> ET.Element:
    element = ET.Element("properties")
    for name, value in _cleaned(values).items():
        ET.SubElement(element, "property", {"name": name, "value": value})
    return element


def _readable(source: InputResult, class_name: str) -> _Case:
    case = TestCase(READABLE, class_name)
    if source.error:
        message = _clean(one_line(source.error, 500))
        case.add_error_info(message, f"{_clean(one_line(source.name))}: {message}", READABLE)
    return _Case(case, {})


def _checks(
    data: ReportData,
    source: InputResult,
    findings: list[JudgedFinding],
    class_name: str,
    family: JunitFamily,
    related: _Related,
) -> Iterator[_Case]:
    """Yield a test case for each check of the catalogue, and for those that only the service knows."""
    found: dict[str, list[JudgedFinding]] = defaultdict(list)
    for item in findings:
        found[item.finding.check or UNNAMED_CHECK].append(item)
    unchecked = {entry.check: entry.reason for entry in source.not_checked}
    infos = dict(data.checks)
    for check, items in found.items():
        infos.setdefault(check, describe(data.checks, items[0].finding))
    apart = len(data.inputs) <= _MANY_INPUTS
    for check in sorted({*infos, *unchecked}):
        if not apart and check in unchecked and check not in found:
            continue
        items = found.get(check, [])
        yield _check(data, class_name, check, infos.get(check), items, unchecked.get(check), family, related)

    if not apart:
        yield from _skipped_by_reason(source, found, class_name)


def _skipped_by_reason(source: InputResult, found: Container[str], class_name: str) -> Iterator[_Case]:
    """Yield one skipped case for each reason why checks could not be made; its text names them."""
    checks: dict[str, list[str]] = defaultdict(list)
    for entry in source.not_checked:
        if entry.check not in found:
            checks[_name(one_line(entry.reason, 200))].append(entry.check)
    for reason, skipped in checks.items():
        case = TestCase(f"not checked: {reason}", class_name)
        named = ", ".join(skipped[:_NAMED_CHECKS]) + ("" if len(skipped) <= _NAMED_CHECKS else ", …")
        message = f"not checkable: {reason}: {plural(len(skipped), 'check')} in one case, as the run has many inputs"
        case.add_skipped_info(message, f"{message}: {_clean(one_line(named))}")
        yield _Case(case, {})


def _check(
    data: ReportData,
    class_name: str,
    check: str,
    info: CheckInfo | None,
    items: list[JudgedFinding],
    reason: str | None,
    family: JunitFamily,
    related: _Related,
) -> _Case:
    active = [item for item in items if is_shown(item)]
    failing = [item for item in active if item.failing]
    located = next((item.location for item in failing or active if item.location is not None), None)
    is_rich = family is JunitFamily.RICH
    case = TestCase(
        _name(check),
        class_name,
        file=_name(located.path) if located is not None and is_rich else None,
        line=str(located.start_line) if located is not None and is_rich else None,
    )
    if failing:
        message = _clean(one_line(failing[0].finding.title, 500)) or check
        case.add_failure_info(message, _text(data, failing, related), _name(check))
    mild = [item for item in active if not item.failing]
    if mild:
        case.stdout = _text(data, mild, related)
    if not active:
        if items:
            message = f"{items[0].status}: {items[0].reason or 'by a rule of the project'}"
            case.add_skipped_info(_clean(one_line(message, 500)), _clean(one_line(message, 500)))
        elif reason is not None:
            message = _clean(one_line(f"not checkable: {reason}", 500))
            case.add_skipped_info(message, message)
    properties = {}
    if info is not None and len(data.inputs) <= _MANY_INPUTS:
        properties = {"severity": info.severity.value, "category": info.category.value}
    if active:
        worst = (failing or active)[0].finding
        properties |= {
            "severity": worst.severity.value,
            "category": worst.category.value,
            "fingerprint": worst.fingerprint,
        }
    return _Case(case, properties)


def _text(data: ReportData, items: list[JudgedFinding], related: _Related) -> str:
    """Return everything about the findings: some readers show this text and nothing else."""
    blocks = ["\n".join(_lines(data, item, related)) for item in items[:_FINDINGS_IN_CASE]]
    left = len(items) - _FINDINGS_IN_CASE
    if left > 0:
        blocks.append(f"… and {left} more findings of this check")
    text = _clean("\n\n".join(blocks))
    return text if len(text) <= _MAXIMUM_TEXT else text[:_MAXIMUM_TEXT] + "\n… cut short"


def _related(data: ReportData) -> _Related:
    """Say for each finding what it led to, or whose effect it is."""
    related: _Related = {}
    for fault in faults(data.findings):
        lines = [f"  {effect_line(effect)}" for effect in fault.effects[:_FINDINGS_IN_CASE]]
        left = len(fault.effects) - _FINDINGS_IN_CASE
        if lines:
            more = [f"  … and {plural(left, 'more effect')}"] if left > 0 else []
            related[fault.lead.finding.fingerprint] = ("Led to:", *lines, *more)
        for effect in fault.effects:
            related[effect.finding.fingerprint] = ("Effect of:", f"  {effect_line(fault.lead)}")
    return related


def _lines(data: ReportData, item: JudgedFinding, related: _Related) -> Iterator[str]:
    finding = item.finding
    yield f"{finding.severity.upper()}: {one_line(finding.title)}"
    anchor = f"shown at {shown_at(item)}" if shown_at(item) else ""
    yield f"  {' · '.join(filter(None, (seen_at(finding), extent(finding), one_line(finding.rfc), anchor)))}"
    if finding.detail:
        yield ""
        yield from lines_of(finding.detail.strip())
    if finding.fingerprint in related:
        yield ""
        yield from related[finding.fingerprint]
    if finding.evidence:
        yield ""
        yield "Evidence:"
        for evidence in finding.evidence[:10]:
            text = ": ".join(filter(None, (position(evidence), one_line(evidence.text, 300))))
            yield f"  {text}" + (f"  ({one_line(evidence.why, 300)})" if evidence.why else "")
    if finding.recommendation:
        yield ""
        yield "What to change:"
        yield from (f"  {line}" for line in lines_of(finding.recommendation.strip()))
    ladder = data.ladder_of(finding)
    if ladder is not None:
        is_marked = partial(bears_out, finding)
        yield ""
        yield f"Call {one_line(ladder.call, 120)}:"
        yield from (f"  {line.text}" for line in draw(excerpt(ladder, is_marked, _LADDER_STEPS), is_marked))


def _class_names(names: Iterable[str]) -> dict[str, str]:
    """Return the class of the test cases of each input; readers make packages of its dots, so the file's become `_`.

    Names that are the same but for that are told apart by a digest: GitLab drops a case whose class and name it knows.
    """
    plain = {name: _name(f"sip-ci.{name.replace('.', '_').replace('/', '.')}") for name in names}
    shared = Counter(plain.values())
    return {name: plain[name] if shared[plain[name]] == 1 else f"{plain[name]}-{_digest(name)}" for name in plain}


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", errors="replace")).hexdigest()[:8]


def _name(text: str) -> str:
    """Return a name as one line that every reader takes."""
    return _clean(printable(text))


def _clean(text: str) -> str:
    """Show what XML 1.0 has no place for, and what a terminal would obey, as an escape such as `#x1b`."""
    return _NOT_XML.sub(lambda match: f"#x{ord(match[0]):02x}", text)


def _cleaned(values: dict[str, str]) -> dict[str, str]:
    return {name: _clean(one_line(value, 1000)) for name, value in values.items() if value}
