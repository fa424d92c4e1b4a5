"""REGISTER requests become registrations (RFC 3261 §10)."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, Ladder
from tests.support.messages import message_of, request

from sip_ci_server.engine.registrations import granted_expires, requested_expires


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        (("Contact: <sip:a@192.0.2.1>;expires=60", "Expires: 3600"), 60),
        (("Contact: <sip:a@192.0.2.1>", "Expires: 3600"), 3600),
        (("Contact: *", "Expires: 0"), 0),
        (("Contact: <sip:a@192.0.2.1>",), None),
        (("Contact: <sip:a@192.0.2.1>;expires=soon", "Expires: -1"), None),
        (("Contact", "Expires: 99999999999"), None),
    ],
)
def test_the_lifetime_that_is_asked_for(lines: tuple[str, ...], seconds: int | None) -> None:
    assert requested_expires(message_of(request(*lines, method="REGISTER"))) == seconds


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        (("Contact: <sip:a@192.0.2.1>;expires=120",), 120),
        (("Contact: <sip:a@192.0.2.1>", "Expires: 90"), 90),
        (("Contact: <sip:other@192.0.2.9>;expires=50, <sip:a@192.0.2.1>;expires=120",), 120),
        (("Contact: <sip:other@192.0.2.9>;expires=50",), None),
        (("Contact", "Expires: 90"), None),
    ],
)
def test_the_lifetime_that_is_granted_to_the_registered_contact(lines: tuple[str, ...], seconds: int | None) -> None:
    asked = message_of(request("Contact: <sip:a@192.0.2.1>", method="REGISTER"))

    assert granted_expires(asked, message_of(request(*lines, method="REGISTER"))) == seconds


def test_a_registration_is_one_user_of_one_client_at_one_registrar() -> None:
    ladder = Ladder()
    for path, user in (((ALICE, BOB), "alice"), ((ALICE, BOB), "alice"), ((CAROL, BOB), "alice"), ((ALICE, BOB), "x")):
        ladder.call(*path, callee=user).request("REGISTER", 0.0, inside=False)
    model = ladder.model()

    assert [len(item.transactions) for item in model.registrations] == [2, 1, 1]
    assert len(model.registrations_of("alice@example.com")) == 2
    assert model.registrations_of("nobody@example.com") == []
