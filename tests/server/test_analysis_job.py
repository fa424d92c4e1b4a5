from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.support.packets import ALICE, BOB, ethernet, pcap, sip_request, udp_packet

from sip_ci.service.wire import AnalysisContext, AnalysisResponse
from sip_ci.trace.limits import Limits
from sip_ci_server.analysis_job import UnreadableInputError, analyze_input

FRAME = ethernet(udp_packet(ALICE, BOB, sip_request()))


def zip_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("call.pcap", pcap([FRAME]))
    return buffer.getvalue()


def tar_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("call.sip")
        info.size = len(sip_request())
        archive.addfile(info, io.BytesIO(sip_request()))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (zip_archive(), "ZIP"),
        (tar_archive(), "tar"),
        (gzip.compress(tar_archive()), "tar"),
        (b"7z\xbc\xaf'\x1c", "7-Zip"),
    ],
)
def test_an_archive_is_refused_with_what_to_do(tmp_path: Path, data: bytes, kind: str) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(UnreadableInputError, match=f"{kind}.*one by one"):
        analyze_input(tmp_path / "a", "a", AnalysisContext())


def test_the_servers_limit_is_the_readers(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(pcap([FRAME] * 10))

    def messages(limits: Limits | None) -> int:
        answer = analyze_input(tmp_path / "a.pcap", "a.pcap", AnalysisContext(), limits)
        return AnalysisResponse.model_validate_json(answer).meta.trace.messages

    assert messages(None) == 10
    assert 0 < messages(Limits(input_bytes=24 + 3 * (16 + len(FRAME)))) == 3
