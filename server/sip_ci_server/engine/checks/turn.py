"""TURN: allocations that are refused or run out, and permissions that are refused (RFC 8656)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.stun import StunMethod
from sip_ci.wording import plural
from sip_ci_server.engine.checks.ice_exchanges import shown_stun
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.secure_connections import is_lab
from sip_ci_server.engine.stun_exchanges import StunExchange, exchanges_of

_ABSENT = "the trace holds no request to a TURN server"
_MISMATCH = 437
_STALE = 438
_ROUNDS = 3
"""Stale nonces in a row from which on the client does not take the new one."""
_TURN = frozenset(
    {StunMethod.ALLOCATE, StunMethod.REFRESH, StunMethod.CREATE_PERMISSION, StunMethod.CHANNEL_BIND}
)  # fmt: skip
_MEANINGS = {
    401: "user name or password are wrong", 403: "the server does not allow it", 437: "the allocation is not there",
    438: "the nonce is out of date", 440: "the server has no address of that family",
    441: "the credentials are not those of the allocation", 442: "the server has no such transport",
    443: "the peer's address is of another family", 486: "the user has too many allocations",
    508: "the server has no room left", 500: "the server has an error",
}  # fmt: skip
"""RFC 8489 §14.8 and RFC 8656 §19, in short."""
_PATIENCE = 2.0
"""Seconds within which a client tries again with what the server asked for."""

Path = tuple[Endpoint, Endpoint]


def _by_path(model: Model) -> dict[Path, list[StunExchange]]:
    """The TURN transactions between each client and server, in order."""
    found: dict[Path, list[StunExchange]] = defaultdict(list)
    for exchange in exchanges_of(model):
        if exchange.request.method in _TURN:
            found[exchange.request.source, exchange.request.destination].append(exchange)
    return found


def _counts(exchange: StunExchange) -> bool:
    """Whether a refusal is more than the question for credentials, which every client gets first."""
    if exchange.error is None or 300 <= exchange.error < 400:
        return False
    return exchange.request.signed if exchange.error == 401 else True


def _told(refused: list[StunExchange], detail: str, values: dict[str, str], key: tuple[str, ...], why: str) -> Found:
    first = refused[0]
    assert first.response is not None
    return Found(
        (shown_stun(first.request, why), shown_stun(first.response, "the refusal")),
        detail,
        values,
        key=key,
        hosts=(first.request.destination.host,),
    )


def _by_server(paths: dict[Path, list[StunExchange]]) -> dict[tuple[str, int], list[StunExchange]]:
    """Refusals of all clients by the server and the code."""
    found: dict[tuple[str, int], list[StunExchange]] = defaultdict(list)
    for refused in paths.values():
        for exchange in refused:
            found[str(exchange.request.destination), exchange.error or 0].append(exchange)
    return found


def _clients(refused: list[StunExchange]) -> str:
    count = len({exchange.request.source for exchange in refused})
    return "a client" if count == 1 else f"{count} clients"


@check(
    "turn-alloc-failed",
    title="The TURN server refuses allocations with {code}: {meaning}",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 8656 §7.4",
    needs=Needs.CAPTURE | Needs.TIMES,
)
def turn_alloc_failed(model: Model, _: Model) -> Iterator[Outcome]:
    """Allocate is refused, and nothing that the same client asks the server for later succeeds (RFC 8656 §7.4).

    Not the first 401, which asks for credentials, nor a 438 that the next request answers, nor a redirection. 438
    counts from the third in a row on. Low where the same host has another allocation of the server.
    """
    paths = _by_path(model)
    if not paths:
        yield NotCheckable(_ABSENT)
    failed: dict[Path, list[StunExchange]] = {}
    for path, exchanges in paths.items():
        allocations = [item for item in exchanges if item.request.method == StunMethod.ALLOCATE]
        refused = [item for item in allocations if _counts(item)]
        if not refused or any(item.succeeded for item in exchanges):
            continue
        if not model.seen.would_show(refused[-1].request.time, _PATIENCE):
            continue
        stale = sum(item.error == _STALE for item in refused)
        if stale == len(refused) and stale < _ROUNDS:
            continue
        failed[path] = refused
    served = {
        (client.host, server)
        for (client, server), exchanges in paths.items()
        if any(item.succeeded and item.request.method == StunMethod.ALLOCATE for item in exchanges)
    }
    for (server, code), refused in _by_server(failed).items():
        meaning = _MEANINGS.get(code, "an error")
        elsewhere = all((item.request.source.host, item.request.destination) in served for item in refused)
        found = _told(
            refused,
            f"{server} answered {plural(len(refused), 'Allocate request')} of {_clients(refused)} with {code}"
            f" {refused[0].response.reason if refused[0].response else ''}".rstrip()
            + f" ({meaning}), and none with success.",
            {"code": str(code), "meaning": meaning}, (str(code),), "the request for a relay address",
        )  # fmt: skip
        yield replace(found, severity=Severity.LOW if elsewhere else None)


@check(
    "turn-refresh-missing",
    title="The TURN allocation ran out while it was in use",
    severity=Severity.MEDIUM,
    category=Category.NAT,
    rfc="RFC 8656 §8",
    needs=Needs.CAPTURE | Needs.TIMES,
)
def turn_refresh_missing(model: Model, _: Model) -> Iterator[Outcome]:
    """A request is answered 437 after the lifetime that the server gave last (RFC 8656 §3.2, §8): no Refresh came in
    time. Not where the client gave the allocation back with a lifetime of 0.
    """
    paths = _by_path(model)
    if not paths:
        yield NotCheckable(_ABSENT)
    for path, exchanges in paths.items():
        expires: float | None = None
        lifetime = 0
        for item in exchanges:
            renews = item.request.method in (StunMethod.ALLOCATE, StunMethod.REFRESH)
            if renews and item.response is not None and item.succeeded:
                lifetime = item.response.lifetime or 0
                expires = item.response.time + lifetime if lifetime else None
                continue
            if item.error != _MISMATCH or item.request.method == StunMethod.ALLOCATE or item.request.lifetime == 0:
                continue
            if expires is None or item.request.time < expires:
                continue
            late = item.request.time - expires
            yield _told(
                [item],
                f"{path[1]} gave {path[0]} an allocation of {lifetime} s, no Refresh was answered in that time, and"
                f" {late:.0f} s later a {StunMethod(item.request.method).title} got 437: the allocation is gone.",
                {}, (StunMethod(item.request.method).title,), "a request after the allocation has run out",
            )  # fmt: skip
            break


@check(
    "turn-permission-missing",
    title="The TURN server lets no data pass to the peer: {method} is refused with {code}",
    severity=Severity.MEDIUM,
    category=Category.NAT,
    rfc="RFC 8656 §10.2",
    confidence=Confidence.LIKELY,
    needs=Needs.CAPTURE | Needs.TIMES,
)
def turn_permission_missing(model: Model, _: Model) -> Iterator[Outcome]:
    """CreatePermission or ChannelBind is refused, and none for the same peer succeeds (RFC 8656 §10.2, §12.2).

    Only noted for 403 with a peer in a private network: servers refuse those on purpose, and ICE goes on with other
    pairs.
    """
    paths = _by_path(model)
    if not paths:
        yield NotCheckable(_ABSENT)
    for exchanges in paths.values():
        yield from _permissions(exchanges, model)


def _permissions(exchanges: list[StunExchange], model: Model) -> Iterator[Found]:
    wanted = (StunMethod.CREATE_PERMISSION, StunMethod.CHANNEL_BIND)
    asked = [item for item in exchanges if item.request.method in wanted and item.request.peer is not None]
    passed = {item.request.peer.host for item in asked if item.succeeded and item.request.peer is not None}
    refused: dict[tuple[int, int], list[StunExchange]] = defaultdict(list)
    for item in asked:
        if not _counts(item) or item.error in (_STALE, _MISMATCH) or item.request.peer is None:
            continue
        if item.request.peer.host not in passed and model.seen.would_show(item.request.time, _PATIENCE):
            refused[item.request.method, item.error or 0].append(item)
    for (method, code), items in refused.items():
        peers = sorted({str(item.request.peer) for item in items})
        title = StunMethod(method).title
        private = code == 403 and all(item.request.peer and is_lab(item.request.peer.host) for item in items)
        found = _told(
            items,
            f"{items[0].request.destination} answered {plural(len(items), f'{title} request')} for"
            f" {', '.join(peers[:3])} with {code} ({_MEANINGS.get(code, 'an error')}); nothing can be relayed to "
            + ("it." if len(peers) == 1 else "them."),
            {"method": title, "code": str(code)}, (title, str(code)), "the request for a permission",
        )  # fmt: skip
        yield replace(found, severity=Severity.INFO if private else None)
