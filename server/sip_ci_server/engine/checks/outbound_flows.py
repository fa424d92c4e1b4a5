"""Registration of flows: what a client has to say, and what a registrar may answer (RFC 5626 §4.2.1, §6)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.digits import parse_digits
from sip_ci.trace.headers import NameAddr, parse_name_addr
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci_server.engine.checks.registry import Found, Outcome, at_header, check
from sip_ci_server.engine.message_faults import agent_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

_LARGEST = 2**31 - 1
_WHOLE = (Fidelity.EXACT, Fidelity.LINE_ENDINGS_LOST)
"""What shows all headers of a message."""


def _flow(request: SipMessage) -> NameAddr | None:
    """The contact that asks for a flow."""
    return next((entry for entry in request.contacts if entry.parameter("reg-id") is not None), None)


def _is_outbound(request: SipMessage) -> bool:
    return "outbound" in request.options("supported") | request.options("require")


@check(
    "reg-outbound-incomplete",
    title="A registration with reg-id has {fault}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 5626 §4.2.1, §6, §10",
    absent="the trace holds no REGISTER with reg-id",
    only=lambda item: item.method == "REGISTER" and b"reg-id" in item.request.raw.lower(),
)
def reg_outbound_incomplete(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A contact with reg-id has no instance, a reg-id that cannot be, or no option tag outbound (RFC 5626 §4.2.1, §10);
    info where only the option tag path is missing.
    """
    request = transaction.request
    contact = _flow(request)
    if contact is None or request.fidelity not in _WHOLE or model.is_forwarded(transaction):
        return
    value = contact.parameter("reg-id") or ""
    faults = []
    if contact.parameter("+sip.instance") is None:
        faults.append("no +sip.instance")
    if not parse_digits(value, _LARGEST):
        faults.append(f"the reg-id {value or 'nothing'}")
    if not _is_outbound(request):
        faults.append("no outbound in Supported")
    serious = bool(faults)
    if "path" not in request.options("supported") | request.options("require"):
        faults.append("no path in Supported")
    if not faults:
        return
    yield Found(
        (at_header(request, "contact", "asks for a flow"), at_header(request, "supported", ", ".join(faults))),
        f"{name_of(request)} registered {request.to.uri.text} with `reg-id={value}` and {', '.join(faults)}: the"
        " registrar takes it for a registration without a flow.",
        {"fault": faults[0]},
        key=(faults[0], agent_of(request)),
        calls=(transaction.call_id,),
        severity=None if serious else Severity.INFO,
    )


@check(
    "reg-outbound-misanswered",
    title="{status} speaks of outbound where {fault}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 5626 §6, §11.6",
    absent="the trace holds no REGISTER that is answered",
    only=lambda item: item.method == "REGISTER" and item.final is not None and item.final.status in (200, 439),
)
def reg_outbound_misanswered(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 2xx requires outbound for a contact without a flow, or without ob in the Path of a REGISTER that came over a
    proxy; or 439 answers a client that did not ask for a flow (RFC 5626 §6, §11.6).
    """
    final, request = transaction.final, transaction.request
    if final is None or not request.contacts or model.relayed_from_further_on(transaction):
        return
    asks = _flow(request) is not None and _is_outbound(request)
    if final.status == 439:
        fault = "" if asks else "no flow was asked for"
    elif "outbound" not in final.options("require"):
        return
    elif _flow(request) is None:
        fault = "the contact has no reg-id"
    elif len(request.via) > 1 and not any(
        parse_name_addr(value).uri.parameter("ob") is not None for value in request.values("path")
    ):
        fault = "the Path has no ob"
    else:
        return
    if not fault or (final.status == 200 and model.is_forwarded(transaction) and fault != "the Path has no ob"):
        return
    yield Found(
        (
            at_header(request, "path" if fault == "the Path has no ob" else "contact", fault),
            at_header(final, "require", "the registrar's answer"),
        ),
        f"{name_of(final)} answered REGISTER of {request.to.uri.text} {phrase_of(final)}"
        + (" with `Require: outbound`" if final.status == 200 else "")
        + f", and {fault}.",
        {"status": phrase_of(final), "fault": fault},
        key=(fault,),
        calls=(transaction.call_id,),
    )
