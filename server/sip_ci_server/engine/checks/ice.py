"""ICE as session descriptions offer it (RFC 8839)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.ice import parse_candidate
from sip_ci.trace.sdp import MediaDescription, SdpLine, SessionDescription
from sip_ci.wording import plural
from sip_ci_server.engine.addresses import Scope, scope_of
from sip_ci_server.engine.checks.registry import Found, Outcome, at_sdp, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described
from sip_ci_server.engine.secure_connections import is_lab

_NO_ICE = "the trace holds no session description with ICE"
_UFRAG, _PWD = range(4, 257), range(22, 257)
"""The lengths of the credentials in characters (RFC 8839 §5.4)."""
_DISCARD_PORT = 9
_NULL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


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


def first_line(description: SessionDescription, *names: str) -> SdpLine | None:
    """The first line of any of these attributes in the media of a description, or in its session."""
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
    line = first_line(description, "ice-ufrag")
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
    line = first_line(item.description, "candidate")
    ends = (item.message.observation.source, item.message.observation.destination)
    if line is None:
        return
    yield Found(
        (at_sdp(item.message, line, "one of the candidates"),),
        f"The {item.message.summary} has {plural(len(candidates), 'candidate')}, with nothing but names such as"
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
                (at_sdp(item.message, line, plural(len(value), "character")),),
                f"The {item.message.summary} has a={name} of {plural(len(value), 'character')}; {lengths[0]} to"
                f" {lengths[-1]} are allowed.",
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
