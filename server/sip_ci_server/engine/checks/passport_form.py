"""PASSporTs: what the header says of its token, how numbers are written, and whether Date agrees (RFC 8224)."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.caller_identity import FRESH, first_seen, is_signed
from sip_ci_server.engine.checks.registry import Found, Outcome, Proof, at_header, check
from sip_ci_server.engine.exposure import is_from_test_tool, lowest_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.passports import Passport
from sip_ci_server.engine.transactions import Transaction

_ABSENT = "the trace holds no INVITE with an Identity header"
_REFUSALS = (403, 436, 437, 438)


def _lowered(transaction: Transaction, severity: Severity | None = None) -> Severity | None:
    return lowest_of(severity, Severity.LOW if is_from_test_tool(transaction.request) else None)


@check(
    "stir-parameters",
    title="The Identity header and its token disagree: {fault}",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 8224 §4.1, §6.1",
    absent=_ABSENT,
    only=is_signed,
)
def stir_parameters(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The token's typ is not passport, or alg or ppt of the header are not those of the token (RFC 8224 §4.1)."""
    for passport in first_seen(transaction, model):
        fault = _disagreement(passport)
        if not fault:
            continue
        yield Found(
            (Proof(fault, transaction.request, passport.offset),),
            f"The token has typ `{passport.kind or 'none'}`, alg `{passport.algorithm or 'none'}` and ppt"
            f" `{passport.type or 'none'}`; the header has alg `{passport.algorithm_parameter or 'none'}` and ppt"
            f" `{passport.type_parameter or 'none'}`: {fault}.",
            {"fault": fault},
            key=(fault,),
            calls=(transaction.call_id,),
            severity=_lowered(transaction),
        )
        return


def _disagreement(passport: Passport) -> str:
    if passport.faults:
        return ""
    if passport.kind != "passport":
        return "typ is not passport"
    if passport.algorithm_parameter and passport.algorithm_parameter != passport.algorithm:
        return "alg differs"
    if passport.type and not passport.type_parameter:
        return "the header has no ppt"
    if passport.type_parameter != passport.type:
        return "ppt differs" if passport.type else "the token has no ppt"
    return ""


@check(
    "stir-number-form",
    title="A number in the PASSporT is written as {form}",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 8224 §8.3",
    absent=_ABSENT,
    only=is_signed,
)
def stir_number_form(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A tn of orig or dest holds more than digits, `#` and `*` (RFC 8224 §8.3): verifiers compare another number."""
    for passport in first_seen(transaction, model):
        number = next((one for one in passport.numbers if one.strip("0123456789#*")), None)
        if number is None:
            continue
        form = "a number with +" if number.startswith("+") else "other characters than digits"
        yield Found(
            (Proof(f"tn is {number[:40]}", transaction.request, passport.offset),),
            f"The PASSporT holds the number `{number[:40].replace('`', chr(39))}`; a signed number is digits alone.",
            {"form": form},
            key=(form,),
            calls=(transaction.call_id,),
            severity=_lowered(transaction),
        )
        return


@check(
    "stir-date",
    title="Date does not go with the PASSporT: {fault}",
    severity=Severity.MEDIUM,
    category=Category.AUTHENTICATION,
    rfc="RFC 8224 §4.1, §6.1",
    absent=_ABSENT,
    only=is_signed,
)
def stir_date(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A compact token comes without Date, from which its iat is made, or Date and iat are more than 60 s apart.

    The second (RFC 8224 §4.1, §6.1) is low unless the call was refused: a verifier may take iat instead (§6.2).
    """
    request, final = transaction.request, transaction.final
    seconds = _date_of(request)
    refused = final is not None and (final.status or 0) in _REFUSALS
    for passport in first_seen(transaction, model, readable=False):
        if passport.compact and not request.lines_of("date"):
            fault, detail, severity = (
                "the token is compact, and there is no Date",
                "The Identity header has a compact token and the INVITE no Date: the verifier cannot know its iat.",
                None,
            )
        elif passport.issued is not None and seconds is not None and abs(passport.issued - seconds) > FRESH:
            fault, detail, severity = (
                "Date and iat differ",
                f"The Date of the INVITE and the iat of its PASSporT are {abs(passport.issued - seconds):.0f} s apart;"
                f" {FRESH} s are usual at most.",
                None if refused else Severity.LOW,
            )
        else:
            continue
        yield Found(
            (Proof("the token", request, passport.offset), at_header(request, "date", "what Date says")),
            detail,
            {"fault": fault},
            key=(fault,),
            calls=(transaction.call_id,),
            severity=_lowered(transaction, severity),
        )
        return


def _date_of(request: SipMessage) -> float | None:
    try:
        return parsedate_to_datetime((request.header("date") or "")[:64]).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
