"""What is in the packets: codecs as agreed, packet times, comfort noise, fax."""

from __future__ import annotations

from tests.e2e.faults.media_call import Exchange, MediaCall, media, talking
from tests.e2e.live.case import Case, broken, capture_only, healthy
from tests.support.playback import Noise, Piece, Silence, Sound
from tests.support.sipp import PCMU, audio

from sip_ci.findings import Severity

_PCMU, _PCMA, _G722, _G729, _NOISE = "0 PCMU/8000", "8 PCMA/8000", "9 G722/8000", "18 G729/8000", "13 CN/8000"
_SPEECH = (Sound(4),)
_OPUS = audio("96 opus/48000/2") + "\r\na=fmtp:96 useinbandfec=1;usedtx=1"
_VIDEO = "\r\nm=video 6002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=fmtp:99 packetization-mode=1"
_VIDEO_DECLINED = "\r\nm=video 0 RTP/AVP 99"
_FAX = (
    "m=image 6000 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\n"
    "a=T38FaxMaxBuffer:262\r\na=T38FaxMaxDatagram:176\r\na=T38FaxUdpEC:t38UDPRedundancy"
)


def _fine(name: str, what: str, lines: str, *pieces: Piece, answer: str = "", talk: float = 4) -> Case:
    call = MediaCall(talking(Exchange(media(lines), answer and media(answer))), (pieces,), (pieces,), talk)
    return healthy(f"codec-{name}", what, call)


def _wrong(
    name: str, what: str, check: str, severity: Severity, lines: str, *pieces: Piece, answer: str = "",
    log: tuple[str, ...] | None = None,
) -> Case:  # fmt: skip
    """The callee sends `pieces`, the caller what is agreed."""
    call = MediaCall(talking(Exchange(media(lines), answer and media(answer))), (_SPEECH,), (pieces,), 4)
    case = broken(f"codec-{name}", what, call, check, severity=severity, log=log)
    return case if log is not None else capture_only(case)


CASES = (
    _fine("pcma", "G.711 A-law", audio(_PCMA), Sound(4, "PCMA", 8)),
    _fine("g722", "G.722, whose RTP clock is 8000 Hz", audio(_G722), Sound(4, "G722", 9)),
    _fine(
        "g729-silence",
        "G.729 with silence suppression: short frames, then nothing",
        audio(_G729) + "\r\na=fmtp:18 annexb=yes",
        Sound(1.5, "G729", 18),
        Silence(0.8),
        Sound(1.7, "G729", 18),
    ),
    _fine("opus", "Opus, 48 kHz", _OPUS, Sound(4, "OPUS", 96)),
    _fine(
        "opus-dtx",
        "Opus with DTX: a packet each 400 ms in silence",
        _OPUS,
        Sound(1.5, "OPUS", 96),
        Silence(0.4),
        Sound(0.02, "OPUS", 96, marker=False),
        Silence(0.38),
        Sound(0.02, "OPUS", 96, marker=False),
        Silence(0.38),
        Sound(1.3, "OPUS", 96),
    ),
    _fine(
        "comfort-noise",
        "G.711 with negotiated comfort noise in the pauses",
        audio(_PCMU, _NOISE),
        Sound(1.4),
        Noise(1),
        Sound(1.6),
    ),
    _fine(
        "chosen-by-answer",
        "PCMA and PCMU offered, PCMU answered and sent",
        audio(_PCMA, _PCMU),
        Sound(4),
        answer=audio(_PCMU),
    ),
    _fine(
        "video-declined",
        "Audio and video offered, video declined",
        audio(_PCMU) + _VIDEO,
        Sound(4),
        answer=audio(_PCMU) + _VIDEO_DECLINED,
    ),
    healthy(
        "codec-changed-by-reinvite",
        "PCMU, then a re-INVITE to PCMA, and both send it",
        MediaCall(
            talking(Exchange(media(audio(_PCMU, _PCMA))), Exchange(media(audio(_PCMA)))),
            ((Sound(3),), (Sound(3, "PCMA", 8),)),
            ((Sound(3),), (Sound(3, "PCMA", 8),)),
            3,
        ),
    ),
    _wrong(
        "not-in-the-sdp",
        "The callee sends payload type 18 (G.729), which no SDP lists",
        "rtp-pt-undeclared",
        Severity.HIGH,
        PCMU,
        Sound(4, "G729", 18),
    ),
    _wrong(
        "changed-silently",
        "The callee changes after 2 s to PCMA, which was offered and not answered",
        "rtp-codec-mismatch",
        Severity.HIGH,
        audio(_PCMU, _PCMA),
        Sound(2),
        Sound(2, "PCMA", 8, marker=False),
        answer=audio(_PCMU),
    ),
    _wrong(
        "dynamic-not-in-the-sdp",
        "The callee sends payload type 112, which no SDP lists",
        "rtp-pt-undeclared",
        Severity.HIGH,
        PCMU,
        Sound(4, payload_type=112),
    ),
    _wrong(
        "frames-too-short",
        "The callee's packets hold half of the sound that their timestamps stand for",
        "rtp-frame-size",
        Severity.HIGH,
        PCMU,
        Sound(4, share=0.5),
    ),
    _wrong(
        "noise-not-agreed",
        "The callee sends comfort noise that no SDP lists",
        "rtp-cn-not-negotiated",
        Severity.LOW,
        PCMU,
        Sound(1.5),
        Noise(1),
        Sound(1.5),
    ),
    _wrong(
        "ptime-ignored",
        "Both say 20 ms, and the callee sends packets of 60 ms",
        "rtp-ptime-observed",
        Severity.LOW,
        PCMU,
        Sound(4, ptime=60),
    ),
    _wrong(
        "ptime-wanders",
        "The callee's packets are of 20 ms, then 40 ms, again and again",
        "rtp-ptime-observed",
        Severity.LOW,
        PCMU,
        *(Sound(0.04, ptime=20 if number % 2 else 40, marker=False) for number in range(100)),
    ),
    broken(
        "codec-none-in-common",
        "PCMU offered, PCMA answered, and each sends its own",
        MediaCall(
            talking(Exchange(media(audio(_PCMU)), media(audio(_PCMA)))), ((Sound(4),),), ((Sound(4, "PCMA", 8),),)
        ),
        "sdp-no-common-codec",
        severity=Severity.CRITICAL,
    ),
    broken(
        "codec-fax-refused",
        "A re-INVITE to T.38 is refused with 488, and nobody goes on with audio",
        MediaCall(talking(Exchange(media(PCMU)), Exchange(_FAX, status=488)), ((Sound(3),), ()), ((Sound(3),), ()), 3),
        "t38-reinvite-rejected",
        severity=Severity.MEDIUM,
    ),
)
