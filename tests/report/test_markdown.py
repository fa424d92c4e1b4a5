"""The Markdown report, read as GitHub reads it: nothing of a stranger's becomes markup, and it never grows too long."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.support import sample_report as sample

from sip_ci.findings import Status
from sip_ci.report.interface import ReportOptions
from sip_ci.report.markdown import BUDGET_BYTES, render
from sip_ci.report.markdown_text import cell, code, escape, fenced, html, inline, mermaid_label, prose
from sip_ci.report.plain import one_line
from sip_ci.results import InputResult, IssueAnswer, NotChecked
from sip_ci.trace.printable import printable

OPTIONS = ReportOptions(full_report="sip-ci.json")
READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
ALLOWED = frozenset(
    {"h2", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "pre", "details", "summary", "b", "strong"}
) | {"ul", "li", "a", "br", "sub", "blockquote"}
MARKUP = st.text(alphabet=st.sampled_from(list("`*_[]()<>|~\\#@!-+=.:1$&;/ \n\tab\u202e\x1bend")), max_size=60)


class Seen(HTMLParser):
    """What a browser would make of the rendered page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text() | MARKUP)
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    seen = Seen(READER.renderInline(escape(text)))
    assert seen.text == printable(text)
    assert not seen.tags


@given(st.text() | MARKUP)
def test_text_inside_an_element_is_shown_as_it_is(text: str) -> None:
    written = html(text)
    assert Seen(written).text == printable(text)
    assert not Seen(written).tags
    assert not re.search(r"&#(35|64);(?!<!-- -->)", written)


@given(st.text(min_size=1) | MARKUP)
def test_a_code_span_shows_its_text_and_ends_where_it_should(text: str) -> None:
    seen = Seen(READER.renderInline(f"a {code(text)} b"))
    assert seen.tags <= {"code"}
    assert seen.text.split() == ["a", *printable(text).split(), "b"]


@given(st.text() | MARKUP)
def test_a_cell_stays_one_cell(text: str) -> None:
    row = f"| x | y |\n|---|---|\n| {cell(inline(text))} | {cell(code(text))} |"
    page = READER.render(row)
    assert page.count("<tr>") == 2
    assert page.count("<td>") == 2
    assert Seen(page).tags <= {"table", "thead", "tbody", "tr", "th", "td", "code"}


@given(st.text() | MARKUP)
def test_prose_becomes_paragraphs_lists_and_code_and_nothing_else(text: str) -> None:
    seen = Seen(READER.render(prose(text)))
    assert seen.tags <= {"p", "ul", "li", "code", "br"}


@given(st.lists(st.text() | MARKUP))
def test_a_code_block_cannot_be_closed_from_inside(lines: list[str]) -> None:
    page = READER.render(fenced([printable(line) for line in lines], "text"))
    assert page.count("<pre>") == 1
    assert Seen(page).tags == {"pre", "code"}


@given(st.text() | MARKUP)
def test_a_mermaid_label_holds_no_syntax(text: str) -> None:
    label = mermaid_label(text, 1000)
    plain = re.sub(r"#\d+;", "", label)
    assert not set(plain) & set(':;#%"<>{}[]`|\\&~^$\n\r')
    assert not re.search(r"(?<!;)\bend\b", label, re.IGNORECASE)
    shown = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), label)
    assert shown == (one_line(text, 1000) or " ")


@pytest.mark.parametrize(
    "text", ["@admin", "#12", "https://evil.example", "www.evil.example", "GH-12", ":tada:", "x@y.example", "mailto:x"]
)
def test_nothing_becomes_a_mention_a_reference_or_a_link(text: str) -> None:
    # GitHub makes these from the rendered text; the empty comment parts them.
    written = escape(text)
    assert "<!-- -->" in written
    assert Seen(READER.renderInline(written)).text == text


def test_lists_and_code_of_a_recommendation_are_kept() -> None:
    page = READER.render(prose(sample.PRIVATE_ADDRESS.recommendation))
    assert page.count("<li>") == 2
    assert "<code>external_media_address=&lt;public IP&gt;</code>" in page


@settings(max_examples=60, deadline=None)
@given(st.text() | MARKUP)
def test_the_whole_report_holds_only_our_own_markup(text: str) -> None:
    page = READER.render(render(sample.hostile(text), OPTIONS))
    seen = Seen(page)
    assert seen.tags <= ALLOWED
    assert all(link.startswith("https://") and "sip-ci" in link for link in seen.links)
    assert page.count("<details") == page.count("</details>")
    assert page.count('class="language-mermaid"') == 1


def test_the_report_says_what_matters_in_order() -> None:
    report = render(sample.make(), OPTIONS)
    order = [
        "Failed",
        "| Severity |",
        "ack-missing-2xx",
        "sequenceDiagram",
        "external_media_address",
        "4.12",
        "Not checked",
    ]
    places = [report.index(part) for part in order]
    assert places == sorted(places)
    assert sample.BROKEN in report
    assert report.count("<details open>") == 1


def test_the_answer_to_the_issue_stands_before_the_findings() -> None:
    answer = IssueAnswer("one-way-audio", "confirmed", "the caller hears nothing")
    report = render(sample.make(inputs=(replace(sample.INPUTS[0], issue=answer), *sample.INPUTS[1:])), OPTIONS)
    assert report.index("one-way-audio") < report.index("**Confirmed**") < report.index("| Severity |")


def test_statuses_are_told_apart_only_where_there_is_more_than_one() -> None:
    data = sample.make()
    first, *others = data.findings
    known = sample.with_findings(data, [replace(first, status=Status.KNOWN), *others])
    assert "| Severity | new | known |" in render(known, OPTIONS)
    assert "| Severity | findings |" in render(data, OPTIONS)


def test_effects_are_not_counted_with_what_they_are_effects_of() -> None:
    data = sample.make()
    first, second, *others = data.findings
    effect = replace(second, finding=replace(second.finding, root=False, causes=(first.finding.fingerprint,)))
    report = render(sample.with_findings(data, [first, effect, *others]), OPTIONS)

    rows = re.findall(r"^\| \S+ (?:critical|high|medium|low|info) \| (\d+) \|$", report, re.M)
    assert sum(map(int, rows)) == len(data.findings) - 1
    assert "| ↳ effects of these | 1 |" in report


def test_the_call_is_drawn_twice_with_the_offending_arrow_marked() -> None:
    report = render(sample.make([sample.PRIVATE_ADDRESS]), OPTIONS)
    assert re.search(r"P0->>P1: ⚠ INVITE", report)
    assert re.search(r"INVITE.*▶.*◀ here", report)
    assert report.count("⚠") == 1


def test_a_long_report_is_cut_between_findings_and_says_so() -> None:
    finding = replace(sample.PRIVATE_ADDRESS, detail="é" * 5000)
    report = render(sample.make(replace(finding, fingerprint=str(index)) for index in range(6000)), OPTIONS)
    assert len(report.encode()) <= BUDGET_BYTES
    said = re.search(r"Truncated: ([\d,]+) findings not shown here; see `sip-ci.json`", report)
    assert said is not None
    assert int(said[1].replace(",", "")) + report.count("external_media_address") == 6000
    assert "**What to change**" in report
    page = READER.render(report)
    assert page.count("<details") == page.count("</details>")


def test_thousands_of_inputs_fit_too() -> None:
    inputs = tuple(InputResult(f"traces/{'x' * 200}{index}.pcap", error="e" * 400) for index in range(3000))
    report = render(sample.make([], inputs=inputs), OPTIONS)
    assert len(report.encode()) <= BUDGET_BYTES
    assert "Truncated" in report


def test_one_missing_thing_is_said_once() -> None:
    missing = tuple(NotChecked(f"check-{index}", "the trace holds no RTP") for index in range(5))
    inputs = tuple(InputResult(f"{index}.log", not_checked=missing) for index in range(4))
    report = render(sample.make([], inputs=inputs), OPTIONS)
    assert report.count("holds no RTP") == 1
    assert "4 inputs" in report
    assert "5 checks" in report
