"""Messages in texts whose Content-Length does not fit: the length is told, and not what it does to the body alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from sip_ci.service.wire import AnalysisContext, AnalysisResponse
from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze

CHECK = "msg-content-length-mismatch"
HEADERS = (
    "INVITE sip:bob@example.com SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa1", "Max-Forwards: 70",
    "From: <sip:alice@example.com>;tag=1", "To: <sip:bob@example.com>", "Call-ID: length@192.0.2.1", "CSeq: 1 INVITE",
    "Contact: <sip:alice@192.0.2.1>", "Content-Type: application/sdp",
)  # fmt: skip
BODY = (
    "v=0\r\no=- 1 1 IN IP6 ::ffff:192.0.2.2\r\ns=-\r\nc=IN IP6 ::ffff:192.0.2.2\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 107\r\na=rtpmap:107 H263-1998/90000\r\n"
)


def _analysed(tmp_path: Path, length: int, behind: str = "", line_end: str = "\r\n") -> AnalysisResponse:
    text = "\r\n".join([*HEADERS, f"Content-Length: {length}", "", BODY]) + behind
    path = tmp_path / "message.dat"
    path.write_bytes(text.replace("\r\n", line_end).encode())
    return analyze(read_trace(path, path.name), AnalysisContext())


@pytest.mark.parametrize("cut", [1, 3, 9, 40])
def test_a_length_that_ends_inside_a_line_is_the_root(tmp_path: Path, cut: int) -> None:
    response = _analysed(tmp_path, len(BODY) - cut)
    roots = {finding.check for finding in response.findings if finding.root}

    if cut > 2:
        assert CHECK in roots
    assert "sdp-dynamic-pt-without-rtpmap" not in roots
    assert "sdp-rtpmap-malformed" not in roots


@pytest.mark.parametrize("behind", ["", "\r\n", "[2026-11-22 10:00:00] NOTICE: the next line of a log\r\n"])
def test_a_length_that_fits_is_silent_whatever_follows(tmp_path: Path, behind: str) -> None:
    response = _analysed(tmp_path, len(BODY), behind)

    assert CHECK not in {finding.check for finding in response.findings}


def test_a_mapped_address_is_one_of_ipv6(tmp_path: Path) -> None:
    assert "ipv6-sdp-type" not in {finding.check for finding in _analysed(tmp_path, len(BODY)).findings}


def test_a_length_beyond_the_text_is_told_and_the_description_is_not_denied(tmp_path: Path) -> None:
    response = _analysed(tmp_path, 9999)
    found = next(finding for finding in response.findings if finding.check == CHECK)

    assert "9999" in found.detail
    assert str(len(BODY)) in found.detail
    assert not any(item.reason == "the trace holds no session description" for item in response.not_checked)


def test_a_text_without_its_line_ends_was_copied_by_a_program(tmp_path: Path) -> None:
    response = _analysed(tmp_path, 9999, line_end="\n")

    assert CHECK not in {finding.check for finding in response.findings}
