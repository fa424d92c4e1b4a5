"""Healthy scenes for injections, each as real elements would make it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5

import numpy as np
from tests.support.calls import ALICE, BOB, CAROL, PROXY, Call, Ladder, Sent, sdp
from tests.support.injection import FAX_PORTS, Scene
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, stream
from tests.support.rtp import Sent as Stream

from sip_ci.trace.observation import Endpoint, Transport

KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}"
NEAR_KEY, FAR_KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz", "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
TALK = 10.0
ANSWERED = 1.0
SUPPORT = ("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY", "User-Agent: phone/1.0")


def talk(seconds: float = TALK, *, near: Endpoint = ALICE_MEDIA, far: Endpoint = BOB_MEDIA) -> list[Stream]:
    """Media of both sides from the answer on."""
    packets = int(seconds / 0.02) - 5
    return [
        stream(near, far, packets, start=ANSWERED + 0.05, ssrc=0x1111),
        stream(far, near, packets, start=ANSWERED + 0.02, ssrc=0x2222, sequence=7, timestamp=99),
    ]


def opened(
    ladder: Ladder, call: Call, *, offer: bytes | None = None, answer: bytes | None = None, lines: tuple[str, ...] = (),
    answer_lines: tuple[str, ...] = (),
) -> Sent:  # fmt: skip
    """INVITE, 100, 180, 200 and ACK."""
    invite = call.invite(0.0, *SUPPORT, *lines, offer=offer)
    for hop in range(len(call.path) - 1):
        call.respond(invite, 100, 0.003 + 0.002 * hop, hops=(hop,))
    call.respond(invite, 180, 0.1, *SUPPORT)
    call.respond(invite, 200, ANSWERED, *SUPPORT, *answer_lines, body=answer)
    call.ack(invite, ANSWERED + 0.03)
    return invite


def closed(ladder: Ladder, call: Call, time: float = ANSWERED + TALK) -> None:
    """BYE and its 200, and some time after it."""
    call.respond(call.bye(time), 200, time + 0.02)
    ladder.end(time + 40.0)


def direct_call(transport: Transport = Transport.UDP) -> Scene:
    """A call without a proxy, with media."""
    ladder = Ladder(transport=transport)
    call = ladder.call()
    opened(ladder, call)
    closed(ladder, call)
    return Scene(ladder, talk())


def tcp_call() -> Scene:
    """The same over TCP."""
    return direct_call(Transport.TCP)


def callee_ends() -> Scene:
    """A call that the callee hangs up."""
    ladder = Ladder()
    call = ladder.call()
    opened(ladder, call)
    call.respond(call.bye(ANSWERED + TALK, by_callee=True), 200, ANSWERED + TALK + 0.02)
    ladder.end(60.0)
    return Scene(ladder, talk())


def proxied_call() -> Scene:
    """A call over a proxy that stays on the path."""
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, record_route=True)
    opened(ladder, call)
    closed(ladder, call)
    return Scene(ladder, talk())


def ipv6_call() -> Scene:
    """A call between two hosts of IPv6."""
    ladder = Ladder()
    near, far = Endpoint("2001:db8::10", 5060), Endpoint("2001:db8::20", 5060)
    call = ladder.call(near, far)

    def described(end: Endpoint, port: int) -> bytes:
        return sdp(end, port).replace(b"IP4", b"IP6")

    opened(ladder, call, offer=described(near, 40_000), answer=described(far, 42_000))
    closed(ladder, call)
    return Scene(ladder, talk(near=Endpoint(near.host, 40_000), far=Endpoint(far.host, 42_000)))


def registration() -> Scene:
    """REGISTER with digest, its refresh, and its end."""
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, uri="sip:example.com", callee="alice", callee_tag="r1")
    for time, expires, nonce in ((0.0, 120, "n1"), (60.0, 120, "n2"), (118.0, 0, "n3")):
        contact = f"Contact: <sip:alice@{ALICE}>"
        asked = call.request("REGISTER", time, contact, f"Expires: {expires}", inside=False)
        challenge = f'WWW-Authenticate: Digest realm="example.com", nonce="{nonce}", algorithm=MD5, qop="auth"'
        call.respond(asked, 401, time + 0.02, challenge)
        again = call.request(
            "REGISTER", time + 0.05, contact, f"Expires: {expires}", credentials(nonce, "REGISTER"), inside=False
        )
        granted = f"{contact};expires={expires}" if expires else "Contact"
        call.respond(again, 200, time + 0.07, granted)
    ladder.end(200.0)
    return Scene(ladder)


def credentials(nonce: str, method: str, uri: str = "sip:example.com", *, header: str = "Authorization") -> str:
    """A digest response of the user alice with qop (RFC 7616 §3.4)."""
    secret = md5(b"alice:example.com:secret").hexdigest()
    request = md5(f"{method}:{uri}".encode()).hexdigest()
    response = md5(f"{secret}:{nonce}:00000001:cn{nonce}:auth:{request}".encode()).hexdigest()
    return (
        f'{header}: Digest username="alice", realm="example.com", nonce="{nonce}", uri="{uri}", '
        f'response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="cn{nonce}"'
    )


def challenged_call() -> Scene:
    """A call that the server challenges first."""
    ladder = Ladder()
    call = ladder.call()
    first = call.invite(0.0, *SUPPORT)
    call.respond(first, 407, 0.02, 'Proxy-Authenticate: Digest realm="example.com", nonce="n1", qop="auth"')
    call.ack(first, 0.03)
    invite = call.invite(
        0.05, *SUPPORT, credentials("n1", "INVITE", "sip:bob@example.com", header="Proxy-Authorization")
    )
    call.respond(invite, 100, 0.052)
    call.respond(invite, 180, 0.1, *SUPPORT)
    call.respond(invite, 200, ANSWERED, *SUPPORT)
    call.ack(invite, ANSWERED + 0.03)
    closed(ladder, call)
    return Scene(ladder, talk())


def reliable_call() -> Scene:
    """A call with early media in a reliable response, and its PRACK."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, *SUPPORT, "Supported: 100rel")
    call.respond(invite, 100, 0.003)
    call.respond(invite, 183, 0.1, *SUPPORT, "Require: 100rel", "RSeq: 1")
    prack = call.request("PRACK", 0.13, "RAck: 1 1 INVITE")
    call.respond(prack, 200, 0.15)
    call.respond(invite, 180, 0.5, *SUPPORT, "Require: 100rel", "RSeq: 2")
    prack = call.request("PRACK", 0.53, "RAck: 2 1 INVITE")
    call.respond(prack, 200, 0.55)
    call.respond(invite, 200, ANSWERED, *SUPPORT, body=b"")
    call.ack(invite, ANSWERED + 0.03)
    closed(ladder, call)
    return Scene(ladder, [*talk()])


def early_media() -> Scene:
    """A call with early media and no PRACK."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, *SUPPORT)
    call.respond(invite, 100, 0.003)
    call.respond(invite, 183, 0.1, *SUPPORT)
    call.respond(invite, 200, ANSWERED, *SUPPORT)
    call.ack(invite, ANSWERED + 0.03)
    closed(ladder, call)
    near, _ = talk()
    return Scene(ladder, [near, stream(BOB_MEDIA, ALICE_MEDIA, 530, start=0.12, ssrc=0x2222)])


def timed_call() -> Scene:
    """A call with a session timer that the caller refreshes by UPDATE."""
    ladder = Ladder()
    call = ladder.call()
    agreed = ("Supported: timer", "Session-Expires: 90;refresher=uac")
    opened(ladder, call, lines=("Supported: timer", "Session-Expires: 90"), answer_lines=("Require: timer", agreed[1]))
    for time in (46.0, 91.0):
        refresh = call.request("UPDATE", time, *agreed)
        call.respond(refresh, 200, time + 0.02, "Require: timer", agreed[1])
    closed(ladder, call, 130.0)
    return Scene(ladder, talk(129.0))


def transfer() -> Scene:
    """A blind transfer by the caller of the call, as far as its final NOTIFY."""
    ladder = Ladder()
    call = ladder.call()
    opened(ladder, call)
    refer = call.request("REFER", 5.0, f"Refer-To: <sip:carol@{CAROL}>", "Referred-By: <sip:alice@example.com>")
    call.respond(refer, 202, 5.02)
    event = ("Event: refer", "Content-Type: message/sipfrag;version=2.0")
    for time, state, status in (
        (5.05, "active;expires=60", "100 Trying"),
        (6.5, "terminated;reason=noresource", "200 OK"),
    ):
        notify = call.request(
            "NOTIFY", time, *event, f"Subscription-State: {state}", by_callee=True,
            body=f"SIP/2.0 {status}\r\n".encode(),
        )  # fmt: skip
        call.respond(notify, 200, time + 0.02)
    closed(ladder, call, 7.0)
    other = ladder.call(BOB, CAROL, caller="bob", callee="carol", caller_tag="t1", callee_tag="t2")
    invite = other.invite(5.1, *SUPPORT, "Referred-By: <sip:alice@example.com>")
    other.respond(invite, 180, 5.2)
    other.respond(invite, 200, 6.4)
    other.ack(invite, 6.43)
    other.respond(other.bye(20.0), 200, 20.02)
    ladder.end(60.0)
    return Scene(ladder, talk(5.9))


def subscription() -> Scene:
    """A subscription to message waiting: made, refreshed, ended."""
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, callee_tag="s1")
    body = b"Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n"
    wanted = ("Event: message-summary", "Accept: application/simple-message-summary")
    for number, (time, expires) in enumerate(((0.0, 120), (90.0, 120), (170.0, 0))):
        asked = call.request("SUBSCRIBE", time, *wanted, f"Expires: {expires}", inside=number > 0)
        call.respond(asked, 200, time + 0.02, f"Expires: {expires}")
        state = f"active;expires={expires}" if expires else "terminated;reason=timeout"
        told = call.request(
            "NOTIFY", time + 0.05, "Event: message-summary", f"Subscription-State: {state}",
            "Content-Type: application/simple-message-summary", body=body, by_callee=True,
        )  # fmt: skip
        call.respond(told, 200, time + 0.07)
    ladder.end(220.0)
    return Scene(ladder)


def held_call() -> Scene:
    """A call that the caller holds and takes up again."""
    ladder = Ladder()
    call = ladder.call()
    opened(ladder, call)
    for time, version, ways in ((4.0, 2, ("sendonly", "recvonly")), (7.0, 3, ("sendrecv", "sendrecv"))):
        offer = sdp(ALICE, version=version) + f"a={ways[0]}\r\n".encode()
        invite = call.request("INVITE", time, *SUPPORT, body=offer)
        call.respond(invite, 100, time + 0.003)
        answer = sdp(BOB, 42_000, version=version) + f"a={ways[1]}\r\n".encode()
        call.respond(invite, 200, time + 0.03, *SUPPORT, body=answer)
        call.ack(invite, time + 0.05)
    closed(ladder, call)
    near, far = talk()
    heard = far.rows((far.time < 4.05) | (far.time > 7.05))
    return Scene(ladder, [near, replace(heard, sequence=7 + np.arange(len(heard)))])


def delayed_offer() -> Scene:
    """A call whose offer is in the 200 and its answer in the ACK."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, *SUPPORT, offer=b"")
    call.respond(invite, 100, 0.003)
    call.respond(invite, 180, 0.1, *SUPPORT)
    call.respond(invite, 200, ANSWERED, *SUPPORT, body=sdp(BOB, 42_000))
    call.ack(invite, ANSWERED + 0.03, body=sdp(ALICE))
    closed(ladder, call)
    return Scene(ladder, talk())


def described_call(near: str, far: str, transport: Transport = Transport.UDP, media: bool = True) -> Scene:
    """A call whose m-lines, with what belongs to them, are these."""
    ladder = Ladder(transport=transport)
    call = ladder.call()
    opened(ladder, call, offer=sdp(ALICE, media=near), answer=sdp(BOB, media=far))
    closed(ladder, call)
    return Scene(ladder, talk() if media else [])


def sdes_call() -> Scene:
    """SRTP with keys in the description, over TLS."""
    media = "m=audio {} RTP/SAVP 0\r\n{}"
    scene = described_call(
        media.format(40_000, KEY.format(NEAR_KEY)), media.format(42_000, KEY.format(FAR_KEY)), Transport.TLS, False
    )
    size = 182
    near, far = talk()
    scene.streams = [
        stream(ALICE_MEDIA, BOB_MEDIA, len(near), start=1.05, ssrc=0x1111, size=size),
        stream(BOB_MEDIA, ALICE_MEDIA, len(far), start=1.02, ssrc=0x2222, size=size),
    ]
    return scene


def webrtc_call() -> Scene:
    """A browser's description and its answer, over a WebSocket with TLS."""
    base = (
        "m=audio {port} UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\na=rtcp-mux\r\na=mid:0\r\n"
        "a=ice-ufrag:{user}\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\na=fingerprint:sha-256 {hash}\r\na=setup:{role}\r\n"
        "a=candidate:1 1 UDP 2130706431 {host} {port} typ host"
    )
    hashes = [":".join(f"{(place * step) % 256:02X}" for place in range(32)) for step in (7, 11)]
    return described_call(
        base.format(port=40_000, user="8hhY", hash=hashes[0], role="actpass", host=ALICE.host),
        base.format(port=42_000, user="9uuX", hash=hashes[1], role="active", host=BOB.host),
        Transport.WSS, False,
    )  # fmt: skip


def fax_call() -> Scene:
    """A call of G.711 that turns to T.38."""
    ladder = Ladder()
    call = ladder.call()
    opened(ladder, call)
    fax = (
        "m=image {} udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n"
        "a=T38FaxRateManagement:transferredTCF\r\n"
        "a=T38FaxMaxBuffer:262\r\na=T38FaxMaxDatagram:176\r\na=T38FaxUdpEC:t38UDPRedundancy"
    )
    offer = sdp(BOB, version=2, media=fax.format(42_002))
    invite = call.request("INVITE", 4.0, *SUPPORT, body=offer, by_callee=True)
    call.respond(invite, 100, 4.003)
    call.respond(invite, 200, 4.03, *SUPPORT, body=sdp(ALICE, version=2, media=fax.format(40_002)))
    call.ack(invite, 4.05)
    closed(ladder, call, 40.0)
    fax_ends = (ALICE_MEDIA._replace(port=FAX_PORTS[0]), BOB_MEDIA._replace(port=FAX_PORTS[1]))
    pages = [stream(*ends, 800, start=4.1, ptime=0.04) for ends in (fax_ends, fax_ends[::-1])]
    return Scene(ladder, [*talk(3.0), *pages])


def dtmf_call(event: int = 101) -> Scene:
    """A call in which the caller presses three keys."""
    media = f"m=audio {{}} RTP/AVP 0 {event}\r\na=rtpmap:{event} telephone-event/8000\r\na=fmtp:{event} 0-16"
    scene = described_call(media.format(40_000), media.format(42_000))
    near = scene.streams[0]
    kinds, stamps, marks = near.payload_type.copy(), near.timestamp.copy(), near.marker.copy()
    content = near.contents.copy()
    for place, digit in ((100, 1), (160, 2), (220, 3)):
        words = [digit << 24 | 10 << 16 | 160 * step for step in range(1, 6)] + [digit << 24 | 0x8A0000 | 960] * 3
        span = slice(place, place + len(words))
        kinds[span], stamps[span], content[span], marks[place] = event, stamps[place], words, True
    scene.streams[0] = Stream(
        near.source, near.destination, near.ssrc, near.time, near.sequence, stamps, kinds, marks, near.size,
        np.asarray(content),
    )  # fmt: skip
    return scene


def cancelled_call() -> Scene:
    """A call that the caller gives up while it rings."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, *SUPPORT)
    call.respond(invite, 100, 0.003)
    call.respond(invite, 180, 0.1, *SUPPORT)
    cancel = call.cancel(invite, 5.0)
    call.respond(cancel, 200, 5.02)
    call.respond(invite, 487, 5.03)
    call.ack(invite, 5.05)
    ladder.end(60.0)
    return Scene(ladder)


def busy_call() -> Scene:
    """A call to one who is busy."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, *SUPPORT)
    call.respond(invite, 100, 0.003)
    call.respond(invite, 486, 0.1)
    call.ack(invite, 0.13)
    ladder.end(60.0)
    return Scene(ladder)


def pinged() -> Scene:
    """OPTIONS to a peer every half minute."""
    ladder = Ladder()
    for number in range(4):
        call = ladder.call(ALICE, PROXY, callee="ping")
        ping = call.request("OPTIONS", 30.0 * number, "Accept: application/sdp", inside=False)
        call.respond(ping, 200, 30.0 * number + 0.02, "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS")
    ladder.end(150.0)
    return Scene(ladder)


BASES = (
    direct_call, tcp_call, callee_ends, proxied_call, ipv6_call, registration, challenged_call, reliable_call,
    early_media, timed_call, transfer, subscription, held_call, delayed_offer, sdes_call, webrtc_call, fax_call,
    dtmf_call, cancelled_call, busy_call, pinged,
)  # fmt: skip
