"""Tells packets that a program wrote itself from captured ones: such programs write UDP, whatever carried a message."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sip_ci.trace.capture.columns import LINK_ETHERNET
from sip_ci.trace.capture.records import RecordBatch, gather

_FRAME = np.dtype(
    [
        ("macs", "V12"), ("type", ">u2"), ("version", "u1"), ("service", "u1"), ("total", "V2"), ("id", ">u2"),
        ("fragment", ">u2"), ("ttl", "u1"), ("protocol", "u1"), ("checksum", ">u2"),
    ]
)  # fmt: skip

_NO_MACS = np.void(bytes(12))
# The constants of homer-app's exportwriter.go.
_HOMER_MACS = np.void(bytes.fromhex("063d20121020025d69742012"))


def written_by_program(batch: RecordBatch, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """For each of some packets, whether Asterisk, Kamailio (sipdump) or Homer wrote it.

    Asterisk's res_pjsip_logger.c and Kamailio's sipdump_pcap.c, which comes from it, leave Ethernet addresses, IP
    identification and checksum zero, and write a time to live of 128, or of 0 in IPv6. Linux' loopback interface has
    no Ethernet addresses either, but a time to live of 64 and a checksum.
    """
    frame = gather(batch.buffer, batch.offset[rows], _FRAME)
    ethernet = (batch.link[rows] == LINK_ETHERNET) & (batch.captured[rows] >= _FRAME.itemsize)
    v4 = (frame["type"] == 0x0800) & (frame["version"] == 0x45) & (frame["id"] == 0) & (frame["fragment"] == 0)
    v4 &= (frame["ttl"] == 128) & (frame["checksum"] == 0)
    # In IPv6, the hop limit is at the place of the fragment field's second byte.
    v6 = (frame["type"] == 0x86DD) & ((frame["fragment"] & 0xFF) == 0) & ((frame["fragment"] >> 8) == 17)
    programs: npt.NDArray[np.bool_] = ethernet & (
        ((frame["macs"] == _NO_MACS) & (v4 | v6)) | (frame["macs"] == _HOMER_MACS)
    )
    return programs
