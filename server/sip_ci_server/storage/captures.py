"""Uploaded captures: a folder with one file and one description for each, until they expire."""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from sip_ci.errors import ServiceError
from sip_ci_server.accounts.moments import now_utc

logger = logging.getLogger(__name__)

_ID = re.compile(r"[0-9a-f]{32}")
_ABANDONED = timedelta(hours=24)
"""After this time without a write, an upload that was never finished is deleted."""


class StoreFullError(Exception):
    """Raised when the folder holds as much as the operator allows."""


class CaptureDescription(BaseModel):
    """What is kept of a capture beside its bytes."""

    model_config = ConfigDict(frozen=True)

    owner: str
    expires_at: AwareDatetime


class CaptureUpload:
    """A capture that is being received; it exists for others only once it is finished."""

    def __init__(self, folder: Path) -> None:
        self.id = secrets.token_hex(16)
        self._folder = folder
        self._partial = folder / f"{self.id}.part"
        descriptor = os.open(self._partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self.file: BinaryIO = os.fdopen(descriptor, "wb", buffering=1 << 20)

    def finish(self, description: CaptureDescription) -> None:
        """Make the capture available to its owner."""
        self.file.close()
        path = self._folder / f"{self.id}.json"
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(description.model_dump_json())
        self._partial.rename(self._folder / f"{self.id}.capture")

    def discard(self) -> None:
        """Delete what was received."""
        with suppress(OSError):
            self.file.close()
        self._partial.unlink(missing_ok=True)


class CaptureStore:
    """The folder. Several servers may share it."""

    def __init__(
        self, folder: Path, lifetime: timedelta, capacity: int, clock: Callable[[], datetime] = now_utc
    ) -> None:
        """Make the folder if it is missing, for this user only.

        Args:
            folder: where captures are kept.
            lifetime: how long.
            capacity: how many bytes all captures may take together.
            clock: what time it is.

        Raises:
            ServiceError: if the folder cannot be made or written to.
        """
        self._folder = folder
        self._lifetime = lifetime
        self._capacity = capacity
        self._clock = clock
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ServiceError(f"cannot use the folder {folder} for captures: {error.strerror}") from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ServiceError(f"cannot use the folder {folder} for captures: it is not writable")

    def begin(self) -> CaptureUpload:
        """Start receiving a capture.

        Raises:
            StoreFullError: if the folder is full, also after expired captures were deleted.
        """
        self.purge()
        taken = 0
        for entry in self._entries("*"):
            with suppress(OSError):
                taken += entry.stat().st_size
        if taken >= self._capacity:
            raise StoreFullError
        return CaptureUpload(self._folder)

    def finish(self, upload: CaptureUpload, owner: str) -> datetime:
        """Keep a received capture for `owner` and return when it expires."""
        expires_at = self._clock() + self._lifetime
        upload.finish(CaptureDescription(owner=owner, expires_at=expires_at))
        return expires_at

    def find(self, capture_id: str, owner: str) -> Path | None:
        """Return the file of a capture, or None if there is none, it expired, or it is somebody else's."""
        if not _ID.fullmatch(capture_id):
            return None
        description = self._describe(self._folder / f"{capture_id}.json")
        if description is None or description.owner != owner or description.expires_at <= self._clock():
            return None
        path = self._folder / f"{capture_id}.capture"
        return path if path.is_file() else None

    def purge(self) -> int:
        """Delete expired captures and abandoned uploads; return how many."""
        purged = 0
        now = self._clock()
        for path in self._entries("*.json"):
            description = self._describe(path)
            if description is not None and description.expires_at <= now:
                path.with_suffix(".capture").unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                purged += 1
        for path in self._entries("*.part"):
            with suppress(OSError):
                if path.stat().st_mtime < (now - _ABANDONED).timestamp():
                    path.unlink(missing_ok=True)
                    purged += 1
        return purged

    def _entries(self, pattern: str) -> Iterator[Path]:
        return (path for path in self._folder.glob(pattern) if _ID.fullmatch(path.stem))

    def _describe(self, path: Path) -> CaptureDescription | None:
        try:
            return CaptureDescription.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError):
            logger.warning("the description of a stored capture cannot be read: %s", path.name)
            return None
