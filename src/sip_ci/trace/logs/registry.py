"""All layouts, and the reading of a log in whichever of them it is written."""

from __future__ import annotations

import mmap
from collections.abc import Sequence

from sip_ci.trace.logs.assembly import assemble
from sip_ci.trace.logs.asterisk import PJSIP_LOGGER
from sip_ci.trace.logs.audiocodes import AUDIOCODES
from sip_ci.trace.logs.baresip import BARESIP
from sip_ci.trace.logs.chan_sip import CHAN_SIP
from sip_ci.trace.logs.cisco import CCSIP
from sip_ci.trace.logs.cleaning import clean
from sip_ci.trace.logs.cucm import CUCM
from sip_ci.trace.logs.discovery import discover
from sip_ci.trace.logs.drachtio import DRACHTIO
from sip_ci.trace.logs.exosip import EXOSIP
from sip_ci.trace.logs.freeswitch import SOFIA
from sip_ci.trace.logs.homer import HOMER
from sip_ci.trace.logs.interface import LogLayout, LogText
from sip_ci.trace.logs.jssip import JSSIP
from sip_ci.trace.logs.kamailio import KAMAILIO
from sip_ci.trace.logs.linphone import BELLE_SIP
from sip_ci.trace.logs.ngrep import NGREP
from sip_ci.trace.logs.oracle import SIPMSG
from sip_ci.trace.logs.pjsua import PJSUA
from sip_ci.trace.logs.ribbon import SBC_CORE
from sip_ci.trace.logs.sip_trace import SIP_TRACE
from sip_ci.trace.logs.sipdump import SIPDUMP
from sip_ci.trace.logs.sipgo import SIPGO
from sip_ci.trace.logs.sipjs import SIPJS
from sip_ci.trace.logs.sipml import SIPML
from sip_ci.trace.logs.sipp import SIPP
from sip_ci.trace.logs.sipp_extra import SIPP_ERRORS, SIPP_SHORT
from sip_ci.trace.logs.sipsymposium import SIPSYMPOSIUM
from sip_ci.trace.logs.sngrep import SNGREP
from sip_ci.trace.logs.tcpdump import TCPDUMP
from sip_ci.trace.logs.tshark_json import TSHARK_EK, TSHARK_JSON
from sip_ci.trace.logs.tshark_text import TSHARK_TEXT
from sip_ci.trace.observation import Clock
from sip_ci.trace.trace import Notice, NoticeKind, Trace, TraceOrigin

LAYOUTS: Sequence[LogLayout] = (
    SNGREP,
    NGREP,
    SIPP,
    PJSIP_LOGGER,
    CHAN_SIP,
    SOFIA,
    TCPDUMP,
    TSHARK_TEXT,
    TSHARK_JSON,
    TSHARK_EK,
    SIPDUMP,
    HOMER,
    PJSUA,
    BARESIP,
    BELLE_SIP,
    JSSIP,
    SIPJS,
    CCSIP,
    CUCM,
    SIPMSG,
    AUDIOCODES,
    SBC_CORE,
    SIPGO,
    EXOSIP,
    SIPML,
    KAMAILIO,
    SIP_TRACE,
    SIPSYMPOSIUM,
    DRACHTIO,
    SIPP_SHORT,
    SIPP_ERRORS,
)
"""The layouts that announce each message by a line of their own. A new one needs its module, and a line here."""

UNKNOWN_FORMAT = "unknown"
"""The format of a text in which no SIP message was found."""

_NO_MESSAGE = "No SIP message was found in this text"
_HEAD_BYTES = 65_536
_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\r\x1b\f"})
_CONTROL_SHARE = 0.02
"""A text has fewer control characters than this; those of UTF-16 count too, but a text of it is read before."""


def _is_binary(head: bytes) -> bool:
    return len(head) - len(head.translate(None, _CONTROLS)) > _CONTROL_SHARE * len(head)


def read_log(data: LogText | bytearray | memoryview, name: str) -> Trace:
    """Read the SIP messages of a log or any other text.

    `data` may be a mapped file. Content never raises: a text without messages becomes a trace whose format is
    `unknown`, with a notice. A log of several programs or layouts becomes one trace, whose format names all of them.
    """
    texts = clean(data if isinstance(data, bytes | mmap.mmap) else bytes(data))
    found = [(text, discover(text.text, LAYOUTS, altered=text.altered)) for text in texts]
    found = [(text, discovery) for text, discovery in found if discovery.layouts]
    if not found:
        head = bytes(data[:_HEAD_BYTES])
        what = "This is neither a capture of a known form nor a text" if _is_binary(head) else _NO_MESSAGE
        notice = Notice(NoticeKind.SKIPPED_TEXT, what)
        return Trace(name, UNKNOWN_FORMAT, TraceOrigin.TEXT, Clock.ORDINAL, (), notices=(notice,))
    return assemble(name, found)
