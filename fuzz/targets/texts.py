"""Logs, SIP messages, the values of headers, SDP, and masking."""

from __future__ import annotations

from tests.support.invariants import in_step
from tests.support.messages import message_of

from fuzz import seeds, tokens
from fuzz.interface import Target
from sip_ci.trace import grammar, headers, uri
from sip_ci.trace.defects import defects_of
from sip_ci.trace.ice import parse_candidate
from sip_ci.trace.logs.registry import read_log
from sip_ci.trace.message import SipMessage
from sip_ci.trace.multipart import body_parts
from sip_ci.trace.notice_summary import summarise_notices
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.redact import Redactor
from sip_ci.trace.sdp import parse_sdp, sdp_of
from sip_ci.trace.session_description import SessionDescription
from sip_ci.trace.transcript import render_messages, transcribe
from sip_ci.trace.verdict import verdict_of

_PROPERTIES = [name for name, value in vars(SipMessage).items() if isinstance(value, property)]
_NAMES = ("via", "contact", "from", "allow", "supported", "", "route", "www-authenticate")
_PARSERS = (
    grammar.uri_faults,
    grammar.name_addr_faults,
    grammar.via_faults,
    grammar.date_faults,
    grammar.warning_faults,
    grammar.has_open_quote,
    grammar.is_token,
    lambda text: grammar.parameter_faults(text.split(";")),
    headers.parse_via,
    headers.parse_cseq,
    headers.parse_name_addr,
    headers.split_list,
    uri.parse_uri,
    uri.split_parameters,
    uri.parse_host_port,
    parse_candidate,
)
_KEY = b"the same in every run"


def log(data: bytes) -> int:
    """A log, a text, or anything that is no capture."""
    trace = read_log(data, "x")
    in_step(trace)
    summarise_notices(trace.notices)
    for item in trace.messages[:4]:
        defects_of(item)
    return len(data)


def message(data: bytes) -> int:
    """One message, of which everything is asked."""
    for fidelity in (Fidelity.EXACT, Fidelity.LINE_ENDINGS_LOST) if len(data) % 2 else (Fidelity.EXACT,):
        _touch(message_of(data, fidelity))
    return len(data)


def _touch(item: SipMessage) -> None:
    for name in _PROPERTIES:
        getattr(item, name)
    for name in _NAMES:
        item.values(name)
        item.options(name)
    for header in item.headers:
        assert 0 <= header.start <= header.value_start <= header.end <= len(item.raw)
        item.value_of(header)
    for header in item.headers[:50]:
        item.line_number(header.start)
        item.line_text(header.start)
    for via in item.via:
        via.branch  # noqa: B018 - reading it is what is tried
        via.effective_port  # noqa: B018
    for defect in defects_of(item):
        assert 0 <= defect.start <= defect.end <= len(item.raw)
    verdict_of(item)
    sdp_of(item)
    for part in body_parts(item.body, item.header("content-type") or "", item.body_start):
        assert len(part.body) <= len(item.raw)
    repr(item)


def session(data: bytes) -> int:
    """A session description, of which everything is asked."""
    found: SessionDescription = parse_sdp(data)
    for media in found.media:
        for name in (
            "is_rtp",
            "ptime",
            "maxptime",
            "speech_encodings",
            "telephone_event",
            "candidates",
            "rtcp_mux",
            "rtcp_port",
        ):
            getattr(media, name)
        media.attribute("fmtp", inherit=True)
        media.fmtp(101)
    return len(data)


def value(data: bytes) -> int:
    """One value, through one of the parsers."""
    if data:
        _PARSERS[data[0] % len(_PARSERS)](data[1:].decode("utf-8", "replace" if data[0] & 64 else "surrogateescape"))
    return len(data)


def masking(data: bytes) -> int:
    """A trace as a transcript, masked: lines stay where they are, and what is masked stays as it is."""
    trace = read_log(data, "x")
    transcribe(trace)
    redactor = Redactor(_KEY)
    masked = redactor.redact(trace.messages)
    assert [item.raw.count(b"\n") for item in masked] == [item.raw.count(b"\n") for item in trace.messages]
    assert [item.raw for item in redactor.redact(masked)] == [item.raw for item in masked]
    text = render_messages(masked)
    for line, item in zip(text.lines, masked, strict=True):
        assert text.message_at(line) is item
    return len(data)


def _value_seeds() -> list[bytes]:
    texts = (
        b"<sip:a@b;lr>;tag=1",
        b'"A \\" B" <sips:u;x=1:p@[2001:db8::1]:5061;transport=tcp?h=v>;q=0.5',
        b"SIP/2.0/UDP h:1;branch=z9hG4bK1;rport",
        b"Thu, 21 Feb 2002 13:02:03 GMT",
        b'399 h "text"',
        b"1 INVITE",
        b'a, "b,c", <d,e>',
        b"1 1 UDP 2130706431 192.0.2.1 4000 typ host",
    )
    return [bytes([number]) + text for text in texts for number in range(len(_PARSERS))]


def _session_seeds() -> list[bytes]:
    bodies = [raw.partition(b"\r\n\r\n")[2] for raw in seeds.messages()]
    return [body for body in bodies if body.startswith(b"v=")] + [
        b"v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nt=0 0\r\n"
        b"m=audio 4000/2 RTP/SAVP 0 101\r\nc=IN IP4 0.0.0.0\r\na=rtcp:4001\r\na=rtcp-mux\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
        b"a=candidate:1 1 UDP 1 192.0.2.1 9 typ host\r\n"
    ]


TARGETS = (
    Target("log", log, seeds.logs, tokens.LOGS),
    Target("message", message, seeds.messages, tokens.SIP, 3000),
    Target("sdp", session, _session_seeds, tokens.SIP, 2000),
    Target("value", value, _value_seeds, tokens.SIP, 600),
    Target("masking", masking, lambda: [*seeds.messages(), *seeds.logs()[:12]], tokens.SIP, 4000),
)
