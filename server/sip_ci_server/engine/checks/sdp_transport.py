"""Where a session description wants media sent to, written so that the other side may read it otherwise (RFC 8866)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.sdp import MediaDescription, SdpLine
from sip_ci_server.engine.checks.registry import Found, Outcome, at_sdp, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described

_DISCARD_PORT = 9
_NO_VALUE = re.compile(r"\?+|\(?null\)?|undefined|none|nan|\$\{?\w+\}?|\{\{?\s?\w+\s?\}?\}|\[[a-z]\w*\]", re.IGNORECASE)
"""Placeholders of programs and templates; what people write to hide an address is none of them."""

_BROADCAST = "255.255.255.255"


@check(
    "sdp-rtp-port-odd",
    title="The RTP port {port} of {media} is odd, and nothing says where RTCP goes",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 8866 §5.14",
    absent="the trace holds no session description with RTP",
    only=lambda item: any(media.port and media.is_rtp for media in item.description.media),
)
def sdp_rtp_port_odd(item: Described, model: Model) -> Iterator[Outcome]:
    """RTP has an odd port without a=rtcp (RFC 8866 §5.14) and a=rtcp-mux: a receiver may take the even port below
    (RFC 3550 §11). Candidates of ICE name the ports themselves.
    """
    del model
    for media in item.description.media:
        if not media.is_rtp or not media.port % 2 or media.port == _DISCARD_PORT:
            continue
        if any(media.attribute_line(name, inherit=True) for name in ("rtcp", "rtcp-mux", "candidate")):
            continue
        yield Found(
            (at_sdp(item.message, media.line, "an odd port, with neither a=rtcp nor a=rtcp-mux"),),
            f"The {item.message.summary} asks for {media.media} on port {media.port}, which is odd, and has neither"
            " a=rtcp nor a=rtcp-mux.",
            {"port": str(media.port), "media": media.media},
            key=("request" if item.message.is_request else "response", media.media),
            calls=(item.message.call_id,),
        )


@check(
    "sdp-connection-malformed",
    title="The c= line {fault}",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 8866 §5.7",
)
def sdp_connection_malformed(item: Described, model: Model) -> Iterator[Outcome]:
    """The address of a c= line has a slash though it is no multicast address, stands in brackets as in a URI, or is
    what a program writes where it has no value, such as `?` or `[media_ip]`; or, low, the session has several c= lines.
    """
    del model
    lines = [line for line in item.description.lines if line.type == "c"]
    empty = next((line for line in lines if _NO_VALUE.fullmatch(_address_in(line))), None)
    everyone = next((line for line in lines if _address_in(line) == _BROADCAST), None)
    if everyone is not None:
        yield _malformed(item, everyone, f"has {_BROADCAST}, which is the address of no host", "broadcast", None)
    if empty is not None:
        yield _malformed(item, empty, "has a placeholder in place of an address", "no value", None)
    bracketed = next((line for line in lines if _is_bracketed(_address_in(line))), None)
    if bracketed is not None:
        yield _malformed(item, bracketed, "has its IPv6 address in brackets", "brackets", None)
    sliced = next((line for line in lines if _is_sliced_unicast(line)), None)
    if sliced is not None:
        address = sliced.value.split()[2]
        yield _malformed(item, sliced, f"has {address}, which is one address and no group", "slash", Severity.MEDIUM)
    session = [line for line in item.description.session_lines if line.type == "c"]
    if len(session) > 1:
        yield _malformed(item, session[1], f"is one of {len(session)} for the session", "several", Severity.LOW)


def _address_in(line: SdpLine) -> str:
    return "".join(line.value.split(None, 2)[2:])[:80]


def _is_bracketed(address: str) -> bool:
    """Whether it is an IPv6 address in brackets, which belong into a URI alone (RFC 8866 §9: IP6-address)."""
    if not (address.startswith("[") and address.endswith("]")):
        return False
    try:
        return ipaddress.ip_address(address[1:-1]).version == 6
    except ValueError:
        return False


def _is_sliced_unicast(line: SdpLine) -> bool:
    fields = line.value.split()
    if len(fields) != 3 or "/" not in fields[2]:
        return False
    try:
        return not ipaddress.ip_address(fields[2].partition("/")[0]).is_multicast
    except ValueError:
        return False


def _malformed(item: Described, line: SdpLine, fault: str, key: str, severity: Severity | None) -> Found:
    return Found(
        (at_sdp(item.message, line, fault),),
        f"In the {item.message.summary} the line `c={line.value}` {fault}.",
        {"fault": fault},
        key=(key,),
        calls=(item.message.call_id,),
        severity=severity,
    )


@check(
    "sdp-key-line",
    title="The description has a k= line",
    severity=Severity.LOW,
    category=Category.ENCRYPTION,
    rfc="RFC 8866 §5.12",
)
def sdp_key_line(item: Described, model: Model) -> Iterator[Outcome]:
    """A k= line must not be used any more, and is ignored by who gets one."""
    del model
    line = next((line for line in item.description.lines if line.type == "k"), None)
    if line is None:
        return
    yield Found(
        (at_sdp(item.message, line, "an obsolete way to give a key"),),
        f"The {item.message.summary} gives a key in a k= line ({line.value.partition(':')[0]}), which nobody reads.",
        key=("request" if item.message.is_request else "response",),
        calls=(item.message.call_id,),
    )


def is_rtp_format(format_: str) -> bool:
    """Whether a format of an m-line of RTP is a payload type number (RFC 8866 §8.2.3)."""
    return format_.isascii() and format_.isdigit() and len(format_) <= 3 and int(format_) < 128


def unnumbered_format(media: MediaDescription) -> str | None:
    """The first format of a medium over RTP that is no payload type number."""
    if not media.is_rtp or not media.port:
        return None
    return next((format_ for format_ in media.formats if not is_rtp_format(format_)), None)
