"""The checks' metadata, and what a check answers: found with evidence, or not checkable with the reason.

A check is a function of one subject and the model. Its first parameter's type says what it is run on; the registry does
the rest. Texts for people (description, impact, recommendations by platform) lie in `knowledge/checks/` under the id.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Any

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.sdp import SdpLine
from sip_ci.trace.tls import TlsConnection
from sip_ci_server.engine.advertisements import Advertisement, advertisements_of
from sip_ci_server.engine.attempts import Attempt
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described, Round
from sip_ci_server.engine.registrations import Registration
from sip_ci_server.engine.secure_connections import sip_over_tls
from sip_ci_server.engine.streams import Stream
from sip_ci_server.engine.transactions import Transaction


class Needs(Flag):
    """What a trace must give for a check to mean anything."""

    NOTHING = 0
    TIMES = auto()
    """The distance between messages is known."""
    ADDRESSES = auto()
    """Source and destination of messages are known."""
    CAPTURE = auto()
    """Packets, not a log: ICMP, TCP and fragments are visible."""
    MEDIA = auto()
    """The capture holds RTP."""
    ORDER = auto()
    """The distance between messages is known, or a program wrote down itself, in order, what it sent and received."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One piece of evidence: a line of a message, or a fact that is no message."""

    why: str
    message: SipMessage | None = None
    offset: int | None = None
    """Byte offset in the message of the line that shows it; None is the start line."""
    text: str = ""
    """What shows it, where it is no message."""
    frame: int | None = None
    time: float | None = None


def at(message: SipMessage, why: str) -> Proof:
    """A message as a whole, shown by its start line."""
    return Proof(why, message)


def at_header(message: SipMessage, name: str, why: str) -> Proof:
    """The first header line of a canonical name; the start line where there is none."""
    lines = message.lines_of(name)
    return Proof(why, message, lines[0].start if lines else None)


def at_sdp(message: SipMessage, line: SdpLine, why: str) -> Proof:
    """A line of the session description in a message."""
    return Proof(why, message, line.offset)


@dataclass(frozen=True, slots=True)
class Found:
    """One instance of a fault."""

    evidence: tuple[Proof, ...]
    detail: str
    """What happened, with the values: full sentences."""
    values: dict[str, str] = field(default_factory=dict)
    """What the title's template names."""
    key: tuple[str, ...] = ()
    """What tells this fault from another of the same check, stable between runs: a role, a header, a codec, a code."""
    calls: tuple[str, ...] = ()
    severity: Severity | None = None
    """Lower than the check's, or None."""
    confidence: Confidence | None = None
    hosts: tuple[str, ...] = ()
    """The hosts that it is about, where it belongs to no call: a refused connection, a name that is unknown."""


@dataclass(frozen=True, slots=True)
class NotCheckable:
    """The check cannot tell for this subject."""

    reason: str


Outcome = Found | NotCheckable
Subject = Any
CheckFunction = Callable[[Any, Model], Iterable[Outcome]]


@dataclass(frozen=True, slots=True)
class Check:
    """A check with its metadata."""

    id: str
    title: str
    severity: Severity
    category: Category
    confidence: Confidence
    rfc: str
    needs: Needs
    subject: type
    run: CheckFunction
    absent: str
    """The reason to give where the trace holds no subject."""
    only: Callable[[Any], bool] | None = None
    """Which subjects the check is about; None means all."""
    gates: bool = True
    """Whether a finding can fail a build; notices about the capture itself cannot."""
    each: bool = False
    """Whether it looks at the media of each call, so that no call's signalling can stand for another's."""

    @property
    def judges_once(self) -> bool:
        """Whether it judges the signalling of calls, of which one may stand for others (`Model.twins`)."""
        return self.subject in _CALL_OF and not self.each


_CALL_OF: dict[type, Callable[[Any], str]] = {
    Transaction: lambda subject: subject.call_id,
    Leg: lambda subject: subject.call_id,
    Attempt: lambda subject: subject.call_id,
    Round: lambda subject: subject.leg.call_id,
    Described: lambda subject: subject.message.call_id,
}
"""The Call-ID of subjects that are signalling alone."""

_CHECKS: dict[str, Check] = {}
_USES: Counter[Callable[[Any], bool]] = Counter()
"""How many checks are about the subjects that a function accepts."""
_SUBJECTS: dict[type, tuple[Callable[[Model], Iterable[Subject]], str]] = {
    Transaction: (lambda model: model.transactions, "the trace holds no SIP request"),
    Leg: (lambda model: model.legs, "the trace holds no INVITE"),
    Attempt: (lambda model: model.attempts, "the trace holds no SIP request"),
    Registration: (lambda model: model.registrations, "the trace holds no REGISTER"),
    Round: (lambda model: model.all_rounds, "the trace holds no SDP offer"),
    Described: (lambda model: model.descriptions.distinct(model.messages), "the trace holds no session description"),
    Advertisement: (lambda model: advertisements_of(model), "the trace holds no INVITE"),
    MediaSession: (lambda model: model.sessions, "the trace holds no call with audio"),
    TlsConnection: (sip_over_tls, "the trace holds no TLS on SIP's ports"),
    Stream: (lambda model: model.streams, "the trace holds no RTP stream"),
    Model: (lambda model: [model], ""),
}

_BY_NAME = {subject.__name__: subject for subject in _SUBJECTS}


def check(
    id: str,  # noqa: A002 - the field's word
    *,
    title: str,
    severity: Severity,
    category: Category,
    rfc: str,
    confidence: Confidence = Confidence.CERTAIN,
    needs: Needs = Needs.NOTHING,
    absent: str = "",
    only: Callable[[Any], bool] | None = None,
    gates: bool = True,
    each: bool = False,
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a check under its id; a second one of the same id is a programming error.

    Where the trace holds no subject that `only` accepts, the outcome is not checkable with the reason `absent`. `each`
    is for checks of signalling that look at the call's media.
    """

    def register(function: CheckFunction) -> CheckFunction:
        # By its name: evaluating the annotations of hundreds of checks takes longer than all the rest of a start.
        written = next(iter(function.__annotations__.values()))
        subject = _BY_NAME.get(written) if isinstance(written, str) else written
        if id in _CHECKS:
            raise ValueError(f"two checks are called {id}")
        if subject is None or subject not in _SUBJECTS:
            raise TypeError(f"{id}: no subjects of type {written!r}")
        if only is not None:
            _USES[only] += 1
        _CHECKS[id] = Check(
            id, title, severity, category, confidence, rfc, needs, subject, function,
            absent or _SUBJECTS[subject][1], only, gates, each,
        )  # fmt: skip
        return function

    return register


def all_checks() -> dict[str, Check]:
    """Every check by its id, sorted; imports the modules of this package on first use."""
    package = importlib.import_module("sip_ci_server.engine.checks")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_CHECKS.items()))


def missing_need(check: Check, model: Model) -> str:
    """Why the trace as a whole cannot answer a check; empty where it can."""
    seen, trace = model.seen, model.trace
    if Needs.CAPTURE in check.needs and seen.origin.value != "capture":
        return "needs a packet capture"
    if Needs.MEDIA in check.needs and not seen.media_visible:
        return seen.media_reason
    if Needs.TIMES in check.needs and not seen.timed:
        return "the trace has no times"
    if Needs.ORDER in check.needs and not seen.timed and seen.origin.value != "log":
        return "the trace has no times"
    if check.needs & (Needs.TIMES | Needs.ORDER) and seen.cut_heads:
        return "messages were captured in part, so that silence proves nothing"
    if Needs.ADDRESSES in check.needs and not any(message.observation.source for message in trace.messages[:1000]):
        return "the trace does not say who sent a message"
    return ""


def _judged(check: Check, model: Model) -> Iterable[Subject]:
    """What a check is run on; kept for the next check where others are about the same subjects."""
    once = bool(model.twins.calls) and check.judges_once
    subjects: list[Subject] | None = model.judged.get((check.subject, once, None))
    if subjects is None:
        subjects = list(_SUBJECTS[check.subject][0](model))
        if once:
            call_of, folded = _CALL_OF[check.subject], model.twins.folded
            subjects = [item for item in subjects if call_of(item) not in folded]
        model.judged[check.subject, once, None] = subjects
    if check.only is None:
        return subjects
    if _USES[check.only] == 1:
        return filter(check.only, subjects)
    chosen: list[Subject] | None = model.judged.get((check.subject, once, check.only))
    if chosen is None:
        chosen = model.judged[check.subject, once, check.only] = list(filter(check.only, subjects))
    return chosen


def run_check(check: Check, model: Model) -> Iterator[Outcome]:
    """Run one check over all its subjects."""
    reason = missing_need(check, model)
    if reason:
        yield NotCheckable(reason)
        return
    any_subject = False
    for subject in _judged(check, model):
        any_subject = True
        yield from check.run(subject, model)
    if not any_subject and check.absent:
        yield NotCheckable(_why_absent(check, model))


def _why_absent(check: Check, model: Model) -> str:
    """Why a trace holds nothing for a check; a description that was cut is there, though nobody can judge it."""
    about_descriptions = check.subject in (Described, Round) or "session description" in check.absent
    if about_descriptions and model.descriptions.all_cut(model.messages):
        return "the session descriptions of the trace are not whole"
    return check.absent
