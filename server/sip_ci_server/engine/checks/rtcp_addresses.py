"""Where reports of RTP go, and by which clock they tell the time (RFC 3550 §6.4.1, §11)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.session_description import MediaDescription
from sip_ci.wording import plural
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, Proof, at_sdp, check
from sip_ci_server.engine.checks.rtcp import compounds_of
from sip_ci_server.engine.checks.stream_evidence import calls_of, hearer_of, is_audio, shown
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.rtcp import RtcpCompound
from sip_ci_server.engine.streams import Stream

_REPORTS = 3
"""Reports that must agree."""
_SPAN = 10.0
"""Seconds between the first and the last of them."""
_WRONG = 1.5
"""How much faster or slower than the media each step of the reports must be."""
_NO_RTCP = "the trace holds no RTCP that can be read"


def _proof(compound: RtcpCompound, why: str) -> Proof:
    datagram = compound.datagram
    text = f"RTCP {datagram.source} -> {datagram.destination}: {len(datagram.data)} bytes"
    return Proof(why, text=text, frame=datagram.frame, time=compound.time)


@check(
    "rtcp-port-undeclared",
    title="RTCP for {hearer} goes to port {port}, which no SDP names",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3550 §11",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA | Needs.ADDRESSES,
    absent=_NO_RTCP,
)
def rtcp_port_undeclared(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """Reports of a stream go to a host that the descriptions name, at a port that is neither a=rtcp nor the one above
    RTP nor RTP's own, and from which nothing comes back (RFC 3550 §11, RFC 8866 §5.14).
    """
    if session.ambiguous:
        return
    media = _described(session, model)
    hosts = {found.connection.address for _, found in media if found.connection is not None}
    wanted = {end for _, found in media for end in _report_ends(found)}
    told: set[str] = set()
    for stream in session.streams:
        hearer = hearer_of(stream, model)
        if stream.destination.host not in hosts or hearer in told:
            continue
        lost = [
            compound
            for compound in compounds_of(stream.ssrc, model)
            if compound.datagram.source.host == stream.source.host
            and compound.datagram.destination.host == stream.destination.host
            and compound.datagram.destination not in wanted
        ]
        if len(lost) < _REPORTS or _answers(lost[0].datagram.destination, model):
            continue
        if (stream.destination.host, stream.source.host) not in model.trace.facts.host_pairs:
            continue
        told.add(hearer)
        yield _to_nobody(lost, stream, hearer, session, media)


def _described(session: MediaSession, model: Model) -> list[tuple[SipMessage, MediaDescription]]:
    """The media over RTP that either side of a call describes, each with its message."""
    found: list[tuple[SipMessage, MediaDescription]] = []
    for leg in model.dialogs.calls.get(session.leg.call_id, ()):
        for item in model.rounds[leg.number]:
            found += [(item.offer_message, media) for media in item.offer.media]
            if item.answer is not None and item.answer_message is not None:
                found += [(item.answer_message, media) for media in item.answer.media]
    return [(message, media) for message, media in found if media.port and media.is_rtp]


def _report_ends(media: MediaDescription) -> list[Endpoint]:
    """Where reports for a medium may go: to the RTP port as well, for that is `rtcp-mux-unanswered`."""
    if media.connection is None:
        return []
    ends = [Endpoint(media.connection.address, port) for port in (media.rtcp_port, media.port, media.port + 1)]
    fields = (media.attribute("rtcp") or "").split()
    if len(fields) == 4:
        ends.append(Endpoint(fields[3], media.rtcp_port))
    return [*ends, *(Endpoint(candidate.address, candidate.port) for candidate in media.candidates)]


def _answers(end: Endpoint, model: Model) -> bool:
    """Whether anything comes from an endpoint, so that somebody listens there."""
    return any(datagram.source == end for datagram in model.trace.media.rtcp) or any(
        stream.source == end for stream in model.streams
    )


def _to_nobody(
    lost: list[RtcpCompound], stream: Stream, hearer: str, session: MediaSession,
    media: list[tuple[SipMessage, MediaDescription]],
) -> Found:  # fmt: skip
    to = lost[0].datagram.destination
    named = next((pair for pair in media if pair[1].connection and pair[1].connection.address == to.host), None)
    proofs = [_proof(lost[0], f"to port {to.port}")]
    if named is not None:
        proofs.append(at_sdp(named[0], named[1].line, f"reports belong to port {named[1].rtcp_port}"))
    return Found(
        tuple(proofs),
        f"{plural(len(lost), 'report')} of the stream from {stream.source} went to {to}, which no description of the"
        " call names, and nothing comes from there.",
        {"hearer": hearer, "port": str(to.port)},
        key=(hearer,),
        calls=(session.leg.call_id,),
    )


@check(
    "rtcp-clock-mismatch",
    title="The reports of the {codec} stream to {hearer} count {factor} times as fast as its media",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3550 §6.4.1",
    needs=Needs.MEDIA | Needs.TIMES,
    absent=_NO_RTCP,
)
def rtcp_clock_mismatch(stream: Stream, model: Model) -> Iterator[Outcome]:
    """The RTP timestamps of sender reports go on with another clock than the media: between all of at least three
    reports they run more than half as fast again, or slower by as much, than their own NTP time says (RFC 3550 §6.4.1).

    Only for information without video in the call, for nothing has to be kept in step then.
    """
    clock = stream.clock_rate
    if clock is None or stream.clock_inferred or not is_audio(stream):
        return
    reports = [item for item in compounds_of(stream.ssrc, model) if item.datagram.source.host == stream.source.host]
    reports = [item for item in reports if item.ntp is not None and item.rtp_timestamp is not None]
    if len(reports) < _REPORTS or reports[-1].time - reports[0].time < _SPAN:
        return
    factors = [_factor(one, other, clock) for one, other in pairwise(reports)]
    known = [factor for factor in factors if factor is not None]
    if len(known) != len(factors) or not (
        all(factor > _WRONG for factor in known) or all(factor < 1 / _WRONG for factor in known)
    ):
        return
    factor = sorted(known)[len(known) // 2]
    hearer = hearer_of(stream, model)
    calls = calls_of(stream, model)
    video = any(
        media.media == "video" and media.port
        for session in model.owners_of(stream)
        for item in model.rounds[session.leg.number]
        for media in item.offer.media
    )
    yield Found(
        (
            _proof(reports[0], "the first report"),
            _proof(reports[-1], "the last one"),
            shown(stream, f"its clock is {clock} Hz"),
        ),
        f"In {len(reports)} sender reports of the {stream.codec} stream from {stream.source} the RTP timestamps go on"
        f" {factor:.2f} times as fast as {clock} Hz.",
        {"codec": stream.codec, "hearer": hearer, "factor": f"{factor:.2f}"},
        key=(hearer,),
        calls=calls,
        severity=None if video else Severity.INFO,
    )


def _factor(one: RtcpCompound, other: RtcpCompound, clock: int) -> float | None:
    """How fast the RTP timestamps of two reports go on by their NTP times; None where those do not go on as the
    capture's clock does, or hardly.
    """
    if one.ntp is None or other.ntp is None or one.rtp_timestamp is None or other.rtp_timestamp is None:
        return None
    elapsed, seen = other.ntp - one.ntp, other.time - one.time
    if elapsed < 1.0 or abs(elapsed - seen) > 0.1 * seen + 0.1:
        return None
    ticks = ((other.rtp_timestamp - one.rtp_timestamp + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
    return ticks / clock / elapsed
