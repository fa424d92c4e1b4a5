"""Registrations over time: storms, clients that come and go, and flows and paths that lead nowhere."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci_server.engine.addresses import same_address
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.exposure import load_severity
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.registrations import Registration, requested_expires
from sip_ci_server.engine.transactions import Transaction

STORM = 20
"""REGISTERs within one second, from at least five users."""
STORM_USERS = 5
IMPATIENT = 6
"""Registrations of one client within ten seconds."""
IMPATIENT_SECONDS = 10.0
FLAP_SECONDS = 30.0
FLAPS = 3
"""Changes between registered and not, each within half a minute."""
_ABSENT = "the trace holds no REGISTER"


@check(
    "reg-storm",
    title="{count} REGISTERs within {seconds} s",
    severity=Severity.MEDIUM,
    category=Category.SECURITY,
    rfc="RFC 3261 §10.2.4",
    needs=Needs.TIMES,
)
def reg_storm(model: Model, _: Model) -> Iterator[Outcome]:
    """Twenty REGISTERs a second from five users or more, or six registrations of one client within ten seconds.

    Challenged tries do not count. Only noted inside a lab and from test tools.
    """
    first_tries = [attempt.last for attempt in model.attempts if attempt.first.method == "REGISTER"]
    if not first_tries:
        yield NotCheckable(_ABSENT)
    recent: deque[Transaction] = deque()
    by_client: dict[tuple[str, str], deque[Transaction]] = defaultdict(deque)
    told: set[str] = set()
    for item in first_tries:
        if item.time is None or len(item.request.via) > 1:
            continue
        recent.append(item)
        while recent and (recent[0].time or 0.0) < item.time - 1.0:
            recent.popleft()
        if len(recent) >= STORM and "all" not in told and _users(recent) >= STORM_USERS:
            told.add("all")
            yield _storm(list(recent), 1, f"of {_users(recent)} users")
        user = item.request.to.uri.user
        own = by_client[user, item.source_node]
        own.append(item)
        while own and (own[0].time or 0.0) < item.time - IMPATIENT_SECONDS:
            own.popleft()
        if len(own) >= IMPATIENT and "one" not in told:
            told.add("one")
            yield _storm(list(own), int(IMPATIENT_SECONDS), f"of the client {item.source_node} for {user}")


def _users(items: deque[Transaction]) -> int:
    return len({item.request.to.uri.user for item in items})


def _storm(items: list[Transaction], seconds: int, whose: str) -> Found:
    return Found(
        (at(items[0].request, "the first"), at(items[-1].request, "the last")),
        f"{len(items)} REGISTERs {whose} came within {seconds} s.",
        {"count": str(len(items)), "seconds": str(seconds)},
        key=(str(seconds),),
        calls=tuple(dict.fromkeys(item.call_id for item in items)),
        severity=load_severity(items[0].request),
    )


@check(
    "reg-unregister-flap",
    title="{user} registers and signs off again and again",
    severity=Severity.LOW,
    category=Category.AUTHENTICATION,
    rfc="RFC 3261 §10.2.2",
    needs=Needs.TIMES,
    absent=_ABSENT,
)
def reg_unregister_flap(registration: Registration, _: Model) -> Iterator[Outcome]:
    """A client registers and signs off in turn, at least three times with less than 30 s between (RFC 3261 §10.2.2)."""
    accepted = [item for item in registration.transactions if item.success is not None and item.request.contacts]
    changes = [
        later
        for earlier, later in itertools.pairwise(accepted)
        if (requested_expires(earlier.request) == 0) is not (requested_expires(later.request) == 0)
        and earlier.time is not None
        and later.time is not None
        and later.time - earlier.time < FLAP_SECONDS
    ]
    if len(changes) < FLAPS:
        return
    yield Found(
        tuple(
            at(item.request, "signs off" if requested_expires(item.request) == 0 else "registers")
            for item in changes[:3]
        ),
        f"{registration.address_of_record} changed {len(changes)} times between registered and not, each within"
        f" {FLAP_SECONDS:.0f} s.",
        {"user": registration.address_of_record},
        calls=tuple(dict.fromkeys(item.call_id for item in changes)),
    )


class LostCalls:
    """The calls that got no response at all though the trace goes on, by the user whom they were for."""

    def __init__(self, model: Model) -> None:
        self._by_user: dict[str, list[Leg]] = defaultdict(list)
        for leg in model.legs:
            invite = leg.invite
            if (
                not invite.responses
                and model.seen.would_show(invite.time, 4.0)
                and model.seen.sees_reverse(invite.request)
            ):
                self._by_user[invite.request.request_uri.user].append(leg)

    def to(self, registration: Registration) -> list[Leg]:
        """Those that the registrar of a registration sent to its user."""
        user = registration.address_of_record.partition("@")[0]
        return [leg for leg in self._by_user.get(user, ()) if leg.invite.source_node == registration.registrar]


@check(
    "reg-outbound-flow-broken",
    title="Calls to {user} do not come over the connection of its registration",
    severity=Severity.MEDIUM,
    category=Category.NAT,
    rfc="RFC 5626 §5.3",
    confidence=Confidence.LIKELY,
    needs=Needs.ADDRESSES,
)
def reg_outbound_flow_broken(model: Model, _: Model) -> Iterator[Outcome]:
    """A client registers a flow with reg-id, and the call to it goes elsewhere and is not answered (RFC 5626 §5.3).

    Info where the 2xx only lacks `Require: outbound` (RFC 5626 §6): the registrar does not know flows, as it may.
    """
    concerned = [
        registration
        for registration in model.registrations
        if any(contact.parameter("reg-id") is not None for contact in registration.transactions[0].request.contacts)
    ]
    if not concerned:
        yield NotCheckable("the trace holds no REGISTER with reg-id")
        return
    calls = LostCalls(model)
    for registration in concerned:
        yield from _outbound(registration, calls)


def _outbound(registration: Registration, calls: LostCalls) -> Iterator[Outcome]:
    item = next((entry for entry in registration.transactions if entry.success is not None), None)
    if item is None or item.success is None or "outbound" not in item.request.options("supported"):
        return
    lost = [leg for leg in calls.to(registration) if leg.invite.destination != item.source]
    if not lost and "outbound" in item.success.options("require"):
        return
    yield Found(
        (
            at_header(item.request, "contact", "the flow that is registered"),
            at(item.success, "the registrar's answer"),
            *(at(leg.invite.request, "a call that takes another way") for leg in lost[:1]),
        ),
        f"{registration.address_of_record} registered with reg-id from {item.source}"
        + (
            f", and the INVITE for it went to {lost[0].invite.destination} and was not answered."
            if lost
            else ", and the 2xx has no `Require: outbound`: the registrar does not keep flows."
        ),
        {"user": registration.address_of_record},
        key=("lost" if lost else "unknown",),
        calls=tuple(dict.fromkeys([item.call_id, *(leg.call_id for leg in lost)])),
        severity=None if lost else Severity.INFO,
    )


@check(
    "reg-path-missing",
    title="Calls to {user} bypass the proxy that it registered over",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3327 §5",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES,
)
def reg_path_missing(model: Model, _: Model) -> Iterator[Outcome]:
    """A REGISTER came over a proxy without Path, and the call to its contact goes there directly, unanswered."""
    concerned = [item for item in model.registrations if len(item.transactions[0].request.via) > 1]
    if not concerned:
        yield NotCheckable("the trace holds no REGISTER that came over a proxy")
        return
    calls = LostCalls(model)
    for registration in concerned:
        yield from _bypassed(registration, calls)


def _bypassed(registration: Registration, calls: LostCalls) -> Iterator[Outcome]:
    item = next((entry for entry in registration.transactions if entry.success is not None), None)
    if item is None or item.request.lines_of("path"):
        return
    hosts = [contact.uri.host for contact in item.request.contacts]
    for leg in calls.to(registration):
        target = leg.invite.destination.host if leg.invite.destination is not None else ""
        if not any(same_address(target, host) for host in hosts):
            continue
        yield Found(
            (
                at_header(item.request, "via", "the REGISTER came over a proxy, without Path"),
                at(leg.invite.request, "the call goes to the contact directly"),
            ),
            f"{registration.address_of_record} registered over {registration.client}, which added no Path; the INVITE"
            f" went to"
            f" {target} directly, and nothing answered.",
            {"user": registration.address_of_record},
            calls=(item.call_id, leg.call_id),
        )
        return
