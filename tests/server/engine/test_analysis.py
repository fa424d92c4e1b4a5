"""The diagnosis as a whole: it never raises, it is deterministic, and a healthy call is so however it is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.calls import ALICE, BOB, CAROL, PROXY, SECOND_PROXY, Ladder, Packet, assert_healthy, sdp, serious

from sip_ci.findings import Severity
from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Transport
from sip_ci.trace.trace import Trace, TraceOrigin
from sip_ci_server.engine import analysis
from sip_ci_server.engine.analysis import analyze
from sip_ci_server.engine.checks.registry import Check, Outcome, all_checks, run_check
from sip_ci_server.engine.model import Model

OUTSIDE = Endpoint("203.0.113.77", 31_000)
LOCAL = (Endpoint("127.0.0.1", 5061), Endpoint("127.0.0.1", 5060))
CHALLENGE = 'Proxy-Authenticate: Digest realm="r", nonce="n1"'
CREDENTIALS = 'Proxy-Authorization: Digest username="alice", realm="r", nonce="n1", response="d"'


# -- healthy calls --------------------------------------------------------------------------------------------------


def _plain(ladder: Ladder, path: tuple[Endpoint, ...], *, record_route: bool = False) -> None:
    ladder.call(*path, record_route=record_route).answered()


def _challenged(ladder: Ladder, path: tuple[Endpoint, ...]) -> None:
    call = ladder.call(*path)
    first = call.invite(0.0)
    call.respond(first, 407, 0.1, CHALLENGE)
    call.ack(first, 0.15)
    second = call.invite(0.2, CREDENTIALS)
    call.respond(second, 180, 0.3)
    call.respond(second, 200, 1.0)
    call.ack(second, 1.1)
    call.respond(call.bye(8.0, by_callee=True), 200, 8.1)


def _held(ladder: Ladder, path: tuple[Endpoint, ...]) -> None:
    call = ladder.call(*path, record_route=True)
    call.established()
    for number, (time, by_callee) in enumerate(((3.0, False), (6.0, True)), 2):
        change = call.request(
            "INVITE", time, body=sdp(path[-1 if by_callee else 0], version=number), by_callee=by_callee
        )
        call.respond(change, 200, time + 0.1)
        call.ack(change, time + 0.2)
    call.respond(call.bye(9.0), 200, 9.1)


def _cancelled(ladder: Ladder, path: tuple[Endpoint, ...]) -> None:
    call = ladder.call(*path)
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    call.respond(call.cancel(invite, 3.0), 200, 3.05)
    call.respond(invite, 487, 3.1)
    call.ack(invite, 3.2)


def _busy(ladder: Ladder, path: tuple[Endpoint, ...]) -> None:
    call = ladder.call(*path)
    invite = call.invite(0.0)
    call.respond(invite, 486, 0.5)
    call.ack(invite, 0.6)


def _delayed(ladder: Ladder, path: tuple[Endpoint, ...]) -> None:
    call = ladder.call(*path)
    invite = call.invite(0.0, offer=b"")
    call.respond(invite, 200, 1.0, body=sdp(path[-1]))
    call.ack(invite, 1.1, body=sdp(path[0]))
    call.respond(call.bye(8.0), 200, 8.1)


def _registered(ladder: Ladder, path: tuple[Endpoint, ...]) -> None:
    call = ladder.call(*path)
    first = call.request("REGISTER", 0.0, inside=False)
    call.respond(first, 401, 0.1, 'WWW-Authenticate: Digest realm="r", nonce="n1"')
    second = call.request("REGISTER", 0.2, CREDENTIALS.removeprefix("Proxy-"), inside=False)
    call.respond(second, 200, 0.3, f"Contact: <sip:{path[0]}>;expires=3600")


Maker = Callable[[Ladder, tuple[Endpoint, ...]], None]
MAKERS: tuple[Maker, ...] = (_plain, _challenged, _held, _cancelled, _busy, _delayed, _registered)
PATHS = ((ALICE, BOB), (ALICE, PROXY, BOB), (ALICE, PROXY, SECOND_PROXY, BOB), LOCAL)

healthy = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__.strip("_"))
along = pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{len(path) - 1}-hops-{path[0].host}")


def _ladder(make: Maker, path: tuple[Endpoint, ...], **options: object) -> Ladder:
    ladder = Ladder(**options)  # type: ignore[arg-type]
    make(ladder, path)
    return ladder


@healthy
@along
@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
@pytest.mark.parametrize("origin", list(TraceOrigin))
def test_a_healthy_call_is_healthy(
    make: Maker, path: tuple[Endpoint, ...], transport: Transport, origin: TraceOrigin
) -> None:
    assert_healthy(_ladder(make, path, transport=transport, origin=origin).end(60.0))


@healthy
@along
def test_every_message_captured_three_times_is_one_call(make: Maker, path: tuple[Endpoint, ...]) -> None:
    ladder = _ladder(make, path).end(60.0)
    once = ladder.report()
    ladder.packets += [
        replace(packet, time=(packet.time or 0.0) + later) for packet in ladder.packets for later in (0.0004, 0.001)
    ]
    report = ladder.report()

    assert serious(report.findings) == []
    assert report.quality.calls_total == once.quality.calls_total
    assert report.quality.kpis["calls"] == once.quality.kpis["calls"]


@healthy
@along
def test_a_capture_on_both_sides_of_a_nat_shows_one_call(make: Maker, path: tuple[Endpoint, ...]) -> None:
    ladder = _ladder(make, path).end(60.0)

    def translated(packet: Packet) -> Packet:
        outward = packet.source == path[0]
        return replace(
            packet,
            source=OUTSIDE if outward else packet.source,
            destination=OUTSIDE if packet.destination == path[0] else packet.destination,
            time=(packet.time or 0.0) + (0.0007 if outward else -0.0007),
        )

    ladder.packets += [
        translated(packet) for packet in ladder.packets if path[0] in (packet.source, packet.destination)
    ]

    assert_healthy(ladder)


@healthy
@along
def test_one_hidden_direction_is_no_fault(make: Maker, path: tuple[Endpoint, ...]) -> None:
    whole = _ladder(make, path).end(60.0).packets
    for source, destination in {(packet.source, packet.destination) for packet in whole}:
        ladder = Ladder().end(60.0)
        ladder.packets = [item for item in whole if (item.source, item.destination) != (source, destination)]
        found = serious(ladder.report().findings)
        if path is LOCAL:
            # On one host nothing tells a filter from silence, but no call is called dead that plainly lived.
            assert not [item for item in found if "critical" in item], (str(source), found)
        else:
            assert not found, (str(source), found)


@healthy
@along
def test_a_trace_that_begins_or_ends_anywhere_is_no_fault(make: Maker, path: tuple[Endpoint, ...]) -> None:
    whole = sorted(_ladder(make, path).packets, key=lambda packet: packet.time or 0.0)
    for place in range(len(whole) + 1):
        for part, end in ((whole[:place], whole[place - 1].time if place else 0.0), (whole[place:], 60.0)):
            ladder = Ladder().end(end or 0.0)
            ladder.packets = part
            found = serious(ladder.report().findings)
            assert not found, (place, found)


@healthy
@along
def test_without_times_or_ends_nothing_is_made_up(make: Maker, path: tuple[Endpoint, ...]) -> None:
    assert_healthy(_ladder(make, path, origin=TraceOrigin.TEXT, clock=Clock.ORDINAL))

    nameless = _ladder(make, path, origin=TraceOrigin.TEXT)
    for packet in nameless.packets:
        packet.source = packet.destination = None
    assert_healthy(nameless.end(60.0))


# -- anything at all ------------------------------------------------------------------------------------------------


def _material() -> list[Packet]:
    ladder = Ladder()
    for number, make in enumerate(MAKERS):
        make(ladder, PATHS[number % len(PATHS)])
    failing = ladder.call(ALICE, CAROL)
    invite = failing.invite(1.0)
    ladder.again(failing.respond(invite, 503, 2.0, "Reason: Q.850;cause=34", "Retry-After: 5"), 2.5, 3.5, 5.5)
    ladder.again(failing.respond(failing.invite(6.0), 200, 7.0, "Session-Expires: 90"), 7.5, 8.5, 10.5)
    failing.respond(failing.bye(39.0, "Reason: SIP;cause=408", by_callee=True), 481, 39.1)
    return ladder.packets


MATERIAL = _material()


@st.composite
def _mutated(draw: st.DrawFn) -> Packet:
    packet = draw(st.sampled_from(MATERIAL))
    head, _, body = packet.raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(("drop", "double", "empty", "cut", "swap", "noise")))
        if kind == "drop":
            del lines[place]
        elif kind == "double":
            lines.insert(place, lines[place])
        elif kind == "empty":
            lines[place] = lines[place].partition(b":")[0] + b":"
        elif kind == "cut":
            lines[place] = lines[place][: draw(st.integers(0, 40))]
        elif kind == "swap":
            lines[place], lines[-1] = lines[-1], lines[place]
        else:
            lines[place] += draw(
                st.sampled_from((b";tag=", b",,", b"\xff\x00", b"<", b'"', b";=;", b" 99999999999999"))
            )
        if not lines:
            break
    return replace(
        packet,
        raw=b"\r\n".join(lines) + draw(st.sampled_from((b"\r\n\r\n", b"\r\n", b""))) + body,
        time=draw(st.one_of(st.just(packet.time), st.none(), st.floats(0, 100))),
        source=draw(st.sampled_from((packet.source, packet.source, None, ALICE, OUTSIDE))),
        destination=draw(st.sampled_from((packet.destination, packet.destination, None, BOB))),
        transport=draw(st.sampled_from(Transport)),
        fidelity=draw(st.sampled_from(Fidelity)),
        ip_id=draw(st.sampled_from((None, 0, 7))),
    )


@st.composite
def _traces(draw: st.DrawFn) -> Trace:
    ladder = Ladder(origin=draw(st.sampled_from(TraceOrigin)), clock=draw(st.sampled_from(Clock)))
    ladder.packets = draw(st.lists(_mutated(), max_size=30))
    if draw(st.booleans()):
        ladder.end(draw(st.floats(0, 5000)))
    trace = ladder.trace()
    if draw(st.booleans()):
        # A reader orders by time; nothing may depend on it to stay upright.
        return replace(trace, messages=tuple(draw(st.permutations(trace.messages))))
    return trace


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(_traces(), st.sampled_from((None, "one-way audio", "calls dropping", "registration failing", "?")))
def test_no_trace_makes_it_raise_and_each_has_one_diagnosis(trace: Trace, issue: str | None) -> None:
    report = analyze(trace, AnalysisContext(issue=issue, endpoints=("caller", "callee")))

    assert report == analyze(trace, AnalysisContext(issue=issue, endpoints=("caller", "callee")))
    assert sum(getattr(report.severity_counts, severity.value) for severity in Severity) == len(report.findings)
    indices = {message.index for message in trace.messages}
    for finding in report.findings:
        assert finding.evidence
        assert {proof.message for proof in finding.evidence} <= indices | {None}


def test_an_empty_trace_has_an_empty_diagnosis() -> None:
    report = Ladder().report()

    assert [finding.check for finding in report.findings] == ["cap-no-sip"]
    assert not report.findings[0].severity.at_least(Severity.MEDIUM)
    assert report.meta.trace is not None
    assert report.meta.trace.calls == 0
    assert {item.check for item in report.not_checked} <= set(all_checks())


def test_findings_come_worst_first_and_those_that_explain_the_symptom_before_others() -> None:
    ladder = Ladder()
    for number, status in enumerate((486, 404, 503)):
        call = ladder.call()
        invite = call.invite(float(number))
        call.respond(invite, status, number + 0.1)
        call.ack(invite, number + 0.2)
    register = ladder.call()
    register.respond(register.request("REGISTER", 9.0, inside=False), 500, 9.1)
    ladder.end(60.0)

    def order(issue: str | None = None) -> list[str]:
        checks = [item.check for item in ladder.report(issue).findings]
        return [check for check in checks if check in ("final-404", "final-503", "reg-failed", "final-486")]

    assert order() == ["final-404", "final-503", "reg-failed", "final-486"]
    assert order("registration failing") == ["reg-failed", "final-404", "final-503", "final-486"]


def test_the_report_counts_messages_calls_and_packets() -> None:
    ladder = Ladder()
    ladder.call().answered()
    ladder.call().answered(20.0)
    meta = ladder.end(60.0).report().meta.trace

    assert meta is not None
    assert (meta.messages, meta.calls, meta.packets, meta.format) == (14, 2, 14, "test")


def test_a_broken_check_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(check: Check, model: Model) -> Iterator[Outcome]:
        if check.id == "final-404":
            raise ValueError("broken")
        yield from run_check(check, model)

    monkeypatch.setattr(analysis, "run_check", breaks)
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0), 404, 0.1)
    call = ladder.call()
    call.respond(call.invite(1.0), 503, 1.1)
    report = analysis.analyze(ladder.end(60.0).trace())

    assert "final-503" in {finding.check for finding in report.findings}
    reasons = {item.check: item.reason for item in report.not_checked}
    assert reasons["final-404"].startswith(analysis.CHECK_FAILED)
