"""Codecs that offer and answer, or two legs, do not agree on."""

from __future__ import annotations

import pytest
from tests.server.engine.checks.test_codec_parameters import found
from tests.support.calls import ALICE, BOB, PROXY, Ladder, sdp

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint


@pytest.mark.parametrize(
    ("offered", "answered", "severity"),
    [
        ("annexb=no", None, Severity.LOW),
        ("annexb=no", "annexb=yes", Severity.LOW),
        (None, "annexb=no", Severity.INFO),
        ("annexb=yes", None, None),
        ("annexb=no", "annexb=NO", None),
        (None, None, None),
    ],
)
def test_silence_suppression_of_g729(offered: str | None, answered: str | None, severity: Severity | None) -> None:
    finding = found("codec-g729-annexb", "18 G729/8000", offered, answered)
    assert (finding.severity if finding else None) is severity


@pytest.mark.parametrize(
    ("offered", "answered", "severity"),
    [
        ("octet-align=1", None, Severity.MEDIUM),
        ("octet-align=1", "octet-align=0", Severity.MEDIUM),
        ("mode-set=0,1,2", "mode-set=7", Severity.MEDIUM),
        ("octet-align=1; mode-set=7", "octet-align=1;mode-set=0,2,4,7", Severity.LOW),
        ("mode-set=0,2", None, Severity.LOW),
        ("mode-set=0,2", "mode-set=2,0", None),
        (None, "octet-align=0; mode-set=0,2", None),
    ],
)
def test_amr(offered: str | None, answered: str | None, severity: Severity | None) -> None:
    finding = found("codec-amr-mode-mismatch", "96 AMR/8000", offered, answered)
    assert (finding.severity if finding else None) is severity


def test_one_of_two_forms_of_amr_is_chosen() -> None:
    ladder = Ladder()
    call = ladder.call()
    both = "m=audio 40000 RTP/AVP 96 97\r\na=rtpmap:96 AMR/8000\r\na=rtpmap:97 AMR/8000\r\na=fmtp:97 octet-align=1"
    invite = call.invite(0.0, offer=sdp(ALICE, media=both))
    answer = "m=audio 42000 RTP/AVP 97\r\na=rtpmap:97 AMR/8000\r\na=fmtp:97 octet-align=1"
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=answer))
    assert "codec-amr-mode-mismatch" not in ladder.findings()


def test_frame_lengths_of_ilbc() -> None:
    assert found("codec-ilbc-mode", "97 iLBC/8000", "mode=20", None) is not None
    assert found("codec-ilbc-mode", "97 iLBC/8000", "mode=30", None) is None


@pytest.mark.parametrize(
    ("offered", "answered", "fits"),
    [
        ("profile-level-id=42e01f;packetization-mode=1", "profile-level-id=640028;packetization-mode=1", False),
        ("profile-level-id=42e01f;packetization-mode=1", "profile-level-id=42e01f", False),
        ("profile-level-id=42e01f;packetization-mode=1", "profile-level-id=42E00D;packetization-mode=1", True),
        ("profile-level-id=42801f", "profile-level-id=42e01f", True),
        ("packetization-mode=1", "profile-level-id=42e01f;packetization-mode=1", True),
    ],
    ids=["profile", "mode", "level", "constrained baseline", "no profile"],
)
def test_h264(offered: str, answered: str, fits: bool) -> None:
    finding = found("codec-h264-profile", "99 H264/90000", offered, answered, "video")
    assert (finding is None) is fits


def bridged(inner_codec: str) -> Ladder:
    """A B2BUA at the proxy's place, with one Session-ID on both legs."""
    ladder = Ladder()
    marks = "Session-ID: 0123456789abcdef0123456789abcdef;remote=00000000000000000000000000000000"
    outer, inner = ladder.call(ALICE, PROXY), ladder.call(PROXY, Endpoint("198.51.100.20", 5060), caller_tag="x9")
    first = outer.invite(0.0, marks, offer=sdp(ALICE, media="m=audio 40000 RTP/AVP 0"))
    second = inner.invite(0.05, marks, offer=sdp(PROXY, media=f"m=audio 41000 RTP/AVP {inner_codec}"))
    inner.respond(second, 200, 1.0, body=sdp(BOB, media=f"m=audio 42000 RTP/AVP {inner_codec}"))
    inner.ack(second, 1.02)
    outer.respond(first, 200, 1.05, body=sdp(PROXY, media="m=audio 41002 RTP/AVP 0"))
    outer.ack(first, 1.07)
    return ladder


def test_legs_with_different_codecs() -> None:
    finding = bridged("18").findings()["transcoding-detected"]
    assert finding.severity is Severity.INFO
    assert ("PCMU" in finding.title, "G729" in finding.title) == (True, True)


def test_legs_with_one_codec() -> None:
    assert "transcoding-detected" not in bridged("0").findings()
