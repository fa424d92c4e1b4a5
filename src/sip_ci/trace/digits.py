"""Numbers in protocol text: ASCII digits only, of any length, with a ceiling."""

from __future__ import annotations


def parse_digits(text: str, maximum: int) -> int | None:
    """The number that `text` spells in ASCII digits; None where it is none, or larger than `maximum`.

    `int()` alone takes signs, underscores and the digits of every script, and raises for more than 4300 of them.
    """
    if not (text.isascii() and text.isdigit()):
        return None
    significant = text.lstrip("0") or "0"
    if len(significant) > 20:
        return None
    number = int(significant)
    return number if number <= maximum else None
