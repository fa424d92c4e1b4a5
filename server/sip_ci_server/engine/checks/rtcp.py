"""What endpoints say of the media that they receive: RTCP (RFC 3550 §6) and quality reports (RFC 6035)."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from weakref import WeakKeyDictionary

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.wording import plural
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, at, check
from sip_ci_server.engine.checks.stream_evidence import LONG, calls_of, hearer_of, is_audio, shown
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.quality_reports import CONTENT_TYPE, quality_report_of
from sip_ci_server.engine.rtcp import Reception, RtcpCompound, parse_compound, receptions
from sip_ci_server.engine.streams import Stream
from sip_ci_server.engine.transactions import Transaction

DUE = 15.0
"""Seconds in which a sender reports at least twice (RFC 3550 §6.2: five seconds on average)."""
FAR_LOSS = 0.03
HERE = 0.5
"""Percent of loss at the point of capture up to which the rest was lost behind it."""
REPORTS = 2
"""Reports that must agree."""
ROUND_TRIP = 0.3
CLAIMED_MOS = 3.6

_PARSED: WeakKeyDictionary[Model, tuple[list[RtcpCompound], dict[int, list[Reception]], int]] = WeakKeyDictionary()
_BY_SENDER: WeakKeyDictionary[Model, dict[int, list[RtcpCompound]]] = WeakKeyDictionary()


def _rtcp(model: Model) -> tuple[list[RtcpCompound], dict[int, list[Reception]], int]:
    """The compound packets, the receptions by SSRC, and how many datagrams could not be read."""
    parsed = _PARSED.get(model)
    if parsed is None:
        compounds = [item for datagram in model.trace.media.rtcp if (item := parse_compound(datagram)) is not None]
        by_ssrc: dict[int, list[Reception]] = {}
        for reception in receptions(compounds):
            by_ssrc.setdefault(reception.ssrc, []).append(reception)
        parsed = _PARSED[model] = compounds, by_ssrc, len(model.trace.media.rtcp) - len(compounds)
    return parsed


def compounds_of(ssrc: int, model: Model) -> list[RtcpCompound]:
    """The compound packets that the source of an SSRC sent, in order."""
    by_sender = _BY_SENDER.get(model)
    if by_sender is None:
        by_sender = _BY_SENDER[model] = {}
        for compound in sorted(_rtcp(model)[0], key=lambda item: item.datagram.time_ns):
            by_sender.setdefault(compound.sender, []).append(compound)
    return by_sender.get(ssrc, [])


def _receptions_of(stream: Stream, model: Model) -> list[Reception]:
    """What the receiver of a stream said of it."""
    found = _rtcp(model)[1].get(stream.ssrc, [])
    return [item for item in found if item.reporter.host == stream.destination.host]


def _proof(compound: RtcpCompound, why: str) -> Proof:
    datagram = compound.datagram
    return Proof(
        why, text=f"RTCP {datagram.source} -> {datagram.destination}: {len(datagram.data)} bytes",
        frame=datagram.frame, time=compound.time,
    )  # fmt: skip


@check(
    "rtcp-missing",
    title="No RTCP for the {codec} stream to {hearer}",
    severity=Severity.INFO,
    category=Category.MEDIA,
    rfc="RFC 3550 §6.2",
    needs=Needs.MEDIA | Needs.TIMES,
    absent="no stream of a call lasts long enough",
    only=lambda stream: stream.duration >= DUE and bool(stream.encodings),
)
def rtcp_missing(stream: Stream, model: Model) -> Iterator[Outcome]:
    """Neither end of a stream of fifteen seconds or more sent a sender or receiver report (RFC 3550 §6.2)."""
    hosts = {stream.source.host, stream.destination.host}
    if not is_audio(stream):
        return
    for datagram in model.trace.media.rtcp:
        if hosts == {datagram.source.host, datagram.destination.host}:
            return
    hearer = hearer_of(stream, model)
    yield Found(
        (shown(stream, f"{stream.duration:.0f} s of RTP"),),
        f"The {stream.codec} stream from {stream.source} to {stream.destination} lasts {stream.duration:.0f} s, and the"
        f" capture holds no RTCP between these hosts.",
        {"codec": stream.codec, "hearer": hearer},
        key=(hearer,),
        calls=calls_of(stream, model),
    )


@check(
    "rtcp-far-loss",
    title="{hearer} reports {percent} % loss, none of it before the point of capture",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 3550 §6.4.1",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA,
    absent="the trace holds no RTCP that can be read",
)
def rtcp_far_loss(stream: Stream, model: Model) -> Iterator[Outcome]:
    """Receiver reports say that 3 % or more of a stream was lost that passed here whole (RFC 3550 §6.4.1): the loss is
    behind the point of capture.
    """
    if not _rtcp(model)[0]:
        yield NotCheckable("the trace holds no RTCP that can be read")
        return
    if stream.packets < 5 * LONG or stream.loss.percent > HERE or not is_audio(stream):
        return
    for reception in _receptions_of(stream, model):
        lossy = [(compound, report) for compound, report in reception.reports if report.fraction_lost >= FAR_LOSS]
        lost = [report.cumulative_lost for _, report in lossy]
        if len(lossy) < REPORTS or max(lost) < FAR_LOSS * LONG:
            continue
        if any(report.fraction_lost >= 0.999 for _, report in lossy):
            continue
        worst, report = max(lossy, key=lambda item: item[1].fraction_lost)
        hearer = hearer_of(stream, model)
        yield Found(
            (
                _proof(worst, f"{100 * report.fraction_lost:.0f} % lost since the report before"),
                shown(stream, f"{plural(stream.loss.lost, 'packet is', 'packets are')} missing here"),
            ),
            f"{reception.reporter} reported {100 * report.fraction_lost:.1f} % loss of the stream from"
            f" {stream.source}, and at least {100 * FAR_LOSS:g} % in {len(lossy)} of"
            f" {plural(len(reception.reports), 'report')}; at the point of capture {stream.loss.percent:.1f} % is"
            " missing.",
            {"hearer": hearer.capitalize(), "percent": f"{100 * report.fraction_lost:.0f}"},
            key=(hearer,),
            calls=calls_of(stream, model),
        )
        return


@check(
    "rtcp-rtt-high",
    title="It takes {milliseconds} ms to the receiver of the audio and back",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 3550 §6.4.1",
    needs=Needs.MEDIA | Needs.TIMES,
    absent="the trace holds no RTCP that can be read",
)
def rtcp_rtt_high(stream: Stream, model: Model) -> Iterator[Outcome]:
    """From the sender report that passed here to the report that answers it go more than 300 ms, not counting the time
    at the receiver (RFC 3550 §6.4.1, LSR and DLSR), in the middle of at least two.
    """
    if not _rtcp(model)[0]:
        yield NotCheckable("the trace holds no RTCP that can be read")
        return
    for reception in _receptions_of(stream, model):
        if len(reception.round_trips) < REPORTS:
            continue
        middle = median(seconds for _, seconds in reception.round_trips)
        if middle <= ROUND_TRIP:
            continue
        compound, _ = max(reception.round_trips, key=lambda item: item[1])
        hearer = hearer_of(stream, model)
        yield Found(
            (_proof(compound, "the report of the longest way"), shown(stream, "the stream that it reports")),
            f"From the point of capture to {reception.reporter} and back it took {1000 * middle:.0f} ms in the middle"
            f" of {len(reception.round_trips)} reports; to the ears of both it is longer still.",
            {"milliseconds": f"{1000 * middle:.0f}"},
            key=(hearer,),
            calls=calls_of(stream, model),
        )
        return


@check(
    "rtcp-compound-invalid",
    title="RTCP from {host} does not begin with a report",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3550 §6.1",
    needs=Needs.MEDIA,
)
def rtcp_compound_invalid(model: Model, _: Model) -> Iterator[Outcome]:
    """A compound packet must begin with a sender or receiver report and hold a CNAME (RFC 3550 §6.1), unless
    `a=rtcp-rsize` was agreed (RFC 5506).
    """
    compounds, _by_ssrc, unread = _rtcp(model)
    if not compounds:
        yield NotCheckable("the RTCP is encrypted" if unread else "the trace holds no RTCP")
        return
    described = model.descriptions.distinct(model.messages)
    if not described or any(
        media.attribute_line("rtcp-rsize", inherit=True) is not None or "AVPF" in media.protocol.upper()
        or media.protocol.upper().endswith("SAVPF")
        for item in described for media in item.description.media
    ):  # fmt: skip
        yield NotCheckable("packets of reduced size may have been agreed")
        return
    if not any(item.answer is not None for item in model.all_rounds):
        yield NotCheckable("no offer with its answer is in the trace, so packets of reduced size may have been agreed")
        return
    told: set[str] = set()
    for compound in compounds:
        host = compound.datagram.source.host
        wrong = compound.first_type not in (200, 201) or not (compound.has_name or compound.goodbye)
        if wrong and host not in told and compound.first_type not in (205, 206):
            told.add(host)
            what = "no CNAME" if compound.first_type in (200, 201) else f"packet type {compound.first_type} first"
            yield Found(
                (_proof(compound, what),),
                f"A compound RTCP packet of {host} has {what}, and the descriptions do not allow reduced size.",
                {"host": host},
                key=(what,),
            )


@check(
    "rtcp-reported-mos-low",
    title="An endpoint itself reports a MOS of {mos}",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 6035 §4.6",
    confidence=Confidence.LIKELY,
    absent="the trace holds no report of voice quality (vq-rtcpxr)",
    only=lambda transaction: transaction.request.content_type == CONTENT_TYPE,
)
def rtcp_reported_mos_low(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A `vq-rtcpxr` report (RFC 6035) claims a listening quality below 3.6, or one of conversation below 3.1.

    Silent where the report claims no loss and no discarded packets: some agents write figures that they do not measure.
    """
    del model
    report = quality_report_of(transaction.request)
    if report is None or report.mos_listening is None or report.mos_listening >= CLAIMED_MOS:
        return
    if not (report.loss_percent or report.discard_percent):
        return
    yield Found(
        (at(transaction.request, "the report"),),
        f"The report of call {report.call_id or '?'} claims MOS-LQ {report.mos_listening:g},"
        f" {report.loss_percent or 0:g} % loss and {report.discard_percent or 0:g} % discarded by the jitter buffer.",
        {"mos": f"{report.mos_listening:g}"},
        calls=(report.call_id,) if report.call_id else (),
    )
