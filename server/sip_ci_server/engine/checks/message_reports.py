"""Makes findings of the faults of single messages, grouped by the product that wrote them."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Severity
from sip_ci.trace.observation import Fidelity
from sip_ci_server.engine.checks.registry import Found, NotCheckable, Outcome, Proof
from sip_ci_server.engine.message_faults import message_faults
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of


def report(check: str, model: Model) -> Iterator[Outcome]:
    """The findings of one check of single messages; low where the receiver understood the message all the same.

    A log shows messages as it likes to, so there only what was refused or ignored is judged.
    """
    found = message_faults(model).get(check, ())
    if not found and not any(message.fidelity is Fidelity.EXACT for message in model.messages):
        yield NotCheckable("no message is in the trace with the bytes that were on the wire")
        return
    for fault in found:
        message = fault.message
        line = message.line_text(fault.offset or 0).strip()[:160]
        severity = fault.severity
        if fault.accepted and severity is not Severity.INFO:
            severity = Severity.LOW
        if fault.severity is None and fault.accepted and check in _ALWAYS:
            severity = None
        shown = f" The line is `{line.replace('`', chr(39))}`." if fault.offset is not None and line else ""
        sender = f"{fault.agent} at {name_of(message)}" if fault.agent else name_of(message)
        understood = fault.accepted and fault.answered and message.is_request
        taken = " The other side took it all the same." if understood else ""
        yield Found(
            (Proof(fault.explanation, message, fault.offset),),
            f"{sender} sent {message.summary}: {fault.explanation}.{shown}{taken}",
            {"by": f" ({fault.agent})" if fault.agent else ""},
            key=(fault.topic, fault.agent),
            calls=(message.call_id,) if message.call_id else (),
            severity=severity,
        )


_ALWAYS = frozenset({"msg-max-forwards-over-70", "msg-423-no-min-expires", "msg-422-no-min-se"})
"""Checks whose severity does not depend on what the receiver did."""
