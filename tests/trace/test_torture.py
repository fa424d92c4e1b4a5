"""Each message of RFC 4475 and RFC 5118 gets the verdict that the RFC gives it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.support.corpus import CORPUS, needs_corpus
from tests.support.messages import message_of

from sip_ci.trace.defects import DefectRule
from sip_ci.trace.message import SipMessage
from sip_ci.trace.sdp import sdp_of
from sip_ci.trace.verdict import Element, Outcome, Role, verdict_of

pytestmark = [pytest.mark.corpus, needs_corpus]


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    section: str
    outcome: Outcome
    status: int | None = None
    rule: DefectRule | None = None
    """The defect that decides, where one does."""


def ok(name: str, section: str) -> Case:
    return Case(name, section, Outcome.ACCEPTABLE)


def reject(name: str, section: str, status: int, rule: DefectRule | None = None) -> Case:
    return Case(name, section, Outcome.REJECT, status, rule)


def discard(name: str, section: str, rule: DefectRule | None = None) -> Case:
    return Case(name, section, Outcome.DISCARD, None, rule)


RFC4475 = [
    ok("wsinv", "3.1.1.1"),
    ok("intmeth", "3.1.1.2"),
    ok("esc01", "3.1.1.3"),
    ok("escnull", "3.1.1.4"),
    ok("esc02", "3.1.1.5"),
    ok("lwsdisp", "3.1.1.6"),
    ok("longreq", "3.1.1.7"),
    ok("dblreq", "3.1.1.8"),
    ok("semiuri", "3.1.1.9"),
    ok("transports", "3.1.1.10"),
    ok("mpart01", "3.1.1.11"),
    ok("unreason", "3.1.1.12"),
    ok("noreason", "3.1.1.13"),
    reject("badinv01", "3.1.2.1", 400, DefectRule.EXTRANEOUS_SEPARATOR),
    reject("clerr", "3.1.2.2", 400, DefectRule.CONTENT_LENGTH_TOO_LARGE),
    reject("ncl", "3.1.2.3", 400, DefectRule.CONTENT_LENGTH),
    reject("scalar02", "3.1.2.4", 400, DefectRule.CSEQ_NUMBER),
    discard("scalarlg", "3.1.2.5", DefectRule.CSEQ_NUMBER),
    reject("quotbal", "3.1.2.6", 400, DefectRule.QUOTED_STRING),
    reject("ltgtruri", "3.1.2.7", 400, DefectRule.REQUEST_URI_BRACKETS),
    reject("lwsruri", "3.1.2.8", 400, DefectRule.REQUEST_URI_WHITE_SPACE),
    reject("lwsstart", "3.1.2.9", 400, DefectRule.START_LINE_SPACING),
    reject("trws", "3.1.2.10", 400, DefectRule.START_LINE_TRAILING_SPACE),
    reject("escruri", "3.1.2.11", 400, DefectRule.REQUEST_URI_HEADERS),
    reject("baddate", "3.1.2.12", 400, DefectRule.DATE),
    reject("regbadct", "3.1.2.13", 400, DefectRule.UNBRACKETED_URI),
    reject("badaspec", "3.1.2.14", 400, DefectRule.URI_WHITE_SPACE),
    reject("baddn", "3.1.2.15", 400, DefectRule.DISPLAY_NAME),
    reject("badvers", "3.1.2.16", 505, DefectRule.VERSION),
    reject("mismatch01", "3.1.2.17", 400, DefectRule.CSEQ_METHOD),
    reject("mismatch02", "3.1.2.18", 501, DefectRule.CSEQ_METHOD),
    discard("bigcode", "3.1.2.19", DefectRule.STATUS_CODE),
    # The RFC lets an element reject this one, or fall back to the identifiers of RFC 2543.
    reject("badbranch", "3.2.1", 400, DefectRule.VIA_BRANCH),
    reject("insuf", "3.3.1", 400, DefectRule.MISSING_HEADER),
    reject("unkscm", "3.3.2", 416),
    reject("novelsc", "3.3.3", 416),
    # Well-formed, and yet refused by a registrar: an address-of-record is a SIP or SIPS URI.
    reject("unksm2", "3.3.4", 400),
    reject("bext01", "3.3.5", 420),
    reject("invut", "3.3.6", 415),
    ok("regaut01", "3.3.7"),
    reject("multi01", "3.3.8", 400, DefectRule.REPEATED_HEADER),
    reject("mcl01", "3.3.9", 400, DefectRule.REPEATED_HEADER),
    discard("bcast", "3.3.10"),
    ok("zeromf", "3.3.11"),
    ok("cparam01", "3.3.12"),
    ok("cparam02", "3.3.13"),
    ok("regescrt", "3.3.14"),
    reject("sdp01", "3.3.15", 406),
    ok("inv2543", "3.4.1"),
]
"""What RFC 4475 says in the section named."""

RFC5118 = [
    ok("ipv6-good", "4.1"),
    reject("ipv6-bad", "4.2", 400, DefectRule.IPV6_REFERENCE),
    ok("port-ambiguous", "4.3"),
    ok("port-unambiguous", "4.4"),
    ok("via-received-param-with-delim", "4.5"),
    ok("via-received-param-no-delim", "4.5"),
    ok("ipv6-in-sdp", "4.6"),
    ok("mult-ip-in-header", "4.7"),
    ok("mult-ip-in-sdp", "4.8"),
    ok("ipv4-mapped-ipv6", "4.9"),
    ok("ipv6-bug-abnf-3-colons", "4.10"),
    ok("ipv6-correct-abnf-2-colons", "4.10"),
]
"""What RFC 5118 says in the section named."""


def torture(name: str, rfc: str = "rfc4475") -> SipMessage:
    return message_of((CORPUS / "torture" / rfc / f"{name}.dat").read_bytes())


@pytest.mark.parametrize(
    ("rfc", "case"),
    [("rfc4475", case) for case in RFC4475] + [("rfc5118", case) for case in RFC5118],
    ids=lambda value: value.name if isinstance(value, Case) else value,
)
def test_verdict_is_the_rfcs(rfc: str, case: Case) -> None:
    verdict = verdict_of(torture(case.name, rfc))
    assert (verdict.outcome, verdict.status) == (case.outcome, case.status)
    assert (verdict.defect.rule if verdict.defect else None) == case.rule


@pytest.mark.parametrize(("rfc", "cases"), [("rfc4475", RFC4475), ("rfc5118", RFC5118)])
def test_every_message_has_a_verdict(rfc: str, cases: list[Case]) -> None:
    assert {path.stem for path in (CORPUS / "torture" / rfc).glob("*.dat")} == {case.name for case in cases}


def test_a_proxy_judges_otherwise_where_the_rfc_says_so() -> None:
    proxy = Element(role=Role.PROXY)
    assert verdict_of(torture("zeromf"), proxy).status == 483
    assert verdict_of(torture("bext01"), proxy).status == 420
    assert verdict_of(torture("unksm2"), proxy).outcome is Outcome.ACCEPTABLE
    assert verdict_of(torture("invut"), proxy).outcome is Outcome.ACCEPTABLE


def test_every_defect_points_at_bytes_of_the_message() -> None:
    for path in sorted((CORPUS / "torture").glob("*/*.dat")):
        message = message_of(path.read_bytes())
        verdict = verdict_of(message)
        if verdict.defect:
            assert 0 <= verdict.defect.start <= verdict.defect.end <= len(message.raw), path


def test_tortuous_invite_is_understood() -> None:
    message = torture("wsinv")
    assert message.cseq.number == 9
    assert message.cseq.method == "INVITE"
    assert message.to.tag == "1918181833n"
    assert message.from_.tag == "98asjd8"
    assert message.from_.display_name == 'J Rosenberg \\\\\\"'
    assert [(via.transport, via.host, via.branch) for via in message.via] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.header("subject") == ""
    assert message.header("newfangledheader") == "newfangled value continued newfangled value"
    assert message.contacts[0].parameter("newparam") == "newvalue"
    assert message.contacts[0].parameter("secondparam") == ""
    assert message.contacts[0].parameter("q") == "0.33"
    assert message.routes[0].uri.parameter("unknown-no-value") == ""


def test_escapes_do_not_make_a_method_or_a_header() -> None:
    message = torture("esc02")
    assert message.method == "RE%47IST%45R"
    assert [contact.uri.user for contact in message.contacts] == ["alias1", "alias3"]


def test_user_parts_keep_semicolons_and_question_marks() -> None:
    assert torture("semiuri").request_uri.user == "user;par=u%40example.net"
    assert torture("intmeth").request_uri.host == "example.com"


def test_parameters_belong_to_the_header_unless_bracketed() -> None:
    bare, bracketed = torture("cparam01").contacts[0], torture("cparam02").contacts[0]
    assert (bare.parameter("unknownparam"), bare.uri.parameter("unknownparam")) == ("", None)
    assert (bracketed.parameter("unknownparam"), bracketed.uri.parameter("unknownparam")) == (None, "")


def test_octets_behind_the_body_are_no_part_of_it() -> None:
    message = torture("dblreq")
    assert message.body == b""
    assert message.call_id == "dblreq.0ha0isndaksdj99sdfafnl3lk233412"


def test_ports_and_ipv6_references() -> None:
    ambiguous, unambiguous = torture("port-ambiguous", "rfc5118"), torture("port-unambiguous", "rfc5118")
    assert (ambiguous.request_uri.host, ambiguous.request_uri.port) == ("2001:db8::10:5070", None)
    assert (unambiguous.request_uri.host, unambiguous.request_uri.port) == ("2001:db8::10", 5070)
    mapped = torture("ipv4-mapped-ipv6", "rfc5118")
    assert [(via.host, via.port) for via in mapped.via] == [("::ffff:192.0.2.10", 19823), ("::ffff:192.0.2.2", None)]


def test_each_medium_has_its_own_address_family() -> None:
    description = sdp_of(torture("mult-ip-in-sdp", "rfc5118"))
    assert description is not None
    addresses = [(media.media, media.connection.address) for media in description.media if media.connection]
    assert addresses == [("audio", "192.0.2.1"), ("video", "2001:db8::1")]


def test_binary_multipart_keeps_its_length() -> None:
    message = torture("mpart01")
    assert len(message.body) == message.content_length
    assert sdp_of(message) is None
