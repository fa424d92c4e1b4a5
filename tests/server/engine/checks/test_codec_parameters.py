"""Format parameters that do not fit, and the table of what they may be."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from tests.support.calls import ALICE, BOB, Ladder, sdp

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci_server.engine.knowledge.codec_table import Codec, Parameter, ParameterKind, codecs


def found(
    check: str, rtpmap: str, offered: str | None, answered: str | None, kind: str = "audio"
) -> WireFinding | None:
    """A call with one codec and the format parameters of both sides."""
    ladder = Ladder()
    call = ladder.call()

    def media(parameters: str | None) -> str:
        number = rtpmap.split(" ")[0]
        line = f"\r\na=fmtp:{number} {parameters}" if parameters else ""
        return f"m={kind} 40000 RTP/AVP {number}\r\na=rtpmap:{rtpmap}{line}"

    invite = call.invite(0.0, offer=sdp(ALICE, media=media(offered)))
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=media(answered)))
    call.ack(invite, 1.03)
    return ladder.findings().get(check)


def test_the_rtpmap_of_opus() -> None:
    assert found("codec-opus-fmtp", "96 opus/48000", None, None) is not None
    with_parameters = found("codec-opus-fmtp", "96 opus/16000/2", "stereo=0", None)
    assert with_parameters is not None
    assert "rtpmap" in with_parameters.evidence[0].text
    assert found("codec-opus-fmtp", "96 OPUS/48000/2", "stereo=0;useinbandfec=1", None) is None


@pytest.mark.parametrize(
    ("rtpmap", "parameters", "valid"),
    [
        ("97 iLBC/8000", "mode=25", False),
        ("96 AMR/8000", "mode-set=0,9", False),
        ("96 opus/48000/2", "maxaveragebitrate=1000000", False),
        ("101 telephone-event/8000", "0-300", False),
        ("101 telephone-event/8000", "0-15", True),
        ("101 telephone-event/8000", "0-11,16", True),
        ("96 opus/48000/2", "minptime=10;useinbandfec=1", True),
        ("96 speex/16000", "mode=anything", True),
    ],
)
def test_values_of_parameters(rtpmap: str, parameters: str, valid: bool) -> None:
    finding = found("codec-fmtp-invalid", rtpmap, parameters, parameters)
    assert (finding is None) is valid
    assert finding is None or finding.severity is Severity.LOW


def test_longer_packets_than_allowed() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.invite(0.0, offer=sdp(ALICE, media="m=audio 40000 RTP/AVP 0\r\na=ptime:60\r\na=maxptime:40"))
    assert ladder.findings()["sdp-maxptime-exceeded"].severity is Severity.LOW
    ladder = Ladder()
    ladder.call().invite(0.0, offer=sdp(ALICE, media="m=audio 40000 RTP/AVP 0\r\na=ptime:20\r\na=maxptime:150"))
    assert "sdp-maxptime-exceeded" not in ladder.findings()


def test_the_table_has_sources_and_defaults_that_it_accepts() -> None:
    for codec in codecs().values():
        assert codec.source
        for parameter in codec.parameters.values():
            assert not parameter.default or parameter.accepts(parameter.default)
            assert parameter.kind is not ParameterKind.CHOICE or parameter.choices


def test_a_misspelt_entry_is_an_error() -> None:
    with pytest.raises(ValidationError):
        Codec.model_validate({"source": "x", "paramters": {}})
    with pytest.raises(ValidationError):
        Parameter.model_validate({"kind": "number"})


def described(*lines: str) -> dict[str, WireFinding]:
    """What is found in a call whose sides both have G.711 and these lines."""
    ladder = Ladder()
    call = ladder.call()
    media = "\r\n".join(["m=audio {port} RTP/AVP 0 101 102", *lines])
    invite = call.invite(0.0, offer=sdp(ALICE, media=media.format(port=40_000)))
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=media.format(port=42_000)))
    call.ack(invite, 1.03)
    return ladder.findings()


def test_events_that_are_not_listed() -> None:
    finding = described("a=rtpmap:101 telephone-event/8000")["dtmf-events-unlisted"]
    assert finding.severity is Severity.INFO
    assert finding.evidence[0].text == "a=rtpmap:101 telephone-event/8000"


@pytest.mark.parametrize(
    "lines",
    [
        ("a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"),
        ("a=rtpmap:101 telephone-event/8000", "a=rtpmap:102 telephone-event/48000", "a=fmtp:101 0-16"),
        ("a=rtpmap:101 opus/48000/2",),
    ],
    ids=["listed", "listed for one clock", "no events"],
)
def test_events_that_are_listed_or_not_described(lines: tuple[str, ...]) -> None:
    assert "dtmf-events-unlisted" not in described(*lines)
