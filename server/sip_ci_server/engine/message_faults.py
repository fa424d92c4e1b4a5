"""What single messages of a trace break, as instances of the checks whose ids begin with `msg-`: one pass over the
messages.

Messages whose bytes are those of the wire are judged, and of each sender only the first ones of a kind: what a program
writes wrong it writes wrong again. Logs lose line ends, and some write messages as they like to: there only what was
refused or ignored is judged, because then the other side saw the fault, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sip_ci.findings import Severity
from sip_ci.trace.defects import Defect, DefectRule, defects_of
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.trace import TraceOrigin
from sip_ci_server.engine.header_rules import Violation, violations_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import seconds_between
from sip_ci_server.engine.transactions import Transaction

SILENCE = 4.0
"""Seconds without an answer after which silence is worth a word (policy F1)."""
ROUND_TRIP = 0.3
"""Seconds for which a response may still have been under way when its ACK was sent."""
JUDGED = 300
"""Messages of one sender with one method and status that are judged."""
JUDGED_OF_MANY = 40
"""The same in a trace of more than `MANY` messages: a load test."""
MANY = 5_000
_AGENT_LENGTH = 40
_MALFORMED = frozenset({400, 414, 416, 482, 501, 505, 513})
"""Responses of an element that does not understand a request as it is written."""
_BODY_REFUSED = frozenset({406, 415, 488, 500, 606})
"""Responses of an element that does not understand what is left of a body."""
_REFUSED_FOR = {"msg-from-tag-missing": frozenset({481}), "msg-max-forwards-missing": frozenset({483})}
"""Responses that tell of one fault, though not of a request that is hard to read."""
_TELLING = frozenset().union(*_REFUSED_FOR.values())
_JUDGED_FIDELITIES = (Fidelity.EXACT, Fidelity.LINE_ENDINGS_LOST)
_COPIED = frozenset({"from", "to", "call-id", "cseq", "via"})
"""Headers that a response takes from its request (RFC 3261 §8.2.6.2)."""
_CONVINCING_SENDS = 5
"""Sends after which the sender itself shows that nothing came back, even where the way back is not captured."""
_LOST_BY_CHANCE = 2
"""Repetitions of a response after its ACK that lost packets explain."""


@dataclass(frozen=True, slots=True)
class MessageFault:
    """One thing that one message breaks."""

    message: SipMessage
    offset: int | None
    """Byte offset of the line that shows it; None is the start line."""
    explanation: str
    """One sentence, without a trailing period."""
    topic: str
    """Which rule or header, stable between runs."""
    agent: str
    """The product that wrote the message, as its User-Agent or Server says; may be empty."""
    accepted: bool
    """Whether the receiver took the message all the same, or nothing shows that it did not."""
    severity: Severity | None = None
    answered: bool = False
    """Whether the trace shows that the receiver took it: by a response to it, or by silence after an ACK."""


_CHECK_OF_RULE = {
    DefectRule.NO_START_LINE: "msg-request-line-bad",
    DefectRule.START_LINE_SPACING: "msg-request-line-bad",
    DefectRule.START_LINE_TRAILING_SPACE: "msg-request-line-bad",
    DefectRule.REQUEST_URI_WHITE_SPACE: "msg-request-line-bad",
    DefectRule.REQUEST_URI_BRACKETS: "msg-request-line-bad",
    DefectRule.REQUEST_URI_HEADERS: "msg-request-line-bad",
    DefectRule.VERSION: "msg-version",
    DefectRule.STATUS_CODE: "msg-status-line-bad",
    DefectRule.CSEQ: "msg-cseq-malformed",
    DefectRule.CSEQ_NUMBER: "msg-cseq-malformed",
    DefectRule.CSEQ_METHOD: "msg-cseq-method-mismatch",
    DefectRule.CONTENT_LENGTH: "msg-content-length-mismatch",
    DefectRule.CONTENT_LENGTH_TOO_LARGE: "msg-content-length-mismatch",
    DefectRule.EXTRA_OCTETS: "msg-content-length-mismatch",
    DefectRule.BODY_CUT: "msg-content-length-mismatch",
    DefectRule.NO_CONTENT_TYPE: "msg-content-type-missing",
    DefectRule.DATE: "msg-date",
    DefectRule.UNBRACKETED_URI: "msg-uri-brackets",
    DefectRule.VIA_BRANCH: "msg-branch-cookie",
    DefectRule.LINE_END: "msg-lf-only",
    DefectRule.MISSING_TAG: "msg-from-tag-missing",
}
_GENERAL = "msg-header-malformed"
_MISSING = "msg-mandatory-missing"
_TOLERATED = frozenset({
    DefectRule.NO_HEADER_END, DefectRule.IPV6_EXTRA_COLON, DefectRule.VIA_RECEIVED_BRACKETS, DefectRule.WARNING,
})  # fmt: skip
_COMPUTED: WeakKeyDictionary[Model, dict[str, list[MessageFault]]] = WeakKeyDictionary()


def message_faults(model: Model) -> dict[str, list[MessageFault]]:
    """The faults of single messages by the id of their check: one for each call, topic and product."""
    found = _COMPUTED.get(model)
    if found is None:
        found = _COMPUTED[model] = _collect(model)
    return found


def _collect(model: Model) -> dict[str, list[MessageFault]]:
    owners = {
        id(message): transaction
        for transaction in model.transactions
        for message in (*transaction.requests, *transaction.responses)
    }
    owner_of_ack = {
        id(ack): transaction for transaction in model.transactions for ack in transaction.acks if transaction.finals
    }
    faults: dict[str, list[MessageFault]] = {}
    judged: dict[tuple[object, ...], int] = {}
    limit = JUDGED if model.messages_total <= MANY else JUDGED_OF_MANY
    reported: set[tuple[str, str, str, str]] = set()
    for message in model.messages:
        copied = message.fidelity is Fidelity.TRUNCATED and _is_copied_whole(message, model)
        if (message.fidelity not in _JUDGED_FIDELITIES and not copied) or message.call_id in model.twins.folded:
            continue
        kind = (model.nodes.source(message), message.method, message.status)
        judged[kind] = judged.get(kind, 0) + 1
        if judged[kind] > limit:
            continue
        agent = agent_of(message)
        owner = owners.get(id(message))
        if message.method == "ACK":
            accepted = not _is_ignored_ack(message, owner_of_ack.get(id(message)))
            answered = id(message) in owner_of_ack
        else:
            accepted = _accepted(message, owner, model)
            answered = owner is not None and bool(owner.responses)
        final = owner.final.status if owner is not None and owner.final is not None and message.is_request else None
        if accepted and message.fidelity is not Fidelity.EXACT and final not in _TELLING and not copied:
            continue
        for check, violation in _too_long(message) if copied else _violations(message):
            understood = accepted and final not in _REFUSED_FOR.get(check, ())
            if understood and message.fidelity is not Fidelity.EXACT and not copied:
                continue
            place = (check, violation.topic, agent, message.call_id)
            if place in reported:
                continue
            if understood and _is_copied(message, violation, owner or owner_of_ack.get(id(message))):
                continue
            reported.add(place)
            taken = understood and not (violation.topic == _CUT and _refuses_body(owner))
            faults.setdefault(check, []).append(
                MessageFault(
                    message, violation.offset, violation.explanation, violation.topic, agent,
                    taken, violation.severity, answered,
                )
            )  # fmt: skip
    return faults


def _is_copied(message: SipMessage, violation: Violation, owner: Transaction | None) -> bool:
    """Whether the line in question only repeats what the request says, as responses and ACK have to."""
    if owner is None or violation.offset is None or message is owner.request:
        return False
    if not message.is_response and message.method != "ACK":
        return False
    line = next((header for header in message.headers if header.start == violation.offset), None)
    if line is None or line.name not in _COPIED:
        return False
    value = message.value_of(line)
    return any(value.startswith(owner.request.value_of(other)) for other in owner.request.lines_of(line.name))


def _refuses_body(owner: Transaction | None) -> bool:
    return owner is not None and owner.final is not None and owner.final.status in _BODY_REFUSED


def _violations(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    defects = defects_of(message)
    missing = [one.header for one in defects if _check_of(message, one) == _MISSING]
    if missing:
        # One message may lack all of them: it is one fault.
        yield _MISSING, Violation("missing " + " ".join(missing), None, f"It lacks {', '.join(map(_spelt, missing))}")
    repeated: set[str] = set()
    for defect in defects:
        if defect.header in missing and defect.rule is DefectRule.MISSING_HEADER:
            continue
        if defect.rule is DefectRule.REPEATED_HEADER:
            # Every further line is a defect of its own, and all of them are one fault.
            if defect.header in repeated:
                continue
            repeated.add(defect.header)
        check = _check_of(message, defect)
        if check:
            topic = f"{defect.rule.value} {defect.header}".strip()
            offset = min(defect.start, len(message.raw) - 1) if defect.start else None
            if defect.rule is DefectRule.MISSING_HEADER:
                offset = None
            note = f"{defect.explanation}: {_spelt(defect.header)}" if defect.rule in _NAMED else defect.explanation
            yield check, Violation(topic, offset, note, _severity_of(message, defect))
    yield from violations_of(message)


def _is_copied_whole(message: SipMessage, model: Model) -> bool:
    """Whether a message that says to be longer stands alone in a text that people wrote, with its line ends, and ends
    with a line: a program that cuts messages cuts them anywhere.
    """
    alone = model.trace.origin is TraceOrigin.TEXT and len(model.messages) == 1
    return alone and message.raw.endswith(b"\r\n") and message.raw.count(b"\n") == message.raw.count(b"\r\n")


def _too_long(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    """A declared length beyond the end of the text."""
    length, rest = message.content_length, len(message.raw) - message.body_start
    if length is not None and length > rest:
        note = f"Content-Length is {length}, and {rest} bytes follow the headers, unless the text was cut"
        offset = message.lines_of("content-length")[0].start
        topic = f"{DefectRule.CONTENT_LENGTH_TOO_LARGE.value} content-length"
        yield "msg-content-length-mismatch", Violation(topic, offset, note, Severity.LOW)


def _spelt(header: str) -> str:
    """A header's name as people write it."""
    return {"cseq": "CSeq", "call-id": "Call-ID"}.get(header, header.title())


_CUT = f"{DefectRule.BODY_CUT.value} content-length"
_NAMED = frozenset({DefectRule.MISSING_HEADER, DefectRule.REPEATED_HEADER})


def _check_of(message: SipMessage, defect: Defect) -> str:
    rule, header = defect.rule, defect.header
    if rule in _TOLERATED:
        return ""
    if rule is DefectRule.MISSING_HEADER:
        if header == "contact":
            return ""
        return "msg-max-forwards-missing" if header == "max-forwards" else _MISSING
    if rule is DefectRule.REPEATED_HEADER:
        lines = message.lines_of(header)
        forms = {len(line.written.strip()) > 1 for line in lines}
        equal = len({message.value_of(line) for line in lines}) == 1
        return "msg-compact-dup" if len(forms) == 2 and equal else "msg-duplicate-single"
    if rule is DefectRule.SCALAR_RANGE:
        return "msg-max-forwards-over-70" if header == "max-forwards" else "msg-expires-range"
    if rule is DefectRule.HEADER_WITHOUT_COLON:
        after_start = message.raw[defect.start : defect.start + 1] in (b" ", b"\t")
        return "msg-fold-bad" if after_start else _GENERAL
    if not header and rule not in _CHECK_OF_RULE:
        return "msg-request-line-bad"
    if header == "contact" and rule not in _CHECK_OF_RULE:
        return "msg-contact-uri-bad"
    return _CHECK_OF_RULE.get(rule, _GENERAL)


def _severity_of(message: SipMessage, defect: Defect) -> Severity | None:
    if defect.rule is DefectRule.EXTRA_OCTETS and not message.observation.transport.reliable:
        return Severity.INFO
    if defect.rule is DefectRule.REPEATED_HEADER:
        values = {message.value_of(line) for line in message.lines_of(defect.header)}
        return Severity.LOW if len(values) == 1 else None
    return None


def agent_of(message: SipMessage) -> str:
    """The product that wrote a message, without its version; empty where it does not say."""
    text = (message.header("user-agent") or message.header("server") or "").strip()
    words = text.replace("/", " ").replace("(", " ").split()
    word = words[0][:_AGENT_LENGTH] if words else ""
    return word if word.isprintable() else ""


def _accepted(message: SipMessage, owner: Transaction | None, model: Model) -> bool:
    """Whether the other side understood a message: a request by its answer, a response by its ACK.

    Silence speaks against it only where the trace would show the answer.
    """
    if owner is None:
        return message.is_response and not _comes_again(message, model)
    if message.is_response:
        wants_ack = owner.method == "INVITE" and (message.status or 0) >= 200
        return not wants_ack or bool(owner.acks) or not silent_after(message, model)
    final = owner.final
    if final is None:
        heard = model.seen.sees_reverse(message) or len(owner.requests) >= _CONVINCING_SENDS
        unanswered = not owner.provisionals and heard
        return not (unanswered and silent_after(message, model))
    return final.status not in _MALFORMED


def _comes_again(response: SipMessage, model: Model) -> bool:
    """Whether a 2xx to INVITE without a Via, which nobody can take for its own, is sent again and again."""
    if response.lines_of("via") or response.cseq.method != "INVITE" or (response.status or 0) // 100 != 2:
        return False
    same = (one for one in model.transactions.unmatched if one.call_id == response.call_id)
    return sum(one.status == response.status for one in same) > _LOST_BY_CHANCE


def _is_ignored_ack(ack: SipMessage, owner: Transaction | None) -> bool:
    """Whether the response that an ACK is for was sent again and again after it."""
    if owner is None:
        return False
    same = (one for one in owner.finals if one.to.tag == ack.to.tag)
    return sum((seconds_between(ack, one) or 0.0) > ROUND_TRIP for one in same) > _LOST_BY_CHANCE


def silent_after(message: SipMessage, model: Model) -> bool:
    """Whether the trace goes on long enough after a message for what should follow on it to be seen."""
    return model.seen.would_show(message.observation.time, SILENCE)
