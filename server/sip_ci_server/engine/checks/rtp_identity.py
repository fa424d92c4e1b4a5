"""Who sends RTP: its sources, their SSRCs, and the ports that they send to (RFC 3550 §8)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.observation import Endpoint
from sip_ci.wording import plural, times
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, check
from sip_ci_server.engine.checks.stream_evidence import LONG, goes_to_caller, hearer_of, is_audio, shown
from sip_ci_server.engine.media_promises import is_promised
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.streams import Stream

TOGETHER = 2.0
"""Seconds that two sources must send at once: longer than one takes over from another."""


def _advertised(session: MediaSession, model: Model) -> tuple[set[str], set[Endpoint]]:
    """The hosts, and the hosts with ports, that the descriptions of a call name on any hop."""
    hosts: set[str] = set()
    endpoints: set[Endpoint] = set()
    for leg in model.dialogs.calls.get(session.leg.call_id, [session.leg]):
        for item in model.rounds[leg.number]:
            for description in (item.offer, item.answer):
                for media in description.media if description else ():
                    if media.connection is not None:
                        hosts.add(media.connection.address)
                        endpoints.add(Endpoint(media.connection.address, media.port))
                    for candidate in media.candidates:
                        hosts.add(candidate.address)
                        endpoints.add(Endpoint(candidate.address, candidate.port))
    return hosts, endpoints


def _overlap(first: Stream, second: Stream) -> float:
    return min(first.ends, second.ends) - max(first.starts, second.starts)


@check(
    "rtp-ssrc-change",
    title="The SSRC of the audio to {hearer} changed {times} within one agreement",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3550 §8.2",
    needs=Needs.MEDIA | Needs.TIMES,
    only=lambda session: len(session.to_caller) > 1 or len(session.to_callee) > 1,
    absent="every direction of a call has one SSRC",
)
def rtp_ssrc_change(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """One source goes on with another SSRC though nothing was negotiated in between (RFC 3550 §8.2).

    Low: bridges and mixers change it when they change what is heard.
    """
    if session.ambiguous:
        return
    for hearer, streams in (("the caller", session.to_caller), ("the callee", session.to_callee)):
        paths: dict[tuple[Endpoint, Endpoint], list[Stream]] = {}
        for stream in streams:
            if stream.packets >= LONG:
                paths.setdefault((stream.source, stream.destination), []).append(stream)
        changes = [
            (before, after)
            for path in paths.values()
            for before, after in pairwise(sorted(path, key=lambda item: item.starts))
            if before.ssrc != after.ssrc
            and _overlap(before, after) < 1.0
            and is_promised(
                session, model, toward_caller=hearer == "the caller",
                start=before.ends - 0.5, end=after.starts + 0.5,
            )
        ]  # fmt: skip
        if not changes:
            continue
        before, after = changes[0]
        more = f" There are {len(changes)} such changes." if len(changes) > 1 else ""
        yield Found(
            (shown(before, "before"), shown(after, "after")),
            f"From {after.source} to {after.destination} SSRC 0x{before.ssrc:08x} was followed by 0x{after.ssrc:08x}"
            f" after {after.starts - before.ends:.2f} s, without an offer in between.{more}",
            {"hearer": hearer, "times": times(len(changes))},
            key=(hearer,),
            calls=(session.leg.call_id,),
        )


@check(
    "rtp-ssrc-collision",
    title="Both directions of the audio have the same SSRC",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3550 §8.2",
    needs=Needs.MEDIA,
    only=lambda session: bool(session.to_caller and session.to_callee),
    absent="no call has audio both ways",
)
def rtp_ssrc_collision(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """Caller and callee send under one SSRC at the same time, and neither changes it (RFC 3550 §8.2).

    Silent where the numbering is the same too: an echo, or the same recording played by both. Low, for only a receiver
    that tells sources by their SSRC alone suffers.
    """
    del model
    there = {stream.ssrc: stream for stream in session.to_callee if stream.packets >= LONG}
    for stream in session.to_caller:
        other = there.get(stream.ssrc)
        if other is None or stream.packets < LONG or _overlap(stream, other) < TOGETHER or session.ambiguous:
            continue
        if (stream.source.host, stream.destination.host) == (other.source.host, other.destination.host):
            continue
        mine, theirs = stream.rows, other.rows
        if abs(int(mine.timestamp[0]) - int(theirs.timestamp[0])) < 10 * (stream.clock_rate or 8000):
            continue
        yield Found(
            (shown(stream, "to the caller"), shown(other, "to the callee")),
            f"SSRC 0x{stream.ssrc:08x} is used from {stream.source} and from {other.source} for"
            f" {_overlap(stream, other):.0f} s at once.",
            calls=(session.leg.call_id,),
        )
        return


@check(
    "rtp-injection",
    title="A third host sends RTP to {hearer}",
    severity=Severity.HIGH,
    category=Category.SECURITY,
    rfc="RFC 3550 §8.2",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA | Needs.TIMES,
    only=lambda session: len(session.to_caller) > 1 or len(session.to_callee) > 1,
    absent="every direction of a call has one source",
)
def rtp_injection(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """While the announced source sends, a host that neither signals nor is named in any description sends to the same
    port (RTP bleed).

    Medium where it uses an SSRC of its own. Silent before the answer, where several called parties may send.
    """
    answered = session.leg.answered_at
    if session.ambiguous or answered is None:
        return
    hosts, _ = _advertised(session, model)
    signalling = {
        end.host
        for message in model.messages[:10_000]
        for end in (message.observation.source, message.observation.destination)
        if end is not None
    }
    for streams in (session.to_caller, session.to_callee):
        named = [item for item in streams if item.source.host in hosts and item.packets >= LONG]
        for stream in streams:
            if stream.source.host in hosts or stream.source.host in signalling or stream.packets < LONG:
                continue
            for other in named:
                start = max(stream.starts, other.starts, answered)
                if stream.destination != other.destination or min(stream.ends, other.ends) - start < TOGETHER:
                    continue
                taken = stream.ssrc == other.ssrc
                hearer = hearer_of(stream, model)
                yield Found(
                    (shown(other, "the announced source"), shown(stream, "the other one")),
                    f"{stream.source}, which no message of the call names, sends {stream.packets} packets to"
                    f" {stream.destination} while {other.source} does"
                    f"{', under the same SSRC' if taken else ''}.",
                    {"hearer": hearer},
                    key=(hearer, "same SSRC" if taken else "own SSRC"),
                    calls=(session.leg.call_id,),
                    severity=None if taken else Severity.MEDIUM,
                )
                return


def _is_strange(stream: Stream, session: MediaSession, endpoints: set[Endpoint], model: Model) -> bool:
    """Whether a stream goes to a host that takes no part in the call, as far as a capture can tell.

    Behind a NAT the hearer's packets would come from an address that no description names, and ICE brings others.
    """
    if any(host == stream.destination.host for host, _ in model.trace.facts.host_pairs):
        return False
    descriptions = (session.caller_description, session.callee_description)
    if any(media is not None and media.attribute("ice-ufrag", inherit=True) for media in descriptions):
        return False
    return any(
        item.destination == stream.source and item.source in endpoints and item.packets >= LONG
        for item in model.streams
    )


@check(
    "rtp-port-undeclared",
    title="RTP for {hearer} goes to port {port}, which no SDP names",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 3264 §5.1",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA | Needs.ADDRESSES,
    absent="no stream belongs to a call",
    only=lambda stream: bool(stream.encodings),
)
def rtp_port_undeclared(stream: Stream, model: Model) -> Iterator[Outcome]:
    """RTP goes to a host that a description of its call names, at a port that none does, and from which nothing comes
    back; or to a host of which nothing is known, while the hearer sends from the very address that it named (RFC 3264
    §5.1).
    """
    owners = model.owners_of(stream)
    if stream.packets < LONG or not owners or not is_audio(stream):
        return
    if any(session.ambiguous or goes_to_caller(stream, session) is None for session in owners):
        return
    for session in owners:
        hosts, endpoints = _advertised(session, model)
        if stream.destination in endpoints:
            return
        if stream.destination.host not in hosts and not _is_strange(stream, session, endpoints, model):
            return
    if any(item.source == stream.destination for item in model.streams):
        return
    hearer = hearer_of(stream, model)
    advertised = sorted(_advertised(owners[0], model)[1])
    ports = sorted(end.port for end in advertised if end.host == stream.destination.host)
    named = f"{', '.join(map(str, ports))} at that host" if ports else f"{', '.join(map(str, advertised))}"
    yield Found(
        (shown(stream, f"to port {stream.destination.port}"),),
        f"{plural(stream.packets, 'packet')} from {stream.source} went to {stream.destination}; the descriptions of"
        f" the call name {named}, and nothing came from where it went.",
        {"hearer": hearer, "port": str(stream.destination.port)},
        key=(hearer,),
        calls=(owners[0].leg.call_id,),
    )
