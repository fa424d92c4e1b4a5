"""What holds of every trace, whatever its bytes were."""

from __future__ import annotations

from sip_ci.trace.trace import Trace, TraceOrigin

_COLUMNS = ("frame", "source", "destination", "kind", "size", "payload_type", "marker", "sequence", "ssrc")


def in_step(trace: Trace) -> None:
    """The columns of media are of one length, messages are numbered and sorted, and indices name what is there."""
    rows = len(trace.media)
    for name in _COLUMNS:
        assert len(getattr(trace.media, name)) == rows
    if rows:
        assert int(trace.media.source.max()) < len(trace.media.endpoints)
        assert int(trace.media.destination.max()) < len(trace.media.endpoints)
        assert int(trace.media.frame.max()) <= trace.facts.packets
    assert [message.index for message in trace.messages] == list(range(len(trace.messages)))
    if trace.origin is TraceOrigin.CAPTURE:
        # Logs whose clock was set back stay in the order in which they were written.
        times = [message.observation.time or 0.0 for message in trace.messages]
        assert times == sorted(times)
