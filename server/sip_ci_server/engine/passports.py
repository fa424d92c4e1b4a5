"""PASSporTs: the signed tokens of STIR in Identity headers (RFC 8224, RFC 8225).

Read, not verified: the certificate that would verify them is fetched over HTTPS and is in no trace.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass

from sip_ci.trace.headers import split_list
from sip_ci.trace.message import SipMessage
from sip_ci.trace.uri import split_parameters

MAXIMUM_LENGTH = 65_536
"""Characters of an Identity value that are read."""
_PART = re.compile(r"^[A-Za-z0-9_-]*$")


@dataclass(frozen=True, slots=True)
class Passport:
    """One Identity value with its token."""

    offset: int
    """Offset of the header line in the message."""
    readable: bool
    """Whether header and payload could be read; a compact token has none, and a masked one cannot be read."""
    compact: bool
    """Whether the token is in compact form: only the signature is sent (RFC 8224 §4.1)."""
    faults: tuple[str, ...]
    """What breaks its form."""
    algorithm: str = ""
    type: str = ""
    """The `ppt` of the token: `shaken`, `div` …; empty for a plain one."""
    url: str = ""
    """The `x5u`: where the certificate is."""
    information: str = ""
    """The `info` parameter of the header, without brackets."""
    issued: int | None = None
    """The `iat` in UNIX seconds."""
    attestation: str | None = None
    origin_id: str | None = None
    kind: str = ""
    """The `typ` of the token, which is `passport`."""
    algorithm_parameter: str = ""
    """The `alg` parameter of the header; empty stands for ES256."""
    type_parameter: str = ""
    """The `ppt` parameter of the header."""
    numbers: tuple[str, ...] = ()
    """The `tn` of `orig` and `dest`, as written."""
    originator: str = ""
    """The `tn` of `orig`, or its URI."""
    destinations: tuple[str, ...] = ()
    """The `tn` and URIs of `dest`."""


def passports_of(message: SipMessage) -> list[Passport]:
    """The PASSporTs of a request, in order."""
    return [
        _parse(value, line.start)
        for line in message.lines_of("identity")
        for value in split_list(message.value_of(line)[:MAXIMUM_LENGTH])
    ]


def _parse(value: str, offset: int) -> Passport:
    token, _, rest = value.strip().partition(";")
    token = token.strip().strip('"')
    parameters = dict(split_parameters(rest))
    parts = token.split(".")
    if token.startswith("..") or not (token.startswith("ey") or len(parts) == 3):
        # A compact form, or what masking left of a token.
        return Passport(offset, readable=False, compact=token.startswith(".."), faults=())
    faults: list[str] = []
    if len(parts) != 3:
        faults.append(f"the token has {len(parts)} parts instead of three")
    if any(not _PART.match(part) for part in parts):
        faults.append("the token holds characters that base64url does not have")
    information = (parameters.get("info") or "").strip().strip("<>")
    if not information:
        faults.append("the info parameter is missing")
    header, payload = _object(parts[0]), _object(parts[1]) if len(parts) > 1 else None
    if header is None or payload is None:
        if not token.startswith("ey"):
            return Passport(offset, readable=False, compact=False, faults=())
        faults.append("header or payload of the token is no JSON object")
        return Passport(offset, readable=False, compact=False, faults=tuple(faults), information=information)
    if not isinstance(payload.get("iat"), int) or isinstance(payload.get("iat"), bool):
        faults.append("iat is missing or no number")
    faults += [f"{name} is missing" for name in ("orig", "dest") if not isinstance(payload.get(name), dict)]
    issued = payload.get("iat")
    return Passport(
        offset,
        readable=True,
        compact=False,
        faults=tuple(faults),
        algorithm=_text(header.get("alg")),
        type=_text(header.get("ppt")),
        url=_text(header.get("x5u")),
        information=information,
        issued=issued if isinstance(issued, int) else None,
        attestation=_text(payload["attest"]) if "attest" in payload else None,
        origin_id=_text(payload["origid"]) if "origid" in payload else None,
        kind=_text(header.get("typ")),
        algorithm_parameter=(parameters.get("alg") or "").strip().strip('"'),
        type_parameter=(parameters.get("ppt") or "").strip().strip('"'),
        numbers=tuple(one for name in ("orig", "dest") for one in _identities(payload.get(name), ("tn",))),
        originator=next(iter(_identities(payload.get("orig"))), ""),
        destinations=tuple(_identities(payload.get("dest"))),
    )


def _object(part: str) -> dict[str, object] | None:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        value = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _identities(value: object, names: tuple[str, ...] = ("tn", "uri")) -> list[str]:
    """The telephone numbers and URIs of `orig` or `dest`, of which each may be one or a list."""
    found: list[str] = []
    if isinstance(value, dict):
        for name in names:
            entry = value.get(name)
            entries = entry if isinstance(entry, list) else [entry]
            found += [item for item in entries[:100] if isinstance(item, str)]
    return found


def digits_of(number: str) -> str:
    """The digits of a telephone number, without the separators that people write and without leading zeros."""
    head = number.partition(";")[0].partition("@")[0]
    return re.sub(r"\D", "", head.rpartition(":")[2]).lstrip("0")


def is_same_number(left: str, right: str) -> bool:
    """Whether two numbers can be the same line: one may be written without its country code (RFC 8224 §8.3)."""
    one, other = digits_of(left), digits_of(right)
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) >= 6 and longer.endswith(shorter))
