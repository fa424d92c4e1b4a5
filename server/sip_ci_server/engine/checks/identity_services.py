"""STIR/SHAKEN: what verification services answer, and what becomes of their verdict (RFC 8224 §6.2.2, RFC 8688)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.headers import parse_name_addr
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.addresses import Scope, scope_of
from sip_ci_server.engine.checks.caller_identity import hop_before
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.transactions import Transaction

SLOW = 0.5
"""Seconds that signing or verifying may add to the setup of a call."""
RESPONSES = {
    428: "RFC 8224 §6.2.2", 436: "RFC 8224 §6.2.2", 437: "RFC 8224 §6.2.2", 438: "RFC 8224 §6.2.2",
    608: "RFC 8688 §3.1",
}  # fmt: skip
"""The codes of verification services, with where they are defined."""


def _is_call(transaction: Transaction) -> bool:
    return transaction.method == "INVITE" and transaction.is_initial


def _register(code: int, source: str) -> None:
    @check(
        f"stir-resp-{code}",
        title="The call was refused with {status}",
        severity=Severity.HIGH,
        category=Category.AUTHENTICATION,
        rfc=source,
    )
    def refusal(model: Model, _: Model) -> Iterator[Outcome]:
        if not model.legs:
            yield NotCheckable("the trace holds no INVITE")
        for transaction in model.ended_with(code):
            final = transaction.final
            if final is None or not _is_call(transaction) or model.relayed_from_further_on(transaction):
                continue
            signed = bool(transaction.request.lines_of("identity"))
            yield Found(
                (
                    at_header(transaction.request, "identity", "what the call carries") if signed
                    else at(transaction.request, "the call, without Identity"),
                    at(final, "its refusal"),
                ),
                f"The INVITE to {transaction.request.request_uri.text} was answered {final.status} {final.reason} by"
                f" {final.observation.source or 'the far end'}"
                + (", though it carries an Identity header." if signed else "; it carries no Identity header."),
                {"status": f"{final.status} {final.reason}".strip()},
                calls=(transaction.call_id,),
                severity=Severity.LOW if model.answered_elsewhere(transaction) else None,
            )  # fmt: skip

    function: Callable[..., object] = refusal
    function.__doc__ = f"An INVITE ended with {code} ({source}); the element that gave it is named."


for _code, _source in RESPONSES.items():
    _register(_code, _source)


def _verdicts(request: SipMessage) -> list[tuple[str, str]]:
    """The verstat parameters of From and P-Asserted-Identity, in lower case, with the header each stands in."""
    found = []
    for name in ("from", "p-asserted-identity"):
        for value in request.values(name) if name != "from" else [request.header("from") or ""]:
            address = parse_name_addr(value)
            # In a SIP URI it is a parameter of the user part.
            user = address.uri.user.lower()
            text = address.uri.parameter("verstat") or address.parameter("verstat") or ""
            if not text and "verstat=" in user:
                text = user.partition("verstat=")[2].partition(";")[0]
            if text:
                found.append((name, text.lower()))
    return found


@check(
    "stir-verstat-failed",
    title="The caller's number failed verification",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 8224 §6.2",
    absent="the trace holds no INVITE",
    only=_is_call,
)
def stir_verstat_failed(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A verification service marked the caller's number as failed (`verstat=TN-Validation-Failed`, 3GPP TS 24.229)."""
    failed = next(
        (name for name, text in _verdicts(transaction.request) if text.startswith("tn-validation-failed")), ""
    )
    if not failed or model.is_forwarded(transaction):
        return
    yield Found(
        (at_header(transaction.request, failed, "verstat=TN-Validation-Failed"),),
        f"The INVITE from {transaction.source or 'the caller'} carries `verstat=TN-Validation-Failed`: the signature"
        f" of the"
        " caller's number did not stand the check.",
        calls=(transaction.call_id,),
    )


@check(
    "stir-verstat-untrusted",
    title="A verdict on the caller's number from outside is passed on",
    severity=Severity.HIGH,
    category=Category.SECURITY,
    rfc="RFC 8224 §6.2",
    confidence=Confidence.POSSIBLE,
    needs=Needs.ADDRESSES,
    absent="the trace holds no INVITE that was passed on",
    only=lambda transaction: _is_call(transaction) and len(transaction.request.via) > 1,
)
def stir_verstat_untrusted(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """An INVITE without Identity came with `verstat=TN-Validation-Passed` and went on with it: anyone can write that.

    Medium where it came from a public address, else low: the sender may be one's own verification service.
    """
    passed = [name for name, text in _verdicts(transaction.request) if text.startswith("tn-validation-passed")]
    before = hop_before(transaction, model) if passed else None
    if before is None or before.request.lines_of("identity"):
        return
    if not any(text.startswith("tn-validation-passed") for _, text in _verdicts(before.request)):
        return
    public = before.source is not None and scope_of(before.source.host) is Scope.PUBLIC
    yield Found(
        (at_header(before.request, passed[0], "comes in"), at_header(transaction.request, passed[0], "goes on")),
        f"The INVITE came from {before.source} with `verstat=TN-Validation-Passed` and without Identity, and"
        f" {transaction.source} passed it on.",
        calls=(transaction.call_id,),
        severity=Severity.MEDIUM if public else Severity.LOW,
    )


@check(
    "stir-slow",
    title="Signing the call took more than {seconds} s",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 8224 §6.1",
    needs=Needs.TIMES,
    absent="the trace holds no INVITE",
    only=_is_call,
)
def stir_slow(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """An element that adds Identity, or an authentication service that redirects, needed more than 500 ms."""
    before: Transaction | None = None
    end: SipMessage | None = None
    final = transaction.final
    if final is not None and (final.status or 0) // 100 == 3 and final.lines_of("identity"):
        before, end = transaction, final
    elif transaction.request.lines_of("identity"):
        before, end = hop_before(transaction, model), transaction.request
        if before is not None and before.request.lines_of("identity"):
            return
    if before is None or end is None or before.time is None or end.observation.time is None:
        return
    took = end.observation.time - before.time
    if took <= SLOW:
        return
    yield Found(
        (at(before.request, "comes in unsigned"), at_header(end, "identity", f"is signed {took * 1000:.0f} ms later")),
        f"The INVITE came to {before.destination or 'the authentication service'} without Identity, and"
        f" {took * 1000:.0f} ms"
        " later it was signed.",
        {"seconds": f"{SLOW:g}"},
        calls=(transaction.call_id,),
    )
