"""Files that appear whole or not at all: a reader never sees half of one, and a run that fails leaves the old one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the target's place when the block ends without an exception.

    A pipe or a device is written to, not replaced.

    Raises:
        OSError: The target cannot be written.
    """
    real = target.resolve()
    if real.exists() and not real.is_file():
        with real.open("wb") as stream:
            yield stream
        return
    handle, temporary = tempfile.mkstemp(prefix=".sip-ci-", suffix=".tmp", dir=real.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        # mkstemp makes files that only the owner reads; the next step of a CI job may be somebody else.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(real)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
