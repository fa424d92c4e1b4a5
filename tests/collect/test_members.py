from __future__ import annotations

import pytest

from sip_ci.collect.members import MemberNames, is_taken

PCAP = b"\xd4\xc3\xb2\xa1" + bytes(20)
SIP = b"OPTIONS sip:a@b SIP/2.0\r\n"


@pytest.mark.parametrize(
    ("name", "head", "taken"),
    [
        ("call.pcap", b"", True),
        ("logs/FULL.LOG", b"", True),
        ("logs/full", SIP, True),
        ("logs/full.1", b"x\n" + SIP, True),
        ("logs/full", b"nothing", False),
        ("capture", PCAP, True),
        ("capture.dump", PCAP, True),
        ("call.pcap12", b"", True),
        ("pbx.log.1", b"x\n" + SIP, True),
        ("softphone", b"\x7fELF\0" + SIP, False),
        ("junit.xml", SIP, False),
        ("screen.png", b"\x89PNG", False),
        ("inner.tar.gz", b"", True),
        ("__MACOSX/._call.pcap", PCAP, False),
        ("in/._call.pcap", PCAP, False),
        ("node_modules/x.log", SIP, False),
        (".git/x.log", SIP, False),
        ("folder\\call.pcap", b"", True),
        ("/..", PCAP, False),
    ],
)
def test_what_is_taken(name: str, head: bytes, taken: bool) -> None:
    assert is_taken(name, head) is taken


@pytest.mark.parametrize(
    ("member", "label"),
    [
        ("folder/call.pcap", "a.zip!/folder/call.pcap"),
        ("./call.pcap", "a.zip!/call.pcap"),
        ("/etc/call.pcap", "a.zip!/etc/call.pcap"),
        ("../../call.pcap", "a.zip!/call.pcap"),
        ("C:\\traces\\call.pcap", "a.zip!/traces/call.pcap"),
        ("..", "a.zip!/unnamed"),
    ],
)
def test_names_are_relative_labels(member: str, label: str) -> None:
    assert MemberNames([]).label("a.zip", member) == label


def test_names_do_not_collide() -> None:
    names = MemberNames(["a.zip!/x.log"])
    given = [names.label("a.zip", member) for member in ("x.log", "./x.log", "X.log", "x.log (2)", "x.log")]
    assert len({*given, "a.zip!/x.log"}) == 6
    assert given[2] == "a.zip!/X.log"


def test_many_equal_names_take_no_quadratic_time() -> None:
    names = MemberNames([])
    assert len({names.label("a.zip", "x.log") for _ in range(100_000)}) == 100_000


def test_a_long_name_keeps_its_end() -> None:
    label = MemberNames([]).label("a.zip", "f" * 1_000_000 + "/call.pcap")
    assert len(label) < 2000
    assert label.endswith("/call.pcap")
