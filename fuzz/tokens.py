"""Words that the formats are made of: a mutation that inserts one gets further than one that inserts noise."""

from __future__ import annotations

SIP = tuple(
    word.encode()
    for word in (
        "SIP/2.0", "INVITE sip:a@b SIP/2.0\r\n", "SIP/2.0 200 OK\r\n", "ACK", "BYE", "CANCEL", "REGISTER", "NOTIFY",
        "MESSAGE", "\r\n\r\n", "\r\n", "\n", "\r", "\r\n ", ": ", "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n", "v: ",
        "From: <sip:a@b>;tag=1\r\n", "f: ", "To: ", "t: ", "Call-ID: 1\r\n", "i: ", "CSeq: 1 INVITE\r\n", "Contact: ",
        "m: *", "Content-Length: 0\r\n", "l: 99999999999999999999", "Content-Type: application/sdp\r\n", "c: ",
        "multipart/mixed;boundary=x", "--x", "--x--", "message/sipfrag", "v=0\r\n", "o=- 1 1 IN IP4 192.0.2.1\r\n",
        "c=IN IP6 ::1", "m=audio 4000 RTP/AVP 0 101\r\n", "a=rtpmap:101 telephone-event/8000", "a=fmtp:",
        "a=candidate:",
        "a=ptime:1e999", "a=crypto:1 AES inline:", "RSeq: ", "RAck: ", "Route: ", "Record-Route: ", "Max-Forwards: ",
        "Authorization: Digest username=\"", "Warning: ", "Date: ", "Session-Expires: ", "Reason: Q.850;cause=16",
        "Retry-After: ", "Expires: ", "History-Info: ", "Replaces: ", "Refer-To: ", "\"", "\\\"", "<", ">", ";", ",",
        ";lr", ";rport", ";received=", "sips:", "tel:+49301234", "[::1]", "[", "]", "%00", "@", "(", ")", "\0",
        "\x85",
        "4294967296", "-1", "1e400", "٣", "\udc80".encode("utf-8", "surrogatepass").decode("latin-1"),
    )
)  # fmt: skip
"""SIP and SDP."""

LOGS = SIP + tuple(
    word.encode()
    for word in (
        "2026-08-07 08:45:42.123456", "Aug  7 08:45:42 host asterisk[77]: ",
        "2026-08-07T08:45:42.123456789Z stdout F ",
        "[pod/pbx-0/pbx] ", "pbx-1  | ", "U 2026/08/07 08:45:42.123456 192.0.2.1:5060 -> 192.0.2.2:5060 #1\n",
        "<--- Received SIP request (512 bytes) from UDP:192.0.2.1:5060 --->\n", "<------------>", "--end msg--\n",
        "recv 512 bytes from udp/[192.0.2.1]:5060 at 08:45:42.123456:\n", "   " + "-" * 72 + "\n", "=" * 20 + "\n",
        "tag: rcv\n", "~" * 20, "|" * 20, "proto:UDP ", " ---> ", "#012", "\\n", "\\r\\n", "\x1b[36;1m", "\x1b[0m",
        "&lt;", "\ufeff", "{\"log\":\"", "\\u000a", "\"}\n", "//SIP/Msg/ccsipDisplayMsg:\nSent: \n", "[S=1] ",
        "bytes",
        "UDP message sent [512] bytes:\n\n", "size: [512] bytes", "0x0000:  4500", "00:00:00.000", "99:99:99",
        "23:59:59",
    )
)  # fmt: skip
"""What stands around messages in logs."""

CAPTURES = (
    b"\xd4\xc3\xb2\xa1\x02\0\x04\0", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d",
    b"\x34\xcd\xb2\xa1",
    b"\x0a\x0d\x0d\x0a", b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d", b"snoop\0\0\0", b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ\0", b"BZh9", b"\x06\0\0\0", b"\x03\0\0\0", b"\x02\0\0\0", b"\x05\0\0\0", b"\x0a\0\0\0", b"KSLT",
    b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\xff\x7f", b"\0\x10\0\0",
    b"\x45\0", b"\x60\0",
    b"\x08\0", b"\x86\xdd", b"\x81\0", b"\x88\xa8", b"\x88\x47", b"\x88\x64", b"HEP3", b"\x21\x12\xa4\x42", b"\x80\0",
    b"\x80\xc8", b"\x16\x03\x03", b"\x16\xfe\xfd", b"\x14\x03\x03", b"\x15\x03\x03", b"\x17\x03\x03",
)  # fmt: skip
"""Magics, types and lengths of captures and of what is in them."""

ARCHIVES = (
    b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"ustar\0" + b"00",
    b"ustar  \0", b"L", b"K",
    b"x", b"g", b"../", b"/", b"\\", b"C:\\", b".pcap", b"path=", b"size=", b"30 mtime=1e400\n", b"\x80\0\0\0",
    *CAPTURES[9:13],
)  # fmt: skip
"""What archives and compressed files begin with and hold."""
