"""The JUnit report: read back by junitparser and by lxml, valid by Jenkins's schema, whatever a trace holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped
from lxml import etree
from tests.support import sample_report as sample
from tests.support.sarif_multitool import schema_folder

from sip_ci.findings import Confidence, Location, Severity, Status
from sip_ci.report.interface import JunitFamily, ReportData, ReportOptions
from sip_ci.report.junit import READABLE, render
from sip_ci.results import InputResult, NotChecked

RICH = ReportOptions(junit_family=JunitFamily.RICH)
STRICT = ReportOptions(junit_family=JunitFamily.XUNIT2)
HOSTILE = "a\x00b\x1b[31m\ufffe\ud800]]>&<x>\"'\r\n\u202e{}"


def by_lxml(text: str) -> Counter[str]:
    """Count test cases by outcome."""
    root = etree.fromstring(text.encode())
    counts: Counter[str] = Counter(tests=0, failures=0, errors=0, skipped=0)
    for case in root.iter("testcase"):
        counts["tests"] += 1
        counts["failures"] += bool(case.findall("failure"))
        counts["errors"] += bool(case.findall("error"))
        counts["skipped"] += bool(case.findall("skipped"))
    return counts


def by_junitparser(text: str) -> Counter[str]:
    """The same with the other reader."""
    counts: Counter[str] = Counter(tests=0, failures=0, errors=0, skipped=0)
    for suite in JUnitXml.fromstring(text.encode()):
        for case in suite:
            counts["tests"] += 1
            for kind, name in ((Failure, "failures"), (Error, "errors"), (Skipped, "skipped")):
                counts[name] += any(isinstance(result, kind) for result in case.result)
    return counts


def suppressed() -> ReportData:
    data = sample.make()
    first, *others = data.findings
    return sample.with_findings(data, [replace(first, status=Status.SUPPRESSED, reason="until May"), *others])


def reports() -> dict[str, ReportData]:
    return {
        "usual": sample.make(),
        "never": sample.make(fail_on=None),
        "nothing_found": sample.make([]),
        "no_input": sample.make([], inputs=()),
        "suppressed": suppressed(),
        "hostile": sample.hostile(HOSTILE),
        "long_line": sample.hostile("<" * 1_000_000),
        "many": sample.make(replace(sample.ACK, fingerprint=str(index)) for index in range(6000)),
    }


@pytest.mark.parametrize("options", [RICH, STRICT], ids=["rich", "xunit2"])
@pytest.mark.parametrize("name", list(reports()))
def test_both_readers_count_what_the_report_states(name: str, options: ReportOptions) -> None:
    text = render(reports()[name], options)
    assert by_lxml(text) == by_junitparser(text)
    root = etree.fromstring(text.encode())
    stated = Counter({key: int(root.get(key) or 0) for key in ("tests", "failures", "errors")})
    stated["skipped"] = sum(int(suite.get("skipped") or 0) for suite in root)
    assert stated == by_lxml(text)


@pytest.mark.parametrize("name", list(reports()))
def test_the_strict_family_is_valid_by_jenkinss_schema(name: str) -> None:
    schema = etree.XMLSchema(etree.parse(schema_folder() / "junit-10.xsd"))
    schema.assertValid(etree.fromstring(render(reports()[name], STRICT).encode()))


def test_each_check_has_one_outcome_in_each_input() -> None:
    text = render(sample.make(), RICH)
    assert by_lxml(text) == Counter(tests=2 * (len(sample.CHECKS) + 1) + 1, failures=2, errors=1, skipped=2)
    root = etree.fromstring(text.encode())
    assert [suite.get("name") for suite in root] == [sample.LOG, sample.CAPTURE, sample.BROKEN]
    outcomes = {
        (case.get("classname"), case.get("name")): [child.tag for child in case if child.tag != "properties"]
        for case in root.iter("testcase")
    }
    assert len(outcomes) == by_lxml(text)["tests"]
    assert outcomes["sip-ci.traces.outbound_log", "nat-sdp-private"] == ["failure"]
    assert outcomes["sip-ci.traces.outbound_log", "sdp-ptime-mismatch"] == ["system-out"]
    assert outcomes["sip-ci.traces.outbound_log", "media-one-way"] == ["skipped"]
    assert outcomes["sip-ci.traces.outbound_log", "ack-missing-2xx"] == []
    assert outcomes["sip-ci.traces.inbound_pcap", "ack-missing-2xx"] == ["failure"]
    assert outcomes["sip-ci.traces.half_pcap", READABLE] == ["error"]


def test_a_failure_says_all_in_its_text_since_gitlab_shows_nothing_else() -> None:
    root = etree.fromstring(render(sample.make(), RICH).encode())
    failure = root.xpath("//testcase[@name='nat-sdp-private']/failure")[0]
    for part in ("192.168.1.100", "external_media_address", "RFC 8866", f"{sample.LOG}:19", "INVITE", "line 19"):
        assert part in failure.text
    assert failure.get("message") == sample.PRIVATE_ADDRESS.title
    assert failure.get("type") == "nat-sdp-private"


def test_the_text_of_a_failure_in_a_capture_names_the_capture_before_the_anchor() -> None:
    place = Location(".sip-ci.yml", confidence=Confidence.POSSIBLE)
    data = sample.make([sample.ACK], places={sample.ACK.fingerprint: place})
    text = etree.fromstring(render(data, RICH).encode()).xpath("//failure")[0].text
    assert text.splitlines()[1].startswith(f"  {sample.CAPTURE} packet 12")
    assert text.index(sample.CAPTURE) < text.index(".sip-ci.yml:1")


def test_the_properties_tell_the_severity_of_the_finding_not_of_its_check() -> None:
    lowered = replace(sample.ACK, severity=Severity.LOW)
    cases = etree.fromstring(render(sample.make([lowered]), RICH).encode()).iter("testcase")
    stated = {
        (case.get("classname"), case.get("name")): case.xpath("properties/property[@name='severity']/@value")
        for case in cases
    }
    assert stated["sip-ci.traces.inbound_pcap", "ack-missing-2xx"] == ["low"]
    assert stated["sip-ci.traces.outbound_log", "ack-missing-2xx"] == ["critical"]


def test_many_inputs_have_one_skipped_case_for_each_reason() -> None:
    missing = (NotChecked("media-one-way", "no RTP"), NotChecked("auth-basic", "no RTP"), NotChecked("x", "no \x00"))
    few, many = (
        sample.make([replace(sample.ACK, input="0.pcap")], inputs=tuple(inputs[:count]))
        for inputs in [[InputResult(f"{index}.pcap", not_checked=missing) for index in range(60)]]
        for count in (2, 60)
    )
    assert by_lxml(render(few, RICH))["skipped"] == 2 * 3
    assert by_lxml(render(many, RICH))["skipped"] == 60 * 2
    assert by_lxml(render(many, RICH))["failures"] == 1
    skipped = etree.fromstring(render(many, RICH).encode()).xpath("//skipped")[0]
    assert "many inputs" in skipped.get("message")
    assert "media-one-way, auth-basic" in skipped.text


def test_the_rich_family_names_file_and_line() -> None:
    case = etree.fromstring(render(sample.make(), RICH).encode()).xpath("//testcase[@file]")[0]
    assert (case.get("file"), case.get("line")) == (sample.LOG, "19")
    assert not etree.fromstring(render(sample.make(), STRICT).encode()).xpath("//testcase[@file or properties]")


def test_a_suppressed_finding_is_skipped_with_its_reason() -> None:
    skipped = etree.fromstring(render(suppressed(), RICH).encode()).xpath(
        "//testcase[@name='nat-sdp-private']/skipped/@message"
    )
    assert any("until May" in message for message in skipped)


def test_nothing_fails_where_nothing_may() -> None:
    data = sample.make(replace(sample.ACK, severity=severity) for severity in Severity)
    assert by_lxml(render(replace(data, findings=sample.make(fail_on=None).findings), RICH))["failures"] == 0


def test_inputs_whose_names_differ_only_by_a_dot_keep_their_cases_apart() -> None:
    names = ["a/b.log", "a.b.log", "a/b_log"]
    data = sample.make([], inputs=tuple(InputResult(name) for name in names))
    root = etree.fromstring(render(data, RICH).encode())
    pairs = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(pairs)) == len(pairs)


@settings(max_examples=40, deadline=None)
@given(st.text())
def test_any_text_makes_well_formed_xml(text: str) -> None:
    for options in (RICH, STRICT):
        written = render(sample.hostile(text), options)
        assert by_lxml(written)["errors"] == 1


def test_every_case_has_a_time_that_readers_take_for_a_number() -> None:
    for element in etree.fromstring(render(sample.make(), RICH).encode()).iter("testcase", "testsuite", "testsuites"):
        assert float(element.get("time") or "nan") >= 0
