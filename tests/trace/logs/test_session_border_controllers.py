"""Logs of session border controllers: Oracle's sipmsg.log, AudioCodes' syslog, Ribbon's debug and trace files."""

from __future__ import annotations

import pytest
from tests.support.device_logs import audiocodes, oracle, ribbon_debug, ribbon_trace
from tests.support.sip_logs import incoming_call, without_cr

from sip_ci.trace.logs.registry import UNKNOWN_FORMAT, read_log
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Transport
from sip_ci.trace.trace import NoticeKind, Trace

CALL = incoming_call()


def check_call(trace: Trace, layout: str) -> None:
    assert trace.format == layout
    assert [without_cr(message.raw) for message in trace.messages] == [without_cr(entry.raw) for entry in CALL]
    assert [message.observation.sent for message in trace.messages] == [entry.sent for entry in CALL]
    assert not [notice for notice in trace.notices if notice.kind is not NoticeKind.OTHER_TEXT]


@pytest.mark.parametrize("slot", ["[1:0]", "[0:2829]", ""])
@pytest.mark.parametrize("others", [0, 3])
@pytest.mark.parametrize("crlf", [True, False])
def test_oracle(slot: str, others: int, crlf: bool) -> None:
    trace = read_log(oracle(CALL, slot=slot, others=others, crlf=crlf), "sipmsg.log")
    check_call(trace, "oracle-sipmsg")
    assert {message.fidelity for message in trace.messages} == {Fidelity.EXACT if crlf else Fidelity.LINE_ENDINGS_LOST}
    observation = trace.messages[0].observation
    assert (observation.source, observation.destination) == (
        Endpoint("198.51.100.20", 5062),
        Endpoint("192.0.2.10", 5060),
    )


def test_oracle_over_ipv6() -> None:
    trace = read_log(oracle(CALL, local="[2001:db8::1]:5060", remote="[2001:db8::2]:5060"), "x")
    assert trace.messages[0].observation.source == Endpoint("2001:db8::2", 5060)


def test_oracle_ends_with_a_message_that_is_being_written() -> None:
    data = oracle(CALL)
    trace = read_log(data[: data.rindex(b"CSeq")], "x")
    assert [message.fidelity for message in trace.messages] == [Fidelity.EXACT] * 5 + [Fidelity.LINE_ENDINGS_LOST]


@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize("limit", [0, 900, 300, 150])
@pytest.mark.parametrize("head_before", [False, True])
@pytest.mark.parametrize("daemon", [False, True])
@pytest.mark.parametrize("blank_ends", [False, True])
def test_audiocodes(escaped: bool, limit: int, head_before: bool, daemon: bool, blank_ends: bool) -> None:
    data = audiocodes(
        CALL,
        escaped=escaped,
        limit=limit,
        head_before=head_before,
        daemon=daemon,
        blank_ends=blank_ends,
        noise=2,
    )
    trace = read_log(data, "syslog")
    check_call(trace, "audiocodes")
    assert trace.clock is Clock.TIME_OF_DAY
    times = [message.observation.time for message in trace.messages]
    assert times == pytest.approx([31542.0 + entry.second for entry in CALL])
    if escaped and not limit and not head_before:
        lines = data.decode().split("\n")
        for message in trace.messages:
            assert message.start_line in lines[(message.observation.position.line or 0) - 1]


def test_audiocodes_as_rsyslog_keeps_it_with_entries_of_the_device_before_the_message() -> None:
    # The device cuts the message, and then the daemon escapes its line ends.
    text = CALL[1].raw.replace(b"\r\n", b" \n")
    first, second = (part.replace(b"\n", b"#012") for part in (text[:200], text[200:]))
    records = [
        b"<133>[S=1718475] [SID=b9027c:24:198172]  (N  6891744) (#20)Route found (1), Route by IPGroup #012"
        b" [Time:19-12@12:44:56.586]",
        b"<133>[S=1718476] [SID=b9027c:24:198173]  (N  6891745) (#20)gwSession[Allocated]. #012(N  6891752) ---- "
        b"Outgoing SIP Message to 198.51.100.20:5062 from SIPInterface #2 (Teams) UDP TO(#134) SocketID(200) ---- #012"
        b" [Time:19-12@12:44:56.587]",
        b"<133>[S=1718477] [SID=b9027c:24:198173]  " + first + b" [Time:19-12@12:44:56.587]",
        b"<133>[S=1718478] [SID=b9027c:24:198173]  " + second + b"#012 #012(N  6891754) (#949)AcSIPDialog[Idle] #012"
        b" [Time:19-12@12:44:56.588]",
        b"<133>[S=1718479] [SID=b9027c:24:198173]  (N  6891755) States: (#949) #012 [Time:19-12@12:44:56.588]",
    ]
    trace = read_log(b"\n".join(records) + b"\n", "messages")
    assert [without_cr(message.raw) for message in trace.messages] == [without_cr(CALL[1].raw)]
    assert trace.messages[0].observation.destination == Endpoint("198.51.100.20", 5062)
    assert trace.messages[0].observation.time == pytest.approx(12 * 3600 + 44 * 60 + 56.587)


def test_audiocodes_several_messages_in_one_record() -> None:
    record = audiocodes(CALL[:1], escaped=False).replace(b"[Time:07-08@08:45:42.000]\n", b"\n")
    second = audiocodes(CALL[1:2], escaped=False)
    second = second[second.index(b"(N ") :]
    trace = read_log((record + second).replace(b"\n", b"#012").removesuffix(b"#012") + b"\n", "x")
    assert [without_cr(message.raw) for message in trace.messages] == [without_cr(entry.raw) for entry in CALL[:2]]


def test_audiocodes_a_part_of_a_message_is_missing() -> None:
    lines = audiocodes(CALL[:1], limit=150).split(b"\n")
    trace = read_log(b"\n".join(lines[:2] + lines[3:]), "x")
    assert [message.fidelity for message in trace.messages] == [Fidelity.LINE_ENDINGS_LOST]
    assert b"m=audio" not in trace.messages[0].raw


def test_audiocodes_names_transport_and_the_other_side() -> None:
    trace = read_log(audiocodes(CALL, remote="[2001:db8::2]:5061", transport="TLS"), "x")
    assert trace.messages[0].observation.source == Endpoint("2001:db8::2", 5061)
    assert trace.messages[0].observation.transport is Transport.TLS


def test_ribbon_debug_files_have_bodies_in_records_of_their_own() -> None:
    trace = read_log(ribbon_debug(CALL, noise=5), "1000001.DBG")
    check_call(trace, "ribbon-sbc")
    assert trace.clock is Clock.ABSOLUTE


@pytest.mark.parametrize("limit", [1800, 400, 300, 111])
def test_ribbon_call_traces_name_both_ends(limit: int) -> None:
    trace = read_log(ribbon_trace(CALL, limit=limit, noise=3), "1000001.TRC")
    check_call(trace, "ribbon-sbc")
    observation = trace.messages[0].observation
    assert (observation.source, observation.destination) == (
        Endpoint("198.51.100.20", 5062),
        Endpoint("192.0.2.10", 5060),
    )


@pytest.mark.parametrize(
    "text",
    [
        b"Aug  7 08:45:42.123 On [1:0]192.0.2.1:5060 received from 198.51.100.1:5060\n  MEGACO/2 [1.2.3.4]\n",
        b"14:32:52.062: 10.33.8.70: N: [S=9399] [SID=2ed1:9:5] ---- Incoming SIP Message from 192.0.2.1:5060 ----\n",
        b"339 08072026 084542.570846:1.01.00.38344.Info    .SIPCM: SipFeSocketRecvMsg - msg = v=0\n, msgLen = 5.\n",
    ],
)
def test_records_without_a_message_are_none(text: bytes) -> None:
    assert read_log(text, "x").format == UNKNOWN_FORMAT
