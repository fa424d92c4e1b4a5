"""What was measured: calls, streams, and the end-to-end performance metrics of RFC 6076."""

from __future__ import annotations

from sip_ci.service.wire import CallQuality, Quality, StreamQuality
from sip_ci_server.engine.attempts import is_challenge
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.kpis import Kpis, compute_kpis, post_dial_delay
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.reported_quality import reported_quality
from sip_ci_server.engine.streams import Stream
from sip_ci_server.engine.voice_quality import estimate_of

LISTED = 100
"""Calls and streams that are listed one by one; the totals count all."""


def measure(model: Model) -> Quality:
    """Measure the trace."""
    owners = {id(stream): session.leg.call_id for session in model.sessions for stream in session.streams}
    first_legs = [_leg_of_caller(legs) for legs in model.dialogs.calls.values()]
    kpis = compute_kpis(model)
    return Quality(
        media="captured" if model.seen.media_visible else model.seen.media_reason,
        calls=tuple(_call(leg, model) for leg in first_legs[:LISTED]),
        calls_total=len(first_legs) + model.repetitions.calls,
        streams=tuple(_stream(stream, owners.get(id(stream))) for stream in model.streams[:LISTED]),
        streams_total=len(model.streams),
        reported=reported_quality(model, LISTED),
        kpis=_kpi_values(kpis),
    )


def _kpi_values(kpis: Kpis) -> dict[str, float | None]:
    return {
        "calls": float(kpis.attempts),
        "session_establishment_ratio_percent": kpis.session_establishment_ratio,
        "session_establishment_effectiveness_ratio_percent": kpis.session_establishment_effectiveness_ratio,
        "ineffective_session_attempts_percent": kpis.ineffective_session_attempts,
        "session_request_delay_p50_ms": kpis.request_delay.percentile(50),
        "session_request_delay_p95_ms": kpis.request_delay.percentile(95),
        "failed_session_request_delay_p95_ms": kpis.failed_request_delay.percentile(95),
        "session_disconnect_delay_p95_ms": kpis.disconnect_delay.percentile(95),
        "session_duration_p50_ms": kpis.session_duration.percentile(50),
        "registration_request_delay_p95_ms": kpis.registration_delay.percentile(95),
        "ineffective_registration_attempts_percent": kpis.ineffective_registration_attempts,
        "retransmission_percent": kpis.retransmission_rate,
    }


def _milliseconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round((end - start) * 1000, 3)


def _leg_of_caller(legs: list[Leg]) -> Leg:
    """The leg that tells how the caller fared: of his own tries the answered one, else the last, challenges passed
    by.
    """
    own = [leg for leg in legs if leg.caller == legs[0].caller]
    settled = [leg for leg in own if not is_challenge(leg.invite.final)] or own
    return next((leg for leg in settled if leg.answer), settled[-1])


def _call(leg: Leg, model: Model) -> CallQuality:
    final = leg.invite.final
    outcome = "answered" if leg.answer else (f"{final.status} {final.reason}".strip() if final else "no final response")
    return CallQuality(
        call=leg.call_id,
        outcome=outcome,
        post_dial_delay_ms=post_dial_delay(leg, model),
        setup_ms=_milliseconds(leg.invite.time, leg.answered_at),
        duration_ms=_milliseconds(leg.answered_at, leg.ended_at),
    )


def _stream(stream: Stream, call: str | None) -> StreamQuality:
    loss = stream.loss
    score = estimate_of(stream)
    return StreamQuality(
        call=call,
        source=str(stream.source),
        destination=str(stream.destination),
        ssrc=f"0x{stream.ssrc:08x}",
        codec=stream.codec,
        packets=stream.packets,
        expected=loss.expected,
        lost=loss.lost,
        loss_percent=round(loss.percent, 3),
        burst_ratio=round(loss.burst_ratio, 3) if loss.lost else None,
        longest_burst=loss.longest_run,
        jitter_ms=None if stream.jitter_ms is None else round(stream.jitter_ms, 3),
        max_jitter_ms=None if stream.max_jitter_ms is None else round(stream.max_jitter_ms, 3),
        duration_ms=round(stream.duration * 1000, 3),
        mos=score.value if score else None,
        grounded=score.grounded if score else False,
        model=score.model if score else "",
    )
