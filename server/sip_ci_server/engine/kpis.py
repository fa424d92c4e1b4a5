"""End-to-end performance metrics of SIP (RFC 6076 §4)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.attempts import Attempt, credentials_of, is_challenge
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.observability import TIMER_B
from sip_ci_server.engine.repetition import Repetitions
from sip_ci_server.engine.transactions import Transaction

_COMPUTED: WeakKeyDictionary[Model, Kpis] = WeakKeyDictionary()

EFFECTIVE = frozenset({480, 486, 600, 603})
"""Final responses that count as effective although the session was not established (RFC 6076 §4.7)."""
INEFFECTIVE = frozenset({408, 500, 503, 504})
"""Final responses that say that the network failed (RFC 6076 §4.8)."""
RETRIES_WITHIN = 4.0
"""Seconds in which a client answers a challenge or follows a redirection; what takes longer is somebody's new try."""
TRIES = 32
"""Earlier INVITEs of a Call-ID among which those with the same challenges and redirections are looked for."""


@dataclass(slots=True)
class Delays:
    """Delays of one kind, in milliseconds."""

    values: list[float] = field(default_factory=list)

    def add(self, values: Iterable[float]) -> None:
        """Add delays, of which those that are negative say nothing."""
        self.values += [value for value in values if value >= 0]

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
    failed_calls: list[str] = field(default_factory=list)
    """Call-IDs of the attempts that were neither established nor effective."""
    registrations: int = 0
    failed_registrations: int = 0
    requests: int = 0
    retransmissions: int = 0
    request_delay: Delays = field(default_factory=Delays)
    failed_request_delay: Delays = field(default_factory=Delays)
    disconnect_delay: Delays = field(default_factory=Delays)
    registration_delay: Delays = field(default_factory=Delays)
    session_duration: Delays = field(default_factory=Delays)

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


def _delays(request: SipMessage, response: SipMessage | None, repetitions: Repetitions) -> list[float]:
    """The delay of a response in milliseconds, in this call and in those that it stands for."""
    own = _delay(request, response)
    if own is None or response is None:
        return []
    return [own, *(seconds * 1000 for seconds in repetitions.delays(request, response))]


def first_invite(leg: Leg, model: Model) -> SipMessage:
    """The INVITE with which the caller began: before challenges and redirections, which are part of the wait (§4.3)."""
    began = leg
    legs = model.dialogs.calls.get(leg.call_id, [])
    here = bisect_left(legs, leg.number, key=lambda other: other.number)
    for other in reversed(legs[max(0, here - TRIES) : here]):
        if other.caller != leg.caller:
            continue
        final = other.invite.final
        if final is None or not (is_challenge(final) or 300 <= (final.status or 0) < 400):
            break
        waited = _delay(final, began.invite.request)
        if waited is None or not 0 <= waited < RETRIES_WITHIN * 1000:
            break
        began = other
    return began.invite.request


def first_register(attempt: Attempt) -> SipMessage:
    """The REGISTER with which a client began to ask for what it got in the end, challenges included (§4.1)."""
    began = attempt.last
    for other in reversed(attempt.transactions[:-1]):
        waited = _delay(other.final, began.request) if other.final is not None else None
        if waited is None or not 0 <= waited < RETRIES_WITHIN * 1000 or not credentials_of(began.request):
            break
        began = other
    return began.request


def post_dial_delay(leg: Leg, model: Model) -> float | None:
    """Milliseconds from the first INVITE to the first response that tells the caller something: 180, 183, or a final
    one (§4.3).
    """
    return _delay(first_invite(leg, model), _first_sign(leg))


def _first_sign(leg: Leg) -> SipMessage | None:
    return next(
        (response for response in leg.invite.responses if (response.status or 0) > 100 and not is_challenge(response)),
        None,
    )


def compute_kpis(model: Model) -> Kpis:
    """Compute the metrics of a trace, once; a call seen on several hops counts once, on its first hop."""
    kpis = _COMPUTED.get(model)
    if kpis is None:
        kpis = _COMPUTED[model] = _compute(model)
    return kpis


def _compute(model: Model) -> Kpis:
    kpis = Kpis()
    for call, legs in model.dialogs.calls.items():
        _count_session(kpis, legs, model, model.repetitions.weight(call))
    for registration in model.registrations:
        for transaction in registration.transactions:
            _count_registration(kpis, transaction, model)
    for attempt in model.attempts:
        if attempt.first.method == "REGISTER" and attempt.last.success is not None:
            delays = _delays(first_register(attempt), attempt.last.success, model.repetitions)
            kpis.registration_delay.add(delays)
    for transaction in model.transactions:
        if transaction.method == "BYE":
            kpis.disconnect_delay.add(_delays(transaction.request, transaction.success, model.repetitions))
        weight = model.repetitions.weight(transaction.call_id)
        kpis.requests += len(transaction.requests) * weight
        kpis.retransmissions += (len(transaction.requests) - 1) * weight
    return kpis


def _count_session(kpis: Kpis, legs: list[Leg], model: Model, weight: int) -> None:
    settled = [leg for leg in legs if not is_challenge(leg.invite.final)]
    if not settled:
        return
    # An INVITE that was redirected is none of the total; the one that it led to is.
    reached = [leg for leg in settled if not _is_redirected(leg)] or settled
    leg = next((candidate for candidate in reached if candidate.answer), reached[0])
    final = leg.invite.final
    status = (final.status or 0) if final is not None else 0
    if _is_redirected(leg) or (not status and not leg.invite.was_cancelled and len(leg.invite.requests) < 2):
        return
    kpis.attempts += weight
    kpis.established += weight if leg.answer else 0
    kpis.effective += weight if status in EFFECTIVE or status == 487 else 0
    kpis.ineffective += weight if status in INEFFECTIVE else 0
    if not leg.answer and status not in EFFECTIVE and status != 487:
        kpis.failed_calls.append(leg.call_id)
    delays = _delays(first_invite(leg, model), _first_sign(leg), model.repetitions)
    if leg.answer and leg.bye is not None:
        kpis.session_duration.add(_delays(leg.answer, leg.bye.request, model.repetitions))
    rejected_at_once = status >= 400 and not any((item.status or 0) > 100 for item in leg.invite.provisionals)
    (kpis.failed_request_delay if rejected_at_once else kpis.request_delay).add(delays)


def _is_redirected(leg: Leg) -> bool:
    final = leg.invite.final
    return final is not None and 300 <= (final.status or 0) < 400


def _count_registration(kpis: Kpis, transaction: Transaction, model: Model) -> None:
    final = transaction.final
    if is_challenge(final):
        return
    if final is None:
        timed_out = len(transaction.requests) > 1 and model.seen.would_show(transaction.time, TIMER_B)
        if timed_out and model.seen.sees_reverse(transaction.request):
            kpis.registrations += 1
            kpis.failed_registrations += 1
        return
    kpis.registrations += 1
    status = final.status or 0
    if status >= 400 and status not in (402, 423):
        kpis.failed_registrations += 1
