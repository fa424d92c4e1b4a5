"""Moments as the API writes them and as quota counts them: always UTC."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta


def now_utc() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Return a moment as the API writes it: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day_of(moment: datetime) -> str:
    """Return the UTC day that a moment's analyses are counted for, as `YYYY-MM-DD`."""
    return moment.astimezone(UTC).date().isoformat()


def next_midnight(moment: datetime) -> int:
    """Return the end of the UTC day of `moment`, in Unix seconds."""
    tomorrow = moment.astimezone(UTC).date() + timedelta(days=1)
    return int(datetime.combine(tomorrow, time(), UTC).timestamp())
