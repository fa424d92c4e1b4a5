"""A key log on its way from the user to the reader: through the request's context, and through a transcript."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.support.packets import pcap, sip_request, sip_response
from tests.support.tls import client_context, make_identity, needs_openssl, server_context, talk

from sip_ci.inputs import TraceFile
from sip_ci.service.transcribing import transcribe
from sip_ci.service.wire import AnalysisContext
from sip_ci_server.analysis_job import analyze_input

pytestmark = [
    needs_openssl,
    pytest.mark.tshark,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="not installed: tshark"),
]


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Path, str]:
    """A capture of SIP over TLS, and its key log."""
    keys, capture = tmp_path / "keys.txt", tmp_path / "call.pcap"
    server = server_context(make_identity(tmp_path))
    lines = [(True, sip_request()), (False, sip_response())]
    capture.write_bytes(pcap(talk(client_context(key_log=keys), server, lines).packets()))
    return capture, keys.read_text()


def test_the_server_decrypts(recorded: tuple[Path, str]) -> None:
    capture, keys = recorded
    with_keys = json.loads(analyze_input(capture, "call.pcap", AnalysisContext(tls_key_log=keys)))
    without = json.loads(analyze_input(capture, "call.pcap", AnalysisContext()))
    assert with_keys["meta"]["trace"]["messages"] == 2
    assert without["meta"]["trace"]["messages"] == 0
    assert "cap-encrypted-only" in {finding["check"] for finding in without["findings"]}
    assert "cap-encrypted-only" not in {finding["check"] for finding in with_keys["findings"]}
    secret = keys.split()[-1]
    assert secret not in json.dumps(with_keys)


def test_a_transcript_is_made_of_what_was_decrypted(recorded: tuple[Path, str]) -> None:
    capture, keys = recorded
    chunks = transcribe(TraceFile("call.pcap", capture), key_log=keys.encode())
    assert "OPTIONS" in chunks.pieces[0].text
    assert keys.split()[-1] not in chunks.pieces[0].text
