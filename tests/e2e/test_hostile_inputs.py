"""Ten inputs that cannot be read beside one with a fault: each costs only itself, and every report names it."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import random
import shutil
import struct
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.support.command import sip_ci

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GOOD = Path(__file__).parents[2] / "examples" / "traces" / "ack-missing.pcap"
FAULT = "ack-missing-2xx"
ZEROS = bytes(32 << 20)
NOISE = random.Random(3).randbytes(4000)


def archive_of_a_link() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        link = tarfile.TarInfo("../../evil.pcap")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return written.getvalue()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.pcap": (lambda: b"", "empty"),
    "header.pcap": (lambda: GOOD.read_bytes()[:20], "header"),
    "noise.pcap": (lambda: NOISE, "nor a text"),
    "gzip.pcap.gz": (lambda: gzip.compress(ZEROS), "200 times"),
    "xz.pcap.xz": (lambda: lzma.compress(ZEROS), "200 times"),
    "zstd.pcap.zst": (lambda: zstd.compress(ZEROS), "200 times"),
    "damaged.zip": (lambda: b"PK\x03\x04" + NOISE[:500], "damaged"),
    "links.tar": (archive_of_a_link, "archive"),
    "monitor.cap": (lambda: b"GMBU" + NOISE[:500], "Network Monitor"),
    "text.log": (lambda: b"nothing of note\n" * 50, "No SIP"),
}
"""What is in each, and a word of the reason that must be given."""
PARTLY = {
    "lying.pcap": lambda: GOOD.read_bytes()[:24] + struct.pack("<IIII", 1, 1, 0xFFFFFFFF, 0xFFFFFFFF) + bytes(50),
    "zero.pcapng": lambda: b"\x0a\x0d\x0d\x0a" + struct.pack("<II", 0, 0x1A2B3C4D) + bytes(50),
}
"""Captures of a known form that hold nothing behind their first lie: they are inputs, and a finding says it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("hostile")
    shutil.copy(GOOD, place / "good.pcap")
    for name, (content, _) in HOSTILE.items():
        (place / name).write_bytes(content())
    for name, content in PARTLY.items():
        (place / name).write_bytes(content())
    outputs = [
        part
        for form, file in (("json", "r.json"), ("sarif", "r.sarif"), ("junit", "r.xml"), ("text", "r.txt"))
        for part in ("--output", f"{form}={file}")
    ]
    names = ["good.pcap", *HOSTILE, *PARTLY]
    outcome = sip_ci("analyze", *names, "--fail-on", "never", *outputs, folder=place)
    assert outcome.returncode == 2, outcome.stderr
    assert "Traceback" not in outcome.stdout + outcome.stderr
    return place


def test_json_has_the_fault_and_every_error(folder: Path) -> None:
    report = json.loads((folder / "r.json").read_text())
    assert FAULT in {item["check"] for item in report["findings"] if item["input"] == "good.pcap"}
    errors = {item["name"]: item["error"] for item in report["inputs"] if item.get("error")}
    assert set(errors) == set(HOSTILE)
    for name, (_, word) in HOSTILE.items():
        assert word in errors[name]
    damaged = {item["input"]: item["detail"] for item in report["findings"] if item["check"] == "cap-damaged"}
    assert set(damaged) == set(PARTLY)
    assert all("claims" in text for text in damaged.values())
    assert report["verdict"]["conclusion"] == "error"


def test_sarif_has_the_fault_and_every_error(folder: Path) -> None:
    run = json.loads((folder / "r.sarif").read_text())["runs"][0]
    assert FAULT in {result["ruleId"] for result in run["results"]}
    invocation = run["invocations"][0]
    assert invocation["executionSuccessful"] is False
    told = [
        item["message"]["text"]
        for item in invocation["toolExecutionNotifications"]
        if item["level"] == "error"
    ]  # fmt: skip
    for name, (_, word) in HOSTILE.items():
        assert any(name in text and word in text for text in told), name


def test_junit_has_the_fault_and_every_error(folder: Path) -> None:
    suites = {suite.get("name"): suite for suite in ElementTree.parse(folder / "r.xml").getroot().iter("testsuite")}
    assert any(case.get("name") == FAULT for case in suites["good.pcap"].iter("testcase"))
    for name, (_, word) in HOSTILE.items():
        (error,) = suites[name].iter("error")
        assert word in (error.get("message") or "")


def test_text_has_the_fault_and_every_error(folder: Path) -> None:
    text = " ".join((folder / "r.txt").read_text().split())
    assert "No ACK" in text
    for name, (_, word) in HOSTILE.items():
        assert name in text
        assert word in text


def test_the_fault_fails_the_build_whatever_lies_beside_it(folder: Path) -> None:
    outcome = sip_ci("analyze", "good.pcap", "noise.pcap", "--quiet", folder=folder)
    assert outcome.returncode == 1


def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    name = b"caf\xe9 \xff.pcap".decode("utf-8", "surrogateescape")
    try:
        shutil.copy(GOOD, tmp_path / name)
    except OSError:
        pytest.skip("this file system wants names in UTF-8")
    (tmp_path / f"{name}.gz").write_bytes(b"\x1f\x8b\x08")
    outputs = ("--output", "json=r.json", "--output", "sarif=r.sarif", "--output", "junit=r.xml")
    outcome = sip_ci("analyze", ".", *outputs, "--fail-on", "never", folder=tmp_path)
    assert outcome.returncode == 2, outcome.stderr
    assert "Traceback" not in outcome.stderr
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [item["name"].endswith(".gz") for item in report["inputs"] if item.get("error")] == [True]
    assert FAULT in {item["check"] for item in report["findings"]}
    assert json.loads((tmp_path / "r.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    ElementTree.parse(tmp_path / "r.xml")
