"""Short tables of what was measured: the calls' times and the streams' quality, worst first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sip_ci.report.plain import one_line
from sip_ci.report.terminal import cells
from sip_ci.results import CallMeasurement, InputResult, StreamMeasurement
from sip_ci.wording import plural

ROWS = 8
"""Calls, and streams, that a table shows of one input."""


_NARROWEST_NAME = 10
_INPUTS = 12
_LINES = 25
"""After so many lines no further input begins."""


def stream_header() -> tuple[str, ...]:
    """Return the headings of the columns of `stream_rows`."""
    return ("stream", "codec", "packets", "lost", "jitter", "MOS")


def stream_rows(streams: Iterable[StreamMeasurement]) -> list[tuple[str, ...]]:
    """Return streams as rows of text, the worst first: by MOS where there is one, then by loss."""
    ranked = sorted(streams, key=lambda item: (item.mos is None, item.mos or 0.0, -item.loss_percent))
    return [
        (
            f"{one_line(item.source, 40)} → {one_line(item.destination, 40)}",
            one_line(item.codec, 16),
            f"{item.packets:,}",
            f"{item.loss_percent:.1f} %",
            milliseconds(item.jitter_ms),
            mean_opinion(item),
        )
        for item in ranked[:ROWS]
    ]


def mean_opinion(item: StreamMeasurement) -> str:
    """Return the MOS with a `~` where it does not rest on published values for the codec."""
    return "–" if item.mos is None else f"{item.mos:.2f}" if item.grounded else f"~{item.mos:.2f}"


def call_header() -> tuple[str, ...]:
    """Return the headings of the columns of `call_rows`."""
    return ("call", "outcome", "post-dial delay", "set-up", "duration")


def call_rows(calls: Iterable[CallMeasurement]) -> list[tuple[str, ...]]:
    """Return calls as rows of text, in their order."""
    return [
        (
            one_line(item.call, 36),
            one_line(item.outcome, 28),
            milliseconds(item.post_dial_delay_ms),
            milliseconds(item.setup_ms),
            milliseconds(item.duration_ms),
        )
        for item in list(calls)[:ROWS]
    ]


def milliseconds(value: float | None) -> str:
    """Return a time for people: `2.4 ms`, `480 ms`, `3.90 s`, `112.5 s`."""
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value / 1000:.2f} s" if value < 10_000 else f"{value / 1000:.1f} s"
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def quality_lines(inputs: Iterable[InputResult], width: int) -> Iterator[str]:
    """Yield the tables of all inputs as plain text; an input without calls and streams has none."""
    measured = [item for item in inputs if item.quality.calls or item.quality.streams]
    if len(measured) > _INPUTS:
        measured.sort(key=_worst_stream)
    lines = shown = 0
    for item in measured[:_INPUTS]:
        if lines >= _LINES:
            break
        for line in _input_lines(item, width):
            lines += 1
            yield line
        shown += 1
    if len(measured) > shown:
        yield f"  … and {plural(len(measured) - shown, 'more input')}, see the JSON report"


def _worst_stream(item: InputResult) -> tuple[float, float]:
    streams = item.quality.streams
    unheard = 6.0  # above every MOS
    worst = min((stream.mos for stream in streams if stream.mos is not None), default=unheard)
    return worst, -max((stream.loss_percent for stream in streams), default=0.0)


def _input_lines(item: InputResult, width: int) -> Iterator[str]:
    quality = item.quality
    yield f"  {one_line(item.name, width - 4)}"
    if quality.calls:
        yield from _table(call_header(), call_rows(quality.calls), width)
        yield from _rest(max(quality.calls_total, len(quality.calls)), "call")
    if quality.streams:
        yield from _table(stream_header(), stream_rows(quality.streams), width)
        yield from _rest(max(quality.streams_total, len(quality.streams)), "stream")
    elif quality.media and quality.media != "captured":
        yield f"    No media: {one_line(quality.media, width - 14)}"


def _rest(total: int, noun: str) -> Iterator[str]:
    if total > ROWS:
        yield f"    … and {plural(total - ROWS, f'more {noun}')}"


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]], width: int) -> Iterator[str]:
    widths = [max(cells(row[column]) for row in (header, *rows)) for column in range(len(header))]
    # Where the terminal is narrow, the first column gives way: it only names what the others measure.
    widths[0] = max(min(widths[0], width - 4 - sum(widths[1:]) - 2 * len(widths[1:])), _NARROWEST_NAME)
    for row in (header, *rows):
        name = row[0] if cells(row[0]) <= widths[0] else row[0][: widths[0] - 1] + "…"
        # Words stand to the left, figures to the right.
        parts = [
            text + " " * (wide - cells(text)) if column < 2 else " " * (wide - cells(text)) + text
            for column, (text, wide) in enumerate(zip((name, *row[1:]), widths, strict=True))
        ]
        yield "    " + "  ".join(parts)
