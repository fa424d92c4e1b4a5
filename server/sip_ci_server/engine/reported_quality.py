"""What endpoints say of the media that they receive, gathered from RTCP and from reports by SIP."""

from __future__ import annotations

from statistics import median

from sip_ci.service.wire import ReportedQuality
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.quality_reports import CONTENT_TYPE, quality_report_of
from sip_ci_server.engine.rtcp import Reception, parse_compound, receptions
from sip_ci_server.engine.streams import Stream


def reported_quality(model: Model, most: int) -> tuple[ReportedQuality, ...]:
    """At most `most` claims: one for each endpoint and SSRC that it reports by RTCP, and one for each report by SIP."""
    streams = {stream.ssrc: stream for stream in model.streams}
    compounds = (parse_compound(datagram) for datagram in model.trace.media.rtcp)
    found: list[ReportedQuality] = []
    for reception in receptions(compound for compound in compounds if compound is not None):
        if len(found) >= most:
            break
        found += _claims_of(reception, streams.get(reception.ssrc), model)
    for transaction in model.transactions:
        if len(found) >= most:
            break
        report = quality_report_of(transaction.request) if transaction.request.content_type == CONTENT_TYPE else None
        if report is not None:
            source = transaction.request.observation.source
            found.append(
                ReportedQuality(
                    call=report.call_id or None, reporter=str(source) if source is not None else "unknown",
                    source="vq-rtcpxr", loss_percent=report.loss_percent, discard_percent=report.discard_percent,
                    jitter_ms=report.jitter_ms, round_trip_ms=report.round_trip_ms,
                    mos_listening=report.mos_listening, mos_conversational=report.mos_conversational,
                )
            )  # fmt: skip
    return tuple(found[:most])


def _claims_of(reception: Reception, stream: Stream | None, model: Model) -> list[ReportedQuality]:
    owners = model.owners_of(stream) if stream is not None else []
    call = owners[0].leg.call_id if owners else None
    clock = stream.clock_rate if stream is not None else None
    reporter, ssrc = str(reception.reporter), f"0x{reception.ssrc:08x}"
    found: list[ReportedQuality] = []
    if reception.reports:
        reports = [report for _, report in reception.reports]
        trips = [seconds for _, seconds in reception.round_trips]
        found.append(
            ReportedQuality(
                call=call, reporter=reporter, source="RTCP", ssrc=ssrc, reports=len(reports),
                loss_percent=round(100 * max(report.fraction_lost for report in reports), 3),
                jitter_ms=round(1000 * max(report.jitter for report in reports) / clock, 3) if clock else None,
                round_trip_ms=round(1000 * median(trips), 3) if trips else None,
            )
        )  # fmt: skip
    if reception.metrics:
        last = reception.metrics[-1]
        found.append(
            ReportedQuality(
                call=call, reporter=reporter, source="RTCP XR", ssrc=ssrc, reports=len(reception.metrics),
                loss_percent=round(last.loss_percent, 3), discard_percent=round(last.discard_percent, 3),
                round_trip_ms=float(last.round_trip_ms) or None, mos_listening=last.mos_listening,
                mos_conversational=last.mos_conversational,
            )
        )  # fmt: skip
    return found
