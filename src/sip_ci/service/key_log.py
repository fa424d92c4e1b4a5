"""Reads the key log that the user names: the secrets by which TLS connections in captures are decrypted."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from sip_ci.service.wire import MAXIMUM_KEY_LOG_BYTES

# The labels of the NSS key log format, of which TLS 1.2 needs the first.
_SECRET = re.compile(
    rb"^(?:CLIENT_RANDOM|RSA|(?:CLIENT|SERVER)_(?:HANDSHAKE_)?TRAFFIC_SECRET(?:_[0-9]+)?|EXPORTER_SECRET) ",
    re.MULTILINE,
)

logger = logging.getLogger(__name__)


def read_key_log(path: Path) -> str:
    """The text of a key log, or its last lines where it is longer than the API takes: programs append to it.

    A file that is missing or cannot be read is a warning and an empty text: a run without TLS writes none.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            file.seek(max(size - MAXIMUM_KEY_LOG_BYTES, 0))
            data = file.read(MAXIMUM_KEY_LOG_BYTES)
    except OSError as error:
        logger.warning("tls-keylog: %s cannot be read: %s", path, error.strerror or type(error).__name__)
        return ""
    if size > MAXIMUM_KEY_LOG_BYTES:
        data = data.partition(b"\n")[2]
        logger.warning("tls-keylog: only the last %d bytes of %s are used", MAXIMUM_KEY_LOG_BYTES, path)
    if not _SECRET.search(data):
        logger.warning("tls-keylog: %s holds no TLS secrets; nothing is decrypted with it", path)
        return ""
    return data.decode("ascii", "replace")
