"""Whether RTP comes from where its sender said that it receives (RFC 4961)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.session_description import MediaDescription
from sip_ci_server.engine.addresses import same_address
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, check
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.streams import Stream

PROVEN = 10
"""RTP packets that show that a stream is there."""


@check(
    "rtp-source-mismatch",
    title="RTP of the {side} comes from another {what} than its SDP names",
    severity=Severity.MEDIUM,
    category=Category.NAT,
    rfc="RFC 4961 §3",
    needs=Needs.MEDIA,
)
def rtp_source_mismatch(session: MediaSession, _: Model) -> Iterator[Outcome]:
    """A party sends RTP from another address or port than it asked to receive on (RFC 4961: they should be one).

    Medium where the address differs and nothing comes back, else low: a receiver that looks at the source copes. With
    ICE the SDP's address need not be used, and is not judged; nor is that of a relay between the two.
    """
    if session.ambiguous:
        yield NotCheckable("another call used the same address at the same time")
        return
    sides = (
        ("caller", session.caller_description, session.to_callee, session.to_caller),
        ("callee", session.callee_description, session.to_caller, session.to_callee),
    )
    for side, description, sent, received in sides:
        if description is None or description.connection is None or not description.port or description.candidates:
            continue
        stream = next((item for item in sent if item.packets >= PROVEN), None)
        if stream is None or description.connection.is_zero:
            continue
        what = _difference(stream, description)
        if not what:
            continue
        if what == "address" and same_address(stream.destination.host, description.connection.address):
            # A relay that stands in the descriptions of both sides takes the media of both.
            continue
        both_ways = any(item.packets >= PROVEN for item in received)
        said = f"{description.connection.address}:{description.port}"
        yield Found(
            (Proof(f"the SDP says {said}", text=f"RTP {stream.source} -> {stream.destination}", time=stream.starts),),
            f"The {side}'s SDP asks for media at {said}, and its RTP comes from {stream.source}."
            + ("" if both_ways else " No RTP comes back to it."),
            {"side": side, "what": what},
            key=(side, what),
            calls=(session.leg.call_id,),
            severity=None if what == "address" and not both_ways else Severity.LOW,
        )


def _difference(stream: Stream, description: MediaDescription) -> str:
    """`address` or `port`, whichever differs; empty where the stream comes from where the SDP says."""
    assert description.connection is not None
    if not same_address(stream.source.host, description.connection.address):
        return "address"
    return "port" if stream.source.port != description.port else ""
