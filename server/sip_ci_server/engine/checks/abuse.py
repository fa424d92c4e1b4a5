"""Calls that cost money or harass: toll fraud, open relays, wangiri, and dialling one number after the other."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from sip_ci.findings import Category, Confidence, Severity
from sip_ci_server.engine.attempts import credentials_of
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.exposure import exposure_severity, is_from_test_tool, load_severity, lowest_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.suspects import suspects

_EXPENSIVE = re.compile(r"^(?:\+|00|011)(?:87[0-4]|88[1-3]|888|979)\d{3,15}$")
"""Satellite and international premium numbers (ITU-T E.164 country codes 870 to 874, 881 to 883, 888 and 979)."""
_NUMBER = re.compile(r"^\+?\d{6,18}$")
RING = 3.0
"""Seconds of ringing before a wangiri caller hangs up."""
WANGIRI_CALLS = 3
SEQUENCE = 5
WINDOW = 60.0
_ABSENT = "the trace holds no INVITE"
_BY_CALLER: WeakKeyDictionary[Model, dict[str, list[Leg]]] = WeakKeyDictionary()


def _number(leg: Leg) -> str:
    user = leg.invite.request.request_uri.user or leg.invite.request.to.uri.user
    return re.sub(r"[-.()\s]", "", user.partition(";")[0])


def _by_caller(model: Model) -> dict[str, list[Leg]]:
    """The legs by the host that called, those that a proxy of the trace passed on left out."""
    found = _BY_CALLER.get(model)
    if found is None:
        found = _BY_CALLER[model] = defaultdict(list)
        for leg in model.legs:
            if leg.invite.source is not None and leg.invite.time is not None and not model.is_forwarded(leg.invite):
                found[leg.invite.source.host].append(leg)
    return found


@check(
    "sec-toll-fraud",
    title="A suspicious host calls {number}",
    severity=Severity.CRITICAL,
    category=Category.SECURITY,
    rfc="RFC 3261 §26.1",
    confidence=Confidence.LIKELY,
    needs=Needs.ADDRESSES,
)
def sec_toll_fraud(model: Model, _: Model) -> Iterator[Outcome]:
    """A host that scans or tries passwords calls a satellite or premium number: critical if answered, else medium."""
    if not model.legs:
        yield NotCheckable(_ABSENT)
        return
    hosts = suspects(model)
    for host, legs in _by_caller(model).items() if hosts else ():
        expensive = [leg for leg in legs if host in hosts and _EXPENSIVE.match(_number(leg))]
        if not expensive:
            continue
        leg = next((entry for entry in expensive if entry.answer is not None), expensive[0])
        yield Found(
            (
                at(leg.invite.request, "the call"),
                *([at(leg.answer, "is answered")] if leg.answer is not None else []),
            ),
            f"{host}, which {hosts[host]}, calls {_number(leg)}"
            + (", and the call is answered." if leg.answer is not None else "; no such call was answered."),
            {"number": _number(leg)[:6] + "…"},
            calls=tuple(dict.fromkeys(entry.call_id for entry in expensive)),
            severity=lowest_of(
                exposure_severity(leg.invite.request), None if leg.answer is not None else Severity.MEDIUM
            ),
        )


@check(
    "sec-open-relay",
    title="A suspicious host calls out without a password",
    severity=Severity.CRITICAL,
    category=Category.SECURITY,
    rfc="RFC 3261 §26.3.2.2",
    confidence=Confidence.LIKELY,
    needs=Needs.ADDRESSES,
)
def sec_open_relay(model: Model, _: Model) -> Iterator[Outcome]:
    """A host that scans or tries passwords calls a telephone number without credentials, and it rings or is
    answered."""
    if not model.legs:
        yield NotCheckable(_ABSENT)
        return
    hosts = suspects(model)
    for host, legs in _by_caller(model).items() if hosts else ():
        for leg in legs if host in hosts else ():
            rang = leg.answer or next((item for item in leg.invite.provisionals if item.status in (180, 183)), None)
            if rang is None or credentials_of(leg.invite.request) or not _NUMBER.match(_number(leg)):
                continue
            yield Found(
                (at(leg.invite.request, "the INVITE, without credentials"), at(rang, "it goes through")),
                f"{host}, which {hosts[host]}, called {_number(leg)} without credentials and got through"
                f" ({rang.status} {rang.reason}).",
                calls=(leg.call_id,),
                severity=exposure_severity(leg.invite.request),
            )
            break


@check(
    "sec-wangiri",
    title="{count} calls that ring once and hang up",
    severity=Severity.MEDIUM,
    category=Category.SECURITY,
    rfc="RFC 5039 §2.1",
    confidence=Confidence.POSSIBLE,
    needs=Needs.TIMES | Needs.ADDRESSES,
)
def sec_wangiri(model: Model, _: Model) -> Iterator[Outcome]:
    """A caller cancels three or more calls within 3 s of ringing, to numbers of one prefix, within a minute."""
    if not model.legs:
        yield NotCheckable(_ABSENT)
    for host, legs in _by_caller(model).items():
        short = [leg for leg in legs if _rings_once(leg)]
        for place in range(len(short) - WANGIRI_CALLS + 1):
            group = short[place : place + WANGIRI_CALLS]
            if (group[-1].invite.time or 0.0) - (group[0].invite.time or 0.0) > WINDOW:
                continue
            numbers = {_number(leg) for leg in group}
            if len(numbers) < WANGIRI_CALLS or len({number[:5] for number in numbers}) > 1:
                continue
            request = group[0].invite.request
            yield Found(
                tuple(at(leg.invite.request, "rings once") for leg in group),
                f"{host} called {len(numbers)} numbers that begin with {_number(group[0])[:5]}, let each ring for less"
                f" than"
                f" {RING:.0f} s and hung up: people who call back pay.",
                {"count": str(len(group))},
                calls=tuple(leg.call_id for leg in group),
                severity=lowest_of(exposure_severity(request), Severity.INFO if is_from_test_tool(request) else None),
            )
            break


def _rings_once(leg: Leg) -> bool:
    ringing = next((item for item in leg.invite.provisionals if item.status == 180), None)
    cancel = leg.invite.cancelled_by
    if leg.answer is not None or ringing is None or cancel is None or cancel.time is None:
        return False
    started = ringing.observation.time
    return started is not None and cancel.time - started < RING and len(_number(leg)) > 5


@check(
    "sec-sequential-dialing",
    title="{count} numbers were dialled one after the other",
    severity=Severity.MEDIUM,
    category=Category.SECURITY,
    rfc="RFC 5039 §2.1",
    confidence=Confidence.POSSIBLE,
    needs=Needs.TIMES | Needs.ADDRESSES,
)
def sec_sequential_dialing(model: Model, _: Model) -> Iterator[Outcome]:
    """A host dials five numbers, each one more than the last, within a minute. Only noted inside a lab."""
    if not model.legs:
        yield NotCheckable(_ABSENT)
    for host, legs in _by_caller(model).items():
        run: list[Leg] = []
        for leg in legs:
            number = _number(leg).lstrip("+")
            if not number.isascii() or not number.isdigit() or not 3 <= len(number) <= 18:
                continue
            if run and int(number) == int(_number(run[-1]).lstrip("+")):
                continue
            follows = bool(run) and int(number) == int(_number(run[-1]).lstrip("+")) + 1
            soon = bool(run) and (leg.invite.time or 0.0) - (run[0].invite.time or 0.0) <= WINDOW
            run = [*run, leg] if follows and soon else [leg]
            if len(run) == SEQUENCE:
                yield Found(
                    tuple(at(item.invite.request, "the next number") for item in run[:3]),
                    f"{host} dialled {_number(run[0])} to {_number(run[-1])}, one after the other.",
                    {"count": str(SEQUENCE)},
                    calls=tuple(item.call_id for item in run),
                    severity=load_severity(leg.invite.request),
                )
                break
