"""What the reader of a report should know of the capture itself. These notices never fail a build."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.trace import NoticeKind, TraceOrigin
from sip_ci.wording import plural, times
from sip_ci_server.engine.checks.registry import Found, NotCheckable, Outcome, Proof, at, check
from sip_ci_server.engine.model import Model

_SHORT = 60
"""Characters of a notice that a title can take."""


def _in_short(text: str) -> str:
    """The first clause of a notice."""
    clause = re.split(r"[:;,(]", text, maxsplit=1)[0].strip()
    return clause if len(clause) <= _SHORT else clause[:_SHORT].rsplit(" ", 1)[0] + " …"


def _notices(model: Model, *kinds: NoticeKind) -> list[Proof]:
    return [
        Proof(
            "the reader of the input says",
            text=notice.text + (f" ({times(notice.count)})" if notice.count > 1 else ""),
            frame=notice.position.frame,
        )
        for notice in model.trace.notices
        if notice.kind in kinds
    ]


@check(
    "cap-duplicate-copies",
    title="The capture holds {count} of packets",
    severity=Severity.INFO,
    category=Category.CAPTURE,
    rfc="",
    gates=False,
)
def cap_duplicate_copies(model: Model, _: Model) -> Iterator[Outcome]:
    """Frames were captured several times (all interfaces, a bridge, a mirror port); the copies were folded before
    anything was counted.
    """
    if model.copies:
        sample = next((message for message in model.messages if message.observation.copies > 1), None)
        yield Found(
            (at(sample, f"captured {sample.observation.copies} times"),)
            if sample
            else (Proof("counted", text=plural(model.copies, "copy", "copies")),),
            f"{plural(model.copies, 'packet is a copy', 'packets are copies')} of others, as a capture on all"
            " interfaces or on a bridge makes them"
            + ("" if sample else ", or a sender that repeats packets of media")
            + ". They were folded, and nothing was counted twice.",
            {"count": plural(model.copies, "copy", "copies")},
        )


@check(
    "cap-packets-dropped",
    title="The capture lost packets",
    severity=Severity.LOW,
    category=Category.CAPTURE,
    rfc="",
    gates=False,
)
def cap_packets_dropped(model: Model, _: Model) -> Iterator[Outcome]:
    """The capturing program counts drops, bytes of TCP connections are missing, or unrelated streams lose at the
    same instants.
    """
    dropped = model.trace.facts.dropped_packets
    gaps = _notices(model, NoticeKind.TCP_GAP)
    suspects = [stream for stream in model.streams if model.capture_lost(stream)]
    if not dropped and not gaps and not suspects:
        return
    parts = [
        *([f"its interface statistics count {plural(dropped, 'dropped packet')}"] if dropped else []),
        *(["bytes of TCP connections are missing"] if gaps else []),
        *([f"{len(suspects):,} RTP streams lose packets at the same instants"] if suspects else []),
    ]
    yield Found(
        tuple(gaps[:3]) or (Proof("counted", text="; ".join(parts)),),
        f"The capture is incomplete: {'; '.join(parts)}. Losses of media are reported as low.",
        key=("drops",),
    )


@check(
    "cap-one-sided",
    title="The capture holds one direction only between {left} and {right}",
    severity=Severity.LOW,
    category=Category.CAPTURE,
    rfc="",
    gates=False,
)
def cap_one_sided(model: Model, _: Model) -> Iterator[Outcome]:
    """Several messages go from one host to another and no packet at all comes back, so that its silence means
    nothing.
    """
    if model.seen.origin is not TraceOrigin.CAPTURE:
        yield NotCheckable("needs a packet capture")
        return
    counts: dict[tuple[str, str], int] = {}
    for message in model.messages:
        source, destination = message.observation.source, message.observation.destination
        if source is not None and destination is not None and source.host != destination.host:
            counts[(source.host, destination.host)] = counts.get((source.host, destination.host), 0) + 1
    pairs = model.trace.facts.host_pairs
    for (left, right), count in counts.items():
        if count >= 3 and (right, left) not in pairs:
            yield Found(
                (Proof("counted", text=f"{left} -> {right}: {count} messages; {right} -> {left}: no packet"),),
                f"{count:,} SIP messages from {left} to {right} are in the capture, and no packet from {right} to"
                f" {left}. What depends on the missing direction was not checked.",
                {"left": left, "right": right},
                key=("one-sided",),
            )


@check(
    "cap-truncated-snaplen",
    title="{count} captured in part",
    severity=Severity.LOW,
    category=Category.CAPTURE,
    rfc="",
    gates=False,
)
def cap_truncated_snaplen(model: Model, _: Model) -> Iterator[Outcome]:
    """A snap length cut packets, so that bodies may be incomplete."""
    count = model.trace.facts.truncated_packets
    if count:
        yield Found(
            tuple(_notices(model, NoticeKind.SNAPLEN)[:1]) or (Proof("counted", text=plural(count, "cut packet")),),
            f"{plural(count, 'packet is', 'packets are')} shorter in the capture than on the wire. Bodies of cut"
            " messages were not judged. Media headers are complete as long as 54 bytes of a packet are.",
            {"count": plural(count, "packet was", "packets were")},
        )


def _on_sip_ports(model: Model) -> list[tuple[Endpoint, Endpoint]]:
    """The client and server of each unreadable TLS connection to one of SIP's ports."""
    return [pair for pair in model.trace.facts.tls_connections if pair[1].port in range(5060, 5092)]


@check(
    "cap-no-sip", title="The input holds no SIP", severity=Severity.LOW, category=Category.CAPTURE, rfc="", gates=False
)
def cap_no_sip(model: Model, _: Model) -> Iterator[Outcome]:
    """No SIP message was found: a filter, another port or tunnel, or the wrong file; TLS on SIP's ports has a check."""
    if not model.trace.messages and not _on_sip_ports(model):
        facts = model.trace.facts
        is_capture = model.trace.origin is TraceOrigin.CAPTURE
        packets = max(facts.packets, len(model.trace.media))
        what = plural(packets, "packet") if packets or is_capture else "the input"
        tls = (
            f" {plural(len(facts.tls_connections), 'TLS connection')} could not be read."
            if facts.tls_connections
            else ""
        )
        yield Found(
            (Proof("counted", text=f"{what}, {plural(len(model.streams), 'RTP stream')}, no SIP message"),),
            f"No SIP message was found in {what}.{tls}{_other_protocols(model)} Signalling was not checked."
            if packets or not is_capture
            else "The capture has a header and no packet: its recorder recorded nothing.",
        )


def _other_protocols(model: Model) -> str:
    """What of calls is in a capture besides SIP."""
    media = model.trace.media
    kinds = (MediaKind.RTP, MediaKind.RTCP, MediaKind.STUN, MediaKind.DTLS, MediaKind.UDPTL)
    told = [plural(media.packets_of(kind), f"{kind.name} packet") for kind in kinds if media.packets_of(kind)]
    return f" What it holds of calls: {', '.join(told)}." if told else ""


@check(
    "cap-encrypted-only",
    title="The signalling is encrypted: {count} could not be read",
    severity=Severity.LOW,
    category=Category.CAPTURE,
    rfc="",
    gates=False,
)
def cap_encrypted_only(model: Model, _: Model) -> Iterator[Outcome]:
    """The capture holds TLS on SIP ports and no readable SIP."""
    connections = _on_sip_ports(model)
    if connections and not model.trace.messages:
        client, server = connections[0]
        yield Found(
            (Proof("the first of them", text=f"TLS {client} -> {server}"),),
            f"The capture holds {plural(len(connections), 'TLS connection')} on SIP's ports, the first from {client}"
            f" to {server}, and no SIP that can be read.",
            {"count": plural(len(connections), "TLS connection")},
        )


@check(
    "cap-clock-step",
    title="Time went backwards {times} in the capture",
    severity=Severity.LOW,
    category=Category.CAPTURE,
    rfc="",
    gates=False,
)
def cap_clock_step(model: Model, _: Model) -> Iterator[Outcome]:
    """Timestamps step back by more than a second, so that intervals across the step mean nothing."""
    count = model.trace.facts.clock_steps
    if count:
        yield Found(
            (Proof("counted", text=plural(count, "step back", "steps back")),),
            f"The capture's timestamps go backwards by more than a second {times(count)}: its clock was set, or files"
            " were joined out of order. Intervals across such a step are wrong.",
            {"times": times(count)},
        )


@check(
    "cap-started-mid-call",
    title="The trace begins inside {count}",
    severity=Severity.INFO,
    category=Category.CAPTURE,
    rfc="",
    gates=False,
)
def cap_started_mid_call(model: Model, _: Model) -> Iterator[Outcome]:
    """Requests inside dialogs are seen whose INVITE is not, so that their offers, routes and tags are unknown."""
    orphans = [
        item for item in model.dialogs.orphans if item.call_id not in model.dialogs.calls and item.method != "NOTIFY"
    ]
    calls = tuple(dict.fromkeys(item.call_id for item in orphans))
    if calls:
        yield Found(
            tuple(
                at(item.request, "a request inside a dialog whose INVITE is not in the trace") for item in orphans[:2]
            ),
            f"The beginning of {plural(len(calls), 'call')} is not in the trace. What depends on it was not checked.",
            {"count": plural(len(calls), "call")},
            calls=calls,
        )


@check(
    "cap-unknown-linktype",
    title="Packets of the capture could not be read: {what}",
    severity=Severity.LOW,
    category=Category.CAPTURE,
    rfc="",
    gates=False,
)
def cap_unknown_linktype(model: Model, _: Model) -> Iterator[Outcome]:
    """The capture uses a link layer, or a transport below SIP, that is not read."""
    proofs = _notices(model, NoticeKind.UNKNOWN_LINK_TYPE, NoticeKind.UNREAD_PROTOCOL)
    if proofs:
        yield Found(
            tuple(proofs[:5]),
            f"{proofs[0].text}. What these packets carry was not checked.",
            {"what": _in_short(proofs[0].text)},
            key=("unread",),
        )


@check(
    "cap-damaged",
    title="Part of the input is damaged or missing: {what}",
    severity=Severity.LOW,
    category=Category.CAPTURE,
    rfc="",
    gates=False,
)
def cap_damaged(model: Model, _: Model) -> Iterator[Outcome]:
    """The file ends inside a record, holds records that cannot be, or exceeds a limit of the reader."""
    proofs = _notices(
        model, NoticeKind.TRUNCATED_FILE, NoticeKind.MALFORMED_BLOCK, NoticeKind.UNREADABLE_MEMBER, NoticeKind.LIMIT
    )
    if proofs:
        yield Found(
            tuple(proofs[:5]),
            f"{proofs[0].text}. What is missing was not checked.",
            {"what": _in_short(proofs[0].text)},
            key=("damaged",),
        )


@check(
    "cap-log-filtered",
    title="The log holds only what was {direction}",
    severity=Severity.LOW,
    category=Category.CAPTURE,
    rfc="",
    gates=False,
)
def cap_log_filtered(model: Model, _: Model) -> Iterator[Outcome]:
    """A log marks each message as sent or received, and all are of one kind: the logger filtered the other
    direction.
    """
    if model.seen.origin is not TraceOrigin.LOG:
        yield NotCheckable("needs a program's log")
        return
    directions = {message.observation.sent for message in model.messages}
    if len(model.messages) >= 3 and directions in ({True}, {False}):
        direction = "sent" if directions == {True} else "received"
        yield Found(
            (at(model.messages[0], f"the first of {len(model.messages)} messages, all {direction}"),),
            f"All {len(model.messages)} messages in the log were {direction}. Either the logger filters, or nothing"
            f" came back.",
            {"direction": direction},
            key=(direction,),
        )


@check(
    "cap-localaddr-unknown",
    title="The trace does not name its writer's own address",
    severity=Severity.INFO,
    category=Category.CAPTURE,
    rfc="",
    gates=False,
)
def cap_localaddr_unknown(model: Model, _: Model) -> Iterator[Outcome]:
    """The PBX that wrote the trace gives its own side as 0.0.0.0 or not at all, so its addresses were not judged."""
    for message in model.messages:
        ends = (message.observation.source, message.observation.destination)
        unnamed = [endpoint for endpoint in ends if endpoint is not None and endpoint.is_unnamed]
        if unnamed:
            yield Found(
                (at(message, f"one end is given as {unnamed[0]}"),),
                f"The program that wrote the trace gives its own side as {unnamed[0]}. Checks that compare"
                f" addresses took its"
                " place from the Via headers, or left it out.",
            )
            return
