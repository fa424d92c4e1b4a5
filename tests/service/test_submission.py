from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.support.fake_service import FakeService, Reply

from sip_ci.errors import ServiceError
from sip_ci.inputs import TraceFile
from sip_ci.service import transport as transport_module
from sip_ci.service.client import AnalysisClient
from sip_ci.service.deadline import Deadline
from sip_ci.service.submission import Route, Submitter, choose_route
from sip_ci.service.transport import Transport
from sip_ci.service.wire import MAXIMUM_TRACE_BYTES, AnalysisContext

OPTIONS = (
    "OPTIONS sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{0}\r\nMax-Forwards: 70\r\n"
    "From: <sip:alice@192.0.2.1>;tag=1\r\nTo: <sip:bob@192.0.2.2>\r\nCall-ID: call-{0}\r\nCSeq: 1 OPTIONS\r\n"
    'Authorization: Digest username="alice", realm="r", nonce="n", uri="sip:r", response="deadbeefdeadbeef"\r\n'
    "Content-Length: 0\r\n\r\n"
)
PCAP_HEADER = b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00" + bytes(8) + b"\xff\xff\x00\x00\x01\x00\x00\x00"


def submitter(service: FakeService, route: Route, maximum: int = 2**31) -> Submitter:
    client = AnalysisClient(Transport(service.url, None, Deadline(20)))
    return Submitter(client, route, AnalysisContext(issue="one-way-audio"), maximum)


def trace_file(tmp_path: Path, name: str, content: bytes, *, named: bool = True) -> TraceFile:
    path = tmp_path / name
    path.write_bytes(content)
    return TraceFile(name, path, named)


@pytest.fixture
def answering(service: FakeService) -> FakeService:
    service.answer("POST", "/v1/analyze", Reply(200, {"findings": []}))
    return service


@pytest.mark.parametrize("route", [Route.FILE_URL, Route.UPLOAD])
def test_a_short_text_is_sent_as_it_is(answering: FakeService, tmp_path: Path, route: Route) -> None:
    text = OPTIONS.format(1) + "ünïcode\n"
    analysis = submitter(answering, route).submit(trace_file(tmp_path, "a.log", text.encode()))
    assert answering.asked[0].json["trace"] == text
    assert answering.asked[0].json["context"]["issue"] == "one-way-audio"
    assert analysis.result.error == ""


def test_a_short_text_leaves_for_a_foreign_server_only_redacted(answering: FakeService, tmp_path: Path) -> None:
    analysis = submitter(answering, Route.TRANSCRIPT).submit(trace_file(tmp_path, "a.log", OPTIONS.format(1).encode()))
    sent = answering.asked[0].json["trace"]
    assert "OPTIONS sip:" in sent
    assert "bob@" not in sent
    assert analysis.result.error == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pcap", PCAP_HEADER),
        ("a.pcapng", b"\x0a\x0d\x0d\x0a" + bytes(24)),
        ("a.pcap.gz", gzip.compress(PCAP_HEADER)),
        ("latin1.log", OPTIONS.format(1).encode() + b"\xe4\xf6\xfc\n"),
        ("long.log", OPTIONS.format(1).encode() + b"x" * MAXIMUM_TRACE_BYTES),
    ],
)
def test_captures_and_long_or_foreign_texts_are_named_by_url(
    answering: FakeService, tmp_path: Path, name: str, content: bytes
) -> None:
    file = trace_file(tmp_path, name, content)
    submitter(answering, Route.FILE_URL).submit(file)
    assert answering.asked[0].json["pcap_url"] == file.path.as_uri()
    assert "trace" not in answering.asked[0].json


def test_a_capture_is_uploaded_to_a_server_that_takes_captures(answering: FakeService, tmp_path: Path) -> None:
    created = {"id": "1", "pcap_url": "https://s/1", "expires_at": ""}
    answering.answer("POST", "/v1/captures", Reply(201, created))
    submitter(answering, Route.UPLOAD).submit(trace_file(tmp_path, "a.pcap", PCAP_HEADER))
    assert answering.asked[0].body == PCAP_HEADER
    assert answering.asked[1].json["pcap_url"] == "https://s/1"


def test_a_long_log_becomes_masked_parts_for_a_server_that_takes_text_only(
    answering: FakeService, tmp_path: Path
) -> None:
    count = 2 * MAXIMUM_TRACE_BYTES // len(OPTIONS) + 1
    content = "".join(OPTIONS.format(number) for number in range(count)).encode()
    analysis = submitter(answering, Route.TRANSCRIPT).submit(trace_file(tmp_path, "long.sip", content))
    texts = [asked.json["trace"] for asked in answering.asked]
    assert len(texts) > 1
    assert all(len(text.encode()) <= MAXIMUM_TRACE_BYTES for text in texts)
    assert sum(text.count("Call-ID: call-") for text in texts) == count
    assert not any("deadbeef" in text or "alice" in text for text in texts)
    assert any("parts" in notice for notice in analysis.result.notices)


def test_a_capture_without_sip_costs_no_analysis(answering: FakeService, tmp_path: Path) -> None:
    analysis = submitter(answering, Route.TRANSCRIPT).submit(trace_file(tmp_path, "a.pcap", PCAP_HEADER))
    assert "no SIP message" in analysis.result.error
    assert answering.asked == []


def test_an_empty_input_costs_no_analysis(answering: FakeService, tmp_path: Path) -> None:
    analysis = submitter(answering, Route.FILE_URL).submit(trace_file(tmp_path, "a.pcap", b""))
    assert "empty" in analysis.result.error
    assert answering.asked == []


def test_an_input_over_the_limit_names_the_setting(answering: FakeService, tmp_path: Path) -> None:
    analysis = submitter(answering, Route.FILE_URL, 10).submit(trace_file(tmp_path, "a.pcap", PCAP_HEADER))
    assert "max-input-bytes" in analysis.result.error


@pytest.mark.parametrize(
    ("name", "named", "skipped"),
    [("README.txt", False, True), ("README.txt", True, False), ("a.pcap", False, False), ("a.log", False, True)],
)
def test_what_is_no_trace_is_passed_over_only_if_nobody_asked_for_it(
    service: FakeService, tmp_path: Path, name: str, named: bool, skipped: bool
) -> None:
    service.answer("POST", "/v1/analyze", Reply(400, {"error": "no SIP here", "code": "unreadable-input"}))
    analysis = submitter(service, Route.FILE_URL).submit(trace_file(tmp_path, name, b"hello", named=named))
    assert analysis.skipped is skipped
    assert "no SIP here" in analysis.result.error


def test_a_file_that_vanishes_is_an_error_of_its_own(answering: FakeService, tmp_path: Path) -> None:
    analysis = submitter(answering, Route.FILE_URL).submit(TraceFile("gone.pcap", tmp_path / "gone.pcap"))
    assert analysis.result.error
    assert not analysis.skipped


def test_a_servers_own_failure_is_the_inputs_error_and_never_passed_over(service: FakeService, tmp_path: Path) -> None:
    service.answer("POST", "/v1/analyze", Reply(500, {"error": "oops"}))
    analysis = submitter(service, Route.FILE_URL).submit(trace_file(tmp_path, "a.log", b"x", named=False))
    assert "oops" in analysis.result.error
    assert not analysis.skipped


def test_what_is_too_large_is_never_passed_over(service: FakeService, tmp_path: Path) -> None:
    file = trace_file(tmp_path, "a.log", b"INVITE sip:x", named=False)
    assert not submitter(service, Route.FILE_URL, 10).submit(file).skipped
    service.answer("POST", "/v1/analyze", Reply(413, {"error": "too large"}))
    assert not submitter(service, Route.FILE_URL).submit(file).skipped


def test_a_server_that_stays_unavailable_is_to_blame_itself(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "backoff", lambda _attempt: 0.001)
    service.answer("POST", "/v1/analyze", Reply(503, {"error": "down"}))
    one_for_all = submitter(service, Route.FILE_URL)
    file = trace_file(tmp_path, "a.log", b"x")
    assert all("down" in one_for_all.submit(file).result.error for _ in range(2))
    with pytest.raises(ServiceError, match="down"):
        one_for_all.submit(file)


@pytest.mark.parametrize(
    ("reply", "bundled", "route"),
    [
        (Reply(200, {"captures": True}), True, Route.FILE_URL),
        (Reply(200, {"captures": True}), False, Route.UPLOAD),
        (Reply(200, {"captures": False}), False, Route.TRANSCRIPT),
        (Reply(404, {"error": "no"}), False, Route.TRANSCRIPT),
    ],
)
def test_the_route_follows_from_what_the_server_says(
    service: FakeService, reply: Reply, bundled: bool, route: Route
) -> None:
    service.answer("GET", "/v1/info", reply)
    assert choose_route(AnalysisClient(Transport(service.url, None, Deadline(5))), bundled=bundled) is route
