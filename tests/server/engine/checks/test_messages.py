"""Faults of single messages: found with their line, grouped by product, and silent for what is legal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.calls import ALICE, BOB, Ladder, sdp

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Fidelity, Transport
from sip_ci.trace.trace import Facts, TraceOrigin

Change = Callable[[bytes], bytes]


def put(old: bytes, new: bytes) -> Change:
    """Replaces once, and fails where there is nothing to replace."""

    def change(raw: bytes) -> bytes:
        assert old in raw
        return raw.replace(old, new, 1)

    return change


def spoilt(change: Change, *, status: int | None = None, transport: Transport = Transport.UDP) -> Ladder:
    """An OPTIONS whose bytes are changed, answered with a status or not at all."""
    ladder = Ladder(transport=transport)
    call = ladder.call()
    sent = call.request("OPTIONS", 0.0, "User-Agent: Phone/1.2", inside=False)
    if status is not None:
        call.respond(sent, status, 0.1)
    packet = ladder.packets[0]
    packet.raw = change(packet.raw)
    # Bob is heard otherwise, so that his silence means something.
    return ladder.know(host_pairs=frozenset({(BOB.host, ALICE.host)})).end(60.0)


def messages_of(ladder: Ladder) -> dict[str, WireFinding]:
    return {check: finding for check, finding in ladder.findings().items() if check.startswith("msg-")}


CASES: dict[str, tuple[Change, Severity]] = {
    "msg-mandatory-missing": (put(b"Call-ID: call-1@192.0.2.10\r\n", b""), Severity.HIGH),
    "msg-request-line-bad": (put(b"sip:bob@example.com SIP", b"<sip:bob@example.com> SIP"), Severity.HIGH),
    "msg-version": (put(b" SIP/2.0\r\nVia", b" SIP/2.1\r\nVia"), Severity.HIGH),
    "msg-duplicate-single": (put(b"To: <sip:bob", b"To: <sip:carol@example.com>\r\nTo: <sip:bob"), Severity.HIGH),
    "msg-compact-dup": (put(b"Content-Length: 0", b"l: 0\r\nContent-Length: 0"), Severity.LOW),
    "msg-control-byte": (put(b"Phone/1.2", b"Phone/\x001.2"), Severity.HIGH),
    "msg-nonutf8": (put(b"From: <", b'From: "J\xfcrgen" <'), Severity.LOW),
    "msg-lf-only": (put(b"User-Agent: Phone/1.2\r\n", b"User-Agent: Phone/1.2\n"), Severity.MEDIUM),
    "msg-fold-bad": (put(b"SIP/2.0\r\nVia", b"SIP/2.0\r\n stray\r\nVia"), Severity.MEDIUM),
    "msg-header-malformed": (put(b"From: <", b'From: "open <'), Severity.MEDIUM),
    "msg-content-length-mismatch": (put(b"Content-Length: 0", b"Content-Length: 40"), Severity.HIGH),
    "msg-content-type-missing": (lambda raw: raw.replace(b"Length: 0", b"Length: 2") + b"hi", Severity.MEDIUM),
    "msg-cseq-malformed": (put(b"CSeq: 1 OPTIONS", b"CSeq: one OPTIONS"), Severity.HIGH),
    "msg-cseq-method-mismatch": (put(b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"), Severity.HIGH),
    "msg-branch-cookie": (put(b"branch=z9hG4bK-", b"branch=old-"), Severity.LOW),
    "msg-via-transport-mismatch": (put(b"SIP/2.0/UDP", b"SIP/2.0/TCP"), Severity.MEDIUM),
    "msg-max-forwards-missing": (put(b"Max-Forwards: 70\r\n", b""), Severity.LOW),
    "msg-max-forwards-over-70": (put(b"Max-Forwards: 70", b"Max-Forwards: 100"), Severity.INFO),
    "msg-from-tag-missing": (put(b";tag=a1", b""), Severity.HIGH),
    "msg-uri-brackets": (put(b"To: <sip:bob@example.com>", b"To: sip:bob@example.com?Subject=x"), Severity.HIGH),
    "msg-uri-param-demoted": (
        put(b"Contact: <sip:192.0.2.10:5060>", b"Contact: sip:192.0.2.10:5060;transport=tcp"), Severity.MEDIUM,
    ),
    "msg-contact-star": (put(b"Contact: <sip:192.0.2.10:5060>", b"Contact: *"), Severity.MEDIUM),
    "msg-contact-uri-bad": (put(b"Contact: <sip:192.0.2.10:5060>", b"Contact: <sip:192.0.2.10:5060"), Severity.HIGH),
    "msg-date": (put(b"User-Agent", b"Date: 2010-11-13 23:29\r\nUser-Agent"), Severity.LOW),
    "msg-expires-range": (put(b"User-Agent", b"Expires: soon\r\nUser-Agent"), Severity.LOW),
    "msg-pai-params": (put(b"User-Agent", b"P-Asserted-Identity: <sip:1@h.example>;tag=2\r\nUser-Agent"), Severity.LOW),
    "msg-session-id": (put(b"User-Agent", b"Session-ID: F81D4FAE-7DEC\r\nUser-Agent"), Severity.LOW),
    "msg-parameter-repeated": (put(b";branch=", b";rport;rport;branch="), Severity.LOW),
    "msg-credentials-joined": (
        put(b"User-Agent", b'Authorization: Digest username="a", nonce="n", Digest username="b"\r\nUser-Agent'),
        Severity.LOW,
    ),
    "msg-rport-value": (put(b";branch=", b";rport=5060;branch="), Severity.LOW),
    "msg-reason": (put(b"User-Agent", b"Reason: Q.850;cause=normal\r\nUser-Agent"), Severity.LOW),
}  # fmt: skip


@pytest.mark.parametrize("check", CASES)
def test_what_a_message_breaks_is_found_with_its_product(check: str) -> None:
    change, severity = CASES[check]
    finding = messages_of(spoilt(change))[check]

    assert finding.severity is severity
    assert "Phone" in finding.detail
    assert finding.evidence[0].message == 0


@pytest.mark.parametrize(
    "check", sorted(name for name, (_, severity) in CASES.items() if severity.at_least(Severity.MEDIUM))
)
def test_what_the_other_side_took_is_low(check: str) -> None:
    found = messages_of(spoilt(CASES[check][0], status=200))
    # Without a Call-ID, a CSeq or a Via that matches, the response is that of no request.
    if check in ("msg-mandatory-missing", "msg-cseq-malformed", "msg-cseq-method-mismatch", "msg-duplicate-single"):
        return
    assert found[check].severity is Severity.LOW


@pytest.mark.parametrize("check", ["msg-version", "msg-from-tag-missing", "msg-uri-brackets"])
def test_a_capture_that_ends_says_nothing_of_silence(check: str) -> None:
    ladder = spoilt(CASES[check][0])
    ladder.facts = Facts(host_pairs=frozenset({(BOB.host, ALICE.host)}))
    assert messages_of(ladder)[check].severity is Severity.LOW


def test_a_sender_that_goes_on_trying_was_not_understood() -> None:
    ladder = Ladder()
    call = ladder.call()
    ladder.again(call.invite(0.0), 0.5, 1.5, 3.5, 7.5)
    for packet in ladder.packets:
        head, _, body = packet.raw.partition(b"\r\n\r\n")
        packet.raw = head.replace(b"\r\n", b"\n") + b"\r\n\r\n" + body
    found = ladder.end(15.0).findings()

    assert found["msg-lf-only"].root
    assert found["msg-lf-only"].severity is Severity.CRITICAL
    assert "took it" not in found["msg-lf-only"].detail
    assert not found["txn-no-response"].root


def test_a_refused_message_keeps_its_severity() -> None:
    found = messages_of(spoilt(CASES["msg-uri-brackets"][0], status=400))
    assert found["msg-uri-brackets"].severity is Severity.HIGH


@pytest.mark.parametrize("fidelity", [Fidelity.DECODED, Fidelity.LINE_ENDINGS_LOST, Fidelity.TRUNCATED])
def test_what_a_log_may_have_changed_is_not_judged(fidelity: Fidelity) -> None:
    ladder = Ladder(origin=TraceOrigin.TEXT)
    ladder.call().request("OPTIONS", 0.0, inside=False)
    for packet in ladder.packets:
        packet.raw = packet.raw.replace(b"\r\n", b"\n").replace(b"Content-Length: 0", b"Content-Length: 44")
        packet.fidelity = fidelity
    assert not messages_of(ladder)
    assert "msg-lf-only" in {entry.check for entry in ladder.report().not_checked}


LEGAL: dict[str, Change] = {
    "compact names": lambda raw: raw.replace(b"From:", b"f:").replace(b"To:", b"t:").replace(b"Call-ID:", b"i:"),
    "folding": put(b"User-Agent: Phone", b"User-Agent:\r\n Phone"),
    "a comma in quotes": put(b"From: <", b'From: "Smith, John" <'),
    "a semicolon in brackets": put(b"Contact: <sip:192.0.2.10:5060>", b"Contact: <sip:192.0.2.10:5060;transport=udp>"),
    "several contacts": put(b"Contact: <", b"Contact: <sip:a@example.com>, <"),
    "a UTF-8 name": put(b"From: <", 'From: "Jürgen" <'.encode()),
    "a header parameter without brackets": put(b"From: <sip:alice@example.com>", b"From: sip:alice@example.com"),
    "a tel URI": put(b"To: <sip:bob@example.com>", b"To: <tel:+4930123456>"),
    "an IPv6 reference": put(b"Contact: <sip:192.0.2.10:5060>", b"Contact: <sip:[2001:db8::1]:5060>"),
    "a Reason": put(b"User-Agent", b'Reason: Q.850;cause=16;text="a, b", SIP;cause=200\r\nUser-Agent'),
    "a Session-ID": put(b"User-Agent", b"Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=0\r\nUser-Agent"),
    "a keep-alive behind": lambda raw: raw + b"\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", LEGAL)
def test_what_is_legal_is_silent(name: str) -> None:
    assert not messages_of(spoilt(LEGAL[name], status=200))


def test_a_length_is_needed_on_streams_alone() -> None:
    change = put(b"Content-Length: 0\r\n", b"")
    tcp = spoilt(change, transport=Transport.TCP)
    assert messages_of(tcp)["msg-content-length-missing-tcp"].severity is Severity.HIGH
    for transport in (Transport.UDP, Transport.WS, Transport.WSS):
        assert "msg-content-length-missing-tcp" not in messages_of(spoilt(change, transport=transport))


@pytest.mark.parametrize(
    ("status", "check", "header"),
    [
        (405, "msg-405-no-allow", "Allow: INVITE"),
        (415, "msg-415-no-accept", "Accept: application/sdp"),
        (415, "msg-415-no-accept", "Accept-Encoding: gzip"),
        (421, "msg-421-no-require", "Require: path"),
        (420, "msg-420-no-unsupported", "Unsupported: x"),
        (422, "msg-422-no-min-se", "Min-SE: 90"),
        (423, "msg-423-no-min-expires", "Min-Expires: 60"),
    ],
)
def test_a_refusal_carries_what_a_new_try_needs(status: int, check: str, header: str) -> None:
    for lines, wanted in (((), True), ((header,), False)):
        ladder = Ladder()
        call = ladder.call()
        call.respond(call.request("REGISTER", 0.0, inside=False), status, 0.1, *lines)
        assert (check in ladder.findings()) is wanted


def test_a_request_without_hops_and_one_that_asks_for_them() -> None:
    for method, wanted in (("MESSAGE", True), ("OPTIONS", False)):
        ladder = Ladder()
        call = ladder.call()
        call.respond(call.request(method, 0.0, "Max-Forwards: 0", inside=False), 200, 0.1)
        assert ("msg-max-forwards-zero" in ladder.findings()) is wanted


def test_a_status_code_that_is_none() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0), 720, 0.1)
    assert "msg-status-line-bad" in ladder.findings()


def test_a_register_may_remove_all_contacts() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.request("REGISTER", 0.0, "Contact: *", "Expires: 0", inside=False), 200, 0.1)
    assert "msg-contact-star" not in ladder.findings()


def test_one_product_is_one_finding_in_many_calls() -> None:
    ladder = Ladder()
    for number in range(5):
        call = ladder.call()
        for agent in ("Phone/1.2", "Gateway 3"):
            time = number * 10.0 + (1.0 if agent.startswith("G") else 0.0)
            sent = call.request("OPTIONS", time, f"User-Agent: {agent}", "Max-Forwards", inside=False)
            call.respond(sent, 200, time + 0.1)
    found = [item for item in ladder.report().findings if item.check == "msg-max-forwards-missing"]
    assert len(found) == 2
    assert {item.occurrences for item in found} == {5}


def test_a_healthy_call_breaks_nothing() -> None:
    ladder = Ladder()
    ladder.call(ALICE, BOB).answered()
    assert not messages_of(ladder.end(60.0))


def test_what_looks_like_a_repeated_parameter() -> None:
    contact = b"Contact: <sip:a@192.0.2.10;transport=udp>;expires=60, <sip:b@192.0.2.10;transport=tcp>;expires=60"
    change = put(b"Contact: <sip:192.0.2.10:5060>", contact)
    assert "msg-parameter-repeated" not in messages_of(spoilt(change, status=200))


@pytest.mark.parametrize("answered", [True, False])
def test_that_a_message_was_taken_is_said_where_the_trace_shows_it(answered: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    if answered:
        call.respond(invite, 200, 0.1)
    packet = ladder.packets[0]
    packet.raw = packet.raw.replace(b"Max-Forwards: 70\r\n", b"")
    detail = ladder.end(1.0).findings()["msg-max-forwards-missing"].detail

    assert ("took it" in detail) is answered


def test_the_parameter_of_a_uri_may_be_one_of_the_header_too() -> None:
    change = put(b"Contact: <sip:192.0.2.10:5060>", b"Contact: <sip:192.0.2.10:5060;expires=3>;expires=60")
    assert "msg-parameter-repeated" not in messages_of(spoilt(change, status=200))
    change = put(b"Contact: <sip:192.0.2.10:5060>", b"Contact: <sip:192.0.2.10:5060;ob;ob>")
    assert "msg-parameter-repeated" in messages_of(spoilt(change, status=200))


def test_credentials_for_two_realms_in_lines_of_their_own() -> None:
    line = b'Authorization: Digest username="a", realm="Digest x=, y", nonce="n"\r\n'
    change = put(b"User-Agent", line + line.replace(b'"a"', b'"b"') + b"User-Agent")
    assert "msg-credentials-joined" not in messages_of(spoilt(change, status=200))


def test_a_server_fills_rport_in_and_a_proxy_passes_it_on() -> None:
    for value in (b";rport;branch=", b";branch="):
        assert "msg-rport-value" not in messages_of(spoilt(put(b";branch=", value), status=200))
    ladder = Ladder()
    call = ladder.call()
    sent = call.request("OPTIONS", 0.0, inside=False)
    packet = ladder.packets[0]
    via = sent.vias[0][0].encode()
    packet.raw = packet.raw.replace(via, b"SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK-p, " + via + b";rport=5070")
    assert "msg-rport-value" not in messages_of(ladder.end(60.0))


@pytest.mark.parametrize(("protocol", "found"), [(b"SIP/1.0/UDP", True), (b"sip / 2.0 / UDP", False)])
def test_the_protocol_of_a_via(protocol: bytes, found: bool) -> None:
    findings = messages_of(spoilt(put(b"SIP/2.0/UDP", protocol), status=200))
    assert ("msg-header-malformed" in findings) is found


OFFER = sdp(ALICE) + b"a=sendrecv\r\n"


def counted(size: int, body: bytes = OFFER, behind: bytes = b"", status: int | None = 400) -> WireFinding | None:
    """What is said of an INVITE whose Content-Length is `size`, with bytes behind its body; no other root leads."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=body)
    if status is not None:
        call.respond(invite, status, 0.1)
        call.ack(invite, 0.2)
    packet = ladder.packets[0]
    packet.raw = put(b"Content-Length: %d" % len(body), b"Content-Length: %d" % size)(packet.raw) + behind
    ladder.know(host_pairs=frozenset({(BOB.host, ALICE.host)})).end(60.0)
    found = ladder.findings()
    lengths = found.get("msg-content-length-mismatch")
    if lengths is not None and lengths.severity.at_least(Severity.HIGH):
        assert [name for name in found if found[name].root and found[name].severity.at_least(Severity.MEDIUM)] == [
            "msg-content-length-mismatch"
        ]
    return lengths


@pytest.mark.parametrize("size", [0, 40, OFFER.index(b"m=audio"), len(OFFER) - 6])
@pytest.mark.parametrize("status", [400, 488, None])
def test_a_length_that_cuts_the_body_is_why_it_is_refused_or_ignored(size: int, status: int | None) -> None:
    found = counted(size, status=status)

    assert found is not None
    assert found.root
    assert found.severity.at_least(Severity.HIGH)
    assert f"Content-Length: {size}" in (found.evidence[0].text or "")


def test_a_cut_body_that_was_taken_all_the_same_is_low() -> None:
    found = counted(len(OFFER) - 6, status=200)
    assert found is not None
    assert found.severity is Severity.LOW


@pytest.mark.parametrize("behind", [b"\r\n", b"\r\n\r\n", b"\0\0\0\0", b"\n"])
def test_line_ends_and_zeros_behind_a_body_are_nothing(behind: bytes) -> None:
    assert counted(len(OFFER), behind=behind) is None


@pytest.mark.parametrize("size", [len(OFFER) - 1, len(OFFER) - 2])
def test_a_last_line_end_that_is_not_counted_is_nothing(size: int) -> None:
    assert counted(size) is None


@pytest.mark.parametrize("behind", [b"    ", b"\xff\xfe padding", b"\r\n--trailer"])
def test_other_bytes_behind_a_body_are_noted_and_explain_no_refusal(behind: bytes) -> None:
    found = counted(len(OFFER), behind=behind)
    assert found is not None
    assert found.severity is Severity.INFO


def test_blanks_behind_a_body_without_a_last_line_end_cut_nothing() -> None:
    body = OFFER.rstrip()
    found = counted(len(body), body, b"   ")
    assert found is not None
    assert found.severity is Severity.INFO


@pytest.mark.parametrize(("end", "found"), [("", True), ("--one--\r\n", False)])
def test_a_multipart_body_that_is_cut_before_its_last_boundary(end: str, found: bool) -> None:
    body = ("--one\r\nContent-Type: text/plain\r\n\r\nhi\r\n" + end).encode()
    kind = b"Content-Type: multipart/mixed; boundary=one\r\nContent-Length: " + str(len(body)).encode()

    def change(raw: bytes) -> bytes:
        return put(b"Content-Length: 0", kind)(raw) + body

    reported = messages_of(spoilt(change, status=400))
    assert ("msg-content-length-mismatch" in reported) is found
