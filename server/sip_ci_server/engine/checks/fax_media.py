"""What T.38 sends: UDPTL packets that are lost for good (ITU-T T.38 §9.1)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.media_groups import RtpGroup, rtp_groups
from sip_ci.trace.media_table import CONTENT_CUT, CONTENT_OTHER, MediaKind
from sip_ci.trace.observation import Endpoint
from sip_ci.wording import plural
from sip_ci_server.engine.checks.fax import fax_of
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.rtp_statistics import extended_sequence

_MOST = 10_000
"""Paths of UDPTL that are looked at."""
_FEW = 3
"""Packets that are gone for good, from which on a page is likely to suffer."""
_LONGEST = 200
"""Packets of a gap above which the sender began anew, or the capture paused."""


@check(
    "t38-udptl-loss",
    each=True,
    title="{lost} packets of the fax to {hearer} are lost for good",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="",
    confidence=Confidence.LIKELY,
    needs=Needs.CAPTURE | Needs.TIMES,
)
def t38_udptl_loss(model: Model, _: Model) -> Iterator[Outcome]:
    """Sequence numbers of UDPTL are missing, and the packet behind them does not bring them back as a copy or by parity
    (ITU-T T.38 §9.1).

    Low for one or two, and where the capture itself lost packets.
    """
    groups = [group for group in rtp_groups(model.trace.media, _MOST, MediaKind.UDPTL) if group.packets > _FEW]
    if not groups:
        yield NotCheckable("the trace holds no UDPTL")
        return
    calls = _calls(model)
    for group in groups:
        yield from _judge(group, calls, model)


def _calls(model: Model) -> dict[Endpoint, tuple[str, str]]:
    """The call and the side that gave an address for fax."""
    found: dict[Endpoint, tuple[str, str]] = {}
    for leg in model.legs:
        for item in model.rounds[leg.number]:
            for of_caller, description in (
                (item.offered_by_caller, item.offer), (not item.offered_by_caller, item.answer)
            ):  # fmt: skip
                media = fax_of(description)
                if media is not None and media.connection is not None:
                    side = "the caller" if of_caller else "the callee"
                    found[Endpoint(media.connection.address, media.port)] = leg.call_id, side
    return found


def _judge(group: RtpGroup, calls: dict[Endpoint, tuple[str, str]], model: Model) -> Iterator[Outcome]:
    rows = group.rows()
    if bool((rows.content == CONTENT_CUT).all()):
        yield NotCheckable("UDPTL was captured in part: raise the snap length")
        return
    extended, segment = extended_sequence(rows.sequence)
    numbers, order = np.unique((segment.astype(np.int64) << 40) + extended, return_index=True)
    missing = np.diff(numbers) - 1
    restores = rows.content[order][1:].astype(np.int64)
    # A packet that is cut, or of another form, may bring back anything.
    restores[restores >= CONTENT_OTHER] = _LONGEST
    gone = np.where((missing > 0) & (missing <= _LONGEST), np.maximum(missing - restores, 0), 0)
    lost = int(gone.sum())
    if not lost:
        return
    place = int(order[int(np.argmax(gone > 0)) + 1])
    gaps = int(((missing > 0) & (missing <= _LONGEST)).sum())
    call, side = calls.get(group.destination, ("", "the receiver"))
    doubtful = lost < _FEW or model.seen.lossy
    yield Found(
        (
            Proof(
                "the packet behind the first gap that nothing fills",
                text=f"UDPTL {group.source} -> {group.destination}: {plural(group.packets, 'packet')}",
                frame=int(rows.frame[place]), time=int(rows.time_ns[place]) / 1e9,
            ),
        ),
        f"{plural(lost, 'packet')} of UDPTL from {group.source} to {group.destination} went missing in"
        f" {plural(gaps, 'gap')}, and the packets that follow carry too few copies or parity to bring them back"
        f" ({group.packets} came)."
        + (" The capture itself lost packets." if model.seen.lossy else ""),
        {"lost": str(lost), "hearer": side},
        key=(side,),
        calls=(call,) if call else (),
        hosts=() if call else (group.source.host,),
        severity=Severity.LOW if doubtful else None,
    )  # fmt: skip
