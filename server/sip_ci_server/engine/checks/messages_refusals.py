"""Refusals that lack what the other side needs for a better try."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.message_reports import report
from sip_ci_server.engine.checks.registry import Outcome, check
from sip_ci_server.engine.model import Model


@check(
    "msg-405-no-allow",
    title="405 does not list the allowed methods{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §21.4.6",
)
def msg_405_no_allow(model: Model, _: Model) -> Iterator[Outcome]:
    """A 405 has no Allow (RFC 3261 §21.4.6)."""
    yield from report("msg-405-no-allow", model)


@check(
    "msg-420-no-unsupported",
    title="420 does not name the extension{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §21.4.15",
)
def msg_420_no_unsupported(model: Model, _: Model) -> Iterator[Outcome]:
    """A 420 has no Unsupported (RFC 3261 §21.4.15)."""
    yield from report("msg-420-no-unsupported", model)


@check(
    "msg-423-no-min-expires",
    title="423 does not say how long is long enough{by}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §21.4.17",
)
def msg_423_no_min_expires(model: Model, _: Model) -> Iterator[Outcome]:
    """A 423 has no Min-Expires (RFC 3261 §21.4.17)."""
    yield from report("msg-423-no-min-expires", model)


@check(
    "msg-422-no-min-se",
    title="422 does not say how long is long enough{by}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 4028 §6",
)
def msg_422_no_min_se(model: Model, _: Model) -> Iterator[Outcome]:
    """A 422 has no Min-SE (RFC 4028 §6)."""
    yield from report("msg-422-no-min-se", model)


@check(
    "msg-415-no-accept",
    title="415 does not say which bodies are understood{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §8.2.3, §21.4.13",
)
def msg_415_no_accept(model: Model, _: Model) -> Iterator[Outcome]:
    """A 415 has neither Accept nor Accept-Encoding nor Accept-Language (RFC 3261 §8.2.3, §21.4.13)."""
    yield from report("msg-415-no-accept", model)


@check(
    "msg-421-no-require",
    title="421 does not name the extension that is demanded{by}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §21.4.16",
)
def msg_421_no_require(model: Model, _: Model) -> Iterator[Outcome]:
    """A 421 has no Require (RFC 3261 §21.4.16)."""
    yield from report("msg-421-no-require", model)
