"""One fault, one entry: effects stand below their root in every report."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from tests.support import sample_report as sample

from sip_ci.findings import Finding, JudgedFinding, LocatedFinding, Severity
from sip_ci.judge.gate import judge
from sip_ci.report import json as json_report
from sip_ci.report import junit, markdown, sarif, text
from sip_ci.report.annotations import render as annotate
from sip_ci.report.interface import ReportData, ReportOptions, faults, worst_first

OPTIONS = ReportOptions()
ROOT = replace(sample.PRIVATE_ADDRESS, severity=Severity.HIGH, fingerprint="a" * 32)
EFFECT = replace(
    sample.ACK,
    check="ack-missing-2xx",
    severity=Severity.CRITICAL,
    fingerprint="b" * 32,
    causes=("a" * 32,),
    root=False,
    title="An effect of it",
    input=ROOT.input,
)
FURTHER = replace(EFFECT, check="bye-rejected", severity=Severity.LOW, fingerprint="c" * 32, causes=("b" * 32,))
OTHER = replace(sample.PTIME, severity=Severity.CRITICAL, fingerprint="d" * 32)


def _judged(*findings: Finding) -> list[JudgedFinding]:
    return [JudgedFinding(finding, None) for finding in findings]


def _data(*findings: Finding) -> ReportData:
    judged, verdict = judge([LocatedFinding(finding, None) for finding in findings], Severity.HIGH)
    return replace(sample.make(), findings=judged, verdict=verdict)


def test_effects_stand_below_their_root_also_those_of_effects() -> None:
    found = faults(_judged(EFFECT, FURTHER, ROOT, OTHER))

    assert [fault.lead.finding for fault in found] == [OTHER, ROOT]
    assert [item.finding for item in found[1].effects] == [EFFECT, FURTHER]
    assert [item.finding for item in worst_first(_judged(FURTHER, EFFECT, ROOT))] == [ROOT, EFFECT, FURTHER]


def test_an_effect_without_its_root_stands_alone() -> None:
    assert [fault.lead.finding for fault in faults(_judged(EFFECT))] == [EFFECT]


def test_effects_that_name_each_other_are_not_lost() -> None:
    circle = (replace(EFFECT, causes=("c" * 32,)), FURTHER)

    assert {fault.lead.finding.fingerprint for fault in faults(_judged(*circle))} == {"b" * 32, "c" * 32}


@pytest.mark.parametrize("render", [text.render, markdown.render])
def test_people_read_what_a_fault_led_to(render: object) -> None:
    written = render(_data(ROOT, EFFECT), OPTIONS)  # type: ignore[operator]

    assert written.index(ROOT.title) < written.index("Led to") < written.rindex(EFFECT.title)
    assert written.count("What to change") == 1


def test_sarif_has_one_result_for_a_fault_and_names_its_effects() -> None:
    run = json.loads(sarif.render(_data(ROOT, EFFECT), OPTIONS))["runs"][0]
    (result,) = run["results"]

    assert result["ruleId"] == ROOT.check
    assert any(EFFECT.title in place["message"]["text"] for place in result["relatedLocations"])
    assert [effect["fingerprint"] for effect in result["properties"]["effects"]] == [EFFECT.fingerprint]
    numbers = [place["id"] for place in result["relatedLocations"]]
    assert len(set(numbers)) == len(numbers)


def test_annotations_are_made_for_roots_alone() -> None:
    written = annotate(_data(ROOT, EFFECT), OPTIONS)

    assert ROOT.title in written
    assert EFFECT.title not in written


def test_junit_fails_the_root_and_tells_the_effect_whose_it_is() -> None:
    root = ET.fromstring(junit.render(_data(ROOT, EFFECT), OPTIONS))
    cases = {case.get("name"): case for case in root[0].iter("testcase")}

    assert cases[ROOT.check].find("failure") is not None
    assert EFFECT.title in (cases[ROOT.check].findtext("failure") or "")
    assert cases[EFFECT.check].find("failure") is None
    assert ROOT.title in (cases[EFFECT.check].findtext("system-out") or "")


def test_json_says_which_finding_is_a_root() -> None:
    found = json.loads(json_report.render(_data(EFFECT, ROOT), OPTIONS))

    assert [(item["check"], item["root"]) for item in found["findings"]] == [(ROOT.check, True), (EFFECT.check, False)]
    assert found["findings"][1]["causes"] == [ROOT.fingerprint]
    assert (found["verdict"]["effects"], found["verdict"]["failing"]) == (1, 1)
