"""Keys of SRTP in session descriptions (RFC 4568): in the clear, not fitting, malformed, used twice, or given up."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Transport
from sip_ci.trace.sdp import MediaDescription, SdpLine
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_sdp, check
from sip_ci_server.engine.checks.sdp_answers import NO_ANSWER, has_answer
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described, Pair, Round
from sip_ci_server.engine.secure_connections import is_lab

_CLEAR = (Transport.UDP, Transport.TCP, Transport.WS, Transport.SCTP)
_KEY_BYTES = {
    "AES_CM_128_HMAC_SHA1_80": 30, "AES_CM_128_HMAC_SHA1_32": 30, "F8_128_HMAC_SHA1_80": 30,
    "AES_192_CM_HMAC_SHA1_80": 38, "AES_192_CM_HMAC_SHA1_32": 38, "AES_256_CM_HMAC_SHA1_80": 46,
    "AES_256_CM_HMAC_SHA1_32": 46, "AEAD_AES_128_GCM": 28, "AEAD_AES_256_GCM": 44,
}  # fmt: skip
"""Master key and salt in bytes (RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.2)."""
_NO_KEYS = "the trace holds no SRTP keys in session descriptions"


@dataclass(frozen=True, slots=True)
class CryptoLine:
    """An `a=crypto` line: tag, suite, and the key of its first `inline:`; empty where it has none."""

    line: SdpLine
    tag: str
    suite: str
    key: str


def crypto_lines(media: MediaDescription) -> list[CryptoLine]:
    """The crypto attributes of a medium, in order of preference."""
    found = []
    for line in media.attributes:
        name, _, value = line.value.partition(":")
        fields = value.split()
        if name.strip().lower() != "crypto" or len(fields) < 2:
            continue
        rest = fields[2] if len(fields) > 2 else ""
        key = rest.partition("inline:")[2].split("|")[0].split(";")[0]
        found.append(CryptoLine(line, fields[0], fields[1].upper(), key))
    return found


def _hidden(text: str) -> bool:
    """Whether a log or a person has put something in the place of the key."""
    method, colon, rest = text.split()[2].partition(":")
    return method.lower() == "inline" and (not colon or not rest.strip("X*#.x<>[]"))


def _has_keys(item: Described) -> bool:
    return any(media.port and media.attribute_line("crypto") for media in item.description.media)


def _hosts(message: SipMessage) -> tuple[str, ...]:
    ends = (message.observation.source, message.observation.destination)
    return tuple(end.host for end in ends if end is not None)


@check(
    "sdes-key-in-clear",
    title="The key of SRTP is sent over {transport} in the clear",
    severity=Severity.MEDIUM,
    category=Category.ENCRYPTION,
    rfc="RFC 4568 §8.3",
    needs=Needs.ADDRESSES,
    absent=_NO_KEYS,
    only=_has_keys,
)
def sdes_key_in_clear(item: Described, model: Model) -> Iterator[Outcome]:
    """A description with `a=crypto` went over a transport that is not encrypted: the call works, and is as good as not
    encrypted. Low where no public address takes part; silent on one host.
    """
    del model
    message = item.message
    hosts = _hosts(message)
    if message.observation.transport not in _CLEAR or len(hosts) != 2 or hosts[0] == hosts[1]:
        return
    media = next(one for one in item.description.media if one.port and one.attribute_line("crypto"))
    line = media.attribute_line("crypto")
    if line is None or not any(crypto.key for crypto in crypto_lines(media)):
        return
    transport = message.observation.transport.value
    yield Found(
        (at_sdp(message, line, "the key, readable by everyone on the path"),),
        f"The {message.summary} from {hosts[0]} to {hosts[1]} carries the key of its {media.media} over {transport}.",
        {"transport": transport},
        key=(transport,),
        calls=(message.call_id,),
        severity=Severity.LOW if is_lab(*hosts) else None,
    )


@check(
    "sdes-crypto-mismatch",
    title="The crypto line of the answer is none of the offer's: {why}",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 4568 §5.1.2",
    absent=NO_ANSWER,
    only=has_answer,
)
def sdes_crypto_mismatch(item: Round, model: Model) -> Iterator[Outcome]:
    """The answer must have exactly one crypto line, with the tag and the suite of one that was offered."""
    del model
    for pair in item.pairs:
        offered, answered = crypto_lines(pair.offered), crypto_lines(pair.answered)
        if not pair.active or not answered or not offered:
            continue
        suites: dict[str, set[str]] = {}
        for line in offered:
            suites.setdefault(line.tag, set()).add(line.suite)
        chosen = answered[0]
        if chosen.tag not in suites:
            why = f"tag {chosen.tag} was not offered"
            # The suite tells what is meant; many peers look at nothing else.
            severity = Severity.MEDIUM if any(chosen.suite in one for one in suites.values()) else None
        elif chosen.suite not in suites[chosen.tag]:
            why = f"tag {chosen.tag} is another suite"
            severity = None
        elif len(answered) > 1:
            why, severity = f"{len(answered)} lines instead of one", Severity.LOW
        else:
            continue
        yield Found(
            (
                at_sdp(pair.offer_message, offered[0].line, "offered"),
                at_sdp(pair.answer_message, chosen.line, "answered"),
            ),
            f"The offer has {', '.join(f'{line.tag} {line.suite}' for line in offered)}, the"
            f" {pair.answer_message.summary} {', '.join(f'{line.tag} {line.suite}' for line in answered)}.",
            {"why": why},
            key=(why,),
            calls=(item.leg.call_id,),
            severity=severity,
        )


@check(
    "sdes-key-malformed",
    title="The key of {suite} has {bytes} bytes instead of {expected}",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 4568 §6.1",
    absent=_NO_KEYS,
    only=_has_keys,
)
def sdes_key_malformed(item: Described, model: Model) -> Iterator[Outcome]:
    """Key and salt of a crypto line are shorter or longer than its suite needs. Silent where a log masks them."""
    del model
    for media in item.description.media:
        if not media.port:
            continue
        for line in crypto_lines(media):
            expected = _KEY_BYTES.get(line.suite)
            if (
                expected is not None
                and not line.key
                and len(line.line.value.split()) > 2
                and not _hidden(line.line.value)
            ):
                yield Found(
                    (at_sdp(item.message, line.line, "no key behind `inline:`"),),
                    f"The {item.message.summary} has {line.suite} without a key behind `inline:`; the suite needs"
                    f" {expected} bytes.",
                    {"suite": line.suite, "bytes": "no", "expected": str(expected)},
                    key=(line.suite,),
                    calls=(item.message.call_id,),
                )
                continue
            if expected is None or not line.key or set(line.key.upper()) <= set("X*#."):
                continue
            try:
                size = len(base64.b64decode(line.key + "=" * (-len(line.key) % 4), validate=True))
            except (binascii.Error, ValueError):
                continue
            if size == expected:
                continue
            yield Found(
                (at_sdp(item.message, line.line, f"{size} bytes of key and salt"),),
                f"The {item.message.summary} has {line.suite} with {size} bytes of key and salt; the suite needs"
                f" {expected}.",
                {"suite": line.suite, "bytes": str(size), "expected": str(expected)},
                key=(line.suite,),
                calls=(item.message.call_id,),
            )


@check(
    "sdes-key-reuse",
    title="One SRTP key is used {where}",
    severity=Severity.MEDIUM,
    category=Category.ENCRYPTION,
    rfc="RFC 4568 §6.1",
    absent=_NO_KEYS,
    only=lambda model: any(_has_keys(item) for item in model.descriptions.distinct(model.messages)),
)
def sdes_key_reuse(model: Model, _: Model) -> Iterator[Outcome]:
    """The same key in offer and answer, or in calls that do not belong together.

    Low between calls, as scenarios of test tools have one key written in them, and where no public address takes part.
    """
    first: dict[str, tuple[SipMessage, SdpLine]] = {}
    told: set[str] = set()
    for item in model.all_rounds:
        for pair in item.pairs:
            keys = {line.key: line for line in crypto_lines(pair.offered) if _is_key(line.key)}
            for line in crypto_lines(pair.answered):
                if line.key in keys and line.key not in told:
                    told.add(line.key)
                    yield Found(
                        (
                            at_sdp(pair.offer_message, keys[line.key].line, "the offer's key"),
                            at_sdp(pair.answer_message, line.line, "the answer's key"),
                        ),
                        f"The {pair.answer_message.summary} answers with the key of the offer: both directions are"
                        " encrypted with the same key stream if their SSRCs are equal.",
                        {"where": "in both directions"},
                        key=("directions",),
                        calls=(item.leg.call_id,),
                        severity=Severity.LOW if is_lab(*_hosts(pair.offer_message)) else None,
                    )
    for described in model.descriptions.distinct(model.messages):
        for media in described.description.media:
            for line in crypto_lines(media):
                message = described.message
                if not _is_key(line.key) or line.key in told:
                    continue
                known = first.setdefault(line.key, (message, line.line))
                if model.joined.key(known[0].call_id) == model.joined.key(message.call_id):
                    continue
                told.add(line.key)
                yield Found(
                    (at_sdp(known[0], known[1], "one call"), at_sdp(message, line.line, "another")),
                    "Two calls that do not belong together use the same SRTP key.",
                    {"where": "in several calls"},
                    key=("calls",),
                    calls=(known[0].call_id, message.call_id),
                    severity=Severity.LOW,
                )


def _is_key(key: str) -> bool:
    return len(set(key)) > 4


@check(
    "srtp-no-keys",
    title="{protocol} is described without any key",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 4568 §5.1.1",
    only=lambda item: any(media.protocol.upper().startswith("RTP/SAVP") for media in item.description.media),
    absent="the trace holds no SRTP in session descriptions",
)
def srtp_no_keys(item: Described, model: Model) -> Iterator[Outcome]:
    """RTP/SAVP without a=crypto, a=fingerprint, a=key-mgmt or a=zrtp-hash: nothing says how it is keyed."""
    del model
    for media in item.description.media:
        if not media.port or not media.protocol.upper().startswith("RTP/SAVP"):
            continue
        if any(media.attribute_line(name, inherit=True) for name in ("crypto", "fingerprint", "key-mgmt", "zrtp-hash")):
            continue
        yield Found(
            (at_sdp(item.message, media.line, "SRTP, and no line says with which key"),),
            f"The {item.message.summary} describes {media.media} over {media.protocol} without a key.",
            {"protocol": media.protocol},
            key=(media.media,),
            calls=(item.message.call_id,),
        )


@check(
    "srtp-fallback",
    title="The call falls back from SRTP to RTP in the clear",
    severity=Severity.MEDIUM,
    category=Category.ENCRYPTION,
    rfc="RFC 4568 §5.1.3",
    absent="the trace holds no offer of SRTP",
    only=lambda leg: leg.answer is not None or bool(leg.invite.finals),
)
def srtp_fallback(leg: Leg, model: Model) -> Iterator[Outcome]:
    """SRTP was offered, by its own profile or by keys over RTP/AVP, and the call goes on in the clear.

    The answer has no key, or the offer was refused and the next one has none. Low where no public address takes part.
    """
    rounds = model.rounds[leg.number]
    severity = Severity.LOW if is_lab(*_hosts(leg.invite.request)) else None
    for item in rounds:
        for pair in item.pairs:
            if not pair.active or not crypto_lines(pair.offered) or "SAVP" in pair.offered.protocol.upper():
                continue
            if crypto_lines(pair.answered) or pair.answered.attribute_line("fingerprint", inherit=True):
                continue
            yield Found(
                (
                    at_sdp(pair.offer_message, crypto_lines(pair.offered)[0].line, "SRTP is offered as an option"),
                    at_sdp(pair.answer_message, pair.answered.line, "answered without a key"),
                ),
                f"The offer brings keys over {pair.offered.protocol}, and the {pair.answer_message.summary} answers"
                " without: the media is not encrypted.",
                key=("answer",),
                calls=(leg.call_id,),
                severity=severity,
            )
            return
    dropped = _dropped_later(rounds)
    if dropped is not None:
        pair, change, media = dropped
        yield Found(
            (
                at_sdp(pair.answer_message, pair.answered.line, "SRTP is agreed"),
                at_sdp(change.offer_message, media.line, "offered in the clear in the same call"),
            ),
            f"The call has SRTP, and the new offer in the {change.offer_message.summary} describes {media.media} as"
            f" {media.protocol} without a key.",
            key=("change",),
            calls=(leg.call_id,),
            severity=severity,
        )
        return
    secure = next((media for media in (rounds[0].offer.media if rounds else ()) if _secure(media)), None)
    if secure is None or rounds[0].rejected is None:
        return
    later = _later_in_clear(leg, rounds[0], model)
    if later is None:
        return
    yield Found(
        (
            at_sdp(rounds[0].offer_message, secure.line, "SRTP is offered"),
            at(rounds[0].rejected, "refused"),
            at_sdp(later.offer_message, later.offer.media[0].line, "offered again in the clear"),
        ),
        f"SRTP was refused with {rounds[0].rejected.status}, and the call was made again without encryption.",
        key=("retry",),
        calls=(leg.call_id, later.leg.call_id),
        severity=severity,
    )


def _dropped_later(rounds: list[Round]) -> tuple[Pair, Round, MediaDescription] | None:
    """A medium that was agreed on as SRTP, and a later offer of the call that has it without any key."""
    agreed: dict[int, Pair] = {}
    for item in rounds:
        for place, media in enumerate(item.offer.media):
            pair = agreed.get(place)
            if pair is None or not media.port or media.media != pair.offered.media or _secure(media):
                continue
            if media.is_rtp and not crypto_lines(media) and not media.attribute_line("fingerprint", inherit=True):
                return pair, item, media
        agreed.update(
            {
                place: pair
                for place, pair in enumerate(item.pairs)
                if pair.active and _secure(pair.offered) and _secure(pair.answered)
            }
        )
    return None


def _secure(media: MediaDescription) -> bool:
    return bool(media.port) and "SAVP" in media.protocol.upper()


def _later_in_clear(leg: Leg, refused: Round, model: Model) -> Round | None:
    """An accepted offer of the same call and side without SRTP, after the refused one."""
    for other in model.dialogs.calls.get(leg.call_id, []):
        if other.number <= leg.number or other.caller != leg.caller:
            continue
        for item in model.rounds[other.number]:
            accepted = item is not refused and item.rejected is None and item.answer is not None
            if accepted and item.offer.media and not any(_secure(media) for media in item.offer.media):
                return item
    return None
