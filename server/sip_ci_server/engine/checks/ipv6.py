"""IPv6 addresses in SIP and SDP: how they are written, and families that do not fit (RFC 5118, RFC 6157)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.sdp import MediaDescription
from sip_ci_server.engine.addresses import Scope, parse_address, scope_of
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, Proof, at, at_sdp, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described, Round
from sip_ci_server.engine.transactions import Transaction

_HEADERS = ("via", "contact", "route", "record-route", "from", "to")
_BARE = re.compile(
    r"(?i)(?:sips?:(?:[^\s@<>;?,]{0,256}@)?|SIP\s*/\s*2\.0\s*/\s*[A-Z]+\s+)([0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*)"
)
"""A host of two colons or more behind a scheme or a Via's transport, without its brackets."""
_HAS_BARE = re.compile(
    rb"(?i)(?:sips?:(?:[^\s@<>;?,]{0,128}@)?|SIP/2\.0/[A-Z]{2,4} +)[0-9a-f]{0,4}:[0-9a-f]{0,4}:[0-9a-f:]"
)
_ZONE = re.compile(r"(?i)\b(fe80:[0-9a-f:]{1,45})%[0-9a-z._-]{1,32}")
_REFUSALS = (400, 415, 488, 500, 606)


def _lines(message: SipMessage) -> Iterator[tuple[int | None, str]]:
    """The start line and the headers with addresses, with their places."""
    yield None, message.start_line
    for name in _HEADERS:
        for header in message.lines_of(name):
            yield header.start, message.value_of(header)


@check(
    "ipv6-uri-no-brackets",
    title="An IPv6 address in {place} has no brackets",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §25.1",
    absent="the trace holds no SIP request with an IPv6 address",
    only=lambda item: bool(_HAS_BARE.search(item.request.raw[: item.request.body_start])),
)
def ipv6_uri_no_brackets(item: Transaction, model: Model) -> Iterator[Outcome]:
    """An IPv6 address in a URI or a Via stands in brackets (RFC 3261 §25.1, IPv6reference), as its colons look like a
    port otherwise.
    """
    del model
    for message in (item.request, *item.responses[:1]):
        for offset, text in _lines(message):
            match = _BARE.search(text)
            if match is None or not _is_ipv6(match[1]):
                continue
            place = "the request line" if offset is None else text_of_header(message, offset)
            yield Found(
                (Proof(f"{match[1]} without brackets", message, offset),),
                f"The {message.summary} has the IPv6 address {match[1]} without brackets in {place}.",
                {"place": place},
                key=(place,),
                calls=(message.call_id,),
            )
            return


def text_of_header(message: SipMessage, offset: int) -> str:
    """The name of a header as it is written."""
    return message.line_text(offset).partition(":")[0].strip()


def _is_ipv6(text: str) -> bool:
    """Whether a text is an IPv6 address, perhaps with a port behind it."""
    whole = parse_address(text)
    if whole is None:
        head, _, port = text.rpartition(":")
        whole = parse_address(head) if port.isdigit() else None
    return whole is not None and whole.version == 6


def _literal(media: MediaDescription) -> int | None:
    """The IP version of a medium's address; None for a name and for none."""
    address = parse_address(media.connection.address) if media.connection is not None else None
    return address.version if address is not None and not address.is_unspecified else None


def _has_alternatives(media: MediaDescription) -> bool:
    return any(
        media.attribute_line(name, inherit=True) for name in ("candidate", "ice-ufrag", "altc", "ant")
    ) or media.port == 9  # fmt: skip


@check(
    "ipv6-family-mixed",
    each=True,
    title="The media has addresses of two families: {what}",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 6157 §4",
    needs=Needs.ADDRESSES,
)
def ipv6_family_mixed(item: Round, model: Model) -> Iterator[Outcome]:
    """One side asks for media at an IPv6 address, the other at an IPv4 address, and neither gives alternatives (ICE or
    ALTC): they cannot reach each other. It is also found where an offer with IPv6 alone was refused by a server that is
    reached over IPv4. Low where media flows in both directions all the same.
    """
    session = model.session_of(item.leg)
    flows = session is not None and bool(session.to_caller and session.to_callee)
    for pair in item.pairs:
        versions = _literal(pair.offered), _literal(pair.answered)
        if not pair.active or None in versions or versions[0] == versions[1]:
            continue
        if _has_alternatives(pair.offered) or _has_alternatives(pair.answered):
            continue
        what = f"IPv{versions[0]} was answered with IPv{versions[1]}"
        yield Found(
            (
                at_sdp(pair.offer_message, pair.offered.connection.line, f"IPv{versions[0]}")
                if pair.offered.connection
                else at(pair.offer_message, "offered"),
                at_sdp(pair.answer_message, pair.answered.connection.line, f"IPv{versions[1]}")
                if pair.answered.connection
                else at(pair.answer_message, "answered"),
            ),
            f"The offer asks for {pair.offered.media} at an IPv{versions[0]} address, the"
            f" {pair.answer_message.summary} at an IPv{versions[1]} address.",
            {"what": what},
            key=(what,),
            calls=(item.leg.call_id,),
            severity=Severity.LOW if flows else None,
        )
        return
    rejected, destination = item.rejected, item.offer_message.observation.destination
    if rejected is None or rejected.status not in _REFUSALS or destination is None or not item.offer.media:
        return
    peer = parse_address(destination.host)
    only_six = all(_literal(media) == 6 and not _has_alternatives(media) for media in item.offer.media)
    line = item.offer.media[0].connection
    if peer is None or peer.version != 4 or not only_six or line is None:
        return
    yield Found(
        (at_sdp(item.offer_message, line.line, "IPv6, sent over IPv4"), at(rejected, "the refusal")),
        f"The offer asks for media at an IPv6 address only, went to {destination} over IPv4, and was refused with"
        f" {rejected.status}.",
        {"what": f"an IPv6 offer over IPv4 was refused with {rejected.status}"},
        key=("refused", str(rejected.status)),
        calls=(item.leg.call_id,),
    )


@check(
    "ipv6-sdp-type",
    title="{line} names {type} and gives an address of the other family",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 8866 §5.7",
)
def ipv6_sdp_type(item: Described, model: Model) -> Iterator[Outcome]:
    """A c= line (or, low, the o= line) says IP4 and has an IPv6 address, or the reverse."""
    del model
    for line in item.description.lines:
        if line.type not in ("c", "o"):
            continue
        fields = line.value.split()[-2:]
        if len(fields) < 2 or fields[0].upper() not in ("IP4", "IP6"):
            continue
        written = fields[1].partition("/")[0].strip("[]")
        # An IPv4-mapped address is written in IPv6's form (RFC 5118 §4.9).
        version = 6 if ":" in written else 4
        if parse_address(written) is None or f"IP{version}" == fields[0].upper():
            continue
        yield Found(
            (at_sdp(item.message, line, f"{fields[0]} with an IPv{version} address"),),
            f"The {item.message.summary} has `{line.type}={line.value}`: the type is {fields[0]}, the address is"
            f" IPv{version}.",
            {"line": f"{line.type}=", "type": fields[0]},
            key=(line.type, fields[0]),
            calls=(item.message.call_id,),
            severity=None if line.type == "c" else Severity.LOW,
        )
        return


@check(
    "ipv6-linklocal",
    title="A link-local IPv6 address is given in {place}",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 4291 §2.5.6",
    needs=Needs.ADDRESSES,
    absent="the trace holds no link-local IPv6 address",
    only=lambda item: b"fe80:" in item.request.raw.lower(),
)
def ipv6_linklocal(item: Transaction, model: Model) -> Iterator[Outcome]:
    """Record-Route, or Contact outside INVITE, gives an address of fe80::/10 to a host with another kind of address:
    no router forwards it. Low where both ends of the hop have link-local addresses.
    """
    del model
    message = item.request
    ends = [end.host for end in (item.source, item.destination) if end is not None]
    # Contact and SDP of an INVITE are the matter of `nat-sdp-linklocal`.
    contacts = [] if message.method in ("INVITE", "UPDATE") else message.contacts
    for name, addresses in (("contact", contacts), ("record-route", message.record_routes)):
        for address in addresses:
            parsed = parse_address(address.uri.host.partition("%")[0])
            if parsed is None or parsed.version != 6 or not parsed.is_link_local:
                continue
            lines = message.lines_of(name)
            near = all(scope_of(end.partition("%")[0]) in (Scope.LINK_LOCAL, Scope.LOOPBACK) for end in ends)
            yield Found(
                (Proof("link-local", message, lines[0].start if lines else None),),
                f"The {message.summary} from {item.source} to {item.destination} gives {address.uri.host} in"
                f" {name.title()}, which no router forwards.",
                {"place": name.title()},
                key=(name,),
                calls=(message.call_id,),
                severity=Severity.LOW if near else None,
            )
            return


@check(
    "ipv6-scope-zone",
    title="An IPv6 address is sent with the zone {zone}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 4007 §11.2",
    absent="the trace holds no IPv6 address with a zone",
    only=lambda item: b"%" in item.request.raw and b"fe80:" in item.request.raw.lower(),
)
def ipv6_scope_zone(item: Transaction, model: Model) -> Iterator[Outcome]:
    """A zone such as `%eth0` means something on the sender's own machine only and is no part of SIP's grammar."""
    del model
    message = item.request
    places = list(_lines(message))
    start = message.body_start
    for line in message.body.splitlines(keepends=True):
        places.append((start, line.decode("utf-8", "replace")))
        start += len(line)
    for offset, text in places:
        match = _ZONE.search(text)
        if match is None:
            continue
        zone = match[0].partition("%")[2]
        yield Found(
            (Proof("an address with a zone", message, offset),),
            f"The {message.summary} gives the address {match[0]}: `{zone}` is a name on the sender's machine.",
            {"zone": f"%{zone}"},
            key=("body" if offset is not None and offset >= message.body_start else "header",),
            calls=(message.call_id,),
        )
        return
