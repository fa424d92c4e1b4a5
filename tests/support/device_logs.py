"""Calls written down the way phones, browsers and session border controllers do it.

Each function takes what the program saw, as `sip_logs.Logged`, and the two ends as it knows them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from tests.support.sip_logs import LOCAL, REMOTE, Logged, time_of_day, without_cr

_START = 1786060800 + 8 * 3600 + 45 * 60 + 42
"""UNIX seconds of second 0 of a call: 2026-08-07 08:45:42 UTC."""


def _ends(entry: Logged, local: str, remote: str) -> tuple[str, str]:
    return (local, remote) if entry.sent else (remote, local)


def _lines(raw: bytes, *, crlf: bool) -> bytes:
    return raw if crlf else without_cr(raw)


def _summary(raw: bytes) -> str:
    first = raw.split(b"\r\n", 1)[0].decode()
    cseq = raw.split(b"\nCSeq: ", 1)[1].split(b"\r\n", 1)[0].decode().split(" ")
    if first.startswith("SIP/2.0 "):
        return f"Response msg {first.split(' ')[1]}/{cseq[1]}/cseq={cseq[0]}"
    return f"Request msg {first.split(' ')[0]}/cseq={cseq[0]}"


def pjsua(
    call: Sequence[Logged], *, crlf: bool = True, noise: int = 0, prefix: str = "", every_line: str = "",
    sender: str = "          pjsua_core.c  ", remote: str = REMOTE, transport: str = "UDP",
) -> bytes:  # fmt: skip
    """A log at level 5; `prefix` stands before PJSIP's own lines, `every_line` before those of messages, too."""
    out: list[bytes] = []
    for number, entry in enumerate(call):
        time = time_of_day(entry.second, 3)
        label = (every_line or prefix).format(time=time)
        way = "TX {} bytes {} (tdta0x7f{:02}) to" if entry.sent else "RX {} bytes {} (rdata0x7f{:02}) from"
        what = way.format(len(entry.raw), _summary(entry.raw), number)
        message = _lines(entry.raw, crlf=crlf)
        lines = f"{label}{time} {sender}.{what} {transport} {remote}:\n".encode()
        for line in (message + b"\n--end msg--").split(b"\n"):
            lines += every_line.format(time=time).encode() + line + b"\n"
        out.append(lines)
        out.append(f"{label}{time} {sender}....Processing SIP/2.0 message, v=0\n".encode() * noise)
    return b"".join(out)


def baresip(
    call: Sequence[Logged], *, crlf: bool = True, colours: bool = False, times: bool = True, noise: int = 0,
    local: str = LOCAL, remote: str = REMOTE, transport: str = "UDP",
) -> bytes:  # fmt: skip
    """The output of `baresip -s`."""
    out: list[bytes] = []
    for entry in call:
        source, destination = _ends(entry, local, remote)
        time = time_of_day(entry.second, 3) if times else ""
        begin, end = (b"\x1b[36;1m", b"\x1b[;m\n") if colours else (b"", b"\n")
        out.append(begin + f"{time}#\n{transport} {source} -> {destination}\n".encode())
        out.append(_lines(entry.raw, crlf=crlf) + end)
        out.append(b"ua: using best effort AF: af=AF_INET -> SIP/2.0, v=0\n" * noise)
    return b"".join(out)


def linphone(
    call: Sequence[Logged], *, crlf: bool = False, noise: int = 0, tag: str = "belle-sip", remote: str = REMOTE,
    transport: str = "UDP",
) -> bytes:  # fmt: skip
    """The log file of a desktop: a date before the first line of each record only."""
    out: list[bytes] = []
    for entry in call:
        prefix = f"2026-08-07 {time_of_day(entry.second, 3).replace('.', ':')} [{tag}] MESSAGE "
        size = len(entry.raw)
        head = f"message sent to [{transport}://{remote}], size: [{size}] bytes"
        if not entry.sent:
            head = f"received [{size}] new bytes from [{transport}://{remote}]:"
        out.append(f"{prefix}channel [0x561c929c]: {head}\n".encode() + _lines(entry.raw, crlf=crlf) + b"\n")
        out.append(f"{prefix}channel [0x561c929c] [{size}] bytes parsed\n".encode())
        out.append(f"{prefix}Changing [client] [INVITE] transaction from [SIP/2.0]\n".encode() * noise)
    return b"".join(out)


def linphone_stream(call: Sequence[Logged], cuts: Callable[[int], int], *, remote: str = REMOTE) -> bytes:
    """TCP: what was sent, one by one; what was received in between joined, and cut anew at `cuts` of its length."""
    out: list[bytes] = []

    def received(data: bytes, second: float) -> None:
        while data:
            size = min(max(1, cuts(len(data))), len(data))
            piece, data = data[:size], data[size:]
            prefix = f"2026-08-07 {time_of_day(second, 3).replace('.', ':')} [belle-sip] MESSAGE channel [0x1]"
            out.append(f"{prefix}: received [{size}] new bytes from [TCP://{remote}]:\n".encode())
            out.append(without_cr(piece) if not piece.endswith(b"\r") else without_cr(piece)[:-1] + b"\r")
            out.append(f"\n{prefix} [{size}] bytes parsed\n".encode())

    waiting, second = b"", 0.0
    for entry in call:
        if not entry.sent:
            waiting += entry.raw
            second = entry.second
            continue
        received(waiting, second)
        waiting = b""
        prefix = f"2026-08-07 {time_of_day(entry.second, 3).replace('.', ':')} [belle-sip] MESSAGE channel [0x1]"
        head = f"{prefix}: message sent to [TCP://{remote}], size: [{len(entry.raw)}] bytes\n"
        out.append(head.encode() + without_cr(entry.raw) + b"\n")
    received(waiting, second)
    return b"".join(out)


def linphone_android(
    call: Sequence[Logged],
    *,
    blank_lines: bool = False,
    remote: str = REMOTE,
    transport: str = "UDP",
    ios: bool = False,
) -> bytes:
    """`adb logcat`: each line with a label, and (as Linphone splits its lines) without the blank ones.

    `ios`: as Xcode shows it, with a date, and a tab before the lines of messages.
    """
    out: list[str] = []
    for entry in call:
        label = f"08-07 {time_of_day(entry.second, 3)}  6072  6072 I Linphone: "
        if ios:
            label = f"2026-08-07 {time_of_day(entry.second)}+0000 linphone[68064:1643374] [Message] "
        way = f"message sent to [{transport}://{remote}], size: [{len(entry.raw)}] bytes"
        if not entry.sent:
            way = f"received [{len(entry.raw)}] new bytes from [{transport}://{remote}]:"
        tab = "\t" if ios else ""
        message = [tab + line if line else line for line in without_cr(entry.raw).decode().split("\n")]
        lines = [f"channel [0x7f76302000]: {way}", *message]
        lines.append(f"channel [0x7f76302000] [{len(entry.raw)}] bytes parsed")
        out += [f"{label}{line}\n" for line in lines if line or blank_lines]
        out.append(f"08-07 {time_of_day(entry.second, 3)}  6072  6100 I Linphone: bellesip_wake_lock: SIP/2.0\n")
    return "".join(out).encode()


def jssip(call: Sequence[Logged], form: str = "node", *, crlf: bool = True, noise: int = 0) -> bytes:
    """JsSIP's `debug` output: `node`, `terminal` (colours taken off), `browser`, `styled` (with `%c`), `old`."""
    out: list[bytes] = []
    for entry in call:
        way = "sending message" if entry.sent else "received text message"
        message = _lines(entry.raw, crlf=crlf)
        stamp = f"2026-08-07T{time_of_day(entry.second, 3)}Z "
        if form == "node":
            out.append(f"{stamp}JsSIP:Transport {way}:\n\n".encode() + message + b"\n\n")
            out.append(f"{stamp}JsSIP:Transport send()\n".encode() * (1 + noise))
        elif form == "terminal":
            lines = f"{way}:\n\n".encode() + message + b"\n"
            lines = b"".join(b"  JsSIP:Transport " + line + b"\n" for line in lines.split(b"\n"))
            out.append(lines.removesuffix(b"\n") + b" +12ms\n")
            out.append(b"  JsSIP:Transport send() +0ms\n" * (1 + noise))
        elif form == "old":
            way = "sending WebSocket message" if entry.sent else "received WebSocket text message"
            out.append(f"JsSIP | TRANSPORT | {way}:\n\n".encode() + message + b"\n\n")
            out.append(b"JsSIP | DIALOG | new UAC dialog created\n" * (1 + noise))
        else:
            mark = "%c" if form == "styled" else ""
            style = b" color: #CC9933 color: inherit color: #CC9933" if form == "styled" else b""
            head = f"browser.js:94 {mark}JsSIP:Transport {mark}{way}:\n\n"
            out.append(head.encode() + message + b"\n " + mark.encode() + b"+12ms" + style + b"\n")
            out.append(b"browser.js:94 JsSIP:Transport send() +2ms\n" * (1 + noise))
    return b"".join(out)


def sipjs(call: Sequence[Logged], *, prefix: str = "", old: bool = False, crlf: bool = True, noise: int = 0) -> bytes:
    """SIP.js with `traceSip`, in the words of version 0.15 and above or those before."""
    out: list[bytes] = []
    for entry in call:
        stamp = f"{prefix}Fri Aug 07 2026 {time_of_day(entry.second, 0)} GMT+0000 (Coordinated Universal Time)"
        name = "sip.transport" if old else "sip.Transport"
        way = "Sending WebSocket message" if entry.sent else "Received WebSocket text message"
        way = way[0].lower() + way[1:] if old else way
        stamp = stamp.replace("{time}", time_of_day(entry.second, 3))
        out.append(f"{stamp} | {name} | {way}:\n\n".encode() + _lines(entry.raw, crlf=crlf) + b"\n\n")
        out.append(f"{stamp} | sip.invite-dialog | Received SIP/2.0 message\n".encode() * noise)
    return b"".join(out)


def cisco(
    call: Sequence[Logged], form: str = "debug", *, width: int = 0, blank_lines: bool = True, noise: int = 0,
    stamp: str = "*Aug  7 {time}", local: str = LOCAL, remote: str = REMOTE, transport: str = "UDP",
) -> bytes:  # fmt: skip
    """`debug ccsip messages` (`debug`), of old versions (`old`), or the VoIP trace of IOS XE (`trace`)."""
    out: list[str] = []
    for number, entry in enumerate(call):
        time = stamp.format(time=time_of_day(entry.second, 3))
        way = "Sent:" if entry.sent else "Received:"
        head = f"{time}: //-1/xxxxxxxxxxxx/SIP/Msg/ccsipDisplayMsg:\n{way} \n"
        if form == "old":
            head = f"{time}: SIP Msg: ccsipDisplayMsg:{way} \n"
        if form == "trace":
            source, destination = _ends(entry, local, remote)
            head = f"{number}: {time}: //1/1CE915CE8002/CUBE_VT/SIP/Msg/ccsipDisplayMsg:\n"
            head += f"{way} SIP {transport} message from {source} to {destination} \n"
        lines = without_cr(entry.raw).decode().split("\n")
        if not blank_lines:
            lines = [line for line in lines if line]
        if width:
            lines = [line[place : place + width] for line in lines for place in range(0, len(line) or 1, width)]
        out.append(head + "\n".join(lines) + "\n")
        other = f"{time}: //4711/1CE915CE8002/SIP/Info/sipSPIProcess: in state SIP/2.0\n"
        out.append(other * (noise + (not blank_lines)))
    return "".join(out).encode()


def cucm(
    call: Sequence[Logged], *, crlf: bool = True, noise: int = 0, old: bool = False, remote: str = REMOTE,
    transport: str = "UDP",
) -> bytes:  # fmt: skip
    """An SDL trace; `old`: the SDI trace of version 8 and before."""
    host, _, port = remote.rpartition(":")
    out: list[bytes] = []
    for number, entry in enumerate(call):
        time = time_of_day(entry.second, 3)
        line = f"08/07/2026 {time} CCM|" if old else f"{number:08}.002 |{time} |AppInfo  |"
        if transport == "UDP":
            head = f"Outgoing SIP UDP message to {host}:[{port}]:"
            if not entry.sent:
                head = f"Incoming SIP UDP message size {len(entry.raw)} from {host}:[{port}]:"
            head = f"//SIP/SIPUdp/wait_SdlSPISignal: {head}"
        else:
            head = f"Outgoing SIP TCP message to {host} on port {port} index 8 "
            if not entry.sent:
                head = f"Incoming SIP TCP message from {host} on port {port} index 8 with {len(entry.raw)} bytes:"
            head = f"SIPTcp - wait_SdlReadRsp: {head}"
        out.append(f"{line}{head}\n[{4711 + number},NET]\n".encode() + _lines(entry.raw, crlf=crlf) + b"\n")
        out.append(f"{line}|CcSetupReq |wait SIP/2.0 |SIPCdpc(1,100,19)\n".encode() * (1 + noise))
    return b"".join(out)


def oracle(
    call: Sequence[Logged], *, crlf: bool = True, slot: str = "[1:0]", others: int = 0, local: str = LOCAL,
    remote: str = REMOTE,
) -> bytes:  # fmt: skip
    """`sipmsg.log`, perhaps with records of another protocol between."""
    ruler = b"-" * 40 + b"\n"
    out: list[bytes] = [ruler]
    for entry in call:
        time = f"Aug  7 {time_of_day(entry.second, 3)}"
        way = "sent to" if entry.sent else "received from"
        out.append(f"{time} On {slot}{local} {way} {remote}\n".encode() + _lines(entry.raw, crlf=crlf) + b"\n" + ruler)
        out.append((f"{time} On 127.0.0.1:2945 sent to 127.0.0.1:2944\n".encode() + b"  MEGACO/2\n" + ruler) * others)
    return b"".join(out)


def audiocodes(
    call: Sequence[Logged], *, escaped: bool = True, limit: int = 0, head_before: bool = False, noise: int = 0,
    daemon: bool = False, blank_ends: bool = False, remote: str = REMOTE, transport: str = "UDP",
) -> bytes:  # fmt: skip
    """Syslog: `limit` cuts records at that many bytes; `head_before` leaves the head in the record before.

    `blank_ends` puts a blank at the end of each line of a message.
    """
    records: list[tuple[float, str]] = []
    for entry in call:
        way = "Outgoing SIP Message to {} from" if entry.sent else "Incoming SIP Message from {} to"
        head = f"(N   4711) ---- {way.format(remote)} SIPInterface #0 (LAN) {transport} TO(#1) SocketID(7) ---- \n"
        message = without_cr(entry.raw).decode().replace("\n\n", "\n \n")
        if blank_ends:
            message = without_cr(entry.raw).decode().replace("\n", " \n")
        if head_before:
            records.append((entry.second, head))
            head = ""
        text = head + message + " \n"
        while limit and len(text) > limit:
            records.append((entry.second, text[:limit]))
            text = text[limit:]
        records.append((entry.second, text))
        records += [(entry.second, "(N   4712) (#1)Transaction SIP/2.0 is in state v=0 ")] * noise
    out: list[str] = []
    for number, (second, text) in enumerate(records):
        time = time_of_day(second, 3)
        prefix = f"Aug  7 {time[:8]} 10.33.8.70 " if daemon else f"{time}: 10.33.8.70: NOTICE: "
        line = f"{prefix}[S={9399 + number}] [SID=2ed1c8:96:5] {text} [Time:07-08@{time}]"
        out.append((line.replace("\n", "#012") if escaped else line) + "\n")
    return "".join(out).encode()


def ribbon_debug(call: Sequence[Logged], *, noise: int = 0) -> bytes:
    """A `.DBG` file: the headers in one record, the body in another."""
    out: list[str] = []
    for number, entry in enumerate(call):
        time = time_of_day(entry.second, 6).replace(":", "")
        headers, _, body = without_cr(entry.raw).decode().partition("\n\n")
        name = "SipFeSocketSendMsg" if entry.sent else "SipFeSocketRecvMsg"
        prefix = f"08072026 {time}:1.01.00.{38344 + number}.Info    .SIPCM: "
        out.append(f"339 {prefix}{name} - msg = {headers}\n\n, msgLen = {len(headers)}.\n")
        out.append(f"150 {prefix.replace('SIPCM', 'SIPFE')}*FindRegistrationBlock: SIP/2.0 not found\n" * (1 + noise))
        if body:
            out.append(f"339 {prefix}{name} - msg = {body}, msgLen = {len(body)}.\n")
    return "".join(out).encode()


def ribbon_trace(
    call: Sequence[Logged], *, limit: int = 1800, noise: int = 0, local: str = LOCAL, remote: str = REMOTE
) -> bytes:
    """A `.TRC` file: records of at most `limit` bytes of message."""
    local, remote = ("/".join(end.rsplit(":", 1)) for end in (local, remote))
    out: list[str] = []
    for number, entry in enumerate(call):
        time = time_of_day(entry.second, 6).replace(":", "")
        prefix = f"08072026 {time}:1.01.00.{38939 + number}.MAJOR   .SIPSG:FILTER=Call GCID=0x00000DDB: "
        way = (
            "Egress: sent msg for CallId:call-1@example.com to"
            if entry.sent
            else ("Ingress: received msg for CallId:call-1@example.com gcid:0xDDB from")
        )
        head = f"EXTRA INFO: {way} IP/port:{remote}, Local IP/port:{local}\nRAW PDU:\n"
        message = without_cr(entry.raw).decode()
        for place in range(0, len(message), limit):
            record = f"1787 {prefix}{head if not place else ''}{message[place : place + limit]}\n"
            out += [record]
        out.append(f"242 {prefix.replace('38939', '38940')}14443. TraceCallLogger invoked SIP/2.0\n" * noise)
    return "".join(out).encode()


def sipgo(
    call: Sequence[Logged], handler: str = "text", *, old: bool = False, noise: int = 0, local: str = LOCAL,
    remote: str = REMOTE, transport: str = "UDP",
) -> bytes:  # fmt: skip
    """sipgo with `SIPDebug`, through one of slog's handlers: `text`, `json`, or the `default` one."""
    out: list[str] = []
    for entry in call:
        words = ("write", "read") if old else ("write to", "read from")
        way = f"{words[0]} {local} ->" if entry.sent else f"{words[1]} {local} <-"
        message = f"{transport} {way} {remote}:\n{entry.raw.decode()}"
        time = time_of_day(entry.second, 3)
        for text in (message, *["Processing SIP/2.0 message"] * noise):
            if handler == "json":
                out.append(json.dumps({"time": f"2026-08-07T{time}Z", "level": "DEBUG", "msg": text}))
            elif handler == "text":
                out.append(f"time=2026-08-07T{time}Z level=DEBUG msg={json.dumps(text)} caller=sip.TransportUDP")
            else:
                out.append(f"2026/08/07 {time[:8]} DEBUG {text}")
    return ("\n".join(out) + "\n").encode()


def exosip(
    call: Sequence[Logged], *, prefix: str = "| INFO1 | <eXtl_udp.c: 542> ", crlf: bool = True, noise: int = 0,
    remote: str = REMOTE,
) -> bytes:  # fmt: skip
    """eXosip's trace; `prefix` may hold a time."""
    out: list[bytes] = []
    for entry in call:
        label = prefix.format(time=time_of_day(entry.second, 3))
        head = f"Message sent: (to dest={remote}) " if entry.sent else "Received message: "
        out.append(f"{label}{head}\n".encode() + _lines(entry.raw, crlf=crlf) + b"\n\n")
        if not entry.sent:
            out.append(f"{label}Message received from: {remote}\n\n".encode())
        out.append(f"{label}MESSAGE REC. CALLID: SIP/2.0\n\n".encode() * noise)
    return b"".join(out)


def sipml(call: Sequence[Logged], *, prefix: str = "SIPml-api.js?svn=252:1 ", noise: int = 0) -> bytes:
    """sipML5 in a browser's console."""
    out: list[str] = []
    for entry in call:
        label = prefix.format(time=time_of_day(entry.second, 3))
        out.append(f"{label}{'SEND: ' if entry.sent else 'recv='}{without_cr(entry.raw).decode()}\n")
        out.append(f"{label}State machine: c0000_Started_2_Outgoing_X_oINVITE SIP/2.0\n" * (1 + noise))
    return "".join(out).encode()
