"""Glob patterns over paths: `*`, `?`, `[…]` within a segment, and `**` for any number of folders.

Own rules instead of `glob.glob`, which follows symbolic links to folders and so can leave the workspace or run in
circles. A pattern becomes one regular expression without nested repetition of the same characters.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_MAGIC = re.compile(r"[*?\[]")


def is_pattern(text: str) -> bool:
    """Whether the text holds any wildcard."""
    return _MAGIC.search(text) is not None


def split_pattern(text: str) -> tuple[str, str]:
    """Split a pattern into its leading folder without wildcards, and the rest.

    >>> split_pattern("build/traces/**/*.pcap")
    ('build/traces', '**/*.pcap')
    """
    parts = PurePosixPath(text).parts
    first = next((index for index, part in enumerate(parts) if is_pattern(part)), len(parts))
    return str(PurePosixPath(*parts[:first])) if first else "", "/".join(parts[first:])


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a relative pattern to an expression that matches whole relative paths.

    `**` as a whole segment matches any number of folders, none included; as the last segment, every file below.
    """
    segments = [segment for segment in pattern.split("/") if segment not in ("", ".")]
    collapsed = [
        segment
        for index, segment in enumerate(segments)
        if segment != "**" or index == 0 or segments[index - 1] != "**"
    ]
    expression = ""
    for index, segment in enumerate(collapsed):
        last = index == len(collapsed) - 1
        if segment == "**":
            expression += ".+" if last else "(?:.+/)?"
        else:
            expression += _segment(segment) + ("" if last else "/")
    return re.compile(expression, re.DOTALL)


def _segment(segment: str) -> str:
    expression, position = "", 0
    while position < len(segment):
        character = segment[position]
        position += 1
        if character == "*":
            # Several stars in a row mean the same as one, and would only cost time.
            if not expression.endswith("[^/]*"):
                expression += "[^/]*"
        elif character == "?":
            expression += "[^/]"
        elif character == "[" and (end := _class_end(segment, position)):
            expression += _character_class(segment[position:end])
            position = end + 1
        else:
            expression += re.escape(character)
    return expression


def _class_end(segment: str, start: int) -> int:
    """Return the index of the bracket that closes a character class, or 0 where none does."""
    first = start + 1 if segment[start : start + 1] == "!" else start
    return max(segment.find("]", first + 1), 0)


def _character_class(content: str) -> str:
    negated = content.startswith("!")
    body = content[1:] if negated else content
    escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", body)
    try:
        re.compile(f"[{escaped}]")
    except re.error:
        return re.escape(f"[{content}]")
    return f"(?!/)[{'^' if negated else ''}{escaped}]"
