"""Texts and addresses as SARIF 2.1.0 wants them."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import quote

from sip_ci.report.plain import one_line, sentence, shortened

MAXIMUM_MESSAGE = 1000
"""Code points of a message. GitLab skips a result whose message is over its limit, 1,024 in its older versions."""
_LEAST_ROOM = 60
"""Code points below which the beginning of a part says nothing."""

_SPECIAL = re.compile(r"[\\\[\]{}]")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def escape(text: str) -> str:
    r"""Escape text for a message: `{` and `}` begin placeholders (§3.11.5), `[` and `]` links (§3.11.6)."""
    return _SPECIAL.sub(lambda match: match[0] * 2 if match[0] in "{}" else "\\" + match[0], text)


def message_text(*parts: str) -> str:
    """Join the parts to one message that ends with a full stop; the last parts are cut where it would grow too long.

    Each part becomes one printable line, ends with a full stop, and is escaped.
    """
    message = ""
    for part in parts:
        if not part.strip():
            continue
        room = MAXIMUM_MESSAGE - len(message) - 1
        text = sentence(one_line(part))
        escaped = escape(text)
        if len(escaped) > room:
            if room < _LEAST_ROOM:
                break
            # Escaping lengthens by one for each special character, and a cut text gets a full stop.
            added = min(len(escaped) - len(text), room // 2)
            escaped = escape(sentence(shortened(part, room - added - 1)))
        message += (" " if message else "") + escaped
    return message


def uri_of(path: str) -> str:
    """Return a path as a relative URI: forward slashes, percent-encoded, without `.`, `..`, drive or leading slash.

    An absolute path says nothing about the repository and may betray the machine: only its last part is kept.
    """
    if _DRIVE.match(path) or ("\\" in path and "/" not in path):
        path = path.replace("\\", "/")
    if _DRIVE.match(path) or path.startswith("/"):
        path = posixpath.basename(path.rstrip("/"))
    normal = posixpath.normpath(path) if path else ""
    parts = [part for part in normal.split("/") if part not in ("", ".", "..")]
    text = "/".join(parts) or "unknown"
    try:
        # The bytes of a name that is no UTF-8, as Python's file system functions carry them.
        return quote(text, safe="/", errors="surrogateescape")
    except UnicodeEncodeError:
        return quote(text, safe="/", errors="replace")
