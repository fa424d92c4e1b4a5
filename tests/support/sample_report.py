"""A run such as users have it: a private address in SDP, a codec mismatch, a broken input, and a call drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sip_ci.catalogue import CheckInfo
from sip_ci.findings import (
    Category,
    Confidence,
    Evidence,
    Finding,
    JudgedFinding,
    LocatedFinding,
    Location,
    Severity,
)
from sip_ci.judge.gate import judge
from sip_ci.report.interface import ReportData
from sip_ci.results import (
    CallLadder,
    CallMeasurement,
    InputResult,
    IssueAnswer,
    LadderStep,
    NotChecked,
    QualityReport,
    StreamMeasurement,
)

LOG = "traces/outbound.log"
CAPTURE = "traces/inbound.pcap"
BROKEN = "traces/half.pcap"
CALL = "3848276298220188511@192.168.1.100"

CHECKS = {
    info.id: info
    for info in (
        CheckInfo(
            "ack-missing-2xx",
            "No ACK for the 2xx that answered the call",
            Severity.CRITICAL,
            Category.SIGNALING,
            rfc="RFC 3261 §13.3.1.4",
            description="The callee answered and sent the answer again and again, and no ACK came. It will hang up.",
            recommendation="Let the ACK reach the address in the Contact of the 2xx.",
        ),
        CheckInfo(
            "auth-basic",
            "Basic authentication is used",
            Severity.HIGH,
            Category.AUTHENTICATION,
            rfc="RFC 3261 §22",
            description="The password travels in clear text.",
            recommendation="Use Digest over TLS.",
            security=True,
        ),
        CheckInfo(
            "cap-truncated",
            "The capture ends inside a call",
            Severity.INFO,
            Category.CAPTURE,
            description="What came later is not known.",
        ),
        CheckInfo(
            "media-one-way",
            "Audio flows in one direction only",
            Severity.HIGH,
            Category.MEDIA,
            description="One side sends RTP and receives none.",
        ),
        CheckInfo(
            "nat-sdp-private",
            "A private address in the SDP `c=` line",
            Severity.HIGH,
            Category.MEDIA,
            rfc="RFC 8866 §5.7",
            description="The address to which media is to be sent cannot be reached from where the message arrived.",
            recommendation="- **Asterisk**: `external_media_address` in `pjsip.conf`\n- **FreeSWITCH**: `ext-rtp-ip`",
        ),
        CheckInfo(
            "sdp-ptime-mismatch",
            "Offer and answer name different packet times",
            Severity.MEDIUM,
            Category.CODEC,
            Confidence.LIKELY,
            "RFC 8866 §6.4",
            "The two sides send packets of different lengths.",
            "Give both sides the same `ptime`.",
        ),
    )
}

PRIVATE_ADDRESS = Finding(
    check="nat-sdp-private",
    severity=Severity.HIGH,
    category=Category.MEDIA,
    title="RFC 1918 private IP in SDP c= line",
    detail=(
        "The SDP contains c=IN IP4 192.168.1.100 which is not routable over the internet. "
        "The remote endpoint 203.0.113.5 cannot send RTP to this address."
    ),
    recommendation=(
        "Configure the public address for media:\n"
        "- Asterisk: `external_media_address=<public IP>` and `local_net=192.168.0.0/16` "
        "in the transport in `pjsip.conf`\n"
        "- FreeSWITCH: `ext-rtp-ip` in the sofia profile (`auto-nat` or `stun:…` behind NAT)"
    ),
    input=LOG,
    fingerprint="6b1f0c2d6b1f0c2d",
    rfc="RFC 8866 §5.7",
    occurrences=3,
    calls=(CALL,),
    evidence=(
        Evidence(
            text="c=IN IP4 192.168.1.100",
            why="the address to which media is to be sent is private, and the message went to a public address",
            message=0,
            line=19,
            time=1713290400.0,
            summary="INVITE sip:+15551234567@203.0.113.5 from 198.51.100.7:5060 to 203.0.113.5:5060",
        ),
    ),
)
PTIME = Finding(
    check="sdp-ptime-mismatch",
    severity=Severity.MEDIUM,
    category=Category.CODEC,
    title="Offer says ptime 20, answer says ptime 30",
    detail="The offer asks for packets of 20 ms, the answer for 30 ms. Some gateways then mix up their buffers.",
    recommendation="Set the same packet time: `allow=ulaw:20` (Asterisk), `codec-prefs` PCMU@20i (FreeSWITCH).",
    input=LOG,
    fingerprint="99ab99ab99ab99ab",
    confidence=Confidence.LIKELY,
    rfc="RFC 8866 §6.4",
    calls=(CALL,),
    evidence=(
        Evidence("a=ptime:20", "the offer", 0, 24, summary="INVITE"),
        Evidence("a=ptime:30", "the answer", 4, 88, summary="200 OK"),
    ),
)
ACK = Finding(
    check="ack-missing-2xx",
    severity=Severity.CRITICAL,
    category=Category.SIGNALING,
    title="No ACK for the 200 that answered the call",
    detail="The 200 was sent 7 times in 32 s; the callee then hung up.",
    recommendation="Let the ACK reach sip:100@10.0.4.21:5060, the Contact of the 200.",
    input=CAPTURE,
    fingerprint="0123456789abcdef",
    rfc="RFC 3261 §13.3.1.4",
    calls=("b2b@10.0.4.21",),
    evidence=(Evidence("SIP/2.0 200 OK", "sent 7 times", 3, frame=12, time=3.2, summary="200 OK"),),
)
TRUNCATED = Finding(
    check="cap-truncated",
    severity=Severity.INFO,
    category=Category.CAPTURE,
    title="The capture ends inside a call",
    detail="1 call was still up.",
    recommendation="",
    input=CAPTURE,
    fingerprint="feedfeedfeedfeed",
)

LADDER = CallLadder(
    CALL,
    ("PBX 198.51.100.7:5060", "Carrier 203.0.113.5:5060"),
    (
        LadderStep(0, 1, "INVITE (SDP)", 0.0, 0, 3, notable=True),
        LadderStep(1, 0, "100 Trying", 0.021, 1, 30),
        LadderStep(1, 0, "183 Session Progress (SDP)", 0.48, 2, 45),
        LadderStep(1, 0, "180 Ringing", 1.2, 3, 60),
        LadderStep(1, 0, "200 OK (SDP)", 3.904, 4, 75),
        LadderStep(0, 1, "ACK", 3.951, 5, 95),
        LadderStep(0, 1, "BYE", 15.2, 6, 110),
        LadderStep(1, 0, "200 OK", 15.24, 7, 120),
    ),
)
SECOND_LADDER = CallLadder(
    "b2b@10.0.4.21",
    ("10.0.4.20:5060", "10.0.4.21:5060", "10.0.4.30:5080"),
    (
        LadderStep(0, 1, "INVITE (SDP)", 0.0, 0, frame=1),
        LadderStep(1, 2, "INVITE (SDP)", 0.01, 1, frame=2),
        LadderStep(2, 1, "200 OK (SDP)", 3.1, 2, frame=11),
        LadderStep(1, 0, "200 OK (SDP)", 3.2, 3, frame=12, repeats=7, notable=True),
        LadderStep(1, 0, "BYE", 35.2, 4, frame=40),
    ),
)

INPUTS = (
    InputResult(
        LOG,
        "sngrep",
        8,
        1,
        text_path=LOG,
        not_checked=(
            NotChecked("media-one-way", "a log holds no media"),
            NotChecked("auth-basic", "the log does not hold the Authorization header"),
        ),
        quality=QualityReport(
            media="the trace holds no RTP",
            calls=(CallMeasurement(CALL, "answered", 480.0, 3904.0, 11249.0),),
            calls_total=1,
        ),
        ladders=(LADDER,),
    ),
    InputResult(
        CAPTURE,
        "pcap",
        5,
        1,
        quality=QualityReport(
            media="captured",
            calls=(CallMeasurement("b2b@10.0.4.21", "no ACK", 120.0, 3200.0, None),),
            calls_total=1,
            streams=(
                StreamMeasurement(
                    "10.0.4.20:16384", "10.0.4.21:20000", "0x1f2e3d4c", "PCMU", 1500, 1520, 20, 1.316,
                    call="b2b@10.0.4.21", jitter_ms=2.4, max_jitter_ms=9.1, duration_ms=30400.0, mos=4.12,
                    grounded=True, model="G.107",
                ),
            ),
            streams_total=1,
            kpis={"session_establishment_ratio": 100.0},
        ),
        ladders=(SECOND_LADDER,),
    ),
    InputResult(BROKEN, error="the file ends inside its first packet header (byte 24)"),
)  # fmt: skip

PLACES = {
    PRIVATE_ADDRESS.fingerprint: Location(LOG, 19, 19, why="the line of the trace"),
    PTIME.fingerprint: Location("conf/pjsip.conf", 12, 14, Confidence.LIKELY, "the endpoint that made the offer"),
}


def make(
    findings: Iterable[Finding] = (PRIVATE_ADDRESS, PTIME, ACK, TRUNCATED),
    fail_on: Severity | None = Severity.HIGH,
    inputs: tuple[InputResult, ...] = INPUTS,
    places: dict[str, Location] = PLACES,
) -> ReportData:
    """Return the data of a report over these findings, judged."""
    judged, verdict = judge([LocatedFinding(item, places.get(item.fingerprint)) for item in findings], fail_on)
    return ReportData("1.2.0", inputs, judged, verdict, CHECKS)


def with_findings(data: ReportData, findings: Iterable[JudgedFinding]) -> ReportData:
    """Return the same data with other findings, already judged."""
    return replace(data, findings=tuple(findings))


def hostile(text: str) -> ReportData:
    """Return data in which everything that comes from a trace, or from whoever named the files, is the text."""
    finding = replace(
        PRIVATE_ADDRESS,
        title=text,
        detail=text,
        recommendation=text,
        input=text,
        calls=(text,),
        rfc=text,
        evidence=(Evidence(text, text, 0, 1, summary=text),),
        fingerprint="f",
    )
    ladder = CallLadder(
        text, (text, text + "b"), (LadderStep(0, 1, text, 0.0, 0, 1), LadderStep(1, 0, text, 1.0, 1, 2))
    )
    source = InputResult(
        text,
        text,
        2,
        1,
        notices=(text,),
        issue=IssueAnswer(text, text, text),
        not_checked=(NotChecked("media-one-way", text),),
        quality=QualityReport(
            media=text,
            calls=(CallMeasurement(text, text, 1.0, 2.0, 3.0),),
            calls_total=1,
            streams=(StreamMeasurement(text, text, text, text, 1, 1, 0, 0.0, call=text),),
            streams_total=1,
        ),
        ladders=(ladder,),
    )
    broken = InputResult(text + "2", error=f"{text} broken")
    return make((finding,), inputs=(source, broken), places={"f": Location(text, 1, 1, why=text)})
