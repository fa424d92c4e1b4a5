from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.support.fake_service import Asked, FakeService, Reply

from sip_ci.errors import ServiceError, UsageError
from sip_ci.service import transport as transport_module
from sip_ci.service.client import AnalysisClient, RequestRefusedError
from sip_ci.service.deadline import Deadline
from sip_ci.service.transport import Transport, is_loopback
from sip_ci.service.wire import AnalyzeRequest

KEY = SecretStr("sips_" + "0" * 36)
REQUEST = AnalyzeRequest(trace="OPTIONS sip:a@b SIP/2.0\r\n\r\n")
FINDING = {"severity": "high", "category": "media", "title": "t", "detail": "d", "recommendation": "r"}


def client(url: str, *, key: SecretStr | None = KEY, seconds: float = 5.0) -> AnalysisClient:
    return AnalysisClient(Transport(url, key, Deadline(seconds)))


def test_the_hosted_services_smaller_answer_is_understood(service: FakeService) -> None:
    service.answer("POST", "/v1/analyze", Reply(200, {"findings": [FINDING], "metrics": {"new": 1}}))
    answer = client(service.url).analyze(REQUEST, "x")
    assert [finding.severity.value for finding in answer.findings] == ["high"]
    assert service.asked[0].json["trace"] == REQUEST.trace
    assert "pcap_url" not in service.asked[0].json


def test_the_key_is_sent_as_bearer(service: FakeService) -> None:
    service.answer("GET", "/v1/keys", Reply(200, {"keys": []}))
    client(service.url).keys()
    assert service.asked[0].headers["authorization"] == f"Bearer {KEY.get_secret_value()}"


def test_without_a_key_no_login_from_netrc_is_sent(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setattr(transport_module, "is_loopback", lambda _url: False)
    service.answer("GET", "/v1/info", Reply(200, {"captures": True}))
    client(service.url, key=None).info()
    assert "authorization" not in service.asked[0].headers


def test_a_proxy_is_not_used_for_this_machine(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    service.answer("GET", "/v1/info", Reply(200, {"captures": True}))
    info = client(service.url).info()
    assert info is not None
    assert info.captures


@pytest.mark.parametrize(
    "reply", [Reply(404), Reply(405), Reply(401), Reply(200, b"<html>welcome</html>"), Reply(302)], ids=str
)
def test_a_server_that_does_not_describe_itself_is_taken_for_the_hosted_one(service: FakeService, reply: Reply) -> None:
    service.answer("GET", "/v1/info", reply)
    assert client(service.url).info() is None


def test_redirects_are_not_followed(service: FakeService) -> None:
    service.answer("POST", "/v1/analyze", Reply(307, headers={"Location": f"{service.url}/elsewhere"}))
    with pytest.raises(ServiceError, match=r"redirects to .*/elsewhere"):
        client(service.url).analyze(REQUEST, "x")
    assert "/elsewhere" not in service.paths()


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_a_refused_input_is_told_apart_from_a_refusing_server(service: FakeService, status: int) -> None:
    service.answer("POST", "/v1/analyze", Reply(status, {"error": "no good", "code": "slug"}))
    with pytest.raises(RequestRefusedError, match="no good") as raised:
        client(service.url).analyze(REQUEST, "x")
    assert (raised.value.status, raised.value.code) == (status, "slug")


@pytest.mark.parametrize(("status", "remedy"), [(401, "SIP_CI_API_KEY"), (403, "plan"), (404, "address"), (418, "418")])
def test_a_refusing_server_is_an_error_with_a_remedy(service: FakeService, status: int, remedy: str) -> None:
    service.answer("POST", "/v1/analyze", Reply(status, {"error": "said"}))
    with pytest.raises(ServiceError, match=remedy):
        client(service.url).analyze(REQUEST, "x")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"findings": 1}', b'{"findings": [{"severity": "bad"}]}']
)
def test_an_answer_that_is_not_the_apis_is_one_line(service: FakeService, body: bytes) -> None:
    service.answer("POST", "/v1/analyze", Reply(200, body))
    with pytest.raises(ServiceError) as raised:
        client(service.url).analyze(REQUEST, "x")
    assert "\n" not in str(raised.value)
    assert service.url in str(raised.value)


def test_what_a_server_says_cannot_steer_the_terminal(service: FakeService) -> None:
    service.answer("POST", "/v1/analyze", Reply(400, {"error": "a\x1b[31m\n::error::b"}))
    with pytest.raises(RequestRefusedError) as raised:
        client(service.url).analyze(REQUEST, "x")
    assert "\x1b" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_busy_server_is_asked_again(service: FakeService) -> None:
    service.answer("POST", "/v1/analyze", Reply(503, headers={"Retry-After": "0"}), Reply(200, {"findings": []}))
    assert client(service.url).analyze(REQUEST, "x").findings == ()
    assert len(service.asked) == 2


def test_a_broken_connection_is_tried_again(service: FakeService) -> None:
    service.answer("POST", "/v1/analyze", Reply(cut=True), Reply(200, {"findings": []}))
    assert client(service.url).analyze(REQUEST, "x").findings == ()


def test_asking_again_ends_with_the_deadline(service: FakeService) -> None:
    service.answer("POST", "/v1/analyze", Reply(503, {"code": "overloaded"}, {"Retry-After": "3600"}))
    with pytest.raises(RequestRefusedError) as raised:
        client(service.url, seconds=0.5).analyze(REQUEST, "x")
    assert raised.value.status == 503
    assert len(service.asked) == 1


def test_an_overloaded_server_is_asked_longer_than_one_that_fails(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "backoff", lambda _attempt: 0.001)
    service.answer("POST", "/v1/analyze", Reply(503, {"code": "unavailable"}))
    with pytest.raises(RequestRefusedError):
        client(service.url).analyze(REQUEST, "x")
    failing = len(service.asked)
    overloaded = [Reply(503, {"code": "overloaded"})] * (failing + 5)
    service.answer("POST", "/v1/analyze", *overloaded, Reply(200, {"findings": []}))
    assert client(service.url).analyze(REQUEST, "x").findings == ()


def test_a_used_quota_names_the_reset(service: FakeService) -> None:
    reset = 4102444800  # 2100-01-01T00:00:00Z
    service.answer("POST", "/v1/analyze", Reply(429, {"error": "used"}, {"X-RateLimit-Reset": str(reset)}))
    with pytest.raises(ServiceError, match="2100-01-01 00:00 UTC"):
        client(service.url).analyze(REQUEST, "x")


def test_a_quota_that_is_renewed_soon_is_waited_for(service: FakeService) -> None:
    soon = Reply(429, {"error": "used"}, {"X-RateLimit-Reset": str(int(time.time()) + 1)})
    service.answer("POST", "/v1/analyze", soon, Reply(200, {"findings": []}))
    assert client(service.url, seconds=30).analyze(REQUEST, "x").findings == ()


def test_a_capture_is_uploaded_whole(service: FakeService, tmp_path: Path) -> None:
    capture = tmp_path / "a.pcap"
    capture.write_bytes(bytes(range(256)) * 10_000)
    created = {"id": "1", "pcap_url": "https://s/v1/captures/1", "expires_at": "2026-01-01T00:00:00Z"}
    service.answer("POST", "/v1/captures", Reply(cut=True), Reply(201, created))
    assert client(service.url).upload(capture).pcap_url == created["pcap_url"]
    assert service.asked[-1].body == capture.read_bytes()


def test_keys_may_come_as_a_bare_list(service: FakeService) -> None:
    entry = {"id": "1", "prefix": "sips_a1b2c3d4", "name": "ci", "created_at": "2026-01-01T00:00:00Z"}
    service.answer("GET", "/v1/keys", Reply(200, [entry]))
    assert [key.name for key in client(service.url).keys().keys] == ["ci"]


def test_nobody_listens(unused_port: int) -> None:
    with pytest.raises(ServiceError, match="cannot be reached"):
        client(f"http://127.0.0.1:{unused_port}", seconds=1.0).analyze(REQUEST, "x")


def test_a_dead_child_is_not_asked_again(unused_port: int) -> None:
    def dead() -> None:
        raise ServiceError("it ended")

    transport = Transport(f"http://127.0.0.1:{unused_port}", None, Deadline(30), check_server=dead)
    with pytest.raises(ServiceError, match="it ended"):
        AnalysisClient(transport).analyze(REQUEST, "x")


def test_a_key_is_not_sent_in_the_clear_over_a_network() -> None:
    with pytest.raises(UsageError, match="SIP_CI_ALLOW_HTTP"):
        Transport("http://192.0.2.1", KEY, Deadline(1))
    assert Transport("http://192.0.2.1", KEY, Deadline(1), allow_http=True).base_url == "http://192.0.2.1"
    assert Transport("http://[::1]:8080/", KEY, Deadline(1)).base_url == "http://[::1]:8080"


def test_a_key_with_a_line_end_is_refused() -> None:
    with pytest.raises(UsageError, match="SIP_CI_API_KEY"):
        Transport("https://a.example", SecretStr("sips_1\nX-Evil: 1"), Deadline(1))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.8.8.8", True),
        ("http://localhost", True),
        ("http://[::1]", True),
        ("http://localhost.example.com", False),
        ("http://10.0.0.1", False),
    ],
)
def test_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


def test_a_server_that_answers_too_much_is_cut_off(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "MAXIMUM_RESPONSE_BYTES", 1000)
    service.answer("POST", "/v1/analyze", Reply(200, b" " * 100_000))
    with pytest.raises(ServiceError, match="larger"):
        client(service.url).analyze(REQUEST, "x")


def test_a_silent_server_ends_with_the_deadline(service: FakeService) -> None:
    def slow(_asked: Asked) -> Reply:
        time.sleep(3)
        return Reply(200, {})

    service.replies["POST", "/v1/analyze"] = slow
    started = time.monotonic()
    with pytest.raises(ServiceError, match="--timeout"):
        client(service.url, seconds=0.5).analyze(REQUEST, "x")
    assert time.monotonic() - started < 2.5


@pytest.mark.parametrize("bundled", [False, True])
def test_only_a_server_with_a_log_of_its_own_has_its_request_named(service: FakeService, bundled: bool) -> None:
    service.answer("POST", "/v1/analyze", Reply(400, {"error": "no SIP", "code": "x", "request_id": "req-4711"}))
    asking = AnalysisClient(Transport(service.url, KEY, Deadline(5)), bundled=bundled)
    with pytest.raises(RequestRefusedError) as raised:
        asking.analyze(AnalyzeRequest(trace="x"), "a.log")
    assert ("req-4711" in str(raised.value)) is not bundled
