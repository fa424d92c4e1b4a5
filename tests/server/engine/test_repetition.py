"""The repetitions of a call: diagnosed once, counted always, and never where something differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.calls import ALICE, BOB, HOP, PROXY, Call, Ladder, sdp
from tests.support.rtp import media_table, stream

from sip_ci.service.wire import AnalysisResponse
from sip_ci.trace.message_table import MessageTable
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import Trace
from sip_ci_server.engine import repetition
from sip_ci_server.engine.analysis import analyze
from sip_ci_server.engine.checks.registry import all_checks, run_check
from sip_ci_server.engine.model import Model, build_model
from sip_ci_server.engine.repetition import fold_repetitions

KEPT = 2


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folds in small traces too."""
    monkeypatch.setattr(repetition, "WORTHWHILE", 0)
    monkeypatch.setattr(repetition, "KEPT", KEPT)


def as_table(trace: Trace) -> Trace:
    """The trace, read as a large capture is."""
    endpoints: list[Endpoint] = []
    table = MessageTable(endpoints)
    for number, message in enumerate(trace.messages):
        seen = message.observation
        assert seen.time is not None
        ends = []
        for end in (seen.source, seen.destination):
            assert end is not None
            if end not in endpoints:
                endpoints.append(end)
            ends.append(endpoints.index(end))
        table.add(message.raw, round(seen.time * 1e9), ends[0], ends[1], number + 1)
    return replace(trace, messages=table)


def numbered(ladder: Ladder, number: int, **options: object) -> Call:
    """A call with tags of its own."""
    call = ladder.call(ALICE, PROXY, BOB, **options)
    call.caller_tag, call.callee_tag = f"from{number}", f"to{number * 7919}"
    return call


def folded(ladder: Ladder) -> tuple[int, int]:
    """How many calls stay and how many are folded."""
    trace, repetitions = fold_repetitions(as_table(ladder.trace()))
    return len({message.call_id for message in trace.messages}), repetitions.calls


def twins() -> Ladder:
    """Four calls that are equal."""
    ladder = Ladder()
    for number in range(4):
        numbered(ladder, number).answered(number * 20.0)
    return ladder


def test_equal_calls_stand_for_each_other() -> None:
    ladder = Ladder()
    for number in range(12):
        numbered(ladder, number).answered(number * 3000.0)
    ladder.end(1_000_000.0)
    kept, repeated = folded(ladder)
    # Numbers of more digits make longer messages, which may be of another class.
    assert kept + repeated == 12
    assert repeated >= 8


def fifth(ladder: Ladder) -> Call:
    return numbered(ladder, 4)


def whole(call: Call, *lines: str, offer: bytes) -> None:
    """What `Call.answered` makes, with another offer."""
    invite = call.invite(80.0, *lines, offer=offer)
    for hop in range(len(call.path) - 1):
        call.respond(invite, 100, 80.001 + HOP * hop, hops=(hop,))
    call.respond(invite, 180, 80.1)
    call.respond(invite, 200, 81.0)
    call.ack(invite, 81.03)
    call.respond(call.bye(91.0), 200, 91.02)


def healthy(ladder: Ladder) -> None:
    fifth(ladder).answered(80.0)


def slower(ladder: Ladder) -> None:
    call = fifth(ladder)
    call.established(80.0)
    bye = call.bye(95.0)
    call.respond(bye, 200, 95.02)


def with_another_tag(ladder: Ladder) -> None:
    call = fifth(ladder)
    call.established(80.0)
    call.callee_tag = "elsewhere"
    call.respond(call.bye(91.0), 200, 91.02)


def busy(ladder: Ladder) -> None:
    call = fifth(ladder)
    invite = call.invite(80.0)
    call.respond(invite, 486, 80.1)
    call.ack(invite, 80.2)


def repeated(ladder: Ladder) -> None:
    call = fifth(ladder).answered(80.0)
    ladder.again(call.sent[0], 80.5)


def with_a_reason(ladder: Ladder) -> None:
    call = fifth(ladder)
    call.established(80.0)
    call.respond(call.bye(91.0, "Reason: Q.850;cause=16"), 200, 91.02)


def with_a_wrong_length(ladder: Ladder) -> None:
    whole(fifth(ladder), offer=sdp(ALICE))
    packet = ladder.packets[-11]
    assert b"Content-Length: " in packet.raw
    packet.raw = packet.raw.replace(b"Content-Length: ", b"Content-Length: 1")


def with_a_private_address(ladder: Ladder) -> None:
    whole(fifth(ladder), offer=sdp(Endpoint("10.0.0.1", 5060)))


def with_one_tag_for_both(ladder: Ladder) -> None:
    call = fifth(ladder)
    call.callee_tag = call.caller_tag
    call.answered(80.0)


def with_a_tag_that_is_none(ladder: Ladder) -> None:
    call = fifth(ladder)
    call.callee_tag = "to@31676"
    call.answered(80.0)


def without_media(ladder: Ladder) -> None:
    whole(fifth(ladder), offer=sdp(ALICE, 0))


def with_a_port_that_is_none(ladder: Ladder) -> None:
    whole(fifth(ladder), offer=sdp(ALICE, 70_000))


DIFFERENT: list[Callable[[Ladder], None]] = [
    slower,
    with_another_tag,
    busy,
    repeated,
    with_a_reason,
    with_a_wrong_length,
    with_a_private_address,
    with_one_tag_for_both,
    with_a_tag_that_is_none,
    without_media,
    with_a_port_that_is_none,
]


def test_the_whole_call_of_these_tests_is_no_different() -> None:
    counts = []
    for another in (healthy, lambda ladder: whole(fifth(ladder), offer=sdp(ALICE))):
        ladder = twins()
        another(ladder)
        counts.append(folded(ladder.end(100_000.0)))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("another", DIFFERENT)
def test_a_call_that_differs_is_kept(another: Callable[[Ladder], None]) -> None:
    ladder = twins()
    healthy(ladder)
    ladder.end(100_000.0)
    all_alike, _ = folded(ladder)
    ladder = twins()
    another(ladder)
    ladder.end(100_000.0)
    kept, _ = folded(ladder)
    assert kept == all_alike + 1


def test_media_ports_and_session_ids_may_differ() -> None:
    ladder = Ladder()
    for number in range(6):
        call = numbered(ladder, number)
        offer = sdp(ALICE, 9_998 + 2 * number).replace(b"o=- 1 ", b"o=- %d " % (7 + number * 1000))
        invite = call.invite(number * 50.0, offer=offer)
        call.respond(invite, 200, number * 50.0 + 0.5)
        call.ack(invite, number * 50.0 + 0.52)
    ladder.end(1_000_000.0)
    # Ports of four digits and of five make messages of different lengths, with lengths that are right.
    assert folded(ladder) == (KEPT, 4)


def test_media_keep_every_call() -> None:
    ladder = twins()
    ladder.end(100_000.0)
    assert folded(ladder)[1] > 0
    ladder.media = media_table(stream(ALICE, BOB, packets=50))
    assert folded(ladder)[1] == 0


def load_test() -> Ladder:
    """Healthy calls, calls with a fault that does not end them, and calls that fail, all mixed."""
    ladder = Ladder()
    for number in range(40):
        call = numbered(ladder, number)
        start = number * 7.0
        if number % 10 == 3:
            invite = call.invite(start)
            call.respond(invite, 404, start + 0.1)
            call.ack(invite, start + 0.12)
        elif number % 5 == 4:
            invite = call.invite(start, offer=sdp(Endpoint("10.0.0.1", 5060)))
            call.respond(invite, 200, start + 0.5)
            call.ack(invite, start + 0.52)
            call.respond(call.bye(start + 3.0), 200, start + 3.1)
        elif number % 10 == 7:
            invite = call.invite(start)
            call.respond(invite, 180, start + 7.0 + number / 1000)
            call.respond(invite, 200, start + 8.0)
            call.ack(invite, start + 8.1)
            call.respond(call.bye(start + 9.0), 200, start + 10.5)
        else:
            call.answered(start, talk=5.0)
    return ladder.end(100_000.0)


def facts(report: AnalysisResponse) -> object:
    """What a report says, without the examples that it gives."""
    findings = sorted((item.check, item.severity, item.occurrences, item.fingerprint) for item in report.findings)
    kpis = {name: value and pytest.approx(value, rel=1e-6) for name, value in report.quality.kpis.items()}
    meta = report.meta.trace
    assert meta is not None
    not_checked = sorted((item.check, item.reason) for item in report.not_checked)
    return findings, kpis, report.quality.calls_total, meta.calls, meta.messages, not_checked


def test_the_report_is_that_of_all_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = as_table(load_test().trace())
    _, repetitions = fold_repetitions(trace)
    assert repetitions.calls >= 20
    report = analyze(trace)
    monkeypatch.setattr(repetition, "WORTHWHILE", 1 << 40)
    assert facts(report) == facts(analyze(trace))
    assert {"nat-sdp-private", "kpi-pdd", "kpi-sdd", "final-404"} <= {item.check for item in report.findings}


def test_beside_media_the_signalling_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ladder = load_test()
    ladder.media = media_table(stream(ALICE, BOB, packets=50))
    trace = as_table(ladder.trace())
    monkeypatch.setattr(repetition, "WORTHWHILE_BESIDE_MEDIA", 1 << 40)
    apart = analyze(trace)
    monkeypatch.setattr(repetition, "WORTHWHILE_BESIDE_MEDIA", 0)
    model = build_model(trace)
    report = analyze(trace)

    assert model.twins.calls >= 20
    assert len(model.messages) == len(trace.messages)
    assert facts(report) == facts(apart)
    assert {"nat-sdp-private", "kpi-pdd", "kpi-sdd", "final-404"} <= {item.check for item in report.findings}


MEDIA_OF_THE_MODEL = frozenset({"sessions", "session_of", "streams", "owners_of", "media_hosts", "unclaimed_streams"})
EXAMPLES = Path(__file__).parents[3] / "examples" / "traces"


def test_checks_of_signalling_that_look_at_media_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No call's signalling may stand for another's where a check also asks for the call's media."""
    asking: set[str] = set()
    running: list[str] = []
    original = Model.__getattribute__

    def watched(model: Model, name: str) -> object:
        if running and name in MEDIA_OF_THE_MODEL:
            asking.add(running[0])
        return original(model, name)

    models = [build_model(read_trace(path, path.name)) for path in sorted(EXAMPLES.glob("*.pcap"))]
    monkeypatch.setattr(Model, "__getattribute__", watched)
    once = [check for check in all_checks().values() if check.judges_once]
    for model in models:
        for check in once:
            running[:] = [check.id]
            list(run_check(check, model))
    assert len(once) > 150
    assert asking == set()
