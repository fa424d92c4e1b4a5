"""Traces made and converted for tests."""

from __future__ import annotations

from collections.abc import Sequence

from sip_ci.convert.forms import Converter, Form
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Observation, Position, Transport
from sip_ci.trace.redact import Redactor
from sip_ci.trace.trace import Trace, TraceOrigin

ALICE = Endpoint("198.51.100.1", 5060)
BOB = Endpoint("198.51.100.2", 5060)


def seen(
    raw: bytes,
    index: int = 0,
    *,
    source: Endpoint | None = ALICE,
    destination: Endpoint | None = BOB,
    transport: Transport = Transport.UDP,
    time: float | None = 1_700_000_000.25,
    fidelity: Fidelity = Fidelity.EXACT,
    fragments: int = 1,
) -> SipMessage:
    """A message that was seen between two endpoints, at line 100 + index."""
    observation = Observation(
        time, source, destination, transport, Position(line=100 + index), fragments=fragments
    )  # fmt: skip
    return SipMessage(raw, observation, fidelity, index)


def trace_of(messages: Sequence[SipMessage], clock: Clock = Clock.ABSOLUTE, name: str = "pbx.log") -> Trace:
    """A log that holds these messages."""
    return Trace(name, "asterisk", TraceOrigin.LOG, clock, tuple(messages))


def converted(
    trace: Trace, form: Form, *, calls: tuple[str, ...] = (), redactor: Redactor | None = None, bare: bool = False
) -> tuple[bytes, list[str]]:
    """A trace in another form, and what was remarked on the way."""
    converter = Converter(form, calls=calls, redactor=redactor, bare=bare)
    pieces = [converter.begin(), *converter.pieces(trace, converter.chosen(trace), alone=True), converter.end()]
    return b"".join(pieces), converter.remarks
