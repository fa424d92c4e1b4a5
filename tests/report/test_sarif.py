"""The SARIF report: what GitHub and GitLab take, and what strangers can put into it."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import sample_report as sample
from tests.support.sarif_multitool import multitool_complaints, schema_folder

from sip_ci.findings import Category, Confidence, Finding, Location, Severity, Status
from sip_ci.report.interface import ReportData, ReportOptions, VersionControl
from sip_ci.report.sarif import MAXIMUM_RESULTS, render
from sip_ci.report.sarif_text import MAXIMUM_MESSAGE, escape, message_text, uri_of

OPTIONS = ReportOptions(
    category="nightly/uac",
    anchor="tests/calls.sh",
    version_control=VersionControl(
        "https://github.com/example/pbx", "0123456789abcdef0123456789abcdef01234567", "main"
    ),
)
HOSTILE = "{0} [a](b) ::error:: \x1b[31m \u202e | ` <b> \\ \x00\r\n## @x \ud800 %41"


def run_of(data: ReportData, options: ReportOptions = OPTIONS) -> dict[str, Any]:
    runs = json.loads(render(data, options))["runs"]
    assert len(runs) == 1
    return dict(runs[0])


def many(count: int) -> ReportData:
    severities = list(Severity)
    return sample.make(
        replace(sample.PRIVATE_ADDRESS, fingerprint=f"f{index}", severity=severities[index % 5])
        for index in range(count)
    )


def suppressed() -> ReportData:
    data = sample.make()
    first, *others = data.findings
    return sample.with_findings(data, [replace(first, status=Status.SUPPRESSED, reason="known until May"), *others])


def reports() -> dict[str, ReportData]:
    odd_places = {"a": Location("übung/ein takt #1 100%.conf", 3, 3), "b": Location("C:\\ci\\pjsip.conf", 7, 2)}
    unknown = replace(sample.ACK, check="", fingerprint="")
    return {
        "usual": sample.make(),
        "empty": sample.make([]),
        "without_place": sample.make([sample.ACK, replace(sample.ACK, fingerprint="2")]),
        "odd_places": sample.make([replace(sample.PTIME, fingerprint=key) for key in odd_places], places=odd_places),
        "unknown_check": sample.make([unknown, replace(unknown, check="new-check")]),
        "hostile": sample.hostile(HOSTILE),
        "long_line": sample.hostile("x{" * 500_000),
        "suppressed": suppressed(),
        "no_catalogue": replace(sample.make(), checks={}),
        "nothing_at_all": replace(sample.make([], inputs=()), checks={}),
        "security": sample.make([replace(sample.ACK, check="auth-basic", category=Category.AUTHENTICATION)]),
    }


@pytest.mark.multitool
def test_microsofts_multitool_has_nothing_to_say(tmp_path: Path) -> None:
    files = []
    for name, data in reports().items():
        files.append(tmp_path / f"{name}.sarif")
        files[-1].write_text(render(data, OPTIONS), encoding="utf-8")
        files.append(tmp_path / f"{name}_bare.sarif")
        files[-1].write_text(render(data, ReportOptions(include_suppressed=True)), encoding="utf-8")
    assert multitool_complaints(files, tmp_path) == []


@pytest.mark.multitool
def test_microsofts_multitool_does_see_faults(tmp_path: Path) -> None:
    # The control: a configuration that enables nothing would pass every report.
    document = json.loads(render(sample.make(), OPTIONS))
    result = document["runs"][0]["results"][0]
    result["ruleIndex"] = 999
    del result["locations"][0]["physicalLocation"]["region"]
    broken = tmp_path / "broken.sarif"
    broken.write_text(json.dumps(document), encoding="utf-8")
    complaints = " ".join(multitool_complaints([broken], tmp_path))
    assert "SARIF1009" in complaints
    assert "GH1003" in complaints


@pytest.mark.parametrize("name", list(reports()))
def test_the_schema_that_github_uses_holds(name: str) -> None:
    schema = json.loads((schema_folder() / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    for options in (OPTIONS, ReportOptions(include_suppressed=True)):
        document = json.loads(render(reports()[name], options))
        assert [error.message for error in validator.iter_errors(document)] == []


def test_every_check_is_a_rule_and_results_point_at_theirs() -> None:
    run = run_of(sample.make())
    rules = run["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} == set(sample.CHECKS)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert next(rule["name"] for rule in rules if rule["id"] == "ack-missing-2xx") == "AckMissing2xx"


def test_levels_are_explicit_and_follow_the_finding() -> None:
    levels = {result["ruleId"]: result["level"] for result in run_of(sample.make())["results"]}
    assert levels == {
        "ack-missing-2xx": "error",
        "nat-sdp-private": "error",
        "sdp-ptime-mismatch": "warning",
        "cap-truncated": "note",
    }


def test_only_security_rules_carry_a_security_severity_and_it_follows_what_was_found() -> None:
    lowered = replace(
        sample.PRIVATE_ADDRESS, check="auth-basic", category=Category.AUTHENTICATION, severity=Severity.LOW
    )
    for findings, expected in (([], 8.0), ([lowered], 3.0)):
        for rule in run_of(sample.make(findings))["tool"]["driver"]["rules"]:
            tagged = "security" in rule["properties"]["tags"]
            assert tagged == (rule["id"] == "auth-basic") == ("security-severity" in rule["properties"])
            if tagged:
                assert float(rule["properties"]["security-severity"]) == expected


def test_an_evidence_line_in_the_workspace_is_a_step_of_a_code_flow() -> None:
    results = {result["ruleId"]: result for result in run_of(sample.make())["results"]}
    steps = results["sdp-ptime-mismatch"]["codeFlows"][0]["threadFlows"][0]["locations"]
    lines = [step["location"]["physicalLocation"]["region"]["startLine"] for step in steps]
    assert lines == [24, 88]
    related = results["sdp-ptime-mismatch"]["relatedLocations"][0]
    assert related["id"] == 1
    assert "](1)" in results["sdp-ptime-mismatch"]["message"]["text"]
    # A capture has no lines: its packets are named in the message.
    assert "codeFlows" not in results["ack-missing-2xx"]
    assert "packet 12" in results["ack-missing-2xx"]["message"]["text"]


def test_a_finding_without_a_place_goes_to_the_anchor_and_else_to_its_input() -> None:
    data = sample.make([sample.ACK])
    for options, path in ((OPTIONS, "tests/calls.sh"), (ReportOptions(), sample.CAPTURE)):
        place = run_of(data, options)["results"][0]["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": path, "uriBaseId": "%SRCROOT%"}
        assert place["region"]["startLine"] == 1


def test_a_finding_that_is_not_shown_at_its_trace_names_the_trace_and_the_packet_first() -> None:
    places = {**sample.PLACES, sample.ACK.fingerprint: Location(".sip-ci.yml", confidence=Confidence.POSSIBLE)}
    messages = {result["ruleId"]: result["message"]["text"] for result in run_of(sample.make(places=places))["results"]}
    assert messages["ack-missing-2xx"].startswith(f"In {sample.CAPTURE}, packet 12: ")
    assert messages["sdp-ptime-mismatch"].startswith(f"In {sample.LOG}, line 24: ")
    assert messages["nat-sdp-private"].startswith(sample.PRIVATE_ADDRESS.title)


def test_findings_of_one_rule_on_one_line_stay_two_alerts() -> None:
    data = sample.make([sample.ACK, replace(sample.ACK, fingerprint="2"), replace(sample.ACK, fingerprint="2")])
    hashes = [result["partialFingerprints"]["primaryLocationLineHash"] for result in run_of(data)["results"]]
    assert len(set(hashes)) == 3
    assert all(re.fullmatch("[0-9a-f]{16}:1", item) for item in hashes)


def test_a_lone_finding_on_a_line_leaves_the_hash_to_github() -> None:
    result = run_of(sample.make([sample.PRIVATE_ADDRESS]))["results"][0]
    assert result["partialFingerprints"] == {"sipCi/v1": sample.PRIVATE_ADDRESS.fingerprint}


def test_suppressed_findings_are_left_out_unless_asked_for() -> None:
    assert len(run_of(suppressed())["results"]) == 3
    results = run_of(suppressed(), replace(OPTIONS, include_suppressed=True))["results"]
    stated = [result["suppressions"] for result in results]
    assert sorted(len(item) for item in stated) == [0, 0, 0, 1]
    assert next(item for item in stated if item)[0]["status"] == "accepted"


def test_too_many_results_are_cut_worst_first_and_the_rest_is_counted() -> None:
    run = run_of(many(MAXIMUM_RESULTS + 25))
    assert len(run["results"]) == MAXIMUM_RESULTS
    kept = Counter(result["properties"]["severity"] for result in run["results"])
    assert kept["critical"] == kept["high"] == kept["medium"] == kept["low"] == (MAXIMUM_RESULTS + 25) / 5
    notes = [item["message"]["text"] for item in run["invocations"][0]["toolExecutionNotifications"]]
    assert any("25 results" in note for note in notes)


def test_six_thousand_findings_have_six_thousand_identities() -> None:
    results = run_of(many(6000))["results"]
    assert len({result["partialFingerprints"]["primaryLocationLineHash"] for result in results}) == 6000


def test_what_could_not_be_checked_or_read_is_told() -> None:
    invocation = run_of(sample.make())["invocations"][0]
    assert invocation["executionSuccessful"] is False
    assert [item["associatedRule"]["id"] for item in invocation["toolConfigurationNotifications"]] == [
        "media-one-way",
        "auth-basic",
    ]
    assert sample.BROKEN in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_a_run_over_readable_inputs_was_successful_whatever_it_found() -> None:
    invocation = run_of(sample.make(inputs=sample.INPUTS[:2]))["invocations"][0]
    assert invocation["executionSuccessful"] is True


def test_a_message_that_has_to_be_cut_ends_with_a_sentence_or_at_least_with_a_word() -> None:
    sentences = [f"Sentence {number} is about the address {{{number}}}." for number in range(60)]
    long = replace(sample.ACK, detail=" ".join(sentences), recommendation=" ".join(sentences))
    message = unescape(run_of(sample.make([long]))["results"][0]["message"]["text"])
    assert len(message) > MAXIMUM_MESSAGE - 150
    assert re.search(r"Sentence \d+ is about the address \{\d+\}\.$", message)
    words = replace(sample.ACK, recommendation="wordwise " * 500)
    assert re.search(r" wordwise…\.$", run_of(sample.make([words]))["results"][0]["message"]["text"])


def test_the_category_tells_matrix_jobs_apart() -> None:
    assert run_of(sample.make())["automationDetails"]["id"] == "sip-ci/nightly/uac/"
    assert run_of(sample.make(), ReportOptions())["automationDetails"]["id"] == "sip-ci/"


def test_the_same_run_gives_the_same_bytes() -> None:
    assert render(sample.make(), OPTIONS) == render(sample.make(), OPTIONS)
    assert list(json.loads(render(sample.make(), OPTIONS)))[:2] == ["$schema", "version"]


def test_no_absolute_path_gets_out() -> None:
    places = {"a": Location("/home/runner/work/pbx/pbx/conf/pjsip.conf", 3, 3)}
    written = render(sample.make([replace(sample.PTIME, fingerprint="a")], places=places), OPTIONS)
    assert "/home/runner" not in written
    assert "pjsip.conf" in written


def unescape(text: str) -> str:
    """Read a message as the specification says (§3.11.5, §3.11.6)."""
    return re.sub(r"\\([\\\[\]])|(\{)\{|(\})\}", lambda match: match[1] or match[2] or match[3], text)


@given(st.text())
def test_escaping_a_message_loses_nothing_and_leaves_no_link_or_placeholder(text: str) -> None:
    escaped = escape(text)
    assert unescape(escaped) == text
    assert not re.search(r"(?<!\\)(?:\\\\)*[\[\]]", escaped)
    assert not re.search(r"\{", escaped.replace("{{", ""))


@given(st.lists(st.text(), min_size=1))
def test_a_message_is_one_short_line_that_ends_with_a_full_stop(parts: list[str]) -> None:
    message = message_text(*parts)
    assert len(message) <= MAXIMUM_MESSAGE
    assert "\n" not in message
    if message:
        assert message[-1] in ".!?"


def test_a_message_of_many_parts_keeps_within_its_limit() -> None:
    for count in (1, 2, 5):
        message = message_text(*["[{" * 400] * count)
        assert len(message) <= MAXIMUM_MESSAGE
        assert unescape(message).startswith("[{[{")


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("conf/pjsip.conf", "conf/pjsip.conf"),
        ("./conf//pjsip.conf", "conf/pjsip.conf"),
        ("ein takt #1 100%.conf", "ein%20takt%20%231%20100%25.conf"),
        ("übung.log", "%C3%BCbung.log"),
        ("C:\\ci\\conf\\pjsip.conf", "pjsip.conf"),
        ("conf\\pjsip.conf", "conf/pjsip.conf"),
        ("/builds/pbx/pjsip.conf", "pjsip.conf"),
        ("../../etc/passwd", "etc/passwd"),
        ("https://example.org/x", "https%3A/example.org/x"),
        ("", "unknown"),
    ],
)
def test_paths_become_relative_addresses(path: str, uri: str) -> None:
    assert uri_of(path) == uri


@given(st.text())
def test_any_path_becomes_a_relative_address(path: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", uri_of(path))
    assert not uri_of(path).startswith("/")
    assert ".." not in uri_of(path).split("/")


def test_findings_that_the_service_did_not_name_get_a_rule() -> None:
    unnamed: Finding = replace(sample.ACK, check="", fingerprint="")
    run = run_of(sample.make([unnamed]))
    assert run["results"][0]["ruleId"]
    assert run["results"][0]["partialFingerprints"]["sipCi/v1"]


def test_a_finding_without_words_still_has_a_message() -> None:
    silent = replace(sample.ACK, title=" ", detail="", recommendation="", evidence=())
    assert "ack-missing-2xx" in run_of(sample.make([silent]))["results"][0]["message"]["text"]
