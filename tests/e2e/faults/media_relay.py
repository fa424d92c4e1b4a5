"""Calls through Kamailio with rtpengine: media between two networks, learned addresses, an answer left as it was."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.faults.media_call import Exchange, MediaCall, media, talking
from tests.e2e.live.calls import CALLER, Side
from tests.e2e.live.case import broken, capture_only, healthy
from tests.support.playback import Sound
from tests.support.sipp import PCMU

from sip_ci.findings import Severity

_INSIDE = "10.20.0.11"
_SPEECH = ((Sound(4),),)
_CALL = MediaCall(talking(Exchange(media(PCMU))), _SPEECH, _SPEECH, media_engine=())
_BEHIND_NAT = replace(_CALL, caller_address=_INSIDE, nat=CALLER)
_IN_OFFICE = replace(_CALL, caller_address=_INSIDE, callee_address="10.30.0.12")

CASES = (
    healthy("engine-at-caller", "Media through rtpengine, recorded at the caller", _CALL),
    healthy(
        "engine-at-proxy",
        "The same kind of call, recorded on all interfaces of the proxy: both legs and their media",
        replace(_CALL, recorded_at=Side.PROXY),
        log=False,
    ),
    healthy(
        "engine-between-networks",
        "rtpengine between two private networks that do not reach each other, recorded at the caller",
        replace(_IN_OFFICE, rules=(("-A", "FORWARD", "-s", _INSIDE, "-d", "10.30.0.12", "-j", "DROP"),)),
        log=False,
    ),
    healthy(
        "engine-learns-address",
        "The caller is behind a NAT and names its private address; rtpengine learns where its media comes from",
        replace(
            _BEHIND_NAT,
            caller_keys={"via_parameters": ";rport"},
        ),
        log=False,
    ),
    capture_only(
        broken(
            "engine-forgets-answer",
            "The proxy gives only the offer to rtpengine: the callee's private address reaches the caller outside",
            replace(
                _CALL,
                callee_address="10.30.0.12",
                media_engine=("WITH_ANSWER_FORGOTTEN",),
                rules=(("-A", "FORWARD", "-s", CALLER, "-d", "10.30.0.12", "-j", "DROP"),),
            ),
            "nat-sdp-private",
            severity=Severity.HIGH,
        )
    ),
)
