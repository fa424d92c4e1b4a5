"""End-to-end performance metrics of SIP (RFC 6076 §4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.attempts import is_challenge
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.transactions import Transaction

_COMPUTED: WeakKeyDictionary[Model, Kpis] = WeakKeyDictionary()

EFFECTIVE = frozenset({480, 486, 600, 603})
"""Final responses that count as effective although the session was not established (RFC 6076 §4.7)."""
INEFFECTIVE = frozenset({408, 500, 503, 504})
"""Final responses that say that the network failed (RFC 6076 §4.8)."""


@dataclass(slots=True)
class Delays:
    """Delays of one kind, in milliseconds, with the call that each belongs to."""

    values: list[float] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def add(self, value: float | None, call: str) -> None:
        """Add a delay that is known."""
        if value is not None and value >= 0:
            self.values.append(value)
            self.calls.append(call)

    def percentile(self, share: float) -> float | None:
        """A percentile in milliseconds; None without values."""
        return round(float(np.percentile(self.values, share)), 3) if self.values else None


@dataclass(slots=True)
class Kpis:
    """The metrics of one trace."""

    attempts: int = 0
    """Session attempts: INVITEs outside dialogs, one for each Call-ID, challenges and redirections not counted."""
    established: int = 0
    effective: int = 0
    ineffective: int = 0
    registrations: int = 0
    failed_registrations: int = 0
    requests: int = 0
    retransmissions: int = 0
    request_delay: Delays = field(default_factory=Delays)
    failed_request_delay: Delays = field(default_factory=Delays)
    disconnect_delay: Delays = field(default_factory=Delays)
    registration_delay: Delays = field(default_factory=Delays)

    @property
    def session_establishment_ratio(self) -> float | None:
        """SER in percent (§4.6)."""
        return _percent(self.established, self.attempts)

    @property
    def session_establishment_effectiveness_ratio(self) -> float | None:
        """SEER in percent (§4.7)."""
        return _percent(self.established + self.effective, self.attempts)

    @property
    def ineffective_session_attempts(self) -> float | None:
        """ISA in percent (§4.8)."""
        return _percent(self.ineffective, self.attempts)

    @property
    def ineffective_registration_attempts(self) -> float | None:
        """IRA in percent (§4.2)."""
        return _percent(self.failed_registrations, self.registrations)

    @property
    def retransmission_rate(self) -> float | None:
        """Retransmitted requests in percent of all sends."""
        return _percent(self.retransmissions, self.requests)


def _percent(part: int, whole: int) -> float | None:
    return round(100.0 * part / whole, 3) if whole else None


def _delay(request: SipMessage, response: SipMessage | None) -> float | None:
    if response is None or request.observation.time is None or response.observation.time is None:
        return None
    return (response.observation.time - request.observation.time) * 1000


def post_dial_delay(leg: Leg) -> float | None:
    """Milliseconds from the INVITE to the first response that tells the caller something: 180, 183, or a final one
    (§4.3).
    """
    indication = next(
        (response for response in leg.invite.responses if (response.status or 0) > 100 and not is_challenge(response)),
        None,
    )
    return _delay(leg.invite.request, indication)


def compute_kpis(model: Model) -> Kpis:
    """Compute the metrics of a trace, once; a call seen on several hops counts once, on its first hop."""
    kpis = _COMPUTED.get(model)
    if kpis is None:
        kpis = _COMPUTED[model] = _compute(model)
    return kpis


def _compute(model: Model) -> Kpis:
    kpis = Kpis()
    for call, legs in model.dialogs.calls.items():
        _count_session(kpis, call, legs)
    for registration in model.registrations:
        for transaction in registration.transactions:
            _count_registration(kpis, transaction)
    for transaction in model.transactions:
        if transaction.method == "BYE":
            kpis.disconnect_delay.add(_delay(transaction.request, transaction.final), transaction.call_id)
        kpis.requests += len(transaction.requests)
        kpis.retransmissions += len(transaction.requests) - 1
    return kpis


def _count_session(kpis: Kpis, call: str, legs: list[Leg]) -> None:
    settled = [leg for leg in legs if not is_challenge(leg.invite.final)]
    if not settled:
        return
    leg = next((candidate for candidate in settled if candidate.answer), settled[0])
    final = leg.invite.final
    status = (final.status or 0) if final is not None else 0
    if 300 <= status < 400 or (not status and not leg.invite.was_cancelled and len(leg.invite.requests) < 2):
        return
    kpis.attempts += 1
    kpis.established += 1 if leg.answer else 0
    kpis.effective += 1 if status in EFFECTIVE or status == 487 else 0
    kpis.ineffective += 1 if status in INEFFECTIVE else 0
    delay = post_dial_delay(leg)
    rejected_at_once = status >= 400 and not any((item.status or 0) > 100 for item in leg.invite.provisionals)
    (kpis.failed_request_delay if rejected_at_once else kpis.request_delay).add(delay, call)


def _count_registration(kpis: Kpis, transaction: Transaction) -> None:
    final = transaction.final
    if final is None or is_challenge(final):
        return
    kpis.registrations += 1
    status = final.status or 0
    if status >= 400 and status not in (402, 423):
        kpis.failed_registrations += 1
    elif status < 300:
        kpis.registration_delay.add(_delay(transaction.request, final), transaction.call_id)
