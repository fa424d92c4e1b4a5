"""What an INVITE carries that another leg of the same session carries too: identifiers, users, and media.

A B2BUA or session border controller ends one dialog and begins another, so that Call-ID, tags and branches say nothing
across it. Some pass an identifier on: the Session-ID (RFC 7989), the IMS charging identity (RFC 7315), or a header of
the vendor's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sip_ci.trace.message import SipMessage
from sip_ci.trace.sdp import SessionDescription
from sip_ci.trace.uri import split_parameters

NAMING_HEADERS = (
    "x-cid", "x-call-id", "x-callid", "x-original-call-id", "x-orig-call-id", "x-a-leg-call-id", "x-aleg-call-id",
    "x-correlation-id", "x-correlation-call-id", "x-parent-call-id", "x-leg-call-id",
)  # fmt: skip
"""Headers in which programs give the Call-ID of the other leg."""
SHARED_HEADERS = ("cisco-guid", "x-session-id", "x-broadworks-correlation-info", "ms-correlation-id", "x-uuid")
"""Headers of vendors that have one value on all legs of a session."""
NULL_UUID = "0" * 32
"""What a Session-ID holds for a side that is not known yet (RFC 7989)."""
SHORTEST_IDENTIFIER = 6
"""Characters below which an identifier could be anything."""
_UUID = re.compile(r"[0-9a-f]{32}")
_DECORATED = re.compile(r"\+?([0-9]{7,20})[_.~/-]")
"""A number with something behind it, as gateways to browsers write."""
_DIGITS = re.compile(r"\D")
COMPARED_DIGITS = 7
"""Trailing digits by which two numbers are compared: prefixes and country codes come and go between legs."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What can tie an INVITE to another leg."""

    identifiers: tuple[str, ...]
    """`header=value`: equal on legs of one session."""
    named_calls: tuple[tuple[str, str], ...]
    """A header's name, and the Call-ID that it gives as that of another leg."""
    origin: str
    """User name, session identifier and address of the o= line; empty without SDP."""
    media: frozenset[str]
    """Where the offer wants its media, as `host:port`."""
    codecs: tuple[str, ...]
    caller: str
    """The From user, comparable."""
    callee: str
    """The Request-URI's user, comparable."""


def marks_of(invite: SipMessage, description: SessionDescription | None) -> Marks:
    """The marks of an INVITE."""
    media: set[str] = set()
    codecs: list[str] = []
    origin = ""
    if description is not None:
        fields = description.origin.split()
        origin = " ".join((fields[0], fields[1], fields[-1])) if len(fields) >= 5 else ""
        for medium in description.media:
            if medium.port and medium.connection is not None and not medium.connection.is_zero:
                media.add(f"{medium.connection.address}:{medium.port}")
            codecs += [encoding.name.lower() for encoding in medium.encodings.values()]
    return Marks(
        tuple(_identifiers(invite)), tuple(_named_calls(invite)), origin, frozenset(media),
        tuple(dict.fromkeys(codecs)), comparable(invite.from_.uri.user), comparable(invite.request_uri.user),
    )  # fmt: skip


def comparable(user: str) -> str:
    """A user part by which legs can be compared: the last digits of a number, or the name in lower case."""
    user = user.partition(";")[0]
    decorated = _DECORATED.match(user)
    if decorated is not None:
        return decorated[1][-COMPARED_DIGITS:]
    digits = _DIGITS.sub("", user)
    letters = sum(character.isalpha() for character in user)
    return digits[-COMPARED_DIGITS:] if len(digits) >= 3 and not letters else user.lower()


def _identifiers(invite: SipMessage) -> list[str]:
    found: list[str] = []
    for value in invite.values("session-id"):
        local, _, parameters = value.lower().partition(";")
        remote = dict(split_parameters(parameters)).get("remote") or ""
        uuids = {match[0] for text in (local, remote) for match in _UUID.finditer(text.replace("-", ""))}
        found += [f"Session-ID={uuid}" for uuid in sorted(uuids) if uuid != NULL_UUID]
    for value in invite.values("p-charging-vector"):
        icid = (dict(split_parameters(value)).get("icid-value") or "").strip('"')
        if len(icid) >= SHORTEST_IDENTIFIER:
            found.append(f"icid-value={icid}")
    for name in SHARED_HEADERS:
        found += [f"{name}={value}" for value in invite.values(name) if len(value) >= SHORTEST_IDENTIFIER]
    return found


def _named_calls(invite: SipMessage) -> list[tuple[str, str]]:
    named = []
    for name in NAMING_HEADERS:
        for value in invite.values(name):
            call = value.strip().strip('"<>')
            if len(call) >= SHORTEST_IDENTIFIER and call != invite.call_id:
                named.append((name, call))
    return named
