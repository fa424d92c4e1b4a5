"""What an element does with a message before it looks at any state: take, reject or discard it (RFC 3261 §8.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sip_ci.trace.defects import Defect, defects_of
from sip_ci.trace.grammar import DefectRule
from sip_ci.trace.message import SipMessage

_METHODS = frozenset({
    "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER",
    "SUBSCRIBE", "UPDATE",
})  # fmt: skip
"""The methods that IANA registers."""

_OPTION_TAGS = frozenset({
    "100rel", "199", "answermode", "early-session", "eventlist", "explicitsub", "from-change", "gruu", "histinfo",
    "ice", "join", "multiple-refer", "norefersub", "nosub", "outbound", "path", "policy", "precondition", "pref",
    "privacy", "recipient-list-invite", "record-aware", "replaces", "resource-priority", "sec-agree", "siprec",
    "tdialog", "timer", "trickle-ice", "uui",
})  # fmt: skip

_CONTENT_TYPES = frozenset({
    "application/conference-info+xml", "application/dialog-info+xml", "application/dtmf", "application/dtmf-relay",
    "application/im-iscomposing+xml", "application/isup", "application/media_control+xml", "application/pidf+xml",
    "application/pkcs7-mime", "application/qsig", "application/reginfo+xml", "application/resource-lists+xml",
    "application/rlmi+xml", "application/rs-metadata+xml", "application/sdp", "application/simple-message-summary",
    "application/trickle-ice-sdpfrag", "application/vnd.3gpp.sms", "application/watcherinfo+xml", "message/cpim",
    "message/sip", "message/sipfrag", "text/html", "text/plain",
})  # fmt: skip


class Outcome(Enum):
    """What becomes of a message."""

    ACCEPTABLE = "acceptable"
    REJECT = "reject"
    """A request is answered with an error."""
    DISCARD = "discard"
    """A response, an ACK, or what is no SIP at all, is dropped."""


class Role(Enum):
    """Which kind of element judges."""

    ENDPOINT = "endpoint"
    """A user agent server, and a registrar for REGISTER."""
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Element:
    """What the judging element is and knows; the defaults are an endpoint that knows what is in common use."""

    role: Role = Role.ENDPOINT
    schemes: frozenset[str] = frozenset({"sip", "sips", "tel"})
    option_tags: frozenset[str] = _OPTION_TAGS
    """Extensions that may be required, in lower case."""
    content_types: frozenset[str] = _CONTENT_TYPES
    """Media types of bodies, in lower case; every multipart type is known besides."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an element does, and why."""

    outcome: Outcome
    status: int | None = None
    """The status code of a rejection."""
    reason: str = ""
    """One sentence for a person, without a trailing period; empty where the message is acceptable."""
    defect: Defect | None = None
    """The defect that decided, where it was one."""


ACCEPTABLE = Verdict(Outcome.ACCEPTABLE)


def verdict_of(message: SipMessage, element: Element | None = None) -> Verdict:
    """What an element does with a message that reaches it outside every dialog, authentication left aside."""
    element = element or Element()
    defects = [defect for defect in defects_of(message) if defect.invalid]
    if not message.is_request:
        return _response_verdict(message, defects)
    verdict = _malformed(message, defects) or _unsupported(message, element)
    if verdict.outcome is Outcome.REJECT and message.method == "ACK":
        # RFC 3261 §8.2: no response ever answers an ACK.
        return Verdict(Outcome.DISCARD, None, verdict.reason, verdict.defect)
    return verdict


def _response_verdict(message: SipMessage, defects: list[Defect]) -> Verdict:
    if defects:
        return Verdict(Outcome.DISCARD, None, defects[0].explanation, defects[0])
    if any(via.host == "255.255.255.255" for via in message.via[1:]):
        return Verdict(Outcome.DISCARD, None, "The response would travel on to the broadcast address")
    return ACCEPTABLE


def _malformed(message: SipMessage, defects: list[Defect]) -> Verdict | None:
    rules = {defect.rule for defect in defects}
    if not rules:
        return None
    decisive = next((defect for defect in defects if defect.rule is DefectRule.VERSION), defects[0])
    status = 400
    if decisive.rule is DefectRule.VERSION:
        status = 505
    elif rules == {DefectRule.CSEQ_METHOD} and message.method not in _METHODS:
        # RFC 4475 §3.1.2.18: an unknown method is the better answer, as the pair may mean something to others.
        status = 501
    return Verdict(Outcome.REJECT, status, decisive.explanation, decisive)


def _unsupported(message: SipMessage, element: Element) -> Verdict:
    if message.request_uri.scheme not in element.schemes:
        return Verdict(Outcome.REJECT, 416, "The scheme of the Request-URI is not supported")
    proxy = element.role is Role.PROXY
    if message.method not in ("ACK", "CANCEL"):
        required = message.options("proxy-require" if proxy else "require")
        if required - element.option_tags:
            return Verdict(Outcome.REJECT, 420, "An extension that is required is not supported")
    if proxy:
        exhausted = (message.header("max-forwards") or "").strip("0") == "" and message.lines_of("max-forwards")
        return Verdict(Outcome.REJECT, 483, "Max-Forwards is 0") if exhausted else ACCEPTABLE
    if message.method == "REGISTER" and not message.to.uri.is_sip:
        # RFC 3261 §10.3 with RFC 4475 §3.3.4: an address-of-record is a SIP or SIPS URI.
        return Verdict(Outcome.REJECT, 400, "The address-of-record is no SIP URI")
    return _content_verdict(message, element)


def _content_verdict(message: SipMessage, element: Element) -> Verdict:
    content_type = message.content_type
    known = content_type in element.content_types or content_type.startswith("multipart/")
    disposition = (message.header("content-disposition") or "").lower().replace(" ", "")
    if message.body and content_type and not known and "handling=optional" not in disposition:
        return Verdict(Outcome.REJECT, 415, "The media type of the body is not supported")
    if message.method == "INVITE" and message.lines_of("accept"):
        accepted = {value.partition(";")[0].strip() for value in message.options("accept")}
        if not accepted & {"application/sdp", "application/*", "*/*"}:
            return Verdict(Outcome.REJECT, 406, "Accept leaves no room for a session description")
    return ACCEPTABLE
