"""Mappings of payload types that contradict the fixed ones, or map to nothing (RFC 8866 §6.6, RFC 3551)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.payload_types import STATIC_PAYLOAD_TYPES
from sip_ci.wording import times
from sip_ci_server.engine.checks.registry import Found, Outcome, at_sdp, check
from sip_ci_server.engine.checks.sdp_syntax import rtpmap_lines
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described


@check(
    "sdp-static-pt-redefined",
    title="Payload type {type}, which is {fixed}, is given to {used}",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 3551 §3, §6",
    confidence=Confidence.LIKELY,
    absent="the trace holds no session description",
)
def sdp_static_pt_redefined(item: Described, model: Model) -> Iterator[Outcome]:
    """An rtpmap gives a payload type with a fixed meaning to another encoding (RFC 3551 §3, §6)."""
    del model
    told: set[tuple[str, str]] = set()
    for media in item.description.media:
        if not media.is_rtp or not media.port:
            continue
        for number, line, mapping in rtpmap_lines(media):
            fixed = STATIC_PAYLOAD_TYPES.get(int(number)) if number.isascii() and number.isdigit() else None
            name = mapping.partition("/")[0].strip()
            if fixed is None or not name or (number, name) in told:
                continue
            # A number of channels that is spelled wrongly still means the same codec to everybody, and so does the
            # clock rate of G.722, which is 8000 for a historical reason (RFC 3551 §4.5.2).
            rate = mapping.split("/")[1].strip() if "/" in mapping else ""
            slipped = rate.isascii() and rate.isdigit() and int(rate) != fixed.clock_rate and fixed.name != "G722"
            if name.upper() == fixed.name.upper() and not slipped:
                continue
            told.add((number, name))
            yield Found(
                (at_sdp(item.message, line, f"{number} is {fixed} for those who go by the table"),),
                f"The {item.message.summary} maps payload type {number} to {mapping}; RFC 3551 gives that number to"
                f" {fixed}. Receivers that go by the fixed table take the packets for {fixed.name}.",
                {"type": number, "fixed": str(fixed), "used": mapping},
                key=(number, name.upper()),
                calls=(item.message.call_id,),
            )


@check(
    "sdp-rtpmap-malformed",
    title="`a={line}` maps a payload type to nothing",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 8866 §6.6",
    absent="the trace holds no session description",
)
def sdp_rtpmap_malformed(item: Described, model: Model) -> Iterator[Outcome]:
    """An rtpmap has no encoding name or no clock rate (RFC 8866 §6.6)."""
    del model
    if item.message.fidelity is Fidelity.TRUNCATED:
        return
    for media in item.description.media:
        for number, line, mapping in rtpmap_lines(media):
            name, _, clock = mapping.partition("/")
            if name.strip() and clock.partition("/")[0].strip().isdigit():
                continue
            yield Found(
                (at_sdp(item.message, line, "not <encoding>/<clock rate>"),),
                f"The {item.message.summary} has `a={line.value}` for {media.media}: an encoding name and a clock rate"
                " belong behind the payload type. Strict parsers refuse the whole description.",
                {"line": line.value},
                key=(media.media, number),
                calls=(item.message.call_id,),
            )
            return


@check(
    "sdp-format-repeated",
    title="Payload type {type} stands {times} in one m= line",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 3264 §6.1",
    absent="the trace holds no session description",
)
def sdp_format_repeated(item: Described, model: Model) -> Iterator[Outcome]:
    """An m= line of RTP lists a payload type more than once though the list is one of preference (RFC 3264
    §6.1). Strict peers refuse it.
    """
    del model
    if item.message.fidelity is Fidelity.TRUNCATED:
        return
    for media in item.description.media:
        if not media.is_rtp:
            continue
        counts = Counter(media.formats)
        number = next((one for one in media.formats if counts[one] > 1), None)
        if number is not None:
            yield Found(
                (at_sdp(item.message, media.line, f"{number} is listed {times(counts[number])}"),),
                f"The {item.message.summary} lists payload type {number} {times(counts[number])} for {media.media}:"
                f" `m={media.line.value[:120]}`.",
                {"type": number, "times": times(counts[number])},
                key=(media.media, number),
                calls=(item.message.call_id,),
            )
            return
