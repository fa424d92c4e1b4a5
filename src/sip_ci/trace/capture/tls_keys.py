"""Key logs: the secrets of TLS connections, as browsers and test clients write them to the file of `SSLKEYLOGFILE`.

The format is that of draft-ietf-tls-keylogfile: one line for each secret, a label, the client's random and the secret
in hexadecimal. A pcapng file may hold the same text in a decryption secrets block.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MAXIMUM_KEY_LOG = 4 << 20
"""Bytes of a key log that are read."""

_LINE = re.compile(rb"^[ \t]*([A-Z][A-Z0-9_]{1,63}) ([0-9A-Fa-f]{64}) ([0-9A-Fa-f]{16,256})[ \t\r]*$", re.MULTILINE)


class KeyLog:
    """The secrets that are known; false where there are none. `blocks` may grow while a file is read."""

    def __init__(self, given: bytes = b"", blocks: Sequence[bytes] = ()) -> None:
        self.given = bool(given.strip())
        """Whether the user gave a key log."""
        self._blocks = blocks
        self._read_blocks = 0
        self._size = 0
        self._secrets: dict[bytes, dict[bytes, bytes]] = {}
        self._add(given)

    def __bool__(self) -> bool:
        self._catch_up()
        return bool(self._secrets)

    def knows(self, random: bytes) -> bool:
        """Whether there is a secret for the connection whose ClientHello has this random."""
        self._catch_up()
        return random in self._secrets

    def text(self, randoms: set[bytes]) -> bytes:
        """The lines for these connections, written anew."""
        self._catch_up()
        return b"".join(
            b"%s %s %s\n" % (label, random.hex().encode(), secret)
            for random in sorted(randoms)
            for label, secret in self._secrets.get(random, {}).items()
        )

    def _catch_up(self) -> None:
        while self._read_blocks < len(self._blocks):
            self._read_blocks += 1
            self._add(self._blocks[self._read_blocks - 1])

    def _add(self, text: bytes) -> None:
        text = text[: MAXIMUM_KEY_LOG - self._size]
        self._size += len(text)
        for line in _LINE.finditer(text):
            self._secrets.setdefault(bytes.fromhex(line[2].decode()), {}).setdefault(line[1], line[3].lower())
