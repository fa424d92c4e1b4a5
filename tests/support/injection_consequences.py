"""What becomes of a call in which one element misbehaves: refusals, silence, retransmissions, and the end of it."""

from __future__ import annotations

from dataclasses import replace

from tests.support.calls import HOP, PHRASES, Packet, written
from tests.support.injection import Change, Scene, parsed

_INVITE_TIMES = (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)
"""Timer A (RFC 3261 §17.1.1.2)."""
_OTHER_TIMES = (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)
"""Timer E (RFC 3261 §17.1.2.2), and the 2xx of §13.3.1.4."""
_GIVEN_UP = 32.0
_SOON = 0.05


def reply(request: bytes, status: int, *lines: str, tag: str = "b1", body: bytes = b"") -> bytes:
    """A response to a request, with what it copies."""
    message = parsed(request)
    to = message.header("to") or ""
    if ";tag=" not in to:
        to += f";tag={tag}"
    headers = {"From": message.header("from") or "", "To": to, "Call-ID": message.header("call-id") or ""}
    headers["CSeq"] = message.header("cseq") or ""
    vias = [f"Via: {value}" for value in message.values("via")]
    return written(f"SIP/2.0 {status} {PHRASES.get(status, 'Other')}", headers, (*vias, *lines), body)


def acknowledged(request: bytes, response: bytes) -> bytes:
    """The ACK of a refusal (RFC 3261 §17.1.1.3)."""
    message = parsed(request)
    number = (message.header("cseq") or "1 INVITE").split()[0]
    headers = {
        "Via": (message.header("via") or "").split(",")[0],
        "From": message.header("from") or "",
        "To": parsed(response).header("to") or "",
        "Call-ID": message.header("call-id") or "",
        "CSeq": f"{number} ACK",
        "Max-Forwards": "70",
    }
    target = request.split(b" ", 2)[1].decode("latin-1")
    return written(f"ACK {target} SIP/2.0", headers)


def refused(pattern: str, status: int, *lines: str, tag: str = "b1") -> Change:
    """The request gets this final response, hop by hop, and nothing comes after."""

    def follow(scene: Scene) -> None:
        asked = scene.pick(pattern)
        time = asked[-1].time or 0.0
        known = {id(packet) for packet in asked}
        scene.cut_after(time)
        scene.packets[:] = [
            packet for packet in scene.packets if id(packet) in known or (packet.time or 0.0) < (asked[0].time or 0.0)
        ]
        for order, packet in enumerate(reversed(asked)):
            when = time + _SOON + order * HOP
            answer = reply(packet.raw, status, *lines, tag=tag)
            put(scene, packet, answer, when, back=True)
            if packet.raw.startswith(b"INVITE "):
                put(scene, packet, acknowledged(packet.raw, answer), when + HOP / 2)
        scene.ladder.end(time + 10.0)

    return follow


def put(scene: Scene, like: Packet, raw: bytes, time: float, *, back: bool = False) -> None:
    """One more message on the hop of another, or on its way back."""
    ends = (like.destination, like.source) if back else (like.source, like.destination)
    scene.packets.append(replace(like, raw=raw, time=time, source=ends[0], destination=ends[1]))


def unanswered(pattern: str) -> Change:
    """The request is ignored: it is sent again until the client gives up, and nothing else happens."""

    def follow(scene: Scene) -> None:
        asked = scene.pick(pattern)[0]
        start = asked.time or 0.0
        scene.cut_after(start)
        if not asked.transport.reliable:
            times = _INVITE_TIMES if asked.raw.startswith(b"INVITE ") else _OTHER_TIMES
            scene.packets.extend([replace(asked, time=start + seconds) for seconds in times])
        scene.ladder.end(start + _GIVEN_UP + 10.0)

    return follow


def unheard(pattern: str, *, hangup: bool = True, status: int = 481) -> Change:
    """The final response is ignored: it is sent again, or asked for again, until one side gives up."""

    def follow(scene: Scene) -> None:
        answer = scene.pick(pattern)[-1]
        start = answer.time or 0.0
        label = pattern.rpartition(" ")[0]
        asked = scene.pick(label)[0]
        scene.cut_after(start)
        if asked.raw.startswith(b"INVITE "):
            scene.packets.extend([replace(answer, time=start + seconds) for seconds in _OTHER_TIMES])
            if hangup:
                ended(scene, asked, answer.raw, start + _GIVEN_UP, by_callee=True, status=status)
        elif not asked.transport.reliable:
            for seconds in _OTHER_TIMES:
                scene.packets.append(replace(asked, time=(asked.time or 0.0) + seconds))
                scene.packets.append(replace(answer, time=start + seconds))
        scene.ladder.end(start + _GIVEN_UP + 10.0)

    return follow


def ack_in_vain(pattern: str = "INVITE 1 200", ack: str = "ACK 1") -> Change:
    """The ACK is sent again with every 2xx and never helps, so that the callee hangs up after 32 s."""

    def follow(scene: Scene) -> None:
        invite, answer = scene.pick(pattern.rpartition(" ")[0])[0], scene.pick(pattern)
        acks = scene.pick(ack)
        start = max(packet.time or 0.0 for packet in acks)
        scene.cut_after(start + _GIVEN_UP)
        kept = {id(packet) for packet in acks}
        scene.packets[:] = [packet for packet in scene.packets if (packet.time or 0.0) <= start or id(packet) in kept]
        for seconds in _OTHER_TIMES:
            scene.packets.extend([replace(packet, time=(packet.time or 0.0) + seconds) for packet in (*answer, *acks)])
        ended(scene, invite, answer[-1].raw, start + _GIVEN_UP, by_callee=True)
        scene.ladder.end(start + _GIVEN_UP + 10.0)

    return follow


def ended(
    scene: Scene, invite: Packet, answer: bytes, time: float, *lines: str, by_callee: bool, status: int = 200
) -> None:
    """A BYE of the dialog that the answer made, and what it is answered."""
    message = parsed(answer)
    near, far = message.header("from") or "", message.header("to") or ""
    ends = (invite.source, invite.destination)
    if by_callee:
        near, far, ends = far, near, (ends[1], ends[0])
    headers = {
        "Via": f"SIP/2.0/{invite.transport} {ends[0]};branch={scene.ladder.branch()}",
        "From": near,
        "To": far,
        "Call-ID": message.header("call-id") or "",
        "CSeq": "77 BYE",
        "Max-Forwards": "70",
    }
    bye = written(f"BYE sip:{'alice' if by_callee else 'bob'}@{ends[1]} SIP/2.0", headers, lines)
    sent = replace(invite, raw=bye, time=time, source=ends[0], destination=ends[1])
    scene.packets.append(sent)
    put(scene, sent, reply(bye, status), time + 0.02, back=True)


def dropped(
    pattern: str, *lines: str, after: float = 0.5, by_callee: bool = True, answer: str = "INVITE 1 200"
) -> Change:
    """The call is hung up soon after a message, and nothing else comes after it."""

    def follow(scene: Scene) -> None:
        time = scene.pick(pattern)[-1].time or 0.0
        invite, accepted = scene.pick(answer.rpartition(" ")[0])[0], scene.pick(answer)[-1].raw
        scene.cut_after(time + after)
        scene.packets[:] = [
            packet for packet in scene.packets if (packet.time or 0.0) <= time or packet.raw.startswith(b"ACK ")
        ]
        ended(scene, invite, accepted, time + after, *lines, by_callee=by_callee)
        scene.ladder.end(time + after + 10.0)

    return follow


def silent(*which: int, after: float = -1.0) -> Change:
    """The media of these streams stops, or never comes."""

    def follow(scene: Scene) -> None:
        for place in which if scene.streams else ():
            stream = scene.streams[place]
            if len(stream):
                scene.streams[place] = stream.rows(stream.time <= stream.time.min() + after)
        scene.streams[:] = [stream for stream in scene.streams if len(stream)]

    return follow


def given_up(pattern: str, seconds: float = 32.0) -> Change:
    """Nothing comes after a message; the capture goes on."""

    def follow(scene: Scene) -> None:
        time = scene.pick(pattern)[-1].time or 0.0
        scene.cut_after(time)
        scene.ladder.end(time + seconds)

    return follow


def both(*changes: Change) -> Change:
    """One after the other."""

    def follow(scene: Scene) -> None:
        for change in changes:
            change(scene)

    return follow
