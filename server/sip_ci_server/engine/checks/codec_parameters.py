"""Format parameters and packet times that no codec knows, or that a description lacks (knowledge/codecs.yml)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.sdp import MediaDescription, SdpLine
from sip_ci_server.engine.checks.registry import Found, Outcome, at_sdp, check
from sip_ci_server.engine.checks.sdp_syntax import rtpmap_lines
from sip_ci_server.engine.format_parameters import formats_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described


def _mapping_of(number: int, media: MediaDescription) -> SdpLine | None:
    """The rtpmap line of a payload type."""
    return next((line for written, line, _ in rtpmap_lines(media) if written == str(number)), None)


@check(
    "codec-opus-fmtp",
    title="The rtpmap of Opus is {mapping}, not opus/48000/2",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 7587 §7",
)
def codec_opus_fmtp(item: Described, model: Model) -> Iterator[Outcome]:
    """The clock rate of Opus in SDP is always 48000 and the channels are always 2, whatever is sent (RFC 7587 §7)."""
    del model
    for media in item.description.media:
        if not media.port or not any(encoding.name.upper() == "OPUS" for encoding in media.encodings.values()):
            continue
        for format_ in formats_of(media):
            codec = format_.codec
            if format_.name != "OPUS" or codec is None:
                continue
            if (format_.encoding.clock_rate, format_.encoding.channels) == (codec.clock_rate, codec.channels):
                continue
            yield Found(
                (at_sdp(item.message, _mapping_of(format_.number, media) or format_.line, "the mapping of Opus"),),
                f"The {item.message.summary} maps payload type {format_.number} to {format_.encoding}; Opus is always"
                " opus/48000/2.",
                {"mapping": str(format_.encoding)},
                key=(str(format_.encoding),),
                calls=(item.message.call_id,),
            )


@check(
    "codec-fmtp-invalid",
    title="{parameter}={value} is no value of {codec}",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 8866 §6.15",
)
def codec_fmtp_invalid(item: Described, model: Model) -> Iterator[Outcome]:
    """A format parameter has a value that its codec does not know; `knowledge/codecs.yml` lists the values."""
    del model
    for media in item.description.media:
        if not media.port or not media.is_rtp or media.attribute_line("fmtp") is None:
            continue
        for format_ in formats_of(media):
            if format_.codec is None:
                continue
            for name, value in format_.parameters.items():
                entry = format_.codec.parameters.get(name)
                if entry is None or entry.accepts(value):
                    continue
                yield Found(
                    (at_sdp(item.message, format_.line, f"{name}={value}"),),
                    f"The {item.message.summary} gives {format_.encoding} the parameter {name}={value}, which is none"
                    f" of its values ({format_.codec.source}).",
                    {"parameter": name, "value": value, "codec": format_.encoding.name},
                    key=(format_.name, name, value),
                    calls=(item.message.call_id,),
                )


@check(
    "dtmf-events-unlisted",
    title="telephone-event is described without the events that are understood",
    severity=Severity.INFO,
    category=Category.CODEC,
    rfc="RFC 4733 §2.5.2.1",
    absent="the trace holds no session description with telephone-event",
    only=lambda item: any(media.port and media.telephone_event for media in item.description.media),
)
def dtmf_events_unlisted(item: Described, model: Model) -> Iterator[Outcome]:
    """No fmtp lists the events of telephone-event, as 0-15 does. For information: browsers do without, and peers take
    the sixteen keys then.
    """
    del model
    for media in item.description.media:
        if not media.port or not media.telephone_event or any(map(media.fmtp, media.telephone_event)):
            continue
        number = media.telephone_event[0]
        line = next((line for name, line, _ in rtpmap_lines(media) if name == str(number)), media.line)
        yield Found(
            (at_sdp(item.message, line, f"no a=fmtp:{number}"),),
            f"The {item.message.summary} describes telephone-event with payload type {number}, and no a=fmtp says which"
            " events are understood.",
            key=("request" if item.message.is_request else "response",),
            calls=(item.message.call_id,),
        )
        return


@check(
    "sdp-maxptime-exceeded",
    title="The packet time of {ptime} ms is longer than the {maximum} ms that are allowed",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 8866 §6.5",
)
def sdp_maxptime_exceeded(item: Described, model: Model) -> Iterator[Outcome]:
    """A description asks for a longer packet time than its own maxptime allows."""
    del model
    for media in item.description.media:
        ptime, maximum = media.ptime, media.maxptime
        if not media.port or ptime is None or maximum is None or ptime <= maximum:
            continue
        left, right = media.attribute_line("ptime"), media.attribute_line("maxptime")
        if left is None or right is None:
            continue
        yield Found(
            (at_sdp(item.message, left, "the packet time"), at_sdp(item.message, right, "the longest")),
            f"The {item.message.summary} asks for packets of {ptime:g} ms and says that {maximum:g} ms is the longest.",
            {"ptime": f"{ptime:g}", "maximum": f"{maximum:g}"},
            key=(f"{ptime:g}", f"{maximum:g}"),
            calls=(item.message.call_id,),
        )
