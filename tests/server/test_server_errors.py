"""Every status of the API, in its one form, with its headers, at no cost to whoever was refused."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.analysis_server import ServerUnderTest

from sip_ci.service.wire import MAXIMUM_TRACE_BYTES
from sip_ci_server.accounts.interface import AccountsUnavailableError
from sip_ci_server.accounts.plans import Plan
from sip_ci_server.fetching import Fetcher, FetchPolicy

QUOTA_HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


def check_error(response, status: int, code: str) -> None:
    assert response.status_code == status
    body = response.json()
    assert set(body) == {"error", "code", "request_id"}
    assert body["code"] == code
    assert body["error"]
    assert body["request_id"] == response.headers["x-request-id"]
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    if status in (429, 503):
        assert int(response.headers["retry-after"]) >= 1


def test_success_says_plan_and_quota(server: ServerUnderTest) -> None:
    headers = server.key_for("ann")
    response = server.client.post("/v1/analyze", headers=headers, json={"trace": "INVITE"})
    assert response.status_code == 200
    meta = response.json()["meta"]
    assert (meta["plan"], meta["calls_today"], meta["calls_remaining"], meta["calls_limit"]) == ("pro", 1, 99, 100)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", meta["analyzed_at"])
    assert meta["engine_version"]
    assert response.headers["x-ratelimit-limit"] == "100"
    assert response.headers["x-ratelimit-remaining"] == "99"
    assert response.headers["x-ratelimit-reset"] == "1776384000"  # 2026-04-17T00:00:00Z


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"trace"',
        b"{}",
        b'{"trace": null}',
        b'{"trace": "a", "pcap_url": "https://e/"}',
        b'{"trace": 5}',
        b'{"trace": ["a"]}',
        b'{"pcap_url": {}}',
        b'{"trace": ""}',
        b'{"trace": " \\r\\n "}',
        b'{"trace": "a", "context": []}',
        b'{"trace": "a", "context": {"endpoints": "SBC"}}',
        b'{"trace": "a", "context": {"endpoints": [1]}}',
        b'{"trace": "a", "context": {"issue": 7}}',
        b'{"trace": "\\ud800"}',
        b'{"trace": "\xff\xfe"}',
        b"[" * 100_000,
        b'{"trace": ' * 10_000,
        b'{"pcap_url": ""}',
        b'{"pcap_url": "ftp://example.com/a"}',
        b'{"pcap_url": "https://["}',
        b'{"pcap_url": "https://exa mple.com/"}',
        b'{"pcap_url": "file:///etc/passwd"}',
        b'{"pcap_url": "' + b"a" * 100_000 + b'"}',
        b'{"trace": "unreadable"}',
    ],
)
def test_bad_bodies_are_400_and_free(server: ServerUnderTest, body: bytes) -> None:
    headers = server.key_for("ann")
    response = server.client.post("/v1/analyze", headers=headers, content=body)
    assert response.status_code == 400
    assert set(response.json()) == {"error", "code", "request_id"}
    assert response.headers["x-ratelimit-remaining"] == "100"
    assert "Traceback" not in response.text


def test_unknown_issue_and_unknown_fields_are_accepted(server: ServerUnderTest) -> None:
    headers = server.key_for("ann")
    body = {"trace": "a", "context": {"issue": "the cat sat on it", "new": 1}, "also_new": True}
    assert server.client.post("/v1/analyze", headers=headers, json=body).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer sips_" + "0" * 36, "Bearer sips_XYZ", "Bearer " + "x" * 5000],
)
def test_401_is_the_same_for_every_bad_key(server: ServerUnderTest, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in (("POST", "/v1/analyze"), ("GET", "/v1/keys"), ("POST", "/v1/captures")):
        response = server.client.request(method, path, headers=headers)
        check_error(response, 401, "unauthorized")
        assert response.headers["www-authenticate"] == "Bearer"
        assert not any(name in response.headers for name in QUOTA_HEADERS)
        reference = server.client.request(method, path)
        assert response.json()["error"] == reference.json()["error"]


def test_revoked_key_is_401_at_once(server: ServerUnderTest) -> None:
    headers = server.key_for("ann")
    assert server.client.get("/v1/keys", headers=headers).status_code == 200
    prefix = server.client.get("/v1/keys", headers=headers).json()["keys"][0]["prefix"]
    server.administration.revoke_key(prefix)
    check_error(server.client.get("/v1/keys", headers=headers), 401, "unauthorized")
    check_error(server.client.post("/v1/analyze", headers=headers, json={"trace": "a"}), 401, "unauthorized")


def test_free_plan_is_403(server: ServerUnderTest) -> None:
    headers = server.key_for("fred", Plan.FREE)
    for method, path in (("POST", "/v1/analyze"), ("GET", "/v1/keys"), ("POST", "/v1/captures")):
        response = server.client.request(method, path, headers=headers)
        check_error(response, 403, "plan-without-api")
        assert response.headers["x-ratelimit-limit"] == "0"


def test_404_and_405_are_json_and_tell_the_quota(server: ServerUnderTest) -> None:
    headers = server.key_for("ann")
    for response, status, code in (
        (server.client.get("/nothing", headers=headers), 404, "not-found"),
        (server.client.get("/v1/captures/" + "0" * 32, headers=headers), 404, "not-found"),
        (server.client.get("/v1/analyze", headers=headers), 405, "method-not-allowed"),
        (server.client.delete("/v1/keys", headers=headers), 405, "method-not-allowed"),
    ):
        check_error(response, status, code)
        assert all(name in response.headers for name in QUOTA_HEADERS)


@pytest.mark.parametrize("character", ["a", "é", "\u0001", "😀"])
def test_trace_limit_is_in_bytes_of_utf8(server: ServerUnderTest, character: str) -> None:
    headers = server.key_for("ann")
    fitting = character * (MAXIMUM_TRACE_BYTES // len(character.encode()))
    assert server.client.post("/v1/analyze", headers=headers, json={"trace": fitting}).status_code == 200
    response = server.client.post("/v1/analyze", headers=headers, json={"trace": fitting + "aaaa"})
    check_error(response, 413, "too-large")
    assert response.headers["x-ratelimit-remaining"] == "99"


def test_declared_length_over_the_limit_is_refused(server: ServerUnderTest) -> None:
    headers = server.key_for("ann")
    response = server.client.post("/v1/analyze", headers=headers, content=b" " * 4_000_000)
    check_error(response, 413, "too-large")
    assert response.headers["connection"] == "close"


def test_quota_used_is_429_until_midnight(make_server: Callable[..., ServerUnderTest]) -> None:
    server = make_server(pro_daily=2)
    headers = server.key_for("ann")
    for remaining in ("1", "0"):
        response = server.client.post("/v1/analyze", headers=headers, json={"trace": "a"})
        assert response.headers["x-ratelimit-remaining"] == remaining
    response = server.client.post("/v1/analyze", headers=headers, json={"trace": "a"})
    check_error(response, 429, "quota-used")
    assert response.headers["x-ratelimit-remaining"] == "0"
    # A request that is wrong in itself is told so first, and other routes still work.
    check_error(server.client.post("/v1/analyze", headers=headers, json={}), 400, "invalid-request")
    assert server.client.get("/v1/keys", headers=headers).json()["keys"][0]["calls_today"] == 2


def test_worker_failures_are_free(server: ServerUnderTest) -> None:
    headers = server.key_for("ann")
    for trace, status, code in (
        ("crash", 503, "unavailable"),
        ("timeout", 413, "analysis-timeout"),
        ("unreadable", 400, "unreadable-input"),
        ("bug", 500, "internal"),
    ):
        response = server.client.post("/v1/analyze", headers=headers, json={"trace": trace})
        check_error(response, status, code)
        assert response.headers["x-ratelimit-remaining"] == "100"
        assert "secret detail" not in response.text


def test_full_queue_is_503_and_not_ready(make_server: Callable[..., ServerUnderTest]) -> None:
    server = make_server(capacity=0)
    headers = server.key_for("ann")
    response = server.client.post("/v1/analyze", headers=headers, json={"trace": "a"})
    check_error(response, 503, "overloaded")
    assert response.headers["x-ratelimit-remaining"] == "100"
    check_error(server.client.get("/readyz"), 503, "unavailable")
    assert server.client.get("/healthz").status_code == 200


def test_unavailable_database_is_503(server: ServerUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = server.key_for("ann")

    def fail(*arguments: object) -> None:
        raise AccountsUnavailableError("the database does not answer")

    for method in ("identify", "reserve", "ping"):
        monkeypatch.setattr(type(server.services.accounts), method, fail)
    check_error(server.client.post("/v1/analyze", headers=headers, json={"trace": "a"}), 503, "unavailable")
    check_error(server.client.get("/readyz"), 503, "unavailable")
    # What needs no key is served all the same.
    assert server.client.get("/v1/info", headers=headers).status_code == 200


def test_request_id_is_taken_over_only_if_harmless(server: ServerUnderTest) -> None:
    assert server.client.get("/healthz", headers={"X-Request-Id": "run-7.a"}).headers["x-request-id"] == "run-7.a"
    for hostile in ("a b", "x" * 65, '"><script>', ""):
        assert server.client.get("/healthz", headers={"X-Request-Id": hostile}).headers["x-request-id"] != hostile


def test_keys_never_show_the_secret(server: ServerUnderTest) -> None:
    headers = server.key_for("ann")
    secret = headers["Authorization"].removeprefix("Bearer ")
    server.clock.now = server.clock.now.replace(hour=23, minute=30)
    newer = server.administration.create_key("ann", "newer")
    server.client.post("/v1/analyze", headers=headers, json={"trace": "a"})
    response = server.client.get("/v1/keys", headers=headers)
    entries = response.json()["keys"]
    assert [entry["name"] for entry in entries] == ["newer", "test"]
    assert entries[1]["calls_today"] == entries[1]["calls_total"] == 1
    assert entries[1]["last_used_at"] == "2026-04-16T23:30:00.000Z"
    assert entries[0]["prefix"] == newer[:13]
    assert secret not in response.text
    assert newer not in response.text


def test_info_needs_no_key(server: ServerUnderTest) -> None:
    body = server.client.get("/v1/info").json()
    assert body["service"] == "sip-ci-server"
    assert body["captures"] is True
    assert body["limits"] == {"trace_bytes": 512_000, "capture_bytes": 4096}


def test_openapi_describes_the_contract(server: ServerUnderTest) -> None:
    document = server.client.get("/openapi.json").json()
    assert {"/v1/analyze", "/v1/keys", "/v1/info", "/v1/captures", "/healthz", "/readyz"} <= set(document["paths"])
    analyze = document["paths"]["/v1/analyze"]["post"]
    assert {"200", "400", "401", "403", "413", "429", "503"} <= set(analyze["responses"])
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references
    assert references <= set(document["components"]["schemas"])


def test_metrics_count_and_never_repeat_a_request(server: ServerUnderTest) -> None:
    headers = server.key_for("ann")
    server.client.post("/v1/analyze", headers=headers, json={"trace": "a"})
    server.client.get("/x%22%7D%201%0Afake%202")
    server.client.request("BREW", "/v1/keys")
    text = server.client.get("/metrics").text
    assert 'sip_ci_requests_total{method="POST",route="/v1/analyze",status="200"} 1' in text
    assert "sip_ci_analysis_seconds_count 1" in text
    assert "fake" not in text
    assert "BREW" not in text


def test_slow_hosts_do_not_keep_others_from_their_keys(make_server: Callable[..., ServerUnderTest]) -> None:
    release = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        release.wait(30)
        return []

    policy = FetchPolicy(allow_http=False, ports=(443,), maximum_bytes=1, timeout=60)
    server = make_server(fetcher=Fetcher(policy, resolve), capacity=100)
    headers = server.key_for("ann")
    url = {"pcap_url": "https://slow.example/a.pcap"}
    with server.client as client, ThreadPoolExecutor(40) as pool:
        waiting = [pool.submit(client.post, "/v1/analyze", headers=headers, json=url) for _ in range(40)]
        while len(server.services.inputs.threads._threads) < 16:
            time.sleep(0.01)
        assert client.get("/v1/keys", headers=headers).status_code == 200
        release.set()
        assert {future.result().status_code for future in waiting} == {400}
