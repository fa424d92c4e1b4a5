"""The times that logs write, and one clock for all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sip_ci.trace.observation import Clock

DAY = 86_400.0
_MIDNIGHT_STEP = 3600.0
"""A time of day that goes back by more than this, in seconds, has passed midnight. Summer time takes an hour back."""

_STAMP = re.compile(
    rb"(?:(?<!\d)(?P<year>[0-9]{4})[-/](?P<month>[0-9]{2})[-/](?P<day>[0-9]{2})[T ]"
    rb"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}[0-9]{1,2} )?"
    rb"(?<![0-9:.])(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?"
    rb"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2}(?![0-9]))?(?![0-9:])"
)

_NO_TEXT = re.compile(rb"[^A-Za-z:]*")


_MONTH_FIRST = re.compile(
    rb"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6} {1,2}"
    rb"(?P<day>[0-9]{1,2}),? (?P<year>[0-9]{4}),? "
)
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")


class Stamp(NamedTuple):
    """A time as a log wrote it."""

    seconds: float
    """UNIX seconds where the date is known, else seconds since midnight."""
    absolute: bool
    resolution: float = 1.0
    """The value of the last digit written, in seconds."""


def find_stamp(line: bytes) -> Stamp | None:
    """The first time in a line; None where there is none.

    Times without a zone are taken as UTC: differences stay right, and a zone would be a guess. A month and a day
    without a year (`Aug  7`) are not a date.
    """
    match = _STAMP.search(line)
    return None if match is None else _stamp(match)


def find_month_stamp(line: bytes) -> Stamp | None:
    """The first time with a date in the form `Aug  7, 2026 08:45:42.123`; None where there is none."""
    match = _MONTH_FIRST.search(line)
    if match is None:
        return None
    date = b"%s-%02d-%02d " % (match["year"], _MONTHS.index(match["month"]) + 1, int(match["day"]))
    return find_stamp(date + line[match.end() :])


def find_leading_stamp(line: bytes) -> Stamp | None:
    """The time that a line begins with, behind brackets and the like; never one in a sentence or a Date header."""
    match = _STAMP.search(line)
    return _stamp(match) if match is not None and _NO_TEXT.fullmatch(line, 0, match.start()) else None


def _stamp(match: re.Match[bytes]) -> Stamp | None:
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    if hour > 23 or minute > 59 or second > 60:
        return None
    fraction = match["fraction"]
    resolution = 10.0 ** -len(fraction) if fraction else 1.0
    of_day = hour * 3600 + minute * 60 + second + (int(fraction) * resolution if fraction else 0.0)
    if match["year"] is None:
        return Stamp(of_day, absolute=False, resolution=resolution)
    try:
        midnight = datetime(int(match["year"]), int(match["month"]), int(match["day"]), tzinfo=UTC)
    except ValueError:
        return Stamp(of_day, absolute=False, resolution=resolution)
    return Stamp(midnight.timestamp() + of_day - _zone(match["zone"]), absolute=True, resolution=resolution)


def _zone(zone: bytes | None) -> float:
    if zone is None or zone == b"Z":
        return 0.0
    digits = zone[1:].replace(b":", b"")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])).total_seconds()
    return -offset if zone.startswith(b"-") else offset


def one_clock(stamps: Sequence[Stamp | None]) -> tuple[Clock, list[float | None]]:
    """Put all times of a log, in order of appearance, on one clock.

    Dates are used only where every time has one. Otherwise all become seconds since the first midnight, and a step
    back of more than an hour begins the next day.
    """
    known = [stamp for stamp in stamps if stamp is not None]
    if not known:
        return Clock.ORDINAL, [None] * len(stamps)
    if all(stamp.absolute for stamp in known):
        return Clock.ABSOLUTE, [stamp.seconds if stamp is not None else None for stamp in stamps]
    times: list[float | None] = []
    day, before = 0.0, 0.0
    for stamp in stamps:
        if stamp is None:
            times.append(None)
            continue
        of_day = stamp.seconds % DAY
        if of_day < before - _MIDNIGHT_STEP:
            day += DAY
        before = of_day
        times.append(day + of_day)
    return Clock.TIME_OF_DAY, times
