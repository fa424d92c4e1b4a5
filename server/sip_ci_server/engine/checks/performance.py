"""The metrics of RFC 6076 against thresholds (ITU-T E.721 for the delays)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.attempts import Attempt
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, at, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.kpis import compute_kpis, first_invite, first_register, post_dial_delay
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.reasons import reasons_of
from sip_ci_server.engine.sequence import seconds_between
from sip_ci_server.engine.transactions import Transaction

EFFECTIVE_ENOUGH = 98.0
"""Percent of calls that must reach their callee, answered or not."""
ENOUGH = 20
"""Calls, or registrations, below which a ratio means nothing."""


@check(
    "kpi-pdd",
    title="The caller waited {seconds} s for a sign of the callee",
    severity=Severity.HIGH,
    category=Category.TIMING,
    rfc="RFC 6076 §4.3",
    needs=Needs.TIMES,
)
def kpi_pdd(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The post-dial delay is above 6 s (medium) or 11 s (high): the 95 % values of ITU-T E.721 for local and
    international calls.
    """
    if model.lookups.is_passed_on(leg):
        return
    yield from _slow(leg, model, (11.0, 6.0), success=True)


@check(
    "kpi-srd-failed",
    title="The failure of the call took {seconds} s to reach the caller",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 6076 §4.3.2",
    needs=Needs.TIMES,
)
def kpi_srd_failed(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A call that failed without ringing took more than 6 s to fail (RFC 6076 §4.3.2)."""
    if model.lookups.is_passed_on(leg):
        return
    yield from _slow(leg, model, (6.0,), success=False)


def _slow(leg: Leg, model: Model, limits: tuple[float, ...], *, success: bool) -> Iterator[Outcome]:
    delay = post_dial_delay(leg, model)
    indication = next((item for item in leg.invite.responses if (item.status or 0) > 100), None)
    if delay is None or indication is None or ((indication.status or 0) < 300) is not success:
        return
    seconds = delay / 1000
    if seconds <= limits[-1] or (not success and leg.invite.was_cancelled):
        return
    yield Found(
        (at(first_invite(leg, model), "the INVITE"), at(indication, f"the first sign, {seconds:.1f} s later")),
        f"From the INVITE to the {indication.status} {indication.reason} went {seconds:.1f} s; the limit is"
        f" {limits[-1]:g} s.",
        {"seconds": f"{seconds:.1f}"},
        calls=(leg.call_id,),
        severity=None if seconds > limits[0] else Severity.MEDIUM,
    )


@check(
    "kpi-sdd",
    title="Hanging up took {seconds} s",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 6076 §4.4",
    needs=Needs.TIMES,
    absent="the trace holds no BYE",
    only=lambda transaction: transaction.method == "BYE",
)
def kpi_sdd(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The final response to a BYE took more than a second (RFC 6076 §4.4, session disconnect delay)."""
    del model
    if transaction.method == "BYE":
        yield from _slow_response(transaction.request, transaction.final, 1.0)


@check(
    "kpi-rrd",
    title="Registering took {seconds} s",
    severity=Severity.LOW,
    category=Category.TIMING,
    rfc="RFC 6076 §4.1",
    needs=Needs.TIMES,
    absent="the trace holds no REGISTER",
    only=lambda attempt: attempt.first.method == "REGISTER",
)
def kpi_rrd(attempt: Attempt, model: Model) -> Iterator[Outcome]:
    """To register took more than a second, challenges included (RFC 6076 §4.1, registration request delay)."""
    del model
    if attempt.last.success is not None:
        yield from _slow_response(first_register(attempt), attempt.last.success, 1.0)


def _slow_response(request: SipMessage, final: SipMessage | None, limit: float) -> Iterator[Outcome]:
    seconds = seconds_between(request, final) if final is not None else None
    if final is None or seconds is None or seconds <= limit:
        return
    yield Found(
        (at(request, "the request"), at(final, f"its final response, {seconds:.1f} s later")),
        f"{request.method} was answered {final.status} after {seconds:.1f} s; the limit is {limit:g} s.",
        {"seconds": f"{seconds:.1f}"},
        calls=(request.call_id,),
    )


@check(
    "kpi-100-delay",
    title="95 % of the first responses to INVITE took up to {milliseconds} ms",
    severity=Severity.LOW,
    category=Category.TIMING,
    rfc="RFC 3261 §17.2.1",
    needs=Needs.TIMES,
)
def kpi_100_delay(model: Model, _: Model) -> Iterator[Outcome]:
    """A server transaction must send 100 within 200 ms unless it answers by then (RFC 3261 §17.2.1); judged over 20
    calls.
    """
    delays = []
    for transaction in model.transactions:
        if transaction.method != "INVITE" or not transaction.responses or transaction.time is None:
            continue
        first = transaction.responses[0].observation.time
        if first is not None:
            delays.append((first - transaction.time) * 1000)
            others = model.repetitions.delays(transaction.request, transaction.responses[0])
            delays += [seconds * 1000 for seconds in others]
    if len(delays) < ENOUGH:
        yield NotCheckable(f"needs {ENOUGH} answered INVITEs")
        return
    value = sorted(delays)[int(len(delays) * 0.95)]
    if value > 200:
        yield Found(
            (Proof("measured over all INVITEs", text=f"p95 of {len(delays)} first responses: {value:.0f} ms"),),
            f"Of {len(delays)} INVITEs, 95 % got their first response within {value:.0f} ms; 200 ms are allowed.",
            {"milliseconds": f"{value:.0f}"},
        )


def _ratio(
    model: Model,
    value: float | None,
    count: int,
    limit: float,
    *,
    above: bool,
    what: str,
    noun: str,
    calls: tuple[str, ...] = (),
    severity: Severity | None = None,
) -> Iterator[Outcome]:
    if value is None or count < ENOUGH:
        yield NotCheckable(f"needs {ENOUGH} {noun}; the trace holds {count}")
        return
    if (value > limit) if above else (value < limit):
        yield Found(
            (Proof(f"measured over {count} {noun}", text=f"{what}: {value:.1f} %"),),
            f"{what} is {value:.1f} % over {count} {noun}; the limit is {limit:g} %.",
            {"percent": f"{value:.1f}"},
            calls=calls or (tuple(list(model.dialogs.calls)[:1]) if noun == "calls" else ()),
            severity=severity,
        )


@check(
    "kpi-ser",
    title="Only {percent} % of the calls were answered",
    severity=Severity.HIGH,
    category=Category.TIMING,
    rfc="RFC 6076 §4.6",
)
def kpi_ser(model: Model, _: Model) -> Iterator[Outcome]:
    """The session establishment ratio is below 95 % over at least 20 calls (RFC 6076 §4.6).

    Low where the effectiveness ratio is within its own limit: then people were busy or hung up, and the network worked.
    """
    kpis = compute_kpis(model)
    effective = (kpis.session_establishment_effectiveness_ratio or 0.0) >= EFFECTIVE_ENOUGH
    yield from _ratio(
        model, kpis.session_establishment_ratio, kpis.attempts, 95.0,
        above=False, what="The session establishment ratio", noun="calls", calls=tuple(kpis.failed_calls[:1]),
        severity=Severity.LOW if effective else None,
    )  # fmt: skip


@check(
    "kpi-seer",
    title="Only {percent} % of the calls reached their callee",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 6076 §4.7",
)
def kpi_seer(model: Model, _: Model) -> Iterator[Outcome]:
    """The session establishment effectiveness ratio is below 98 % over at least 20 calls (RFC 6076 §4.7)."""
    kpis = compute_kpis(model)
    yield from _ratio(
        model, kpis.session_establishment_effectiveness_ratio, kpis.attempts, EFFECTIVE_ENOUGH,
        above=False, what="The session establishment effectiveness ratio", noun="calls",
        calls=tuple(kpis.failed_calls[:1]),
    )  # fmt: skip


@check(
    "kpi-isa",
    title="{percent} % of the calls failed in the network",
    severity=Severity.HIGH,
    category=Category.TIMING,
    rfc="RFC 6076 §4.8",
)
def kpi_isa(model: Model, _: Model) -> Iterator[Outcome]:
    """More than 2 % of at least 20 calls ended with 408, 500, 503 or 504 (RFC 6076 §4.8)."""
    kpis = compute_kpis(model)
    yield from _ratio(
        model, kpis.ineffective_session_attempts, kpis.attempts, 2.0,
        above=True, what="The share of ineffective session attempts", noun="calls", calls=tuple(kpis.failed_calls[:1]),
    )  # fmt: skip


@check(
    "kpi-ira",
    title="{percent} % of the registrations failed",
    severity=Severity.HIGH,
    category=Category.TIMING,
    rfc="RFC 6076 §4.2",
)
def kpi_ira(model: Model, _: Model) -> Iterator[Outcome]:
    """More than 5 % of at least 20 registrations failed for other reasons than a challenge (RFC 6076 §4.2)."""
    kpis = compute_kpis(model)
    yield from _ratio(
        model, kpis.ineffective_registration_attempts, kpis.registrations, 5.0,
        above=True, what="The share of ineffective registration attempts", noun="registrations",
    )  # fmt: skip


@check(
    "kpi-retrans-rate",
    title="{percent} % of the requests had to be sent again",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 3261 §17.1.1.2",
)
def kpi_retrans_rate(model: Model, _: Model) -> Iterator[Outcome]:
    """More than 1 % (low) or 5 % (medium) of at least 20 requests were retransmissions (RFC 3261 §17.1.1.2,
    §17.1.2.2).
    """
    kpis = compute_kpis(model)
    value = kpis.retransmission_rate
    if value is None or kpis.requests - kpis.retransmissions < ENOUGH:
        yield NotCheckable(f"needs {ENOUGH} requests")
    elif value > 1.0:
        yield Found(
            (
                Proof(
                    "measured over all requests",
                    text=f"{kpis.retransmissions} of {kpis.requests} sends were retransmissions",
                ),
            ),
            f"Of {kpis.requests} requests sent, {kpis.retransmissions} ({value:.1f} %) were retransmissions.",
            {"percent": f"{value:.1f}"},
            severity=None if value > 5.0 else Severity.LOW,
        )


@check(
    "kpi-concurrency-drop",
    title="{count} calls ended in the same second with {cause}",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 3326 §2",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES,
)
def kpi_concurrency_drop(model: Model, _: Model) -> Iterator[Outcome]:
    """At least three calls ended within one second with the same abnormal Reason (RFC 3326 §2); test ends give none."""
    groups: dict[tuple[int, str], list[Leg]] = defaultdict(list)
    for leg in model.legs:
        bye, ended = leg.bye, leg.ended_at
        if bye is None or ended is None:
            continue
        for reason in reasons_of(bye.request):
            if reason.is_abnormal:
                groups[(int(ended), f"{reason.protocol} cause {reason.cause}")].append(leg)
                break
    for (_second, cause), legs in groups.items():
        calls = tuple(dict.fromkeys(leg.call_id for leg in legs))
        if len(calls) >= 3:
            byes = [leg.bye for leg in legs if leg.bye is not None]
            yield Found(
                tuple(at(bye.request, "one of the BYEs") for bye in byes[:3]),
                f"{len(calls)} calls ended within one second, each with {cause}.",
                {"count": str(len(calls)), "cause": cause},
                key=(cause,),
                calls=calls,
            )
