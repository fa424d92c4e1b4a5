"""An answer about a symptom is about what can have it: other calls, other requests and harmless differences do not
confirm it.
"""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, START, Ladder, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, carry, stream

from sip_ci.trace.observation import Endpoint
from sip_ci.trace.tls import ClientHello, ServerHello, TlsConnection, TlsOutcome
from sip_ci.trace.trace import TraceOrigin

PUBLIC = Endpoint("203.0.113.77", 5060)


def _answer(ladder: Ladder, issue: str) -> tuple[str, str]:
    verdict = ladder.end(80.0).report(issue).meta.issue
    assert verdict is not None
    return verdict.verdict, verdict.reason


def _private(*, answered: bool, origin: TraceOrigin = TraceOrigin.CAPTURE) -> Ladder:
    ladder = Ladder(origin=origin)
    call = ladder.call(ALICE, PUBLIC)
    invite = call.invite(0.0, offer=sdp(Endpoint("10.0.0.4", 1)))
    if answered:
        call.respond(invite, 200, 1.0, body=sdp(PUBLIC))
        call.ack(invite, 1.1)
        call.bye(9.0)
    else:
        call.respond(invite, 408, 1.0)
        call.ack(invite, 1.1)
    return ladder


@pytest.mark.parametrize("issue", ["one-way audio", "no audio"])
def test_nobody_is_heard_or_not_in_a_call_that_failed(issue: str) -> None:
    verdict, reason = _answer(_private(answered=False), issue)

    assert (verdict, "answered" in reason) == ("not observable", True)


@pytest.mark.parametrize("origin", [TraceOrigin.CAPTURE, TraceOrigin.LOG])
def test_what_leads_to_silence_confirms_it_in_an_answered_call(origin: TraceOrigin) -> None:
    assert _answer(_private(answered=True, origin=origin), "one-way audio")[0] == "confirmed"


def test_a_failed_call_beside_an_answered_one_confirms_nothing_of_it() -> None:
    ladder = _private(answered=False)
    ladder.call(ALICE, BOB).answered(20.0)

    assert _answer(ladder, "one-way audio")[0] == "not observable"


def test_a_failed_call_is_no_failed_transfer_and_has_no_webrtc() -> None:
    for issue in ("transfer failing", "webrtc no media"):
        assert _answer(_private(answered=False), issue)[0] == "not observable"


def test_the_target_of_a_transfer_that_fails_is_part_of_it() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established(0.0)
    refer = call.request("REFER", 10.0, "Refer-To: <sip:carol@example.com>")
    call.respond(refer, 202, 10.1)
    other = ladder.call(BOB, PUBLIC)
    invite = other.invite(10.5, "Referred-By: <sip:alice@example.com>")
    other.respond(invite, 404, 10.7)
    other.ack(invite, 10.8)

    assert _answer(ladder, "transfer failing")[0] == "confirmed"


def _registered(ladder: Ladder, status: int = 200) -> None:
    call = ladder.call()
    request = call.request("REGISTER", 30.0, inside=False)
    call.respond(request, status, 30.1, f"Contact: <sip:{ALICE}>;expires=3600" if status == 200 else "X-None: 1")


def test_a_call_without_a_response_is_no_failed_registration() -> None:
    ladder = Ladder()
    ladder.call().invite(0.0)
    _registered(ladder)

    assert _answer(ladder, "registration failing")[0] == "refuted"


def test_a_subscription_that_fails_is_no_failed_call() -> None:
    ladder = Ladder()
    ladder.call().answered()
    call = ladder.call()
    request = call.request("SUBSCRIBE", 20.0, "Event: dialog", "Expires: 60", inside=False)
    call.respond(request, 404, 20.1)

    assert _answer(ladder, "calls failing")[0] == "refuted"


def test_a_code_that_calls_fail_with_is_that_of_an_invite() -> None:
    ladder = Ladder()
    ladder.call().answered()
    _registered(ladder, 403)

    assert _answer(ladder, "calls fail with 403")[0] == "refuted"
    assert _answer(ladder, "getting 403")[0] == "confirmed"


def test_the_finding_that_names_the_code_is_the_reason() -> None:
    ladder = _private(answered=False)
    verdict, reason = _answer(ladder, "calls fail with 408")

    assert verdict == "confirmed"
    assert "408 Request Timeout" in reason
    assert "c= line" not in reason


def test_a_round_length_makes_a_drop_possible() -> None:
    ladder = Ladder()
    ladder.call().answered(talk=32.0)
    verdict, reason = _answer(ladder, "calls drop")

    assert (verdict, "possible" in reason) == ("not observable", True)


def _hung_up(*lines: str) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    call.established(0.0)
    bye = call.bye(17.0, *lines)
    call.respond(bye, 200, 17.1)
    return ladder


def test_a_reason_that_names_a_fault_confirms_a_drop_and_a_hang_up_does_not() -> None:
    assert _answer(_hung_up('Reason: Q.850;cause=38;text="Network out of order"'), "calls drop")[0] == "confirmed"
    assert _answer(_hung_up("Reason: Q.850;cause=16"), "calls drop")[0] == "refuted"


def _answered(*, offer: bytes | None = None, answer: bytes | None = None, talk: float = 25.0) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=offer or sdp(ALICE))
    call.respond(invite, 200, 1.0, body=answer or sdp(BOB, 42_000))
    call.ack(invite, 1.1)
    bye = call.bye(1.0 + talk)
    call.respond(bye, 200, 1.1 + talk)
    return ladder


def test_measured_loss_confirms_choppy_audio_however_mild_it_is_rated() -> None:
    there, back = stream(ALICE_MEDIA, BOB_MEDIA, 1000), stream(BOB_MEDIA, ALICE_MEDIA, 1000, ssrc=2)
    ladder = carry(_answered(), there.rows(slice(None, None, 2)), back)
    found = ladder.findings()["rtp-loss"]
    verdict, reason = _answer(ladder, "choppy audio")

    assert verdict == "confirmed"
    assert found.title in reason


def test_different_packet_times_are_not_choppy_audio() -> None:
    ladder = _answered(offer=sdp(ALICE) + b"a=ptime:30\r\n", answer=sdp(BOB, 42_000) + b"a=ptime:20\r\n")
    there, back = stream(ALICE_MEDIA, BOB_MEDIA, 1000), stream(BOB_MEDIA, ALICE_MEDIA, 1000, ssrc=2)

    assert _answer(carry(ladder, there, back), "choppy audio")[0] == "refuted"


def test_audio_that_goes_one_way_by_agreement_is_no_fault() -> None:
    ladder = _answered(offer=sdp(ALICE) + b"a=recvonly\r\n", answer=sdp(BOB, 42_000) + b"a=sendonly\r\n")
    verdict, reason = _answer(carry(ladder, stream(BOB_MEDIA, ALICE_MEDIA, 1000)), "one-way audio")

    assert verdict == "refuted"
    assert "a=recvonly" in reason
    assert "a=sendonly" in reason


def test_audio_that_goes_one_way_against_the_agreement_is_one() -> None:
    ladder = carry(_answered(), stream(BOB_MEDIA, ALICE_MEDIA, 1000))

    assert _answer(ladder, "one-way audio")[0] == "confirmed"


def _tls(*, handshake: bool) -> Ladder:
    client, server = Endpoint("192.0.2.10", 40_123), Endpoint("198.51.100.20", 5061)
    offered = ClientHello(START, 4, (0x0303,), (0xC02F,), "", (), bytes(32))
    hello = (offered, ServerHello(START, 5, 0x0303, 0xC02F, "")) if handshake else (None, None)
    connection = TlsConnection(client, server, START, 4, TlsOutcome.ESTABLISHED, *hello)
    return Ladder().know(tls=(connection,), tls_connections=((client, server),))


def test_a_connection_whose_handshake_is_not_in_the_trace_says_nothing_of_tls() -> None:
    assert _answer(_tls(handshake=False), "tls failing")[0] == "not observable"
    assert _answer(_tls(handshake=True), "tls failing")[0] == "refuted"


def _formats(event: int) -> str:
    return f"RTP/AVP 0 97 {event}\r\na=rtpmap:97 iLBC/8000\r\na=rtpmap:{event} telephone-event/8000"


def test_a_payload_type_of_digits_that_changes_confirms_what_a_log_can_show() -> None:
    ladder = Ladder(origin=TraceOrigin.LOG)
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media=f"m=audio 40000 {_formats(121)}"))
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=f"m=audio 42000 {_formats(122)}"))
    call.ack(invite, 1.1)

    assert _answer(ladder, "dtmf failing")[0] == "confirmed"


def test_another_codec_with_another_payload_type_says_nothing_of_digits() -> None:
    ladder = Ladder(origin=TraceOrigin.LOG)
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media="m=audio 40000 RTP/AVP 97\r\na=rtpmap:97 iLBC/8000"))
    call.respond(invite, 200, 1.0, body=sdp(BOB, media="m=audio 42000 RTP/AVP 98\r\na=rtpmap:98 iLBC/8000"))
    call.ack(invite, 1.1)

    assert _answer(ladder, "dtmf failing")[0] == "not observable"
