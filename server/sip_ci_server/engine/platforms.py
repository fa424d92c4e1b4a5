"""Which products take part in a call, by what they say of themselves in User-Agent and Server."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.knowledge.texts import PLATFORM_NAMES, CheckText

_SIGNATURES = (
    ("asterisk", ("asterisk", "freepbx", "fpbx")),
    ("freeswitch", ("freeswitch", "mod_sofia", "fusionpbx")),
    ("kamailio", ("kamailio", "openser")),
    ("opensips", ("opensips",)),
    ("sipp", ("sipp",)),
    ("cisco", ("cisco-sipgateway", "cisco-cube")),
    ("audiocodes", ("audiocodes", "mediant")),
    ("webrtc", ("jssip", "sip.js", "sipml5")),
)
_TEST_TOOLS = frozenset({"sipp"})
_PATTERNS = tuple(
    (platform, re.compile("|".join(rf"(?<![a-z]){re.escape(mark)}(?![a-z])" for mark in marks)))
    for platform, marks in _SIGNATURES
)
"""Whole words: Sippy is no SIPp."""
_SAMPLE = 200


def platforms_in(messages: Iterable[SipMessage]) -> tuple[str, ...]:
    """The platforms recognised in the first messages given."""
    found: dict[str, None] = {}
    for number, message in enumerate(messages):
        if number >= _SAMPLE:
            break
        for name in ("user-agent", "server"):
            agent = (message.header(name) or "").lower()
            for platform, pattern in _PATTERNS:
                if agent and pattern.search(agent):
                    found[platform] = None
    return tuple(found)


def recommendation_for(text: CheckText, present: tuple[str, ...]) -> str:
    """The advice for the platforms that take part; for all of them where none is recognised.

    A test tool is not what is deployed, so SIPp alone recognises nothing.
    """
    wanted = [name for name in PLATFORM_NAMES if name in text.platforms]
    known = [name for name in wanted if name in present]
    if not set(known) - _TEST_TOOLS:
        known = wanted
    lines = [text.recommendation.strip()]
    lines += [f"{PLATFORM_NAMES[name]}: {text.platforms[name].strip()}" for name in known]
    return "\n".join(lines)
