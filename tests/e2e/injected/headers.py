"""Faults in Contact, the start line and the form of headers (RFC 3261 §7, §8, §19 and §20)."""

from __future__ import annotations

from tests.e2e.injected.parts import ANSWER, INVITE
from tests.support.calls import BOB, PROXY
from tests.support.injection import add, header, on, sub
from tests.support.injection_bases import direct_call, ipv6_call, pinged, proxied_call
from tests.support.injection_cases import Injection, case
from tests.support.injection_consequences import both, refused, unanswered, unheard


def _with_bare_line_ends(raw: bytes) -> bytes:
    head, _, content = raw.partition(b"\r\n\r\n")
    return head.replace(b"\r\n", b"\n") + b"\n\n" + content


UNREADABLE = "what does not begin with a status line is not read as a SIP message"

# fmt: off
HEADERS: tuple[Injection, ...] = (
    case(
        "contact-missing", "an INVITE without Contact", direct_call, on(INVITE, header("Contact", None)),
        refused(INVITE, 400), "contact-missing-invite"
    ),
    case(
        "contact-star", "an INVITE with Contact: *", direct_call, on(INVITE, header("Contact", "*")),
        refused(INVITE, 400), "msg-contact-star msg-contact-uri-bad"
    ),
    case(
        "contact-two", "an INVITE with two Contacts", direct_call, on(INVITE, add("Contact: <sip:192.0.2.11>")),
        refused(INVITE, 400), "msg-contact-uri-bad msg-duplicate-single contact-missing-invite msg-header-malformed"
    ),
    case(
        "contact-no-host", "a Contact without a host", direct_call, on(INVITE, header("Contact", "<sip:alice@>")),
        refused(INVITE, 400), "msg-contact-uri-bad"
    ),
    case(
        "contact-no-scheme", "a Contact without a scheme", direct_call,
        on(INVITE, header("Contact", "<alice@192.0.2.10>")), refused(INVITE, 400), "msg-contact-uri-bad"
    ),
    case(
        "contact-template", "a Contact with a template that was not filled", direct_call,
        on(INVITE, header("Contact", "<sip:alice@${local_ip}:5060>")), refused(INVITE, 400), "msg-contact-uri-bad"
    ),
    case(
        "contact-port-range", "a Contact with port 70000", direct_call,
        on(ANSWER, header("Contact", "<sip:bob@198.51.100.20:70000>")), unheard(ANSWER), "msg-contact-uri-bad"
    ),
    case(
        "ok-no-contact", "a 200 without Contact", direct_call, on(ANSWER, header("Contact", None)), unheard(ANSWER),
        "contact-missing-2xx"
    ),
    case(
        "require-unknown", "an extension is required that the peer lacks", direct_call,
        on(INVITE, add("Require: replaces, com.example.turbo")), refused(INVITE, 420, "Unsupported: com.example.turbo"),
        "ext-required-unsupported final-420", unseen="the peer may know it"
    ),
    case(
        "proxy-require-unknown", "an extension is required of proxies", direct_call,
        on(INVITE, add("Proxy-Require: privacy")), refused(INVITE, 420, "Unsupported: privacy"),
        "ext-required-unsupported final-420", unseen="the peer may know it"
    ),
    case(
        "420-no-unsupported", "420 does not say what it lacks", direct_call, on(INVITE, add("Require: 100rel")),
        refused(INVITE, 420), "msg-420-no-unsupported ext-required-unsupported final-420", unseen="the peer may know it"
    ),
    case(
        "version-3", "another version of SIP", direct_call, on(INVITE, sub(r"\A(INVITE \S+) SIP/2.0", r"\1 SIP/3.0")),
        refused(INVITE, 505), "msg-version final-505"
    ),
    case(
        "uri-brackets", "a Request-URI in brackets", direct_call, on(INVITE, sub(r"\AINVITE (\S+)", r"INVITE <\1>")),
        refused(INVITE, 400), "msg-request-line-bad"
    ),
    case(
        "uri-space", "a Request-URI with a space", direct_call,
        on(INVITE, sub(r"\AINVITE sip:bob@", "INVITE sip:bob smith@")), refused(INVITE, 400), "msg-request-line-bad"
    ),
    case(
        "uri-two-spaces", "two spaces before the version", direct_call, on(INVITE, sub(r"\A(INVITE \S+) ", r"\1  ")),
        refused(INVITE, 400), "msg-request-line-bad"
    ),
    case(
        "uri-scheme", "a Request-URI of another scheme", direct_call, on(INVITE, sub(r"\AINVITE sip:", "INVITE xmpp:")),
        refused(INVITE, 416), "final-416 msg-request-line-bad", unseen="a scheme may be supported"
    ),
    case(
        "uri-no-host", "a Request-URI without a host", direct_call, on(INVITE, sub(r"\AINVITE \S+", "INVITE sip:bob@")),
        refused(INVITE, 400), "msg-request-line-bad msg-header-malformed"
    ),
    case(
        "uri-headers", "a Request-URI with headers in it", direct_call,
        on(INVITE, sub(r"\A(INVITE \S+)", r"\1?Subject=hi")), refused(INVITE, 400),
        "msg-request-line-bad msg-header-malformed"
    ),
    case(
        "uri-ipv6-bare", "an IPv6 address without brackets", ipv6_call,
        on("BYE 1", sub(r"\ABYE sip:bob@\S+", "BYE sip:bob@2001:db8::20:5060")), refused("BYE 1", 400),
        "ipv6-uri-no-brackets"
    ),
    case(
        "lf-only", "lines end in LF alone", direct_call, on(INVITE, _with_bare_line_ends), unanswered(INVITE),
        "msg-lf-only"
    ),
    case(
        "space-before-colon", "a header name with a space inside", direct_call,
        on(INVITE, sub("^Max-Forwards:", "Max Forwards:")), refused(INVITE, 400),
        "msg-header-malformed msg-fold-bad msg-max-forwards-missing"
    ),
    case(
        "fold-first", "the first header line is a continuation", direct_call,
        on(INVITE, sub(r"\A(INVITE [^\r]+\r\n)", "\\1 folded: x\r\n")), refused(INVITE, 400), "msg-fold-bad"
    ),
    case(
        "no-colon", "a header line without a colon", direct_call,
        on(INVITE, sub("^User-Agent: phone/1.0", "User-Agent phone/1.0")), refused(INVITE, 400),
        "msg-header-malformed msg-fold-bad"
    ),
    case(
        "compact-and-long", "Call-ID in both forms", direct_call, on(INVITE, add("i: call-1@192.0.2.10")),
        refused(INVITE, 400), "msg-compact-dup msg-duplicate-single"
    ),
    case(
        "content-length-twice", "two Content-Lengths", direct_call, on(INVITE, add("Content-Length: 12")),
        refused(INVITE, 400), "msg-duplicate-single"
    ),
    case(
        "parameter-twice", "a parameter stands twice", direct_call, on(INVITE, sub(";tag=a1", ";tag=a1;tag=a2")),
        refused(INVITE, 400), "msg-parameter-repeated"
    ),
    case(
        "expires-word", "Expires is no number", direct_call, on(INVITE, add("Expires: soon")), refused(INVITE, 400),
        "msg-expires-range msg-header-malformed"
    ),
    case(
        "date-form", "a Date that is no date of SIP", direct_call, on(INVITE, add("Date: 2026-11-22 10:00:00")),
        refused(INVITE, 400), "msg-date"
    ),
    case(
        "oversize", "a request beyond the path's MTU", direct_call, on(INVITE, add("X-Trace: " + "x" * 1500)),
        unanswered(INVITE), "udp-too-large"
    ),
    case(
        "status-two-digits", "a status of two digits", direct_call, on(ANSWER, sub(r"\ASIP/2.0 200", "SIP/2.0 20")),
        unanswered(INVITE), "msg-status-line-bad", beside="txn-no-response", undecidable=UNREADABLE, unseen=UNREADABLE
    ),
    case(
        "response-no-cseq", "a 200 without CSeq", direct_call, on(ANSWER, header("CSeq", None)), None,
        "msg-mandatory-missing"
    ),
    case(
        "ping-refused", "a keep-alive that is refused", pinged, on("OPTIONS 1", header("Accept", "text/html")),
        refused("OPTIONS 4", 404), "final-404", undecidable="any answer to a keep-alive says that the peer is there",
        unseen="Accept is as it may be"
    ),
    case(
        "ping-ignored", "a peer that went away", pinged, on("OPTIONS 1", header("Max-Forwards", "69")),
        unanswered("OPTIONS 3"), "txn-no-response", unseen="nothing is wrong"
    ),
    case(
        "method-unknown", "a method that nobody knows", pinged, on("OPTIONS *", sub("OPTIONS", "PINGING")),
        refused("PINGING 1", 501), "final-501 final-405 msg-405-no-allow", unseen="a private method may be known"
    ),
    case(
        "405-no-allow", "405 without Allow", pinged, on("OPTIONS 1", header("Accept", "*/*")),
        refused("OPTIONS 4", 405), "msg-405-no-allow final-405",
        undecidable="any answer to a keep-alive says that the peer is there", unseen="nothing is wrong"
    ),
    case(
        "proxy-via-no-branch", "a proxy adds a Via without branch", proxied_call,
        both(
            on(INVITE, sub("z9hG4bK-1-1", "1"), leaving=PROXY), on("INVITE 1 *", sub("z9hG4bK-1-1", "1"), leaving=BOB)
        ), refused(INVITE, 400), "msg-branch-cookie"
    ),
)
# fmt: on
