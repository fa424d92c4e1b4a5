"""Messages that break the frame of SIP: start line, mandatory headers, lengths."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.message_reports import report
from sip_ci_server.engine.checks.registry import Outcome, check
from sip_ci_server.engine.model import Model


@check(
    "msg-mandatory-missing",
    title="A mandatory header is missing{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §8.1.1",
)
def msg_mandatory_missing(model: Model, _: Model) -> Iterator[Outcome]:
    """To, From, CSeq, Call-ID or Via is missing (RFC 3261 §8.1.1, §8.2.6.2)."""
    yield from report("msg-mandatory-missing", model)


@check(
    "msg-request-line-bad",
    title="The request line is malformed{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §7.1",
)
def msg_request_line_bad(model: Model, _: Model) -> Iterator[Outcome]:
    """The request line is not `Method SP Request-URI SP SIP-Version`, or its URI is none (RFC 3261 §7.1)."""
    yield from report("msg-request-line-bad", model)


@check(
    "msg-status-line-bad",
    title="The status line is malformed{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §7.2",
)
def msg_status_line_bad(model: Model, _: Model) -> Iterator[Outcome]:
    """The status code lies outside 100 to 699 (RFC 3261 §7.2)."""
    yield from report("msg-status-line-bad", model)


@check(
    "msg-version",
    title="The start line names another version than SIP/2.0{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §7.1",
)
def msg_version(model: Model, _: Model) -> Iterator[Outcome]:
    """The version is not SIP/2.0 (RFC 3261 §7.1)."""
    yield from report("msg-version", model)


@check(
    "msg-duplicate-single",
    title="A header that may stand once is there twice{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §7.3.1",
)
def msg_duplicate_single(model: Model, _: Model) -> Iterator[Outcome]:
    """To, From, Call-ID, CSeq, Max-Forwards, Content-Length or Content-Type is repeated (RFC 3261 §7.3.1)."""
    yield from report("msg-duplicate-single", model)


@check(
    "msg-compact-dup",
    title="A header stands in its compact and its long form{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §7.3.3",
)
def msg_compact_dup(model: Model, _: Model) -> Iterator[Outcome]:
    """A header that stands once is there in both forms, with the same value (RFC 3261 §7.3.3)."""
    yield from report("msg-compact-dup", model)


@check(
    "msg-control-byte",
    title="A control byte stands in the headers{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §25.1",
)
def msg_control_byte(model: Model, _: Model) -> Iterator[Outcome]:
    """A byte that no header may hold stands in one (RFC 3261 §25.1)."""
    yield from report("msg-control-byte", model)


@check(
    "msg-nonutf8",
    title="The headers are not UTF-8{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §7",
)
def msg_nonutf8(model: Model, _: Model) -> Iterator[Outcome]:
    """A byte of the headers is no UTF-8 (RFC 3261 §7, §25.1)."""
    yield from report("msg-nonutf8", model)


@check(
    "msg-lf-only",
    title="Lines end without CRLF{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §7",
)
def msg_lf_only(model: Model, _: Model) -> Iterator[Outcome]:
    """A line ends in LF alone (RFC 3261 §7)."""
    yield from report("msg-lf-only", model)


@check(
    "msg-fold-bad",
    title="The first header line begins with a blank{by}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §7.3.1",
)
def msg_fold_bad(model: Model, _: Model) -> Iterator[Outcome]:
    """A continuation line follows the start line, which cannot be continued (RFC 3261 §7.3.1)."""
    yield from report("msg-fold-bad", model)


@check(
    "msg-header-malformed",
    title="A header does not follow its grammar{by}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §25.1",
)
def msg_header_malformed(model: Model, _: Model) -> Iterator[Outcome]:
    """A value breaks the grammar of its header: quotes, brackets, URI, Via or separators (RFC 3261 §20, §25.1)."""
    yield from report("msg-header-malformed", model)


@check(
    "msg-content-length-mismatch",
    title="Content-Length does not fit the body{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §18.3",
)
def msg_content_length_mismatch(model: Model, _: Model) -> Iterator[Outcome]:
    """Content-Length is no number, larger than the rest, or cuts the body; padding in a datagram is ignored (RFC 3261
    §18.3).
    """
    yield from report("msg-content-length-mismatch", model)


@check(
    "msg-content-length-missing-tcp",
    title="Content-Length is missing on a stream{by}",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §18.3",
)
def msg_content_length_missing_tcp(model: Model, _: Model) -> Iterator[Outcome]:
    """Over a stream, Content-Length is the only end that a message has (RFC 3261 §18.3)."""
    yield from report("msg-content-length-missing-tcp", model)


@check(
    "msg-content-type-missing",
    title="A body has no Content-Type{by}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §20.15",
)
def msg_content_type_missing(model: Model, _: Model) -> Iterator[Outcome]:
    """A message with a body does not say what it is (RFC 3261 §20.15)."""
    yield from report("msg-content-type-missing", model)
