"""The call of `sip_logs`, written down by servers and by tools that watch the network."""

from __future__ import annotations

from tests.support.sip_logs import LOCAL, REMOTE, Logged, time_of_day, without_cr

EPOCH = 1786060800 + 8 * 3600 + 45 * 60 + 42
"""2026-08-07 08:45:42 UTC."""


def _ends(entry: Logged) -> tuple[str, str]:
    return (LOCAL, REMOTE) if entry.sent else (REMOTE, LOCAL)


def _dotted(end: str) -> str:
    return end.replace(":", ".")


def tcpdump(call: list[Logged], *, date: str = "2026-08-07 ", verbose: bool = False) -> bytes:
    """`tcpdump -n -tttt -A`, with the decoded message before the printed one where it is verbose."""
    out: list[bytes] = []
    for entry in call:
        source, destination = map(_dotted, _ends(entry))
        time = date + time_of_day(entry.second)
        text = without_cr(entry.raw)
        start = text.split(b"\n")[0].decode()
        if verbose:
            head = f"{time} IP (tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto UDP (17), length 500)\n"
            head += f"    {source} > {destination}: [udp sum ok] SIP, length: {len(entry.raw)}\n"
            decoded = b"".join(b"\t" + line + b"\n" for line in text.split(b"\n")[:-1])
            out.append(head.encode() + decoded)
        else:
            out.append(f"{time} IP {source} > {destination}: SIP: {start}\n".encode())
        # The last byte of the checksum may be a letter.
        out.append(b"E....>@.@..............." + b"...K" + text + b"\n")
    return b"".join(out)


def tcpdump_hex(call: list[Logged]) -> bytes:
    """`tcpdump -n -tttt -X`."""
    out: list[str] = []
    for entry in call:
        source, destination = map(_dotted, _ends(entry))
        out.append(
            f"2026-08-07 {time_of_day(entry.second)} IP {source} > {destination}: UDP, length {len(entry.raw)}\n"
        )
        packet = bytes(28) + entry.raw
        for offset in range(0, len(packet), 16):
            row = packet[offset : offset + 16]
            digits = " ".join(row[index : index + 2].hex() for index in range(0, len(row), 2))
            printed = "".join(chr(byte) if 32 < byte < 127 else "." for byte in row)
            out.append(f"\t0x{offset:04x}:  {digits:39}  {printed}\n")
    return "".join(out).encode()


def sipdump(call: list[Logged]) -> bytes:
    """Kamailio's sipdump module, text mode."""
    out: list[bytes] = []
    for entry in call:
        (source, _, source_port), (destination, _, destination_port) = (end.partition(":") for end in _ends(entry))
        out.append(
            f"{'=' * 20}\ntag: {'snd' if entry.sent else 'rcv'}\npid: 77\nprocess: 1\n"
            f"time: {EPOCH + entry.second:.6f}\ndate: Fri Aug  7 08:45:42 2026\nproto: udp ipv4\nsrcip: {source}\n"
            f"srcport: {source_port}\ndstip: {destination}\ndstport: {destination_port}\n{'~' * 20}\n".encode()
        )
        out.append(entry.raw + b"\n" * (not entry.raw.endswith(b"\n")) + b"|" * 20 + b"\n")
    return b"".join(out)


def kamailio(
    call: list[Logged], *, prefix: str = " 3(77) INFO: {{1 1 INVITE x}} <script>: ", glued: bool = False
) -> bytes:
    """Messages written by the routing script, with unrelated lines between."""
    out: list[bytes] = []
    for entry in call:
        words = f"sending to {REMOTE}" if entry.sent else f"[INVITE] from udp:{REMOTE}"
        head = prefix.format(time=time_of_day(entry.second, 0)) + words + (": " if glued else "\n")
        out.append(head.encode() + entry.raw + b"\n" * (not entry.raw.endswith(b"\n")))
        out.append(prefix.format(time=time_of_day(entry.second, 0)).encode() + b"nothing of note from 192.0.2.1\n")
    return b"".join(out)


def homer(call: list[Logged]) -> bytes:
    """Homer's text export."""
    out: list[bytes] = []
    for entry in call:
        source, destination = _ends(entry)
        head = f"proto:UDP 2026-08-07T{time_of_day(entry.second)}Z  {source} ---> {destination}\r\n\r\n"
        out.append(head.encode() + entry.raw + b"\r\n")
    return b"".join(out)


def drachtio(call: list[Logged]) -> bytes:
    """drachtio-server at log level `debug`."""
    out: list[str] = []
    host, _, port = REMOTE.partition(":")
    for entry in call:
        way = "send {} bytes to" if entry.sent else "recv {} bytes from"
        time = time_of_day(entry.second)
        out.append(f"2026-08-07 {time} {way.format(len(entry.raw))} udp/[{host}]:{port} at {time}:\n")
        out.append(without_cr(entry.raw).decode() + "\n")
        out.append(f"2026-08-07 {time} SipDialogController::doSend transaction 1\n")
    return "".join(out).encode()


def sip_trace(call: list[Logged], *, separator: str = ",") -> bytes:
    """The table `sip_trace` as CSV with a line of column names."""
    columns = "id,time_stamp,time_us,callid,traced_user,msg,method,status,fromip,toip,fromtag,direction"
    out = [columns.replace(",", separator).encode() + b"\n"]
    for number, entry in enumerate(call, 1):
        source, destination = _ends(entry)
        whole, fraction = time_of_day(entry.second).split(".")
        before = (str(number), f'"2026-08-07 {whole}"', str(int(fraction)), '"call-1@example.com"', '""')
        behind = ('"INVITE"', '""', f'"udp:{source}"', f'"udp:{destination}"', '"1"', '"out"' if entry.sent else '"in"')
        message = b'"' + entry.raw.replace(b'"', b'""') + b'"'
        out.append(separator.join(before).encode() + separator.encode() + message + separator.encode())
        out.append(separator.join(behind).encode() + b"\n")
    return b"".join(out)


def symposium(call: list[Logged]) -> bytes:
    """The notation of SIPSymposium's demonstration."""
    out: list[str] = []
    for entry in call:
        source, destination = ("PBX", "Carrier") if entry.sent else ("Carrier", "PBX")
        start, _, rest = without_cr(entry.raw).decode().partition("\n")
        out.append(f"{time_of_day(entry.second, 3)} {source}→{destination} {start}\n{rest.partition(chr(10) * 2)[0]}\n")
    return "\n".join(out).encode()
