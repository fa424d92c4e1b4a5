"""The first bytes of captures, for those who only need to know whether a file is one.

The readers have them too, with what each means, and load numpy; a test holds them together.
"""

from __future__ import annotations

CAPTURE_MAGICS = (
    b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4",  # pcap, microseconds
    b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d",  # pcap, nanoseconds
    b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34",  # pcap, Kuznetzov's patched libpcap
    b"\xac\x01\x00\x1c", b"\x1c\x00\x01\xac", b"\xab\x01\x00\x1c", b"\x1c\x00\x01\xab",  # Ixia's lcap
    b"\x0a\x0d\x0d\x0a",  # pcapng section header
    b"snoop\0\0\0",  # RFC 1761
)  # fmt: skip
