"""Faults in Via, From, To, Call-ID, CSeq, Max-Forwards and the headers of a body (RFC 3261 §8 and §20)."""

from __future__ import annotations

from tests.e2e.injected.parts import INVITE
from tests.support.injection import add, by, header, new_body, on, sub
from tests.support.injection_bases import direct_call, tcp_call
from tests.support.injection_cases import Injection, case
from tests.support.injection_consequences import refused, unanswered

MULTIPART = (
    "--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\n"
    "c=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8\r\n\r\n--x--\r\n"
)


# fmt: off
ADDRESSES: tuple[Injection, ...] = (
    case(
        "max-forwards-zero", "the caller's hop limit is used up", direct_call, on(INVITE, header("Max-Forwards", "0")),
        refused(INVITE, 483), "msg-max-forwards-zero too-many-hops-483"
    ),
    case(
        "max-forwards-missing", "no hop limit", direct_call, on(INVITE, header("Max-Forwards", None)),
        refused(INVITE, 400), "msg-max-forwards-missing msg-mandatory-missing"
    ),
    case(
        "max-forwards-word", "the hop limit is no number", direct_call, on(INVITE, header("Max-Forwards", "many")),
        refused(INVITE, 400), "msg-header-malformed msg-max-forwards-missing"
    ),
    case(
        "max-forwards-300", "the hop limit is beyond 255", direct_call, on(INVITE, header("Max-Forwards", "300")),
        refused(INVITE, 400), "msg-max-forwards-over-70 final-400"
    ),
    case(
        "via-no-cookie", "branch without the magic cookie", direct_call,
        on("INVITE 1*", sub("branch=z9hG4bK-", "branch=")), refused(INVITE, 400), "msg-branch-cookie"
    ),
    case(
        "via-no-branch", "Via without a branch", direct_call,
        on("INVITE 1*", sub(r"^(Via: [^;\r]+);branch=[^\r]*", r"\1")), refused(INVITE, 400), "msg-branch-cookie"
    ),
    case(
        "via-no-host", "Via without sent-by", direct_call,
        on(INVITE, sub(r"^Via: SIP/2.0/UDP [^;]+", "Via: SIP/2.0/UDP ")), refused(INVITE, 400), "msg-header-malformed"
    ),
    case(
        "via-no-version", "Via without protocol", direct_call, on(INVITE, sub(r"^Via: SIP/2.0/UDP ", "Via: ")),
        refused(INVITE, 400), "msg-header-malformed"
    ),
    case(
        "via-wrong-transport", "Via says TCP in a datagram", direct_call,
        on(INVITE, sub(r"^Via: SIP/2.0/UDP ", "Via: SIP/2.0/TCP ")), unanswered(INVITE),
        "msg-via-transport-mismatch txn-no-response"
    ),
    case(
        "via-missing", "no Via", direct_call, on(INVITE, header("Via", None)), unanswered(INVITE),
        "msg-mandatory-missing"
    ),
    case(
        "from-missing", "no From", direct_call, on(INVITE, header("From", None)), refused(INVITE, 400),
        "msg-mandatory-missing"
    ),
    case(
        "from-no-tag", "From without a tag", direct_call, by("a1", sub(";tag=a1", "")), refused(INVITE, 400),
        "msg-from-tag-missing"
    ),
    case(
        "from-unclosed", "From lacks its closing bracket", direct_call, on(INVITE, sub("^(From: <[^>]+)>", r"\1")),
        refused(INVITE, 400), "msg-header-malformed msg-uri-brackets"
    ),
    case(
        "from-quote", "the display name lacks its closing quote", direct_call,
        on(INVITE, sub("^From: <", 'From: "Alice <')), refused(INVITE, 400), "msg-header-malformed"
    ),
    case(
        "from-empty-uri", "From has no address", direct_call, on(INVITE, sub("^From: <[^>]+>", "From: <>")),
        refused(INVITE, 400), "msg-header-malformed"
    ),
    case(
        "from-control", "a control byte in the display name", direct_call,
        on(INVITE, sub("^From: <", 'From: "Al\x01ice" <')), refused(INVITE, 400),
        "msg-control-byte sec-header-injection"
    ),
    case(
        "from-latin", "a display name in Latin-1", direct_call, on(INVITE, sub("^From: <", 'From: "Ren\xe9" <')),
        refused(INVITE, 400), "msg-nonutf8"
    ),
    case(
        "from-nul", "a NUL byte in a header", direct_call, on(INVITE, sub("^From: <", 'From: "Al\x00ice" <')),
        unanswered(INVITE), "msg-control-byte sec-header-injection"
    ),
    case(
        "to-missing", "no To", direct_call, on(INVITE, header("To", None)), refused(INVITE, 400),
        "msg-mandatory-missing"
    ),
    case(
        "to-no-brackets", "To with parameters outside brackets", direct_call,
        on(INVITE, header("To", "sip:bob@example.com;user=phone")), refused(INVITE, 400),
        "msg-uri-param-demoted msg-uri-brackets"
    ),
    case(
        "to-comma", "an unbracketed URI with a comma", direct_call, on(INVITE, header("To", "sip:bob,ext@example.com")),
        refused(INVITE, 400), "msg-uri-brackets msg-header-malformed"
    ),
    case(
        "call-id-missing", "no Call-ID", direct_call, on(INVITE, header("Call-ID", None)), refused(INVITE, 400),
        "msg-mandatory-missing"
    ),
    case(
        "call-id-twice", "two Call-IDs", direct_call, on(INVITE, add("Call-ID: another@192.0.2.10")),
        refused(INVITE, 400), "msg-duplicate-single"
    ),
    case(
        "cseq-missing", "no CSeq", direct_call, on(INVITE, header("CSeq", None)), refused(INVITE, 400),
        "msg-mandatory-missing"
    ),
    case(
        "cseq-no-method", "CSeq without its method", direct_call, on(INVITE, header("CSeq", "1")), refused(INVITE, 400),
        "msg-cseq-malformed"
    ),
    case(
        "cseq-other-method", "CSeq names another method", direct_call, on(INVITE, header("CSeq", "1 OPTIONS")),
        refused(INVITE, 400), "msg-cseq-method-mismatch"
    ),
    case(
        "cseq-range", "CSeq beyond 2**31", direct_call, on("INVITE 1*", header("CSeq", "4294967296 INVITE")),
        refused(INVITE, 400), "msg-cseq-malformed"
    ),
    case(
        "cseq-word", "CSeq is no number", direct_call, on(INVITE, header("CSeq", "one INVITE")), refused(INVITE, 400),
        "msg-cseq-malformed"
    ),
    case(
        "length-too-long", "Content-Length is more than there is", direct_call,
        on(INVITE, header("Content-Length", "900")), refused(INVITE, 400), "msg-content-length-mismatch"
    ),
    case(
        "length-too-short", "Content-Length cuts the offer", direct_call, on(INVITE, header("Content-Length", "40")),
        refused(INVITE, 488), "msg-content-length-mismatch"
    ),
    case(
        "length-zero", "Content-Length 0 with an offer", direct_call, on(INVITE, header("Content-Length", "0")),
        refused(INVITE, 488), "msg-content-length-mismatch"
    ),
    case(
        "length-word", "Content-Length is no number", direct_call, on(INVITE, header("Content-Length", "all")),
        refused(INVITE, 400), "msg-content-length-mismatch msg-header-malformed"
    ),
    case(
        "length-missing-tcp", "no Content-Length on a stream", tcp_call, on(INVITE, header("Content-Length", None)),
        unanswered(INVITE), "msg-content-length-missing-tcp"
    ),
    case(
        "type-missing", "an offer without Content-Type", direct_call, on(INVITE, header("Content-Type", None)),
        refused(INVITE, 415), "msg-content-type-missing"
    ),
    case(
        "type-text", "an offer called text/plain", direct_call, on(INVITE, header("Content-Type", "text/plain")),
        refused(INVITE, 415), "content-type-mismatch"
    ),
    case(
        "type-malformed", "Content-Type without a subtype", direct_call,
        on(INVITE, header("Content-Type", "application")), refused(INVITE, 400),
        "content-type-mismatch msg-header-malformed"
    ),
    case(
        "type-multipart", "a multipart body at a phone that cannot read it", direct_call,
        on(INVITE, new_body(MULTIPART, "multipart/mixed;boundary=x")), refused(INVITE, 415, "Accept: application/sdp"),
        "sdp-488 content-type-mismatch", unseen="multipart is legal"
    ),
    case(
        "type-no-boundary", "a multipart body without its boundary", direct_call,
        on(INVITE, new_body(MULTIPART, "multipart/mixed")), refused(INVITE, 400),
        "content-type-mismatch msg-header-malformed"
    ),
)
# fmt: on
