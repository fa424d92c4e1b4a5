"""Headers of single messages that say what they may not say."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.message_reports import report
from sip_ci_server.engine.checks.registry import Outcome, check
from sip_ci_server.engine.model import Model


@check(
    "msg-cseq-malformed",
    title="CSeq is malformed{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §8.1.1.5",
)
def msg_cseq_malformed(model: Model, _: Model) -> Iterator[Outcome]:
    """CSeq is no number below 2**31 with a method (RFC 3261 §8.1.1.5, §20.16)."""
    yield from report("msg-cseq-malformed", model)


@check(
    "msg-cseq-method-mismatch",
    title="CSeq names another method than the request line{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §8.1.1.5",
)
def msg_cseq_method_mismatch(model: Model, _: Model) -> Iterator[Outcome]:
    """The method of CSeq is not that of the request (RFC 3261 §8.1.1.5)."""
    yield from report("msg-cseq-method-mismatch", model)


@check(
    "msg-branch-cookie",
    title="The branch does not begin with z9hG4bK{by}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §8.1.1.7",
)
def msg_branch_cookie(model: Model, _: Model) -> Iterator[Outcome]:
    """The branch lacks the magic cookie, low, or is nothing but it (RFC 3261 §8.1.1.7)."""
    yield from report("msg-branch-cookie", model)


@check(
    "msg-via-transport-mismatch",
    title="The Via names another transport{by}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §18.1.1",
)
def msg_via_transport_mismatch(model: Model, _: Model) -> Iterator[Outcome]:
    """The top Via says UDP on a TCP connection, or TCP in a datagram (RFC 3261 §18.1.1)."""
    yield from report("msg-via-transport-mismatch", model)


@check(
    "msg-max-forwards-missing",
    title="A request has no Max-Forwards{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §8.1.1.6",
)
def msg_max_forwards_missing(model: Model, _: Model) -> Iterator[Outcome]:
    """Max-Forwards is missing; proxies pass the request all the same (RFC 3261 §8.1.1.6, §16.3)."""
    yield from report("msg-max-forwards-missing", model)


@check(
    "msg-max-forwards-zero",
    title="A request arrives with Max-Forwards 0{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §16.3",
)
def msg_max_forwards_zero(model: Model, _: Model) -> Iterator[Outcome]:
    """No proxy may pass this request on (RFC 3261 §16.3 step 3)."""
    yield from report("msg-max-forwards-zero", model)


@check(
    "msg-max-forwards-over-70",
    title="Max-Forwards is larger than usual{by}",
    severity=Severity.INFO,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §8.1.1.6",
)
def msg_max_forwards_over_70(model: Model, _: Model) -> Iterator[Outcome]:
    """Max-Forwards is above the recommended 70 (RFC 3261 §8.1.1.6)."""
    yield from report("msg-max-forwards-over-70", model)


@check(
    "msg-from-tag-missing",
    title="From has no tag{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §8.1.1.3",
)
def msg_from_tag_missing(model: Model, _: Model) -> Iterator[Outcome]:
    """From lacks its tag (RFC 3261 §8.1.1.3)."""
    yield from report("msg-from-tag-missing", model)


@check(
    "msg-uri-brackets",
    title="A URI needs angle brackets{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §20",
)
def msg_uri_brackets(model: Model, _: Model) -> Iterator[Outcome]:
    """A URI with a comma or question mark stands without angle brackets (RFC 3261 §20)."""
    yield from report("msg-uri-brackets", model)


@check(
    "msg-uri-param-demoted",
    title="A URI parameter stands outside the angle brackets{by}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §20",
)
def msg_uri_param_demoted(model: Model, _: Model) -> Iterator[Outcome]:
    """Without angle brackets a parameter belongs to the header (RFC 3261 §20, §20.10)."""
    yield from report("msg-uri-param-demoted", model)


@check(
    "msg-contact-star",
    title="Contact: * stands where it may not{by}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §10.2.2",
)
def msg_contact_star(model: Model, _: Model) -> Iterator[Outcome]:
    """Contact: * stands in another message than a REGISTER (RFC 3261 §10.2.2)."""
    yield from report("msg-contact-star", model)


@check(
    "msg-contact-uri-bad",
    title="Contact holds no usable URI{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §20.10",
)
def msg_contact_uri_bad(model: Model, _: Model) -> Iterator[Outcome]:
    """The value of Contact does not parse (RFC 3261 §20.10)."""
    yield from report("msg-contact-uri-bad", model)


@check(
    "msg-date",
    title="Date has another form than RFC 1123{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §20.17",
)
def msg_date(model: Model, _: Model) -> Iterator[Outcome]:
    """Date is no RFC 1123 date in GMT (RFC 3261 §20.17)."""
    yield from report("msg-date", model)


@check(
    "msg-expires-range",
    title="A number of seconds is out of range{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §20.19",
)
def msg_expires_range(model: Model, _: Model) -> Iterator[Outcome]:
    """Expires or Retry-After is no number below 2**32 (RFC 3261 §20.19)."""
    yield from report("msg-expires-range", model)


@check(
    "msg-pai-params",
    title="An asserted identity carries a tag{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3325 §9.1",
)
def msg_pai_params(model: Model, _: Model) -> Iterator[Outcome]:
    """P-Asserted-Identity and P-Preferred-Identity have no header parameters (RFC 3325 §9.1, §9.2)."""
    yield from report("msg-pai-params", model)


@check(
    "msg-session-id",
    title="Session-ID is malformed{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 7989 §5",
)
def msg_session_id(model: Model, _: Model) -> Iterator[Outcome]:
    """Session-ID is no 32 hexadecimal digits in lower case (RFC 7989 §5)."""
    yield from report("msg-session-id", model)


@check(
    "msg-reason",
    title="Reason is malformed{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3326 §2",
)
def msg_reason(model: Model, _: Model) -> Iterator[Outcome]:
    """Reason is no protocol with a numeric cause (RFC 3326 §2)."""
    yield from report("msg-reason", model)


@check(
    "msg-parameter-repeated",
    title="A parameter stands twice{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §7.3.1, §19.1.1",
)
def msg_parameter_repeated(model: Model, _: Model) -> Iterator[Outcome]:
    """A header value or a URI has two parameters of one name (RFC 3261 §7.3.1, §19.1.1)."""
    yield from report("msg-parameter-repeated", model)


@check(
    "msg-credentials-joined",
    title="Several credentials or challenges stand in one header line{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §7.3.1, §20.7, §20.28",
)
def msg_credentials_joined(model: Model, _: Model) -> Iterator[Outcome]:
    """Authorization, Proxy-Authorization or a challenge holds two values in one line (RFC 3261 §7.3.1, §20.7)."""
    yield from report("msg-credentials-joined", model)


@check(
    "msg-rport-value",
    title="A client gives rport a value{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3581 §3",
)
def msg_rport_value(model: Model, _: Model) -> Iterator[Outcome]:
    """The Via of a request's first hop has `rport` with a value, which only the server may give it (RFC 3581 §3)."""
    yield from report("msg-rport-value", model)
