"""STIR/SHAKEN: what the PASSporT of a call says, beside what the call says (RFC 8224, RFC 8225, RFC 8588).

Signatures and certificates are not judged: the certificate is fetched over HTTPS and is in no trace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.headers import parse_name_addr
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Clock
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, at, check
from sip_ci_server.engine.exposure import is_from_test_tool, lowest_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.passports import Passport, digits_of, is_same_number, passports_of
from sip_ci_server.engine.transactions import Transaction

FRESH = 60
"""Seconds within which a PASSporT is taken (RFC 8224 §6.2)."""
A_DAY = 86_400
TYPES = ("", "shaken", "div", "div-o", "rcd", "rph", "msgi")
"""The PASSporT extensions that IANA registers."""
_UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", re.IGNORECASE)
_ABSENT = "the trace holds no INVITE with an Identity header"


def is_signed(transaction: Transaction) -> bool:
    """Whether a transaction is an INVITE outside a dialog with an Identity header."""
    return transaction.method == "INVITE" and transaction.is_initial and bool(transaction.request.lines_of("identity"))


def first_seen(transaction: Transaction, model: Model, *, readable: bool = True) -> list[Passport]:
    """The tokens, or those of them that can be read, at the first hop of the trace that has them."""
    if model.is_forwarded(transaction) and not _was_added(transaction, model):
        return []
    return [entry for entry in passports_of(transaction.request) if entry.readable or not readable]


def _was_added(transaction: Transaction, model: Model) -> bool:
    before = hop_before(transaction, model)
    return before is not None and not before.request.lines_of("identity")


def hop_before(transaction: Transaction, model: Model) -> Transaction | None:
    """The same INVITE on the hop that leads to the element that sent this one."""
    if len(transaction.request.via) < 2:
        return None
    return next(
        (
            other
            for other in model.lookups.before(transaction, transaction.method)
            if other.request.cseq.number == transaction.request.cseq.number
            and other.destination_node == transaction.source_node
        ),
        None,
    )


def _proof(request: SipMessage, passport: Passport, why: str) -> Proof:
    return Proof(why, request, passport.offset)


def _found(
    transaction: Transaction, passport: Passport, why: str, detail: str, values: dict[str, str] | None = None,
    severity: Severity | None = None, key: tuple[str, ...] = (),
) -> Found:  # fmt: skip
    tool = Severity.LOW if is_from_test_tool(transaction.request) else None
    return Found(
        (_proof(transaction.request, passport, why),), detail, values or {}, key=key, calls=(transaction.call_id,),
        severity=lowest_of(severity, tool),
    )  # fmt: skip


@check(
    "stir-identity-missing",
    title="{count} calls go out unsigned among signed ones",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 8224 §6.1",
    confidence=Confidence.LIKELY,
)
def stir_identity_missing(model: Model, _: Model) -> Iterator[Outcome]:
    """An INVITE from a telephone number has no Identity, and most others on the same path have one (RFC 8224 §6.1)."""
    paths: dict[tuple[str, str], tuple[list[Transaction], list[Transaction]]] = {}
    for leg in model.legs:
        invite = leg.invite
        signed, unsigned = paths.setdefault((invite.source_node, invite.destination_node), ([], []))
        (signed if invite.request.lines_of("identity") else unsigned).append(invite)
    if not any(signed for signed, _ in paths.values()):
        yield NotCheckable(_ABSENT)
    for signed, unsigned in paths.values():
        bare = [item for item in unsigned if len(digits_of(item.request.from_.uri.user)) > 6]
        if not bare or len(signed) <= len(unsigned):
            continue
        yield Found(
            (at(bare[0].request, "has no Identity"), at(signed[0].request, "has one, on the same path")),
            f"{len(bare)} of {len(signed) + len(unsigned)} INVITEs from {bare[0].source} to {bare[0].destination} have"
            f" no"
            " Identity header; the others have one.",
            {"count": str(len(bare))},
            calls=tuple(dict.fromkeys(item.call_id for item in bare)),
        )


@check(
    "stir-identity-malformed",
    title="The Identity header cannot be read: {fault}",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 8224 §4",
    absent=_ABSENT,
    only=is_signed,
)
def stir_identity_malformed(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A PASSporT has no three parts, no JSON, no iat, orig or dest, or the header no info (RFC 8224 §4, RFC
    8225 §3).
    """
    if model.is_forwarded(transaction) and not _was_added(transaction, model):
        return
    for passport in passports_of(transaction.request):
        if passport.faults:
            fault = passport.faults[0]
            yield _found(
                transaction, passport, fault, f"The Identity header is malformed: {'; '.join(passport.faults)}.",
                {"fault": fault}, key=(fault,),
            )  # fmt: skip
            return
        if not passport.readable and not passport.compact:
            yield NotCheckable("the Identity header is masked")


def _ages(transaction: Transaction, model: Model) -> Iterator[tuple[Passport, float]]:
    """The tokens with their age in seconds by the capture's clock, where it tells the date."""
    time = transaction.time
    if time is None or model.trace.clock is not Clock.ABSOLUTE:
        return
    for passport in first_seen(transaction, model):
        if passport.issued is not None:
            yield passport, time - passport.issued


@check(
    "stir-iat-stale",
    title="The PASSporT is older than {seconds} s",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 8224 §6.2",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES | Needs.CAPTURE,
    absent=_ABSENT,
    only=is_signed,
)
def stir_iat_stale(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The iat of a PASSporT is more than 60 s before its packet (RFC 8224 §6.2): high where the call was refused, else
    medium. Low where more than a day lies between: a canned token, or a capture with another clock.
    """
    for passport, age in _ages(transaction, model):
        if age <= FRESH:
            continue
        refused = transaction.final is not None and transaction.final.status in (403, 436, 437, 438)
        yield _found(
            transaction, passport, f"iat is {age:.0f} s before the packet",
            f"The PASSporT was issued {age:.0f} s before the INVITE was captured; verifiers take {FRESH} s.",
            {"seconds": str(FRESH)}, Severity.LOW if age > A_DAY else None if refused else Severity.MEDIUM,
        )  # fmt: skip
        return


@check(
    "stir-clock-skew",
    title="The PASSporT was issued in the future",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 8224 §6.2",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES | Needs.CAPTURE,
    absent=_ABSENT,
    only=is_signed,
)
def stir_clock_skew(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The iat of a PASSporT is later than its packet: low up to 60 s and beyond a day, else medium."""
    for passport, age in _ages(transaction, model):
        if age >= -2:
            continue
        yield _found(
            transaction, passport, f"iat is {-age:.0f} s after the packet",
            f"The PASSporT was issued {-age:.0f} s after the INVITE was captured: the clocks of the signer and of the"
            f" capture"
            " differ.",
            {}, None if FRESH < -age < A_DAY else Severity.LOW,
        )  # fmt: skip
        return


def _caller_numbers(request: SipMessage) -> list[str]:
    asserted = [parse_name_addr(value).uri for value in request.values("p-asserted-identity")]
    uris = [*asserted, request.from_.uri]
    return [uri.user for uri in uris if len(digits_of(uri.user)) > 2]


@check(
    "stir-orig-mismatch",
    title="The PASSporT is for another caller than the call",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 8224 §4.1",
    absent=_ABSENT,
    only=is_signed,
)
def stir_orig_mismatch(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The number in orig is neither that of P-Asserted-Identity nor that of From (RFC 8224 §4.1, §6.2.4, §8.3).

    Separators do not count, nor a country code that only one of them has.
    """
    numbers = _caller_numbers(transaction.request)
    for passport in first_seen(transaction, model):
        if len(digits_of(passport.originator)) < 3 or not numbers or passport.type in ("div", "div-o"):
            continue
        if any(is_same_number(passport.originator, number) for number in numbers):
            continue
        yield _found(
            transaction, passport, f"orig is {passport.originator}",
            f"The PASSporT is signed for {passport.originator}, and the call comes from {' or '.join(numbers)}.",
        )  # fmt: skip
        return


@check(
    "stir-dest-mismatch",
    title="The PASSporT is for another destination than the call",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 8224 §4.1",
    absent=_ABSENT,
    only=is_signed,
)
def stir_dest_mismatch(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """No number in dest is that of To or the Request-URI (RFC 8224 §4.1); a div PASSporT explains it (RFC 8946)."""
    request = transaction.request
    passports = first_seen(transaction, model)
    if any(entry.type in ("div", "div-o") for entry in passports):
        return
    numbers = [user for user in (request.to.uri.user, request.request_uri.user) if len(digits_of(user)) > 2]
    for passport in passports:
        wanted = [entry for entry in passport.destinations if len(digits_of(entry)) > 2]
        if not wanted or not numbers or any(is_same_number(one, other) for one in wanted for other in numbers):
            continue
        yield _found(
            transaction, passport, f"dest is {', '.join(wanted[:3])}",
            f"The PASSporT is signed for a call to {', '.join(wanted[:3])}, and the call goes to"
            f" {' or '.join(numbers)}.",
        )  # fmt: skip
        return


@check(
    "stir-alg",
    title="The PASSporT has {fault}",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 8225 §4.2, §8.1",
    absent=_ABSENT,
    only=is_signed,
)
def stir_alg(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The algorithm is not ES256 (RFC 8225 §4.2); low where only the extension type is unknown (§8.1)."""
    for passport in first_seen(transaction, model):
        algorithm = passport.algorithm
        if algorithm == "ES256" and passport.type in TYPES:
            continue
        fault = f"the algorithm {algorithm or 'none'}" if algorithm != "ES256" else f"the unknown type {passport.type}"
        yield _found(
            transaction, passport, fault, f"The PASSporT has {fault}; verifiers know ES256 and the registered types.",
            {"fault": fault}, None if algorithm != "ES256" else Severity.LOW, (fault,),
        )  # fmt: skip
        return


@check(
    "stir-x5u",
    title="The certificate of the PASSporT cannot be fetched: {fault}",
    severity=Severity.HIGH,
    category=Category.AUTHENTICATION,
    rfc="RFC 8225 §4.3",
    absent=_ABSENT,
    only=is_signed,
)
def stir_x5u(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The x5u is missing, is no https URL (medium), or is not that of the info parameter (RFC 8225 §4.3,
    RFC 8224 §4.1).
    """
    for passport in first_seen(transaction, model):
        severity = None
        if not passport.url:
            fault = "x5u is missing"
        elif not passport.url.lower().startswith("https://"):
            fault, severity = "x5u is no https URL", Severity.MEDIUM
        elif passport.information and passport.information != passport.url:
            fault = "x5u and info differ"
        else:
            continue
        yield _found(
            transaction, passport, fault,
            f"The PASSporT names its certificate as {passport.url or 'nothing'}, the info parameter of the header as"
            f" {passport.information or 'nothing'}: {fault}.",
            {"fault": fault}, severity, (fault,),
        )  # fmt: skip
        return


@check(
    "stir-attest",
    title="The SHAKEN attestation is {value}",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 8588 §4",
    absent=_ABSENT,
    only=is_signed,
)
def stir_attest(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A SHAKEN PASSporT has no attestation A, B or C (RFC 8588 §4)."""
    for passport in first_seen(transaction, model):
        if passport.type != "shaken" or passport.attestation in ("A", "B", "C"):
            continue
        value = repr(passport.attestation) if passport.attestation is not None else "missing"
        yield _found(
            transaction, passport, f"attest is {value}", f"The attest of the PASSporT is {value}.", {"value": value},
        )  # fmt: skip
        return


@check(
    "stir-origid",
    title="The SHAKEN origid is no UUID",
    severity=Severity.LOW,
    category=Category.AUTHENTICATION,
    rfc="RFC 8588 §5",
    absent=_ABSENT,
    only=is_signed,
)
def stir_origid(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A SHAKEN PASSporT has no origid, or one that is no UUID (RFC 8588 §5)."""
    for passport in first_seen(transaction, model):
        if passport.type != "shaken" or _UUID.match(passport.origin_id or ""):
            continue
        yield _found(
            transaction, passport, "origid is no UUID",
            f"The origid of the SHAKEN PASSporT is {passport.origin_id!r}, and no UUID." if passport.origin_id
            else "The SHAKEN PASSporT has no origid.",
        )  # fmt: skip
        return
