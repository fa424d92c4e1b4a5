"""Untrusted text made safe for GitHub-flavoured Markdown, for tables, and for Mermaid."""

from __future__ import annotations

import re

from sip_ci.report.plain import lines_of, one_line
from sip_ci.trace.printable import printable

_BREAK = "<!-- -->"
"""An empty comment: GitHub drops it, and what it parts is no longer a mention, a reference or an address."""
_PUNCTUATION = re.compile(r"[\\`*_\[\]|~$]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_AUTOLINKS = re.compile(r"(@|#|://|(?i:www)(?=\.)|(?i:\bGH)(?=-)|(?i:\bmailto|\bxmpp)(?=:)|:(?=[a-z0-9_+-]+:))")
_SPAN = re.compile(r"(?<!`)(`++)(.{0,400}?[^`])\1(?!`)")
_LIST_ITEM = re.compile(r"( {0,8})[-*] +(?=\S)")
_BLOCK_START = re.compile(r"^(\d{0,9})([.)=+-])")
_MERMAID_PLAIN = re.compile(r"[A-Za-z0-9 .,_/()=+@'?!-]")
_MERMAID_WORD = re.compile(r"\bend\b", re.IGNORECASE)


def escape(text: str) -> str:
    """Return text as inline Markdown that shows exactly this text, in one line, and does nothing else."""
    text = printable(text)
    text = _PUNCTUATION.sub(lambda match: "\\" + match[0], text)
    text = re.sub("[&<>]", lambda match: _ENTITIES[match[0]], text)
    return _AUTOLINKS.sub(_part, text)


def _part(match: re.Match[str]) -> str:
    found = match[0]
    if found == "://":
        return f":{_BREAK}//"
    return f"\\#{_BREAK}" if found == "#" else f"{found}{_BREAK}"


def html(text: str) -> str:
    """Return text for the inside of an HTML element: every character that could mean something is an entity."""
    entities = "".join(
        char if char.isalnum() or char in " .,()=+'?-" else f"&#{ord(char)};" for char in printable(text)
    )
    # GitHub looks for mentions and references in what is shown, after the entities are gone.
    return re.sub("&#(35|64);", rf"&#\1;{_BREAK}", entities)


def code(text: str) -> str:
    """Return text as a code span that no content can close; in a table a `|` still needs `cell`."""
    text = printable(text)
    if not text.strip():
        return ""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    # One space is stripped from both ends, which parts a backtick at the edge from the fence.
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def cell(markdown: str) -> str:
    """Return inline Markdown, code spans included, so that it stays within its table cell."""
    # A table is split before code spans are read, and `\|` is a plain `|` there also inside a code span.
    return re.sub(r"\\?\|", r"\\|", markdown)


def fenced(lines: list[str], language: str = "") -> str:
    """Return lines as a code block that no content can close; the lines have to be printable already."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *lines, fence])


def inline(text: str) -> str:
    """Return one line of prose: code spans stay code spans, all else is shown as it stands."""
    text = one_line(text)
    result = ""
    position = 0
    for match in _SPAN.finditer(text):
        result += escape(text[position : match.start()]) + code(match[2].strip() or match[2])
        position = match.end()
    return result + escape(text[position:])


def prose(text: str) -> str:
    """Return prose as paragraphs; simple lists and code spans are kept, all else is shown as it stands."""
    lines = []
    for line in lines_of(text.strip()):
        item = _LIST_ITEM.match(line)
        if item is not None:
            lines.append(f"{' ' * (len(item[1]) // 2 * 2)}- {_as_text(inline(line[item.end() :]))}")
        else:
            # The indentation goes: four columns would make a code block, in which escapes show.
            lines.append(_as_text(inline(line.strip())))
    return "\n".join(_parted(lines))


def _as_text(markdown: str) -> str:
    """Keep the beginning of a line from opening a heading, a list or a rule."""
    return _BLOCK_START.sub(lambda match: f"{match[1]}\\{match[2]}", markdown)


def _parted(lines: list[str]) -> list[str]:
    """Set lists apart from the paragraph before them, and lines of a paragraph apart from one another."""
    parted: list[str] = []
    for line in lines:
        before = parted[-1] if parted else ""
        if before and line and line.lstrip().startswith("- ") != before.lstrip().startswith("- "):
            parted.append("")
        elif before and line and not line.lstrip().startswith("- "):
            parted[-1] = before + "<br>"
        parted.append(line)
    return parted


def mermaid_label(text: str, maximum: int = 60) -> str:
    """Return text as the label of a participant or an arrow: every character that could be syntax is an entity."""
    text = one_line(text, maximum)
    text = "".join(
        char if _MERMAID_PLAIN.match(char) or (ord(char) > 0xA0 and char.isprintable()) else f"#{ord(char)};"
        for char in text
    )
    # The bare word closes a block of the diagram.
    return _MERMAID_WORD.sub(lambda match: f"#{ord(match[0][0])};{match[0][1:]}", text) or "#32;"
