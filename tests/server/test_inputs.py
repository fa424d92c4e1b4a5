"""`file:` URLs and the server's own captures, through the API."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import pytest
from tests.support.analysis_server import CAPTURE_LIMIT, ServerUnderTest

from sip_ci_server.fetching import Fetcher, FetchError, FetchPolicy
from sip_ci_server.storage.captures import CaptureStore, StoreFullError


def analyze(server: ServerUnderTest, headers: dict[str, str], url: str):
    return server.client.post("/v1/analyze", headers=headers, json={"pcap_url": url})


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a call #1?.pcap").write_bytes(b"12345")
    (tmp_path / "secret.pcap").write_bytes(b"secret")
    (tmp_path / "workspace-2").mkdir()
    (tmp_path / "workspace-2" / "a.pcap").write_bytes(b"sibling")
    (folder / "big.pcap").write_bytes(b"x" * (CAPTURE_LIMIT + 1))
    (folder / "out.pcap").symlink_to(tmp_path / "secret.pcap")
    (folder / "out").symlink_to(tmp_path)
    (folder / "in.pcap").symlink_to(folder / "deep" / "a call #1?.pcap")
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    return folder


def test_file_below_a_root_is_read_under_its_relative_name(server: ServerUnderTest, workspace: Path) -> None:
    headers = server.key_for("ann")
    for host in ("", "localhost"):
        response = analyze(server, headers, f"file://{host}" + quote(str(workspace / "deep" / "a call #1?.pcap")))
        assert response.status_code == 200
        assert response.json()["meta"]["trace"]["messages"] == 5
        assert response.json()["meta"]["trace"]["format"] == "deep/a call #1?.pcap"
    assert analyze(server, headers, f"file://{workspace}/in.pcap").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "{root}/../secret.pcap",
        "{root}/%2e%2e/secret.pcap",
        "{root}/out.pcap",
        "{root}/out/secret.pcap",
        "{root}-2/a.pcap",
        "{root}/missing.pcap",
        "{root}/deep",
        "{root}/pipe",
        "{root}/loop",
        "{root}/a%00b",
        "{root}/" + "a" * 300,
        "/dev/zero",
        "/proc/self/environ",
        "relative.pcap",
        "",
    ],
)
def test_everything_else_is_refused(server: ServerUnderTest, workspace: Path, path: str) -> None:
    headers = server.key_for("ann")
    response = analyze(server, headers, "file://" + path.format(root=workspace))
    assert response.status_code == 400
    assert response.json()["code"] == "fetch-failed"
    assert response.headers["x-ratelimit-remaining"] == "100"
    assert str(workspace.parent) not in response.text


def test_outside_looks_the_same_whether_it_exists(server: ServerUnderTest, workspace: Path) -> None:
    headers = server.key_for("ann")
    texts = {
        analyze(server, headers, f"file://{workspace.parent}/{name}").json()["error"]
        for name in ("secret.pcap", "no-such.pcap")
    }
    assert len(texts) == 1


def test_too_large_file_is_413(server: ServerUnderTest, workspace: Path) -> None:
    response = analyze(server, server.key_for("ann"), f"file://{workspace}/big.pcap")
    assert response.status_code == 413
    assert response.headers["x-ratelimit-remaining"] == "100"


def test_without_roots_no_file_is_read(make_server: Callable[..., ServerUnderTest], workspace: Path) -> None:
    server = make_server(roots=())
    assert analyze(server, server.key_for("ann"), f"file://{workspace}/in.pcap").status_code == 400


def test_upload_then_analyse_then_expire(server: ServerUnderTest, tmp_path: Path) -> None:
    ann, bob = server.key_for("ann"), server.key_for("bob")
    response = server.client.post("/v1/captures", headers=ann, content=b"capture bytes")
    assert response.status_code == 201
    created = response.json()
    assert created["pcap_url"] == f"http://sip-ci.test/v1/captures/{created['id']}"
    assert created["expires_at"] == "2026-04-17T00:00:00.000Z"
    assert response.headers["x-ratelimit-remaining"] == "100"
    for path in (tmp_path / "captures").iterdir():
        assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "captures").stat().st_mode & 0o077 == 0

    assert analyze(server, ann, created["pcap_url"]).json()["meta"]["trace"]["messages"] == 13
    refused = analyze(server, bob, created["pcap_url"])
    missing = analyze(server, bob, created["pcap_url"][:-4] + "0000")
    assert refused.status_code == missing.status_code == 400
    assert refused.json()["error"] == missing.json()["error"]

    server.clock.advance(timedelta(hours=2))
    assert analyze(server, ann, created["pcap_url"]).status_code == 400
    assert server.services.captures is not None
    assert server.services.captures.purge() == 1
    assert list((tmp_path / "captures").iterdir()) == []


@pytest.mark.parametrize("capture_id", ["../../secret", "..%2f..%2fsecret", "", "A" * 32, "0" * 31, "0" * 33])
def test_capture_ids_are_no_paths(server: ServerUnderTest, capture_id: str) -> None:
    response = analyze(server, server.key_for("ann"), f"http://sip-ci.test/v1/captures/{capture_id}")
    assert response.status_code == 400


def test_another_hosts_captures_path_is_another_host(server: ServerUnderTest) -> None:
    ann = server.key_for("ann")
    created = server.client.post("/v1/captures", headers=ann, content=b"capture").json()
    url = f"http://sip-ci.test.evil.example/v1/captures/{created['id']}"
    assert analyze(server, ann, url).status_code == 400


def test_public_url_is_what_uploads_are_named_by(make_server: Callable[..., ServerUnderTest]) -> None:
    server = make_server(public_url="https://sip-ci.example.com/")
    ann = server.key_for("ann")
    created = server.client.post("/v1/captures", headers=ann, content=b"capture").json()
    assert created["pcap_url"].startswith("https://sip-ci.example.com/v1/captures/")
    assert analyze(server, ann, created["pcap_url"]).status_code == 200


def test_refused_uploads_leave_nothing(server: ServerUnderTest, tmp_path: Path) -> None:
    ann = server.key_for("ann")
    assert server.client.post("/v1/captures", headers=ann, content=b"").status_code == 400
    response = server.client.post("/v1/captures", headers=ann, content=b"x" * (CAPTURE_LIMIT + 1))
    assert response.status_code == 413
    chunks = (b"x" * 1000 for _ in range(6))
    assert server.client.post("/v1/captures", headers=ann, content=chunks).status_code == 413
    assert list((tmp_path / "captures").iterdir()) == []


class CannedFetcher(Fetcher):
    def __init__(self) -> None:
        super().__init__(FetchPolicy(allow_http=False, ports=(443,), maximum_bytes=1, timeout=1))
        self.written: list[Path] = []

    def fetch(self, url: str, into: BinaryIO) -> None:
        into.write(b"12345")
        self.written.append(Path(into.name))
        if url.endswith("/refused"):
            raise FetchError("refused")


def test_a_fetched_file_is_analysed_and_deleted(make_server: Callable[..., ServerUnderTest]) -> None:
    fetcher = CannedFetcher()
    server = make_server(fetcher=fetcher)
    ann = server.key_for("ann")
    response = analyze(server, ann, "https://captures.example/nightly/a%20call.pcap?token=secret")
    assert response.status_code == 200
    assert response.json()["meta"]["trace"] == {
        **response.json()["meta"]["trace"],
        "messages": 5,
        "format": "a call.pcap",
    }
    assert analyze(server, ann, "https://captures.example/refused").status_code == 400
    assert len(fetcher.written) == 2
    assert not any(path.exists() for path in fetcher.written)


def test_full_store_is_refused_until_something_expires(tmp_path: Path) -> None:
    store = CaptureStore(tmp_path / "store", timedelta(0), capacity=10)
    upload = store.begin()
    upload.file.write(b"x" * 20)
    upload.file.flush()
    with pytest.raises(StoreFullError):
        store.begin()
    store.finish(upload, "ann")
    store.begin().discard()
    assert list((tmp_path / "store").iterdir()) == []
