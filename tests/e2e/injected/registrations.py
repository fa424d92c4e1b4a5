"""Faults of registrations and of digest (RFC 3261 §10 and §22, RFC 7616)."""

from __future__ import annotations

from dataclasses import replace

from tests.e2e.injected.parts import FINE, NOTHING
from tests.support.calls import CAROL, PROXY
from tests.support.injection import Change, Scene, header, on, sub
from tests.support.injection_bases import (
    challenged_call,
    registration,
)  # fmt: skip
from tests.support.injection_cases import Injection, case
from tests.support.injection_consequences import (
    both,
    given_up,
    refused,
    unanswered,
    unheard,
)

CHALLENGE = 'WWW-Authenticate: Digest realm="example.com", nonce="n9", algorithm=MD5, qop="auth"'
TRUSTED = "a server that accepts credentials has found them right for what it asked"
R2 = "REGISTER 2"


def rejected(pattern: str, status: int = 401) -> Change:
    """The credentials are tried twice more, each time with the same outcome."""

    def follow(scene: Scene) -> None:
        refused(
            pattern,
            status,
            CHALLENGE if status == 401 else 'Proxy-Authenticate: Digest realm="example.com", nonce="n9", qop="auth"',
        )(scene)

    return follow


def served(name: str, value: str | None) -> Change:
    """A header of the 200 to the REGISTER with credentials."""
    return on("REGISTER 2 200", header(name, value))


def _unreachable(scene: Scene) -> None:
    """Behind the expiry of the binding a call for the user is refused."""
    given_up("REGISTER 2 200", 300.0)(scene)
    other = scene.ladder.call(
        CAROL, PROXY, uri="sip:alice@example.com", caller="carol", callee="alice", caller_tag="c2"
    )
    invite = other.invite(200.0)
    other.respond(invite, 480, 200.1)
    other.ack(invite, 200.12)
    scene.ladder.end(300.0)


def _storm(scene: Scene) -> None:
    asked, answer = scene.pick("REGISTER 2")[0], scene.pick("REGISTER 2 200")[0]
    scene.cut_after(answer.time or 0.0)
    for count in range(60):
        for packet in (asked, answer):
            raw = packet.raw.replace(b"CSeq: 2 ", b"CSeq: %d " % (count + 3)).replace(
                b"z9hG4bK-2-0", b"z9hG4bK-s%d" % count
            )
            raw = raw.replace(b"nc=00000001", b"nc=%08x" % (count + 2))
            scene.packets.append(replace(packet, raw=raw, time=(packet.time or 0.0) + 0.5 * (count + 1)))


# fmt: off
REGISTRATIONS: tuple[Injection, ...] = (
    # registration and digest
    case(
        "reg-wrong-password", "the password is wrong", registration,
        on(R2, sub('response="[0-9a-f]+"', 'response="00000000000000000000000000000000"')), rejected(R2),
        "auth-failed-credentials auth-loop", unseen="the password is not in the trace"
    ),
    case(
        "reg-wrong-realm", "the realm is another than that of the challenge", registration,
        on(R2, sub('realm="example.com"', 'realm="asterisk"')), rejected(R2), "auth-realm-mismatch"
    ),
    case(
        "reg-nonce-own", "the nonce is another than that of the challenge", registration,
        on(R2, sub('nonce="n1"', 'nonce="zz"')), rejected(R2), "auth-failed-credentials auth-loop auth-no-credentials",
        unseen=TRUSTED
    ),
    case(
        "reg-uri", "the digest is of another URI", registration,
        on(R2, sub('uri="sip:example.com"', 'uri="sip:10.0.0.1"')), rejected(R2),
        "auth-uri-mismatch auth-failed-credentials", unseen=TRUSTED
    ),
    case(
        "reg-no-username", "credentials without a user name", registration, on(R2, sub('username="alice", ', "")),
        refused(R2, 400), "auth-credentials-incomplete"
    ),
    case(
        "reg-no-response", "credentials without a response", registration, on(R2, sub(' response="[0-9a-f]+",', "")),
        refused(R2, 400), "auth-credentials-incomplete"
    ),
    case(
        "reg-no-cnonce", "qop without cnonce", registration, on(R2, sub(', cnonce="[^"]+"', "")), refused(R2, 400),
        "auth-qop-nc-error auth-credentials-incomplete"
    ),
    case(
        "reg-nc-short", "nc of one digit", registration, on(R2, sub("nc=00000001", "nc=1")), refused(R2, 400),
        "auth-qop-nc-error auth-credentials-incomplete", unseen=TRUSTED
    ),
    case(
        "reg-qop-other", "qop that was not offered", registration, on(R2, sub("qop=auth,", "qop=auth-int,")),
        rejected(R2), "auth-qop-mismatch auth-failed-credentials"
    ),
    case(
        "reg-algorithm-other", "another algorithm than that of the challenge", registration,
        on(R2, sub("algorithm=MD5", "algorithm=SHA-256")), rejected(R2),
        "auth-algorithm-unsupported auth-failed-credentials auth-qop-mismatch", unseen=TRUSTED
    ),
    case(
        "reg-sha-only", "a challenge that the phone cannot compute", registration,
        on("REGISTER 1 401", sub("algorithm=MD5", "algorithm=SHA-512-256")), rejected(R2), "auth-algorithm-unsupported",
        unseen=TRUSTED
    ),
    case(
        "reg-wrong-header", "credentials for a proxy in answer to a registrar", registration,
        on(R2, sub("^Authorization:", "Proxy-Authorization:")), rejected(R2), "auth-wrong-header", unseen=TRUSTED
    ),
    case(
        "reg-no-credentials", "the challenge is not answered", registration, on("REGISTER 1", FINE),
        given_up("REGISTER 1 401", 60.0), "auth-no-credentials", unseen=NOTHING
    ),
    case(
        "reg-no-challenge", "a 401 without a challenge", registration,
        on("REGISTER 1 401", header("WWW-Authenticate", None)), given_up("REGISTER 1 401", 60.0),
        "auth-challenge-missing"
    ),
    case(
        "reg-no-nonce", "a challenge without a nonce", registration, on("REGISTER 1 401", sub(', nonce="n1"', "")),
        given_up("REGISTER 1 401", 60.0), "auth-challenge-missing msg-header-malformed auth-no-credentials",
        unseen=TRUSTED
    ),
    case(
        "reg-basic", "Basic instead of Digest", registration,
        on("REGISTER 1 401", header("WWW-Authenticate", 'Basic realm="example.com"')), given_up("REGISTER 1 401", 60.0),
        "auth-basic", beside="auth-no-credentials"
    ),
    case(
        "reg-cseq-kept", "the retry has the CSeq of the first", registration,
        on("REGISTER 2*", header("CSeq", "1 REGISTER")), None, "auth-cseq-not-incremented reg-cseq-not-incremented"
    ),
    case(
        "reg-403", "the account is barred", registration, on(R2, FINE), refused(R2, 403),
        "auth-failed-credentials reg-failed", unseen=NOTHING
    ),
    case(
        "reg-404", "the account is unknown", registration, on(R2, FINE), refused(R2, 404), "reg-failed", unseen=NOTHING
    ),
    case(
        "reg-503", "the registrar is down", registration, on(R2, FINE), refused(R2, 503), "reg-failed", unseen=NOTHING
    ),
    case(
        "reg-ignored", "the registrar does not answer", registration, on("REGISTER 1", FINE), unanswered("REGISTER 1"),
        "txn-no-response", unseen=NOTHING
    ),
    case(
        "reg-ok-unheard", "the phone does not take the 200", registration,
        on("REGISTER 2 200", sub("branch=z9hG4bK-2-0", "branch=z9hG4bK-9-9")), unheard("REGISTER 2 200"),
        "txn-response-ignored resp-headers-changed resp-unmatched txn-no-response"
    ),
    case(
        "reg-ok-no-contact", "the 200 lists no binding", registration, served("Contact", None), None,
        "reg-binding-missing-in-200"
    ),
    case(
        "reg-ok-no-expires", "the 200 says no expiry", registration,
        both(on("REGISTER 2", header("Expires", None)), on("REGISTER 2 200", sub(";expires=120", ""))), None,
        "reg-expires-missing"
    ),
    case(
        "reg-ok-expires-0", "the registrar grants nothing", registration,
        on("REGISTER 2 200", sub(";expires=120", ";expires=0")), None,
        "reg-binding-missing-in-200 reg-expiry-shortened reg-failed"
    ),
    case(
        "reg-ok-longer", "the registrar grants more than was asked", registration,
        on("REGISTER 2 200", sub(";expires=120", ";expires=7200")), None, "reg-expiry-lengthened"
    ),
    case(
        "reg-423-no-min", "423 without Min-Expires", registration, on(R2, FINE), refused(R2, 423),
        "msg-423-no-min-expires reg-interval-too-brief", unseen=NOTHING
    ),
    case(
        "reg-star", "Contact: * with an expiry", registration, on("REGISTER [12]", header("Contact", "*")),
        refused("REGISTER 2", 400), "contact-star-nonzero"
    ),
    case(
        "reg-uri-user", "REGISTER to an address with a user", registration,
        on("REGISTER [12]", sub(r"\AREGISTER sip:", "REGISTER sip:alice@")), refused(R2, 404),
        "reg-uri-userinfo reg-failed"
    ),
    case(
        "reg-not-refreshed", "the binding is not refreshed and calls fail", registration, on(R2, FINE), _unreachable,
        "reg-not-refreshed", unseen=NOTHING
    ),
    case(
        "reg-storm", "the phone registers again and again", registration, on(R2, FINE), _storm,
        "reg-storm reg-pipelined", unseen=NOTHING
    ),
    case(
        "reg-contact-private", "the phone registers an address behind a NAT", registration,
        on("REGISTER [12]", header("Contact", "<sip:alice@192.168.1.5:5060>")), None, "nat-contact-private",
        unseen="a registrar that looks at the source of packets does not need the Contact"
    ),
    case(
        "reg-expires-word", "Expires is no number", registration, on(R2, header("Expires", "one hour")),
        refused(R2, 400), "msg-expires-range msg-header-malformed"
    ),
    case(
        "call-wrong-header", "credentials for a registrar in answer to a proxy", challenged_call,
        on("INVITE 2", sub("^Proxy-Authorization:", "Authorization:")),
        refused("INVITE 2", 407, 'Proxy-Authenticate: Digest realm="example.com", nonce="n2", qop="auth"'),
        "auth-wrong-header", unseen=TRUSTED
    ),
    case(
        "call-no-credentials", "a call gives up at the challenge", challenged_call, on("INVITE 1", FINE),
        given_up("ACK 1", 40.0), "auth-no-credentials", unseen=NOTHING
    ),
    case(
        "call-wrong-password", "a call with a wrong password", challenged_call,
        on("INVITE 2", sub('response="[0-9a-f]+"', 'response="00000000000000000000000000000000"')),
        refused("INVITE 2", 407, 'Proxy-Authenticate: Digest realm="example.com", nonce="n2", qop="auth"'),
        "auth-failed-credentials", unseen="the password is not in the trace"
    ),
    case(
        "call-cseq-kept", "the call's retry has the same CSeq", challenged_call,
        on("INVITE 2*", header("CSeq", "1 INVITE")), None, "auth-cseq-not-incremented branch-reused"
    ),
    case(
        "call-407-no-challenge", "a 407 without a challenge", challenged_call,
        on("INVITE 1 407", header("Proxy-Authenticate", None)), given_up("ACK 1", 40.0), "auth-challenge-missing"
    ),
)
# fmt: on
