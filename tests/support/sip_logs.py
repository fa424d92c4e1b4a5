"""One call, written down the way different programs do it."""

from __future__ import annotations

from dataclasses import dataclass

LOCAL, REMOTE = "192.0.2.10:5060", "198.51.100.20:5062"

_SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
)


@dataclass(frozen=True, slots=True)
class Logged:
    """One message of the call as the program saw it."""

    sent: bool
    raw: bytes
    second: float
    """Seconds of the log's clock, 08:45:42 being 0."""


def build(
    start: str, cseq: str, *, local_request: bool, body: str = "", content_type: str = "application/sdp"
) -> bytes:
    """One message of the call. `local_request`: whether it belongs to a request of the program that writes the log."""
    via = LOCAL if local_request else REMOTE
    lines = [
        start,
        f"Via: SIP/2.0/UDP {via};branch=z9hG4bK{cseq.replace(' ', '')}",
        "From: <sip:a@example.com>;tag=1",
        "To: <sip:b@example.com>;tag=2",
        "Call-ID: call-1@example.com",
        f"CSeq: {cseq}",
    ]
    if body:
        lines.append(f"Content-Type: {content_type}")
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def incoming_call() -> list[Logged]:
    """The other side calls, is answered, and transfers the call; the program reports that and hangs up."""
    offer, answer = _SDP.format(host="198.51.100.20"), _SDP.format(host="192.0.2.10")
    fragment = "SIP/2.0 200 OK\r\n"
    return [
        Logged(False, build("INVITE sip:b@192.0.2.10 SIP/2.0", "1 INVITE", local_request=False, body=offer), 0.0),
        Logged(True, build("SIP/2.0 200 OK", "1 INVITE", local_request=False, body=answer), 0.5),
        Logged(False, build("ACK sip:b@192.0.2.10 SIP/2.0", "1 ACK", local_request=False), 0.75),
        Logged(
            True,
            build(
                "NOTIFY sip:a@198.51.100.20:5062 SIP/2.0", "2 NOTIFY", local_request=True, body=fragment,
                content_type="message/sipfrag;version=2.0",
            ),
            1.0,
        ),
        Logged(False, build("SIP/2.0 200 OK", "2 NOTIFY", local_request=True), 1.25),
        Logged(True, build("BYE sip:a@198.51.100.20:5062 SIP/2.0", "3 BYE", local_request=True), 2.0),
    ]  # fmt: skip


def time_of_day(second: float, places: int = 6) -> str:
    """The log's clock, with a day's rollover."""
    total = (8 * 3600 + 45 * 60 + 42 + second) % 86400
    hours, rest = divmod(total, 3600)
    minutes, seconds = divmod(rest, 60)
    width = places + 3 if places else 2
    return f"{int(hours):02}:{int(minutes):02}:{int(seconds * 10**places) / 10**places:0{width}.{places}f}"


def without_cr(raw: bytes) -> bytes:
    """What a log leaves of CRLF."""
    return raw.replace(b"\r\n", b"\n")


def raw(call: list[Logged]) -> bytes:
    """The messages alone."""
    return b"".join(entry.raw for entry in call)


def asterisk(
    call: list[Logged], *, prefix: str = "[2026-08-07 {time}] VERBOSE[4711] res_pjsip_logger.c: ", crlf: bool = True,
    noise: int = 0,
) -> bytes:  # fmt: skip
    """`pjsip set logger on`, with unrelated lines between."""
    out: list[bytes] = []
    for entry in call:
        kind = "response" if b"SIP/2.0 2" in entry.raw[:10] else "request"
        way = "Transmitting SIP {} ({} bytes) to" if entry.sent else "Received SIP {} ({} bytes) from"
        head = prefix.format(time=time_of_day(entry.second, 3)) + "<--- " + way.format(kind, len(entry.raw))
        out.append(f"{head} UDP:{REMOTE} --->\n".encode())
        out.append((entry.raw if crlf else without_cr(entry.raw)) + b"\n")
        line = f"[2026-08-07 {time_of_day(entry.second, 3)}] DEBUG[4711] pbx.c: Executing SIP/2.0 stuff, body: v=0\n"
        out.append(line.encode() * noise)
    return b"".join(out)


def freeswitch(call: list[Logged], generation: str) -> bytes:
    """`sofia global siptrace on` in one of its generations: `indented`, `ruled` or `bare`."""
    ruler = "-" * 72 + "\n"
    out: list[str] = []
    for entry in call:
        way = "send {} bytes to" if entry.sent else "recv {} bytes from"
        host, _, port = REMOTE.partition(":")
        stamp = f"{way.format(len(entry.raw))} udp/[{host}]:{port} at {time_of_day(entry.second)}:\n"
        text = without_cr(entry.raw).decode()
        if generation == "indented":
            # A line of the body that has no line end gets one before the closing ruler.
            indented = "".join(f"   {line}\n" for line in text.removesuffix("\n").split("\n"))
            out.append(f"{stamp}   {ruler}{indented}   {ruler}")
        elif generation == "ruled":
            out.append(stamp + ruler + text + "\n")
        else:
            out.append(stamp + text + "\n")
        out.append("2026-08-07 08:45:43.000000 99.00% [DEBUG] sofia.c:7493 Channel entering state [ready][200]\n")
    return "".join(out).encode()


def sipp(call: list[Logged], version: int) -> bytes:
    """`-trace_msg`, in the words of version 3 (3.6) or 4."""
    out: list[bytes] = []
    for entry in call:
        separator = " " if version == 3 else "T"
        size = len(entry.raw)
        out.append(f"{'-' * 47} 2026-08-07{separator}{time_of_day(entry.second)}\n".encode())
        if version == 3:
            words = f"sent ({size} bytes):" if entry.sent else f"received [{size}] bytes :"
        else:
            words = f"{'sent' if entry.sent else 'received'} [{size}] bytes:"
        out.append(f"UDP message {words}\n\n".encode() + entry.raw + b"\n")
    return b"".join(out)


def sngrep(call: list[Logged]) -> bytes:
    """The text export."""
    out: list[bytes] = []
    for entry in call:
        source, destination = (LOCAL, REMOTE) if entry.sent else (REMOTE, LOCAL)
        out.append(f"2026/08/07 {time_of_day(entry.second)} {source} -> {destination}\n".encode() + entry.raw + b"\n\n")
    return b"".join(out)


def chan_sip(call: list[Logged], *, prefix: str = "[Aug  7 {time}] ") -> bytes:
    """`sip set debug on`: received, transmitted and reliably transmitted messages look differently."""
    out: list[str] = []
    for entry in call:
        response = entry.raw.startswith(b"SIP/2.0")
        if not entry.sent:
            head, end = f"<--- SIP read from UDP:{REMOTE} --->", "<------------->\n--- (8 headers 0 lines) ---"
        elif response:
            head, end = f"<--- Transmitting (NAT) to {REMOTE} --->", "<------------>"
        else:
            head, end = f"Reliably Transmitting (no NAT) to {REMOTE}:", "---"
        label = prefix.format(time=time_of_day(entry.second, 0))
        lines = f"\n{head}\n{without_cr(entry.raw).decode()}\n{end}\nScheduling destruction of SIP dialog".split("\n")
        out += [f"{label}{line}\n" for line in lines]
    return "".join(out).encode()


def ngrep(call: list[Logged]) -> bytes:
    """`ngrep -W byline -t`: a dot for each CR."""
    out = [b"input: call.pcap\nfilter: ( port 5060 ) and ((ip || ip6) || (vlan && (ip || ip6)))\n\n"]
    for number, entry in enumerate(call, 1):
        source, destination = (LOCAL, REMOTE) if entry.sent else (REMOTE, LOCAL)
        head = f"U 2026/08/07 {time_of_day(entry.second)} {source} -> {destination} #{number}\n"
        out.append(head.encode() + entry.raw.replace(b"\r\n", b".\n") + b"\n\n")
    return b"".join(out)
