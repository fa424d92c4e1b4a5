"""ICE: what session descriptions offer of it (RFC 8839), and whether its checks get through (RFC 8445)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.ice import parse_candidate
from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.sdp import MediaDescription, SdpLine, SessionDescription
from sip_ci_server.engine.addresses import Scope, scope_of
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_sdp, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described, Round
from sip_ci_server.engine.secure_connections import is_lab

_NO_ICE = "the trace holds no session description with ICE"
_UFRAG, _PWD = range(4, 257), range(22, 257)
"""The lengths of the credentials in characters (RFC 8839 §5.4)."""
_DISCARD_PORT = 9
_NULL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
_PATIENCE = 5.0
"""Seconds after the answer within which connectivity checks begin."""
_FAILURE = 30.0
"""Seconds after which connectivity checks without an answer have failed."""
_MINIMUM = 5
"""Checks that must have gone unanswered."""


def uses_ice(description: SessionDescription) -> bool:
    """Whether a description has credentials or candidates of ICE."""
    return any(
        media.port and (media.attribute_line("ice-ufrag", inherit=True) or media.attribute_line("candidate"))
        for media in description.media
    )


def _has_ice(item: Described) -> bool:
    return uses_ice(item.description)


def trickles(description: SessionDescription) -> bool:
    """Whether candidates may come later (RFC 8840)."""
    values = description.attribute_values("ice-options")
    for media in description.media:
        values += media.attribute_values("ice-options")
    return any("trickle" in value.lower().split() for value in values)


def _has_no_destination(media: MediaDescription) -> bool:
    """Whether a medium says that candidates will be found by checks, or come later (RFC 8839 §4.3.1)."""
    return media.port == _DISCARD_PORT and media.connection is not None and media.connection.address in _NULL_ADDRESSES


def _first(description: SessionDescription, *names: str) -> SdpLine | None:
    for media in description.media:
        for name in names:
            line = media.attribute_line(name, inherit=True)
            if line is not None:
                return line
    return None


@check(
    "ice-no-candidates",
    title="ICE is offered without any candidate",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 8839 §4.2.5",
    absent=_NO_ICE,
    only=_has_ice,
)
def ice_no_candidates(item: Described, model: Model) -> Iterator[Outcome]:
    """A description has credentials of ICE and not one candidate, and does not say that they come later.

    Port 9 at the null address says that there are none yet, or none at all (RFC 8839 §4.3.1, §4.3.2), and is no fault.
    """
    del model
    description = item.description
    if any(media.attribute_line("candidate") for media in description.media) or trickles(description):
        return
    if all(_has_no_destination(media) for media in description.media if media.port):
        return
    line = _first(description, "ice-ufrag")
    if line is None:
        return
    yield Found(
        (at_sdp(item.message, line, "credentials, and no a=candidate follows"),),
        f"The {item.message.summary} has credentials of ICE and no candidate, and does not announce trickle ICE.",
        key=("request" if item.message.is_request else "response",),
        calls=(item.message.call_id,),
    )


@check(
    "ice-mdns-only",
    title="All candidates are names under .local",
    severity=Severity.MEDIUM,
    category=Category.NAT,
    rfc="RFC 8839 §5.1",
    absent=_NO_ICE,
    only=_has_ice,
)
def ice_mdns_only(item: Described, model: Model) -> Iterator[Outcome]:
    """Every candidate is a host candidate whose address is hidden behind a name of multicast DNS: nobody outside the
    local network can reach it. Low where no public address takes part.
    """
    del model
    candidates = [candidate for media in item.description.media if media.port for candidate in media.candidates]
    if not candidates or trickles(item.description):
        return
    if any(candidate.type != "host" or not candidate.address.endswith(".local") for candidate in candidates):
        return
    line = _first(item.description, "candidate")
    ends = (item.message.observation.source, item.message.observation.destination)
    if line is None:
        return
    yield Found(
        (at_sdp(item.message, line, "one of the candidates"),),
        f"The {item.message.summary} has {len(candidates)} candidates, all of them names such as"
        f" {candidates[0].address}.",
        key=("request" if item.message.is_request else "response",),
        calls=(item.message.call_id,),
        severity=Severity.LOW if is_lab(*(end.host for end in ends if end is not None)) else None,
    )


@check(
    "ice-credentials-missing",
    title="Candidates are given without {what}",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 8839 §5.4",
    absent=_NO_ICE,
    only=_has_ice,
)
def ice_credentials_missing(item: Described, model: Model) -> Iterator[Outcome]:
    """A medium has candidates, and neither it nor the session has a=ice-ufrag and a=ice-pwd."""
    del model
    description = item.description
    for media in description.media:
        line = media.attribute_line("candidate")
        if line is None or not media.port:
            continue
        missing = [name for name in ("ice-ufrag", "ice-pwd") if not media.attribute_line(name, inherit=True)]
        if not missing:
            continue
        what = " and ".join(f"a={name}" for name in missing)
        yield Found(
            (at_sdp(item.message, line, f"a candidate, and no {what}"),),
            f"The {item.message.summary} gives candidates for {media.media} and no {what}: no check can be made.",
            {"what": what},
            key=tuple(missing),
            calls=(item.message.call_id,),
        )
        return


@check(
    "ice-pwd-short",
    title="{name} has {length} characters",
    severity=Severity.MEDIUM,
    category=Category.NAT,
    rfc="RFC 8839 §5.4",
    absent=_NO_ICE,
    only=_has_ice,
)
def ice_pwd_short(item: Described, model: Model) -> Iterator[Outcome]:
    """a=ice-ufrag has 4 to 256 characters, a=ice-pwd 22 to 256. Silent where a log masks the password."""
    del model
    for media in item.description.media:
        for name, lengths in (("ice-ufrag", _UFRAG), ("ice-pwd", _PWD)):
            line = media.attribute_line(name, inherit=True)
            value = line.value.partition(":")[2].strip() if line is not None else ""
            if line is None or not value or len(value) in lengths or set(value.upper()) <= set("X*[]REDACT"):
                continue
            yield Found(
                (at_sdp(item.message, line, f"{len(value)} characters"),),
                f"The {item.message.summary} has a={name} of {len(value)} characters; {lengths[0]} to {lengths[-1]}"
                " are allowed.",
                {"name": name, "length": str(len(value))},
                key=(name,),
                calls=(item.message.call_id,),
            )
            return


@check(
    "ice-candidate-malformed",
    title="A candidate cannot be read",
    severity=Severity.LOW,
    category=Category.NAT,
    rfc="RFC 8839 §5.1",
    absent=_NO_ICE,
    only=_has_ice,
)
def ice_candidate_malformed(item: Described, model: Model) -> Iterator[Outcome]:
    """An a=candidate line has not the fields of RFC 8839 §5.1: foundation, component, transport, priority, address,
    port, `typ` and type.
    """
    del model
    for media in item.description.media:
        for line in media.attributes:
            name, _, value = line.value.partition(":")
            if name.strip().lower() != "candidate" or parse_candidate(value) is not None:
                continue
            yield Found(
                (at_sdp(item.message, line, "not a candidate as RFC 8839 writes it"),),
                f"The {item.message.summary} has the candidate `{value[:80]}`, which cannot be read.",
                key=("request" if item.message.is_request else "response",),
                calls=(item.message.call_id,),
            )
            return


@check(
    "ice-mismatch",
    title="The address of the media is none of its candidates",
    severity=Severity.MEDIUM,
    category=Category.NAT,
    rfc="RFC 8839 §4.2.5",
    absent=_NO_ICE,
    only=_has_ice,
)
def ice_mismatch(item: Described, model: Model) -> Iterator[Outcome]:
    """An element on the way changed c= or m= and left the candidates: the other side sees that, and gives ICE up.

    It is also found where the answer says so with a=ice-mismatch. Silent where candidates come later, and for names.
    """
    del model
    for media in item.description.media:
        told = media.attribute_line("ice-mismatch", inherit=True)
        changed = _default_is_no_candidate(media) and not trickles(item.description)
        if not media.port or not (told or changed):
            continue
        address = f"{media.connection.address}:{media.port}" if media.connection else str(media.port)
        proofs = [at_sdp(item.message, told or media.line, "a=ice-mismatch" if told else f"media at {address}")]
        line = media.attribute_line("candidate")
        if line is not None:
            proofs.append(at_sdp(item.message, line, "a candidate"))
        yield Found(
            tuple(proofs),
            f"The {item.message.summary} says a=ice-mismatch."
            if told
            else f"The {item.message.summary} asks for {media.media} at {address}, which is none of its candidates.",
            key=("told" if told else "changed",),
            calls=(item.message.call_id,),
        )
        return


def _default_is_no_candidate(media: MediaDescription) -> bool:
    connection = media.connection
    candidates = [one for one in media.candidates if one.component == 1 and one.transport == "UDP"]
    if connection is None or not candidates or connection.is_zero or media.port == _DISCARD_PORT:
        return False
    if scope_of(connection.address) is Scope.NAME or any(scope_of(one.address) is Scope.NAME for one in candidates):
        return False
    return not any((one.address, one.port) == (connection.address, media.port) for one in candidates)


def _ice_rounds(model: Model) -> Iterator[tuple[Leg, Round]]:
    """The answered legs on which both sides use ICE, with the round that agreed on it."""
    for leg in model.legs:
        if leg.answer is None:
            continue
        for item in model.rounds[leg.number]:
            if item.answer is not None and uses_ice(item.offer) and uses_ice(item.answer):
                yield leg, item
                break


def _advertised(description: SessionDescription | None) -> set[Endpoint]:
    found: set[Endpoint] = set()
    for media in description.media if description is not None else ():
        found |= {Endpoint(one.address, one.port) for one in media.candidates}
        if media.connection is not None and media.port:
            found.add(Endpoint(media.connection.address, media.port))
    return found


def _stun_paths(model: Model) -> dict[tuple[Endpoint, Endpoint], int]:
    """How many STUN messages went from where to where."""
    table = model.trace.media
    rows = table.kind == MediaKind.STUN
    pairs = np.stack([table.source[rows], table.destination[rows]])
    paths, counts = np.unique(pairs, axis=1, return_counts=True)
    return {
        (table.endpoints[source], table.endpoints[destination]): count
        for (source, destination), count in zip(paths.T.tolist(), counts.tolist(), strict=True)
    }


@check(
    "ice-no-checks",
    each=True,
    title="Both sides agreed on ICE and no connectivity check was sent",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 8445 §7.2",
    confidence=Confidence.LIKELY,
    needs=Needs.CAPTURE | Needs.TIMES | Needs.MEDIA,
)
def ice_no_checks(model: Model, _: Model) -> Iterator[Outcome]:
    """Offer and answer have ICE, media of the call is in the trace, and no STUN goes to or from any of its addresses.

    Low where audio flows in both directions all the same.
    """
    yield from _judge(model, failed=False)


@check(
    "ice-failed",
    each=True,
    title="No connectivity check of ICE was answered",
    severity=Severity.CRITICAL,
    category=Category.NAT,
    rfc="RFC 8445 §7.2.5.2.3",
    confidence=Confidence.LIKELY,
    needs=Needs.CAPTURE | Needs.TIMES,
)
def ice_failed(model: Model, _: Model) -> Iterator[Outcome]:
    """STUN goes to addresses of the other side's description for 30 s, none comes back from there, and no media flows.

    Silent where the trace holds nothing at all in the other direction.
    """
    yield from _judge(model, failed=True)


def _judge(model: Model, *, failed: bool) -> Iterator[Outcome]:
    legs = list(_ice_rounds(model))
    if not legs:
        yield NotCheckable("the trace holds no answered call with ICE on both sides")
        return
    if model.trace.media.spill is not None or model.seen.lossy:
        yield NotCheckable("the capture is too large, or lost packets, to look for connectivity checks")
        return
    paths = _stun_paths(model)
    for leg, item in legs:
        session = model.session_of(leg)
        ends = _advertised(item.offer), _advertised(item.answer)
        everyone = ends[0] | ends[1]
        mine = {path: count for path, count in paths.items() if path[0] in everyone or path[1] in everyone}
        sent = {path: count for path, count in mine.items() if path[1] in everyone}
        found = _nothing_sent(leg, item, session is not None and bool(session.streams), mine, model)
        if failed:
            flows = session is not None and bool(session.streams)
            found = None if flows else _nothing_answered(leg, item, sent, mine, model)
        if found is not None:
            yield found


def _proofs(item: Round) -> tuple[SdpLine | None, SdpLine | None]:
    return (
        _first(item.offer, "ice-ufrag", "candidate"),
        _first(item.answer, "ice-ufrag", "candidate") if item.answer is not None else None,
    )


def _nothing_sent(
    leg: Leg, item: Round, media: bool, paths: dict[tuple[Endpoint, Endpoint], int], model: Model
) -> Found | None:
    session = model.session_of(leg)
    lines = _proofs(item)
    if not media or paths or session is None or not model.seen.would_show(leg.answered_at, _PATIENCE):
        return None
    if lines[0] is None or lines[1] is None or item.answer_message is None:
        return None
    both = bool(session.to_caller and session.to_callee)
    return Found(
        (at_sdp(item.offer_message, lines[0], "ICE is offered"), at_sdp(item.answer_message, lines[1], "and answered")),
        "Offer and answer have ICE, and no STUN went to or from any of their addresses"
        + (", though audio flows in both directions." if both else "."),
        calls=(leg.call_id,),
        severity=Severity.LOW if both else None,
    )


def _nothing_answered(
    leg: Leg,
    item: Round,
    sent: dict[tuple[Endpoint, Endpoint], int],
    paths: dict[tuple[Endpoint, Endpoint], int],
    model: Model,
) -> Found | None:
    if any((path[1], path[0]) in paths for path in sent) or sum(sent.values()) < _MINIMUM:
        return None
    if not model.seen.would_show(leg.answered_at, _FAILURE) or item.answer_message is None:
        return None
    pairs = model.trace.facts.host_pairs
    if not any((path[1].host, path[0].host) in pairs for path in sent):
        return None
    tried = ", ".join(f"{source} -> {destination}" for source, destination in list(sent)[:3])
    lines = _proofs(item)
    return Found(
        (
            at_sdp(item.offer_message, lines[0], "ICE is offered") if lines[0] else at(item.offer_message, "offered"),
            at_sdp(item.answer_message, lines[1], "and answered") if lines[1] else at(item.answer_message, "answered"),
        ),
        f"{sum(sent.values())} connectivity checks were sent ({tried}), and none of them was answered.",
        calls=(leg.call_id,),
    )
