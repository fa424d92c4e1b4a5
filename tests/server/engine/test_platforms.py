"""Which products take part, and whose advice is given."""

from __future__ import annotations

import pytest
from tests.support.messages import message_of, request

from sip_ci_server.engine import platforms
from sip_ci_server.engine.knowledge.texts import PLATFORM_NAMES, CheckText
from sip_ci_server.engine.platforms import platforms_in, recommendation_for


@pytest.mark.parametrize(
    ("agent", "platform"),
    [
        ("Asterisk PBX 20.5.0", "asterisk"),
        ("FPBX-16.0.40(18.20.0)", "asterisk"),
        ("FreeSWITCH-mod_sofia/1.10.9-release", "freeswitch"),
        ("kamailio (5.7.4 (x86_64/linux))", "kamailio"),
        ("OpenSIPS (3.4.2 (x86_64/linux))", "opensips"),
        ("SIPp 3.7.2", "sipp"),
        ("Cisco-SIPGateway/IOS-16.9.4", "cisco"),
        ("Mediant VE SBC/v.7.40A", "audiocodes"),
        ("JsSIP 3.10.0", "webrtc"),
        ("SIP.js/0.21.2", "webrtc"),
    ],
)
@pytest.mark.parametrize("header", ["User-Agent", "Server"])
def test_products_name_themselves(agent: str, platform: str, header: str) -> None:
    assert platforms_in([message_of(request(f"{header}: {agent}"))]) == (platform,)


@pytest.mark.parametrize("agent", ["Sippy Softswitch", "Grandstream HT801", "", "SIPPS IP Phone", "sipxjs.example"])
def test_strangers_stay_unknown(agent: str) -> None:
    assert platforms_in([message_of(request(f"User-Agent: {agent}"))]) == ()


def test_products_come_in_the_order_of_their_messages_once() -> None:
    messages = [message_of(request(f"User-Agent: {name}")) for name in ("kamailio", "Asterisk", "kamailio")]
    assert platforms_in(messages) == ("kamailio", "asterisk")


def test_only_the_first_messages_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "_SAMPLE", 2)
    messages = [message_of(request())] * 2 + [message_of(request("User-Agent: Asterisk"))]
    assert platforms_in(messages) == ()


def text() -> CheckText:
    return CheckText(
        summary="s",
        description="d",
        impact="i",
        recommendation="In general.",
        platforms={"asterisk": "Set it in pjsip.conf.", "freeswitch": "Set it in the profile."},
    )


def test_the_advice_is_for_who_takes_part() -> None:
    advice = recommendation_for(text(), ("asterisk",))
    assert advice.startswith("In general.")
    assert f"{PLATFORM_NAMES['asterisk']}: Set it in pjsip.conf." in advice
    assert "profile" not in advice


@pytest.mark.parametrize("present", [(), ("kamailio",)])
def test_the_advice_is_for_all_where_nobody_with_advice_is_known(present: tuple[str, ...]) -> None:
    advice = recommendation_for(text(), present)
    assert "pjsip.conf" in advice
    assert "profile" in advice
