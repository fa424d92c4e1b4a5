"""The whole matrix of real calls: each module of this folder that exports `CASES` holds those of one topic."""

from __future__ import annotations

from tests.e2e.faults import (
    attended,
    crossings,
    dialogs,
    failover,
    framing,
    in_dialog,
    media_cases,
    offers,
    proxying,
    registration,
    reliability,
    timers,
    transfers,
    transport,
)
from tests.e2e.live.case import Case

CASES: tuple[Case, ...] = (
    *registration.CASES,
    *dialogs.CASES,
    *crossings.CASES,
    *reliability.CASES,
    *timers.CASES,
    *offers.CASES,
    *transfers.CASES,
    *attended.CASES,
    *proxying.CASES,
    *transport.CASES,
    *framing.CASES,
    *failover.CASES,
    *in_dialog.CASES,
    *media_cases.CASES,
)
