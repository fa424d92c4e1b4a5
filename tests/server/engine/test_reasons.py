"""The Reason header (RFC 3326 §2)."""

from __future__ import annotations

import pytest
from tests.support.messages import message_of, request

from sip_ci_server.engine.reasons import NORMAL_Q850, NORMAL_SIP, reasons_of


@pytest.mark.parametrize(
    ("value", "protocol", "cause", "text", "abnormal"),
    [
        ('Q.850;cause=16;text="Normal, really"', "Q.850", 16, "Normal, really", False),
        ("q.850 ; cause=38", "Q.850", 38, "", True),
        ("SIP;cause=200", "SIP", 200, "", False),
        ("SIP;cause=503", "SIP", 503, "", True),
        ("SIP;cause=486", "SIP", 486, "", False),
        ("Q.850", "Q.850", None, "", False),
        ("Q.850;cause=", "Q.850", None, "", False),
        ("Q.850;cause=99999", "Q.850", None, "", False),
        ("Q.850;cause=٣٨", "Q.850", None, "", False),
        ("preemption;cause=1", "PREEMPTION", 1, "", False),
    ],
)
def test_what_a_reason_says(value: str, protocol: str, cause: int | None, text: str, abnormal: bool) -> None:
    (reason,) = reasons_of(message_of(request(f"Reason: {value}", method="BYE")))

    assert (reason.protocol, reason.cause, reason.text.strip('"'), reason.is_abnormal) == (
        protocol, cause, text, abnormal,
    )  # fmt: skip


def test_several_reasons_stand_in_order() -> None:
    message = message_of(request("Reason: Q.850;cause=16, SIP;cause=408", "Reason: Q.850;cause=3", method="BYE"))

    assert [reason.cause for reason in reasons_of(message)] == [16, 408, 3]


def test_no_reason_is_none() -> None:
    assert reasons_of(message_of(request(method="BYE"))) == []


def test_what_people_do_is_normal() -> None:
    assert {16, 17, 19, 21, 31} <= NORMAL_Q850
    assert {486, 487, 603} <= NORMAL_SIP
