"""More faults that VoIP projects reported, rebuilt from the facts of their threads: each is found, and as a root.

Each test names the report. Addresses, names and descriptions are made up.
"""

from __future__ import annotations

from tests.support.calls import ALICE, BOB, PROXY, SECOND_PROXY, Call, Ladder, Sent, sdp

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Endpoint, Transport

OFFER = ("v=0", "o=- 1 1 IN IP4 192.0.2.10", "s=-", "c=IN IP4 192.0.2.10", "t=0 0")
ANSWER = ("v=0", "o=- 2 1 IN IP4 198.51.100.20", "s=-", "c=IN IP4 198.51.100.20", "t=0 0")
FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)


def body(session: tuple[str, ...], *media: str) -> bytes:
    """A session description."""
    return ("\r\n".join((*session, *media)) + "\r\n").encode()


def root(ladder: Ladder, check: str, least: Severity = Severity.MEDIUM) -> WireFinding:
    """The finding of a check, which must be there as a root and at least that severe."""
    found = ladder.findings()
    assert check in found, sorted(found)
    assert found[check].root, found[check].causes
    assert found[check].severity.at_least(least), found[check].severity
    return found[check]


def answered(ladder: Ladder, *path: Endpoint, offer: bytes | None = None, answer: bytes | None = None) -> Call:
    """A call that is answered after a second and acknowledged."""
    call = ladder.call(*path)
    invite = call.invite(0.0, offer=offer)
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0, body=answer)
    call.ack(invite, 1.03)
    return call


def repeated_success(ladder: Ladder, success: Sent) -> None:
    """The 200 comes again and again, as where no ACK arrives."""
    ladder.again(success, 1.5, 2.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5, 32.5)


# -- Acknowledgements -------------------------------------------------------------------------------


def test_ack_goes_to_the_record_route_host_in_its_request_uri() -> None:
    """restsend/rustpbx#122, flexisip#202: the ACK's Request-URI is a proxy's address, not the Contact."""
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, record_route=True)
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    success = call.respond(invite, 200, 1.0)
    repeated_success(ladder, success)
    ack = call.ack(invite, 1.03, hops=(0,))
    ack.packets[0].raw = ack.packets[0].raw.replace(b"ACK sip:bob@198.51.100.20:5060", b"ACK sip:bob@203.0.113.5:5060")
    ladder.end(40.0)
    found = ladder.findings()
    assert found.keys() & {"ack-wrong-target", "ack-missing-2xx"}, sorted(found)


def test_ack_takes_the_record_routes_in_the_wrong_order() -> None:
    """meetecho/janus-gateway#1389, sipwise/sipsak#7: the route set is not reversed; the ACK goes to the far proxy."""
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, SECOND_PROXY, BOB, record_route=True)
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    success = call.respond(invite, 200, 1.0)
    repeated_success(ladder, success)
    routes = f"Route: <sip:{SECOND_PROXY};lr>, <sip:{PROXY};lr>"
    call.request("ACK", 1.03, routes, number=invite.number, way=(ALICE, SECOND_PROXY))
    ladder.end(40.0)
    found = ladder.findings()
    assert found.keys() & {"ack-wrong-target", "request-wrong-target", "record-route-not-honored"}, sorted(found)


def test_ack_of_a_reinvite_has_the_number_of_the_first_invite() -> None:
    """versatica/JsSIP#943, OpenSIPS/opensips#3041: the ACK's CSeq number is not that of the INVITE it belongs to."""
    ladder = Ladder()
    call = answered(ladder)
    again = call.request("INVITE", 10.0, body=sdp(ALICE, version=2))
    success = call.respond(again, 200, 10.2, body=sdp(BOB, 42_000, version=2))
    ladder.again(success, 10.7, 11.7, 13.7, 17.7, 21.7, 25.7, 29.7)
    call.request("ACK", 10.3, number=1)
    ladder.end(45.0)
    found = ladder.findings()
    assert found.keys() & {"ack-cseq-mismatch", "ack-missing-2xx"}, sorted(found)


def test_ack_of_a_refusal_has_another_sent_by() -> None:
    """asterisk/asterisk#774: the ACK of a 486 has another address in its Via than the INVITE, and is not matched."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    busy = call.respond(invite, 486, 0.5)
    ladder.again(busy, 1.0, 2.0, 4.0, 8.0, 12.0)
    ack = call.ack(invite, 0.52)
    ack.packets[0].raw = ack.packets[0].raw.replace(b"UDP 192.0.2.10:5060;branch", b"UDP 192.0.2.99:5060;branch")
    ladder.end(20.0)
    found = ladder.findings()
    assert found["ack-differs-from-invite"].root, sorted(found)


def test_success_without_contact() -> None:
    """asterisk/asterisk#1711: the 200 of an INVITE has no Contact."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, "Contact")
    call.ack(invite, 1.03)
    bye = call.bye(9.0)
    call.respond(bye, 200, 9.02)
    root(ladder.end(20.0), "contact-missing-2xx")


def test_contact_of_this_very_host() -> None:
    """i-p-tel/sipdroid#27, drachtio-server#149: the Contact names 127.0.0.1, so nothing inside the dialog arrives."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, "Contact: <sip:bob@127.0.0.1:5060>")
    call.ack(invite, 1.03)
    root(ladder.end(20.0), "nat-sdp-loopback", Severity.HIGH)


# -- Sessions that change ---------------------------------------------------------------------------


def test_hold_is_answered_sendrecv() -> None:
    """emiago/diago#125, livekit/sip#779: an offer that is sendonly is answered sendrecv."""
    ladder = Ladder()
    call = answered(ladder)
    hold = call.request(
        "INVITE", 10.0, body=body(OFFER, "m=audio 40000 RTP/AVP 0", "a=sendonly").replace(b"1 1 IN", b"1 2 IN")
    )
    call.respond(
        hold, 200, 10.1, body=body(ANSWER, "m=audio 42000 RTP/AVP 0", "a=sendrecv").replace(b"2 1 IN", b"2 2 IN")
    )
    call.ack(hold, 10.12)
    bye = call.bye(10.2, by_callee=False)
    call.respond(bye, 200, 10.22)
    root(ladder.end(20.0), "sdp-answer-direction", Severity.LOW)


def test_version_of_the_origin_does_not_count_up() -> None:
    """versatica/JsSIP#312: hold changes the description, and its o= line has the version of before."""
    ladder = Ladder()
    call = answered(ladder)
    offer = sdp(ALICE) + b"a=sendonly\r\n"
    hold = call.request("INVITE", 10.0, body=offer)
    call.respond(hold, 200, 10.1, body=sdp(BOB, 42_000, version=2) + b"a=recvonly\r\n")
    call.ack(hold, 10.12)
    bye = call.bye(20.0)
    call.respond(bye, 200, 20.02)
    root(ladder.end(30.0), "sdp-version-not-incremented")


def test_two_invites_of_one_side_overlap() -> None:
    """versatica/JsSIP#732: a refresh is sent while the hold of a moment ago is still open, and is refused."""
    ladder = Ladder()
    call = answered(ladder)
    hold = call.request("INVITE", 10.0, body=sdp(ALICE, version=2) + b"a=sendonly\r\n")
    refresh = call.request("INVITE", 10.005, body=sdp(ALICE, version=2) + b"a=sendonly\r\n")
    call.respond(refresh, 500, 10.02, "Retry-After: 3")
    call.ack(refresh, 10.03)
    call.respond(hold, 200, 10.2, body=sdp(BOB, 42_000, version=2) + b"a=recvonly\r\n")
    call.ack(hold, 10.22)
    bye = call.bye(10.5)
    call.respond(bye, 200, 10.52)
    root(ladder.end(30.0), "invite-overlapping", Severity.LOW)


def test_a_refresh_is_refused_and_the_call_ends() -> None:
    """onsip/SIP.js#258: the re-INVITE of FreeSWITCH's session timer fails after 60 s, and the call drops."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: timer", "Session-Expires: 120;refresher=uas")
    call.respond(invite, 200, 1.0, "Require: timer", "Session-Expires: 120;refresher=uas")
    call.ack(invite, 1.03)
    refresh = call.request("INVITE", 61.0, "Session-Expires: 120;refresher=uac", by_callee=True, body=sdp(BOB, 42_000))
    call.respond(refresh, 488, 61.1)
    call.ack(refresh, 61.11)
    bye = call.bye(61.2, by_callee=True)
    call.respond(bye, 200, 61.22)
    root(ladder.end(80.0), "st-refresh-rejected", Severity.HIGH)


# -- Session timers ---------------------------------------------------------------------------------


def test_interval_is_refused_and_not_tried_again() -> None:
    """versatica/JsSIP#397: 422 with Min-SE 120 to an interval of 90, and the caller gives up."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: timer", "Session-Expires: 90")
    call.respond(invite, 422, 0.1, "Min-SE: 120")
    call.ack(invite, 0.12)
    root(ladder.end(20.0), "st-too-small-422")


def test_interval_below_the_least_that_is_allowed() -> None:
    """versatica/JsSIP#297: Session-Expires of 60 seconds."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: timer", "Session-Expires: 60")
    call.respond(invite, 422, 0.1, "Min-SE: 90")
    call.ack(invite, 0.12)
    found = ladder.end(20.0).findings()
    assert {"st-se-below-90", "st-too-small-422"} & found.keys(), sorted(found)
    assert any(found[check].root for check in ("st-se-below-90", "st-too-small-422") if check in found)


# -- Registration and transfer ----------------------------------------------------------------------


def test_unregistering_reuses_the_number_of_the_authorized_register() -> None:
    """sipsorcery-org/sipsorcery#1098: REGISTER with Expires 0 has the CSeq number of the one before, and is ignored."""
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    challenge = 'WWW-Authenticate: Digest realm="pbx", nonce="n1", algorithm=MD5, qop="auth"'
    first = call.request("REGISTER", 0.0, inside=False)
    call.respond(first, 401, 0.02, challenge)
    credentials = (
        'Authorization: Digest username="alice", realm="pbx", nonce="n1", uri="sip:pbx", response="d", qop=auth,'
        ' nc=00000001, cnonce="c"'
    )
    second = call.request("REGISTER", 0.05, credentials, "Expires: 300", inside=False)
    call.respond(second, 200, 0.07, "Contact: <sip:192.0.2.10:5060>;expires=300")
    third = call.request("REGISTER", 60.0, credentials, "Expires: 0", inside=False, number=2)
    call.respond(third, 500, 60.02)
    root(ladder.end(80.0), "reg-cseq-not-incremented", Severity.LOW)


def test_replaces_without_tags() -> None:
    """baresip/baresip#3367: Refer-To names the call to replace by its Call-ID alone; the target does not find it."""
    ladder = Ladder()
    call = answered(ladder)
    refer = call.request("REFER", 10.0, "Refer-To: <sip:carol@example.com?Replaces=abc%40192.0.2.10>")
    call.respond(refer, 202, 10.02)
    for time, status, state in ((10.1, b"100 Trying", "active"), (10.6, b"481 Call Does Not Exist", "terminated")):
        notify = call.request(
            "NOTIFY", time, "Event: refer", f"Subscription-State: {state}", "Content-Type: message/sipfrag",
            by_callee=True, body=b"SIP/2.0 " + status + b"\r\n",
        )  # fmt: skip
        call.respond(notify, 200, time + 0.02)
    found = ladder.end(60.0).findings()
    assert found.keys() & {"refer-target-failed", "replaces-481", "refer-replaces-unescaped"}, sorted(found)


# -- Descriptions -----------------------------------------------------------------------------------


def test_answer_drops_the_declined_media_line() -> None:
    """RestComm/Restcomm-Connect#983, webrtc-rs/rtc#66: video is left out of the answer instead of getting port 0."""
    ladder = Ladder()
    offer = body(OFFER, "m=audio 40000 RTP/AVP 0", "m=video 40002 RTP/AVP 96", "a=rtpmap:96 VP8/90000")
    answered(ladder, offer=offer, answer=body(ANSWER, "m=audio 42000 RTP/AVP 0"))
    root(ladder.end(20.0), "sdp-mline-count", Severity.HIGH)


def test_answer_leaves_the_dtls_role_open() -> None:
    """sipsorcery-org/sipsorcery#1463, havfo/WEBRTC-to-SIP#4: the answer says setup:actpass."""
    media = ("m=audio 40000 UDP/TLS/RTP/SAVPF 0", FINGERPRINT, "a=setup:actpass", "a=rtcp-mux")
    ladder = Ladder(transport=Transport.TLS)
    answered(ladder, offer=body(OFFER, *media), answer=body(ANSWER, *media))
    root(ladder.end(20.0), "dtls-setup-conflict", Severity.HIGH)


def test_answer_without_fingerprint() -> None:
    """sipwise/rtpengine#118, #605: the answer to a DTLS offer has no fingerprint."""
    offer = body(OFFER, "m=audio 40000 UDP/TLS/RTP/SAVPF 0", FINGERPRINT, "a=setup:actpass", "a=rtcp-mux")
    answer = body(ANSWER, "m=audio 42000 UDP/TLS/RTP/SAVPF 0", "a=rtcp-mux")
    ladder = Ladder(transport=Transport.TLS)
    answered(ladder, offer=offer, answer=answer)
    root(ladder.end(20.0), "dtls-fingerprint-missing", Severity.HIGH)


def test_telephone_event_on_a_static_payload_type() -> None:
    """juha-h/baresip-studio#520: payload type 10, which is L16, is given to telephone-event."""
    ladder = Ladder()
    media = ("m=audio {} RTP/AVP 0 10", "a=rtpmap:0 PCMU/8000", "a=rtpmap:10 telephone-event/8000", "a=fmtp:10 0-15")
    answered(
        ladder,
        offer=body(OFFER, media[0].format(40_000), *media[1:]),
        answer=body(ANSWER, "m=audio 42000 RTP/AVP 0"),
    )
    found = ladder.end(20.0).findings()
    assert "sdp-static-pt-redefined" in found, sorted(found)
    assert found["sdp-static-pt-redefined"].root


def test_rtpmap_without_an_encoding() -> None:
    """sipwise/rtpengine#638: `a=rtpmap:96` with nothing behind it; the phone refuses the call."""
    ladder = Ladder()
    call = ladder.call()
    offer = body(OFFER, "m=audio 40000 RTP/AVP 0", "m=video 0 RTP/AVP 96", "a=rtpmap:96")
    invite = call.invite(0.0, offer=offer)
    call.respond(invite, 400, 0.1)
    call.ack(invite, 0.12)
    found = ladder.end(20.0).findings()
    assert "sdp-rtpmap-malformed" in found, sorted(found)
    assert found["sdp-rtpmap-malformed"].root


# -- Subscriptions, streams, framing ----------------------------------------------------------------


def test_subscription_is_accepted_and_never_notified() -> None:
    """asterisk/asterisk#793, kirm/sip.js#22: 200 to SUBSCRIBE, and no NOTIFY."""
    ladder = Ladder()
    call = ladder.call()
    subscribe = call.request("SUBSCRIBE", 0.0, "Event: presence", "Expires: 3600", inside=False)
    call.respond(subscribe, 200, 0.05, "Expires: 3600")
    root(ladder.end(60.0), "sub-no-notify")


def test_notify_without_an_event() -> None:
    """BelledonneCommunications/linphone-sdk#109: the NOTIFY has no Event header, and is refused."""
    ladder = Ladder()
    call = ladder.call()
    subscribe = call.request("SUBSCRIBE", 0.0, "Event: presence", "Expires: 3600", inside=False)
    call.respond(subscribe, 200, 0.05, "Expires: 3600")
    notify = call.request("NOTIFY", 0.1, "Subscription-State: active;expires=3600", by_callee=True)
    call.respond(notify, 489, 0.12)
    root(ladder.end(60.0), "event-missing")


def test_response_over_tcp_without_content_length() -> None:
    """restsend/rsipstack#31, pjsip/pjproject#3960: without Content-Length the end of a message over TCP is unknown."""
    ladder = Ladder(transport=Transport.TCP)
    call = ladder.call()
    invite = call.invite(0.0)
    ringing = call.respond(invite, 180, 0.1)
    ringing.packets[0].raw = ringing.packets[0].raw.replace(b"Content-Length: 0\r\n", b"")
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.03)
    root(ladder.end(20.0), "msg-content-length-missing-tcp", Severity.LOW)


def test_content_length_beyond_the_body() -> None:
    """drachtio-siprec-recording-server#49, SIPp/sipp#363: Content-Length is more than the datagram holds."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    declared = len(sdp(ALICE))
    invite.packets[0].raw = invite.packets[0].raw.replace(
        b"Content-Length: %d" % declared, b"Content-Length: %d" % (declared + 40)
    )
    ladder.again(invite, 0.5, 1.5, 3.5, 7.5)
    root(ladder.end(40.0), "msg-content-length-mismatch")


def test_request_inside_the_dialog_is_lost_behind_the_proxy() -> None:
    """dOpensource/dsiprouter#56: the callee's BYE is never answered, while the caller's requests are."""
    ladder = Ladder()
    call = answered(ladder)
    bye = call.bye(10.0, by_callee=True)
    ladder.again(bye, 10.5, 11.5, 13.5, 17.5, 21.5, 25.5, 29.5, 33.5, 37.5, 41.5)
    found = ladder.end(60.0).findings()
    assert found.keys() & {"bye-no-response", "txn-no-response"}, sorted(found)
