from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sip_ci.service.key_log import read_key_log
from sip_ci.service.wire import MAXIMUM_KEY_LOG_BYTES, AnalysisContext, AnalyzeRequest

LINE = "CLIENT_RANDOM " + "ab" * 32 + " " + "cd" * 48 + "\n"


def test_a_key_log_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(LINE * 3)
    assert read_key_log(tmp_path / "keys.txt") == LINE * 3


def test_of_a_long_one_the_last_lines_are_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "keys.txt").write_text("# old\n" + LINE * (MAXIMUM_KEY_LOG_BYTES // len(LINE) + 5))
    text = read_key_log(tmp_path / "keys.txt")
    assert len(text) <= MAXIMUM_KEY_LOG_BYTES
    assert text == LINE * (len(text) // len(LINE))
    assert "keys.txt" in caplog.text


def test_one_that_is_not_there_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert read_key_log(tmp_path / "none.txt") == ""
        assert read_key_log(tmp_path) == ""
    assert "none.txt" in caplog.text


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "<html>not found</html>\n"])
def test_one_without_a_secret_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str) -> None:
    (tmp_path / "keys.txt").write_text(text)
    assert read_key_log(tmp_path / "keys.txt") == ""
    assert "keys.txt" in caplog.text


@pytest.mark.parametrize("label", ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0", "RSA"])
def test_every_kind_of_secret_counts(tmp_path: Path, label: str) -> None:
    (tmp_path / "keys.txt").write_text(f"# from OpenSSL\n{label} 00 11\n")
    assert label in read_key_log(tmp_path / "keys.txt")


def test_secrets_are_sent_and_not_shown() -> None:
    context = AnalysisContext(tls_key_log=LINE)
    request = AnalyzeRequest(pcap_url="file:///x", context=context)
    assert "cdcd" in request.model_dump_json()
    assert "cdcd" not in repr(request) + str(request)
