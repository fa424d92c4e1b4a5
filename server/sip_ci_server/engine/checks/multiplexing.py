"""Media that share a port: RTP with RTCP (RFC 5761), and several media in a bundle (RFC 9143)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.media_table import RtcpDatagram
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.sdp import SessionDescription
from sip_ci_server.engine.checks.dtls_srtp import is_shortened, over_dtls
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, Proof, at_sdp, check
from sip_ci_server.engine.checks.sdp_answers import NO_ANSWER, has_answer
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described, Round

_RTCP_LOOKALIKES = range(64, 96)
"""RTP payload types that cannot be told from RTCP on one port (RFC 5761 §4)."""


@check(
    "rtcp-mux-unanswered",
    title="RTCP is sent to the RTP port although the answer did not agree to it",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 5761 §5.1.1",
    needs=Needs.CAPTURE | Needs.MEDIA,
    absent="the trace holds no RTCP",
    only=lambda model: bool(model.trace.media.rtcp),
)
def rtcp_mux_unanswered(model: Model, _: Model) -> Iterator[Outcome]:
    """RTCP on the RTP port was offered, the answer does not have it, and RTCP goes to the RTP port all the same."""
    arrived: dict[Endpoint, list[RtcpDatagram]] = {}
    for datagram in model.trace.media.rtcp:
        arrived.setdefault(datagram.destination, []).append(datagram)
    for item in model.all_rounds:
        if any(
            media.rtcp_mux for other in model.rounds[item.leg.number] if other.answer for media in other.answer.media
        ):
            continue
        for pair in item.pairs:
            if not pair.active or not pair.offered.rtcp_mux or pair.answered.rtcp_mux:
                continue
            connection = pair.answered.connection
            if connection is None or pair.answered.rtcp_port == pair.answered.port:
                continue
            datagrams = arrived.get(Endpoint(connection.address, pair.answered.port), [])
            seen = next((one for one in datagrams if _during(item, one.time_ns / 1e9)), None)
            if seen is None:
                continue
            line = pair.offered.attribute_line("rtcp-mux") or pair.offered.line
            yield Found(
                (
                    at_sdp(pair.offer_message, line, "multiplexing is offered"),
                    at_sdp(pair.answer_message, pair.answered.line, "the answer has no a=rtcp-mux"),
                    Proof(
                        "RTCP on the RTP port",
                        text=f"RTCP {seen.source} -> {seen.destination}",
                        frame=seen.frame,
                        time=seen.time_ns / 1e9,
                    ),
                ),
                f"The {pair.answer_message.summary} does not agree to RTCP on the RTP port, and {seen.source} sends it"
                f" to {seen.destination} all the same.",
                key=(pair.offered.media,),
                calls=(item.leg.call_id,),
            )


def _during(item: Round, time: float) -> bool:
    """Whether a time lies in the call: its ports may be another call's before and after."""
    start, end = item.leg.answered_at, item.leg.ended_at
    return start is not None and start <= time and (end is None or time <= end)


@check(
    "rtcp-mux-answered-unoffered",
    title="The answer has rtcp-mux, which was not offered",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 5761 §5.1.1",
    absent=NO_ANSWER,
    only=has_answer,
)
def rtcp_mux_answered_unoffered(item: Round, model: Model) -> Iterator[Outcome]:
    """The answer must not have a=rtcp-mux where the offer has not."""
    del model
    for pair in item.pairs:
        line = pair.answered.attribute_line("rtcp-mux")
        if not pair.active or line is None or pair.offered.attribute_line("rtcp-mux", inherit=True):
            continue
        yield Found(
            (
                at_sdp(pair.offer_message, pair.offered.line, "no a=rtcp-mux here"),
                at_sdp(pair.answer_message, line, "answered"),
            ),
            f"The {pair.answer_message.summary} puts RTCP on the RTP port of its {pair.answered.media}, which the offer"
            " does not do.",
            key=(pair.answered.media,),
            calls=(item.leg.call_id,),
        )


@check(
    "rtcp-mux-session-level",
    title="rtcp-mux stands above all media, where nobody looks for it",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 5761 §5.1.1",
)
def rtcp_mux_session_level(item: Described, model: Model) -> Iterator[Outcome]:
    """a=rtcp-mux is an attribute of each medium; at the level of the session it means nothing."""
    del model
    lines = (line for line in item.description.session_lines if line.type == "a")
    line = next((line for line in lines if line.value.strip().lower() == "rtcp-mux"), None)
    if line is None or any(media.rtcp_mux for media in item.description.media):
        return
    yield Found(
        (at_sdp(item.message, line, "before the first m= line"),),
        f"The {item.message.summary} has a=rtcp-mux for the session, and none of its media has it.",
        key=("request" if item.message.is_request else "response",),
        calls=(item.message.call_id,),
    )


@check(
    "rtcp-mux-payload-type",
    title="Payload type {type} cannot be told from RTCP on the same port",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 5761 §4",
)
def rtcp_mux_payload_type(item: Described, model: Model) -> Iterator[Outcome]:
    """With a=rtcp-mux the payload types 64 to 95 must not be used."""
    del model
    for media in item.description.media:
        line = media.attribute_line("rtcp-mux")
        if line is None or not media.port or not media.is_rtp:
            continue
        for format_ in media.formats:
            if format_.isascii() and format_.isdigit() and len(format_) < 4 and int(format_) in _RTCP_LOOKALIKES:
                yield Found(
                    (at_sdp(item.message, media.line, f"payload type {format_}"), at_sdp(item.message, line, "muxed")),
                    f"The {item.message.summary} uses payload type {format_} and puts RTCP on the same port.",
                    {"type": format_},
                    key=(format_,),
                    calls=(item.message.call_id,),
                )


@check(
    "webrtc-rtcp-mux-missing",
    title="A description for a browser has no rtcp-mux",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 8834 §4.5",
    absent="the trace holds no session description with DTLS over a WebSocket",
    only=lambda item: (
        item.message.observation.transport in (Transport.WS, Transport.WSS)
        and any(over_dtls(media) and media.is_rtp for media in item.description.media)
    ),
)
def webrtc_rtcp_mux_missing(item: Described, model: Model) -> Iterator[Outcome]:
    """A description that goes over a WebSocket, so to or from a browser, has media over DTLS and no a=rtcp-mux.

    Low where somebody seems to have shortened it.
    """
    shortened = is_shortened(item, model)
    media = [one for one in item.description.media if over_dtls(one) and one.is_rtp]
    if any(one.attribute_line("rtcp-mux", inherit=True) for one in media):
        return
    yield Found(
        (at_sdp(item.message, media[0].line, "no a=rtcp-mux below"),),
        f"The {item.message.summary} goes over {item.message.observation.transport.value} and describes"
        f" {media[0].media} over {media[0].protocol} without a=rtcp-mux.",
        key=("request" if item.message.is_request else "response",),
        calls=(item.message.call_id,),
        severity=Severity.LOW if shortened else None,
        confidence=Confidence.POSSIBLE if shortened else None,
    )


def _bundles(description: SessionDescription) -> list[list[str]]:
    groups = [value.split() for value in description.attribute_values("group")]
    return [group[1:] for group in groups if group and group[0].upper() == "BUNDLE"]


@check(
    "bundle-mismatch",
    title="The bundle of the answer does not fit that of the offer: {why}",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 9143 §7.3",
    absent="the trace holds no SDP answer that bundles media",
    only=lambda item: item.answer is not None and bool(_bundles(item.answer)),
)
def bundle_mismatch(item: Round, model: Model) -> Iterator[Outcome]:
    """The answer bundles media that the offer did not, or gives bundled media different ports."""
    del model
    answer, message = item.answer, item.answer_message
    if answer is None or message is None:
        return
    offered = [set(group) for group in _bundles(item.offer)]
    line = next(one for one in answer.session_lines if one.type == "a" and one.value.lower().startswith("group:bundle"))
    for group in _bundles(answer):
        if not any(set(group) <= other for other in offered):
            why = "other media are bundled"
        else:
            media = [one for one in answer.media if (one.attribute("mid") or "") in group and one.port]
            ports = {one.port for one in media if one.attribute_line("bundle-only") is None}
            if len(ports) < 2:
                continue
            why = f"the ports {', '.join(map(str, sorted(ports)))}"
        yield Found(
            (at_sdp(message, line, "the bundle of the answer"),),
            f"The {message.summary} bundles {', '.join(group)}: {why}; the offer bundles"
            f" {'; '.join(', '.join(sorted(one)) for one in offered) or 'nothing'}.",
            {"why": why},
            key=("media" if why.startswith("other") else "ports",),
            calls=(item.leg.call_id,),
        )
