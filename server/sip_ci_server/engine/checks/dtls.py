"""DTLS-SRTP: handshakes on media ports that fail, and certificates that are not those of the session description."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.sdp import SdpLine
from sip_ci.trace.tls import Certificate, DtlsHandshake, TlsOutcome
from sip_ci.wording import times
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, at_sdp, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.secure_connections import answers_visible

_PATIENCE = 10.0
"""Seconds within which a handshake is over, its repetitions included."""

_TRIES = 2
"""ClientHellos of a client that waits for an answer."""

_SAME_CALL = 30.0
"""Seconds within which ICE tries the addresses of one call."""

_HASHES = {"sha-1": "sha1", "sha-224": "sha224", "sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
"""The hash functions of RFC 8122 §5 that are still in use."""


def _media_handshakes(model: Model) -> list[DtlsHandshake]:
    """Those that offer SRTP: other programs speak DTLS too."""
    return [item for item in model.trace.facts.dtls if item.srtp_profiles]


def _hello(item: DtlsHandshake) -> Proof:
    return Proof(
        "the handshake begins",
        text=f"DTLS ClientHello {item.client} -> {item.server}, sent {times(item.client_hellos)}",
        frame=item.frame,
        time=item.time,
    )


@check(
    "dtls-handshake-failed",
    title="The DTLS handshake of the media fails: {why}",
    severity=Severity.CRITICAL,
    category=Category.ENCRYPTION,
    rfc="RFC 5763 §5",
    needs=Needs.CAPTURE | Needs.TIMES,
)
def dtls_handshake_failed(model: Model, _: Model) -> Iterator[Outcome]:
    """A side ended the handshake with an alert, or it was not over within ten seconds.

    Low where the trace holds no call: then nobody knows whether the handshake was for one.
    """
    handshakes = _media_handshakes(model)
    if not handshakes:
        yield NotCheckable("the trace holds no DTLS handshake for SRTP")
    done = [item for item in handshakes if item.outcome is TlsOutcome.ESTABLISHED]
    for item in handshakes:
        if item.outcome is TlsOutcome.REFUSED:
            alert = next(alert for alert in item.alerts if alert.fatal)
            who = item.client if alert.by_client else item.server
            yield Found(
                (_hello(item), Proof("the alert", text=f"{who}: {alert.name}", frame=alert.frame, time=alert.time)),
                f"{who} ended the DTLS handshake between {item.client} and {item.server} with the alert {alert.name}.",
                {"why": alert.name},
                key=(alert.name,),
                severity=None if model.legs else Severity.LOW,
            )
            continue
        if item.outcome not in (TlsOutcome.UNANSWERED, TlsOutcome.UNFINISHED) or model.seen.lossy:
            continue
        # ICE tries several pairs of addresses, of which one is used.
        if any(_shares_a_host(item, other) for other in done) or not model.seen.would_show(item.time, _PATIENCE):
            continue
        if not answers_visible(model, item.client, item.server):
            continue
        silent = item.outcome is TlsOutcome.UNANSWERED
        if silent and item.client_hellos < _TRIES:
            # A client whose ClientHello was lost sends it again after a second (RFC 9147 §5.8.2); this one let it be.
            continue
        why = "no answer" if silent else "it is never over"
        yield Found(
            (_hello(item),),
            f"The DTLS handshake between {item.client} and {item.server} "
            + ("got no answer" if silent else "began and was never over")
            + f" within {_PATIENCE:.0f} s; without it there is no key for the media.",
            {"why": why},
            key=(why,),
            severity=None if model.legs else Severity.LOW,
        )


def _shares_a_host(item: DtlsHandshake, other: DtlsHandshake) -> bool:
    """Whether a host of the one had a handshake with somebody at about the same time that went well."""
    hosts = {item.client.host, item.server.host}
    return not hosts.isdisjoint({other.client.host, other.server.host}) and abs(item.time - other.time) < _SAME_CALL


@dataclass(slots=True)
class _Announced:
    """What session descriptions say of one endpoint."""

    fingerprints: set[str] = field(default_factory=set)
    message: SipMessage | None = None
    line: SdpLine | None = None


def _announced(model: Model) -> tuple[dict[Endpoint, _Announced], set[str]]:
    """The fingerprints of each endpoint that a session description gives, and all of them."""
    ends: dict[Endpoint, _Announced] = {}
    everything: set[str] = set()
    for message in model.messages:
        if b"fingerprint:" not in message.raw:
            continue
        description = model.descriptions.of(message)
        if description is None:
            continue
        for media in description.media:
            values = media.attribute_values("fingerprint") or description.attribute_values("fingerprint")
            line = media.attribute_line("fingerprint", inherit=True)
            found = {" ".join(value.split()).lower() for value in values}
            everything |= found
            addresses = {(media.connection.address, media.port)} if media.connection is not None else set()
            addresses |= {(candidate.address, candidate.port) for candidate in media.candidates}
            for host, port in addresses:
                known = ends.setdefault(Endpoint(host, port), _Announced())
                known.fingerprints |= found
                known.message, known.line = known.message or message, known.line or line
    return ends, everything


@check(
    "dtls-fingerprint-mismatch",
    title="The certificate in the DTLS handshake is not the one of the session description",
    severity=Severity.CRITICAL,
    category=Category.ENCRYPTION,
    rfc="RFC 5763 §5",
    needs=Needs.CAPTURE,
)
def dtls_fingerprint_mismatch(model: Model, _: Model) -> Iterator[Outcome]:
    """The hash of the certificate that an endpoint showed stands in no a=fingerprint of the trace, though the session
    description that gives this endpoint has one.
    """
    handshakes = [item for item in _media_handshakes(model) if item.certificates or item.client_certificates]
    if not handshakes:
        yield NotCheckable("the trace holds no DTLS handshake for SRTP that shows its certificates")
        return
    ends, everything = _announced(model)
    for item in handshakes:
        for end, shown in ((item.server, item.certificates), (item.client, item.client_certificates or ())):
            announced = ends.get(end)
            if not shown or announced is None or announced.message is None or announced.line is None:
                continue
            hashes = fingerprints_of(shown[0])
            known = {value for value in announced.fingerprints if value.partition(" ")[0] in _HASHES}
            if not known or hashes & everything:
                continue
            yield Found(
                (
                    at_sdp(announced.message, announced.line, f"what is announced for {end}"),
                    Proof("what it showed", text=f"{end}: {_sha256(hashes)}", frame=item.frame, time=item.time),
                ),
                f"{end} showed another certificate in the DTLS handshake than its session description announces, so the"
                " other side must end the media.",
                key=("server" if end == item.server else "client",),
                calls=(announced.message.call_id,),
            )


def fingerprints_of(certificate: Certificate) -> set[str]:
    """The fingerprints of a certificate as session descriptions write them (RFC 8122 §5), in lower case."""
    return {
        f"{name} {hashlib.new(function, certificate.encoded, usedforsecurity=False).digest().hex(':')}"
        for name, function in _HASHES.items()
    }


def _sha256(hashes: set[str]) -> str:
    return next((value for value in hashes if value.startswith("sha-256 ")), "")
