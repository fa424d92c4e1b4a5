"""From a `pcap_url` to a local file: the server's own captures, `file:` below named roots, or fetched."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast
from urllib.parse import SplitResult, unquote, urlsplit

from sip_ci_server.fetching import Fetcher, FetchError, TooLargeError
from sip_ci_server.storage.captures import CaptureStore

_LONGEST_URL = 8192
_CAPTURES_PATH = "/v1/captures/"
_CONCURRENT = 16


@dataclass(frozen=True, slots=True)
class LocalInput:
    """A file that is ready to be read."""

    path: Path
    name: str
    """What the trace is called."""


class Inputs:
    """Opens what `pcap_url` names."""

    def __init__(
        self, fetcher: Fetcher, captures: CaptureStore | None, roots: tuple[Path, ...], maximum_bytes: int
    ) -> None:
        self._fetcher = fetcher
        self._captures = captures
        self._roots = tuple(root.resolve() for root in roots)
        self._maximum_bytes = maximum_bytes
        # Threads of their own: however slow the hosts that users name are, keys are looked up meanwhile.
        self.threads = ThreadPoolExecutor(_CONCURRENT, thread_name_prefix="input")

    def close(self) -> None:
        """End all transfers."""
        self._fetcher.close()
        self.threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def open(self, url: str, owner: str, own_origins: tuple[str, ...]) -> Iterator[LocalInput]:
        """Give the file that `url` names, for as long as the context lasts. May block.

        Args:
            url: `https:`, `file:`, or one of this server's captures.
            owner: whose captures may be read.
            own_origins: addresses of this server, such as `https://host:8443`.

        Raises:
            TooLargeError: if the file is larger than this server takes.
            FetchError: if it may not or cannot be read; the text is for whoever sent the URL.
        """
        if len(url) > _LONGEST_URL:
            raise FetchError(f"pcap_url is longer than {_LONGEST_URL} characters")
        try:
            parts = urlsplit(url)
        except ValueError:
            raise FetchError("pcap_url is not a valid URL") from None
        if parts.scheme == "file":
            yield self._below_roots(parts)
        elif any(url.startswith(origin + _CAPTURES_PATH) for origin in own_origins):
            yield self._own_capture(parts, owner)
        else:
            with tempfile.NamedTemporaryFile(prefix="sip-ci-fetch-") as file:
                self._fetcher.fetch(url, cast(BinaryIO, file))
                file.flush()
                yield LocalInput(Path(file.name), PurePosixPath(unquote(parts.path)).name or "capture")

    def _own_capture(self, parts: SplitResult, owner: str) -> LocalInput:
        capture_id = parts.path.rpartition("/")[2]
        path = self._captures.find(capture_id, owner) if self._captures is not None else None
        if path is None:
            raise FetchError("there is no such capture, or it has expired, or it belongs to another account")
        return LocalInput(path, capture_id)

    def _below_roots(self, parts: SplitResult) -> LocalInput:
        if not self._roots:
            raise FetchError("this server reads no file: URLs")
        if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise FetchError("a file: URL has the form file:///path, with ? and # percent-encoded")
        text = unquote(parts.path, errors="surrogateescape")
        if "\0" in text:
            raise FetchError("pcap_url is not a valid URL")
        try:
            # Symbolic links are followed before the comparison: one that leads out of the roots is outside.
            path = Path(text).resolve()
        except (OSError, RuntimeError):
            raise FetchError("the file of pcap_url cannot be read") from None
        root = next((root for root in self._roots if path.is_relative_to(root)), None)
        if root is None:
            raise FetchError("the file of pcap_url is not below a folder that this server may read")
        try:
            if not path.is_file():
                raise FetchError("pcap_url names no file")
            size = path.stat().st_size
        except OSError:
            raise FetchError("the file of pcap_url cannot be read") from None
        if size > self._maximum_bytes:
            raise TooLargeError(f"the capture is larger than this server takes ({self._maximum_bytes} bytes)")
        return LocalInput(path, path.relative_to(root).as_posix())
