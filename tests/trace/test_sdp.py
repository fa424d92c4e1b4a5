from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.messages import message_of, request

from sip_ci.trace.payload_types import Encoding
from sip_ci.trace.sdp import MAX_LINES, Direction, SessionDescription, parse_sdp, sdp_of

OFFER = b"""v=0
o=- 20518 2 IN IP4 198.51.100.1
s=-
c=IN IP4 198.51.100.1
t=0 0
a=group:BUNDLE 0 1
a=sendonly
a=setup:actpass
a=fingerprint:sha-256 AB:CD
m=audio 49170/2 UDP/TLS/RTP/SAVPF 111 0 9 101 13 126
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:101 telephone-event/48000
a=fmtp:101 0-15
a=rtpmap:126 telephone-event/8000
a=ptime:20
a=maxptime:60.5
a=rtcp:53020 IN IP4 198.51.100.2
a=rtcp-mux
a=candidate:0 1 udp 2122194687 198.51.100.1 49170 typ host generation 0
a=candidate:1 2 UDP 1685987071 203.0.113.141 54609 typ srflx raddr 198.51.100.1 rport 49170
a=candidate:2 1 UDP many 203.0.113.141 54609 typ srflx
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc
m=video 0 RTP/AVP 96
c=IN IP6 2001:DB8::1
a=rtpmap:96 H264/90000
a=recvonly
""".replace(b"\n", b"\r\n")


def test_session_and_media_levels() -> None:
    description = parse_sdp(OFFER)
    audio, video = description.media
    assert description.defects == ()
    assert (description.session_id, description.session_version) == ("20518", "2")
    assert description.attribute_values("group") == ["BUNDLE 0 1"]
    assert description.audio is audio
    assert audio.connection is description.connection
    assert video.connection is not None
    assert video.connection.address == "2001:db8::1"
    assert (audio.direction, video.direction) == (Direction.SENDONLY, Direction.RECVONLY)
    assert (audio.port, video.port) == (49170, 0)
    assert (audio.attribute("setup"), audio.attribute("setup", inherit=True)) == (None, "actpass")
    assert audio.attribute_values("crypto") == ["1 AES_CM_128_HMAC_SHA1_80 inline:abc"]


def test_audio_accessors() -> None:
    audio = parse_sdp(OFFER).media[0]
    assert audio.speech_encodings == (Encoding("opus", 48000, 2), Encoding("PCMU", 8000), Encoding("G722", 8000))
    assert audio.telephone_event == (101, 126)
    assert (audio.fmtp(111), audio.fmtp(101), audio.fmtp(0)) == ("minptime=10;useinbandfec=1", "0-15", None)
    assert (audio.ptime, audio.maxptime) == (20.0, 60.5)
    assert (audio.rtcp_port, audio.rtcp_mux, audio.is_rtp) == (53020, True, True)


def test_candidates_without_the_malformed_one() -> None:
    host, reflexive = parse_sdp(OFFER).media[0].candidates
    assert (host.foundation, host.component, host.transport, host.priority) == ("0", 1, "UDP", 2122194687)
    assert (host.address, host.port, host.type) == ("198.51.100.1", 49170, "host")
    assert (reflexive.component, reflexive.address, reflexive.type) == (2, "203.0.113.141", "srflx")


@pytest.mark.parametrize(
    ("attributes", "port"), [("", 4001), ("a=rtcp-mux\n", 4000), ("a=rtcp:5\n", 5), ("a=rtcp:99999\n", 4001)]
)
def test_rtcp_port(attributes: str, port: int) -> None:
    assert parse_sdp(f"v=0\nm=audio 4000 RTP/AVP 0\n{attributes}".encode()).media[0].rtcp_port == port


@pytest.mark.parametrize("value", ["", "0", "-20", "1_0", "nan", "inf", "1e1", "20001", "9" * 400, "2.0.0"])
def test_packet_times_that_are_none(value: str) -> None:
    assert parse_sdp(f"v=0\nm=audio 4000 RTP/AVP 0\na=ptime:{value}\n".encode()).media[0].ptime is None


@pytest.mark.parametrize(
    "line",
    [
        "m=audio",
        "m=audio 70000 RTP/AVP 0",
        "m=audio " + "9" * 5000 + " RTP/AVP 0",
        "m=audio -1 RTP/AVP 0",
        "m =audio 4000 RTP/AVP 0",
        "no equals sign",
    ],
)
def test_malformed_lines_are_named_with_their_place(line: str) -> None:
    body = f"v=0\r\n{line}\r\nm=audio 4000 RTP/AVP 0\r\n".encode()
    description = parse_sdp(body)
    ((defect, why),) = description.defects
    assert (defect.offset, bool(why)) == (5, True)
    assert [media.port for media in description.media] == [4000]


def test_a_malformed_medium_keeps_its_place() -> None:
    description = parse_sdp(b"v=0\nm=video x RTP/AVP 31\nm=audio 4000 RTP/AVP 0\n")
    assert [(media.index, media.media) for media in description.media] == [(1, "audio")]


@pytest.mark.parametrize(
    "value", ["0", "0 PCMU", "x PCMU/8000", "300 PCMU/8000", "96 X/0", "96 X/-8", "96 X/" + "8" * 5000]
)
def test_malformed_rtpmaps(value: str) -> None:
    description = parse_sdp(f"v=0\nm=audio 4000 RTP/AVP 96\na=rtpmap:{value}\n".encode())
    assert len(description.defects) == 1
    assert description.media[0].encodings == {}


def assert_offsets(raw: bytes, description: SessionDescription | None) -> None:
    assert description is not None
    assert description.lines
    for line in description.lines:
        assert raw[line.offset :].startswith(f"{line.type}={line.value}".encode())


@pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r"])
def test_offsets_are_those_of_the_message(newline: bytes) -> None:
    raw = request(method="INVITE", body=OFFER.replace(b"\r\n", newline).replace(b"s=-", "s=é".encode()))
    assert_offsets(raw, sdp_of(message_of(raw)))


def multipart(boundary: bytes, *parts: bytes) -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"


def test_offsets_inside_nested_multipart_bodies() -> None:
    text = b"Content-Type: text/plain\r\n\r\nthis --outer is no boundary, nor is v=0"
    inner = multipart(b"in;ner", text, b"X: y\r\nc: application/SDP; charset=utf-8\r\n\r\n" + OFFER)
    body = b"preamble\r\n" + multipart(
        b"outer", text, b'Content-Type: multipart/related;boundary="in;ner"\r\n\r\n' + inner
    )
    raw = request("Content-Type: multipart/mixed;boundary=outer", method="INVITE", body=body)
    description = sdp_of(message_of(raw))
    assert_offsets(raw, description)
    assert description is not None
    assert len(description.media) == 2


@pytest.mark.parametrize("boundary", ["", "boundary=", 'boundary="', "boundary=x", "boundary=" + "b" * 1000])
def test_multipart_without_its_boundary_has_no_description(boundary: str) -> None:
    raw = request(f"Content-Type: multipart/mixed;{boundary}", method="INVITE", body=multipart(b"b", b"\r\n" + OFFER))
    assert sdp_of(message_of(raw)) is None


def test_a_description_without_content_type_is_found() -> None:
    raw = request("Content-Type", method="INVITE", body=OFFER)
    assert_offsets(raw, sdp_of(message_of(raw)))


@pytest.mark.parametrize(("content_type", "body"), [("application/sdp", b"\r\n"), ("text/plain", OFFER)])
def test_no_description(content_type: str, body: bytes) -> None:
    assert sdp_of(message_of(request(f"Content-Type: {content_type}", body=body))) is None


SDP_LINE = st.sampled_from(
    ["v=0", "c=IN IP4", "c=IN IP4 h/127", "m=audio 1 RTP/AVP 0 ² 200", "m=", "a=", "a=rtpmap:²"]
) | (
    st.builds(
        "{}{}".format,
        st.sampled_from(["a=rtpmap:", "a=fmtp:", "a=ptime:", "a=rtcp:", "a=candidate:", "m=audio ", "o=", "c="]),
        st.text(max_size=30),
    )
)


@given(st.lists(SDP_LINE, max_size=20).map("\r\n".join).map(str.encode) | st.binary(max_size=200))
def test_any_body_is_read(body: bytes) -> None:
    description = parse_sdp(body)
    for media in description.media:
        assert 0 <= media.port <= 65535
        assert media.ptime is None or media.ptime > 0
        assert all(encoding.is_speech for encoding in media.speech_encodings)
        assert (media.maxptime, media.fmtp(0), media.candidates, media.telephone_event, media.rtcp_port) is not None
    for line in description.lines:
        assert body[line.offset : line.offset + 1] == line.type.encode()[:1] or not line.type.isascii()


@pytest.mark.parametrize(
    "filler", ["a", "=", "\n", "m=audio 1 RTP/AVP 0\n", "a=rtpmap:0 x/1\n", "m=audio 1 RTP/AVP" + " 0" * 999]
)
def test_a_megabyte_is_read_up_to_the_limit(filler: str) -> None:
    description = parse_sdp(("v=0\n" + filler * (1_000_000 // len(filler))).encode())
    assert len(description.lines) <= MAX_LINES


def test_a_megabyte_of_boundaries_comes_to_an_end() -> None:
    for filler in (b"--b\r\n", b"--b", b"--b\r\n\r\n", b"x--b"):
        raw = request("Content-Type: multipart/mixed;boundary=b", body=filler * 200_000)
        assert sdp_of(message_of(raw)) is None
