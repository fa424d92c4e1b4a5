"""SIP over TLS: read with its keys and without, and handshakes that fail."""

from __future__ import annotations

from tests.e2e.faults.media_call import Exchange, media, talking
from tests.e2e.faults.tls_call import Certificate, TlsCall
from tests.e2e.live.case import Case, broken, capture_only, healthy
from tests.support.playback import Sound
from tests.support.sipp import PCMU
from tests.support.tls_tunnel import End

from sip_ci.findings import Severity

_TALKING = talking(Exchange(media(PCMU)))
_SPEECH = (Sound(3),)
_OLD = End(highest="1.2")
"""A client that shows the server's certificate to whoever watches."""


def _fine(name: str, what: str, **options: object) -> Case:
    return healthy(f"tls-{name}", what, TlsCall(_TALKING, _SPEECH, **options), log=False)  # type: ignore[arg-type]


def _refused(name: str, what: str, check: str, severity: Severity, **options: object) -> Case:
    call = TlsCall(_TALKING, timeout=3.0, talk=1.0, **options)  # type: ignore[arg-type]
    return capture_only(broken(f"tls-{name}", what, call, check, severity=severity))


CASES = (
    _fine("1.3-with-keys", "TLS 1.3 whose secrets are in the capture, with media", keys_kept=True),
    _fine("1.2-with-keys", "TLS 1.2 whose secrets are in the capture, with media", keys_kept=True, client=_OLD),
    _fine("without-keys", "TLS that nobody can read, with media", verifies=True),
    _fine(
        "verified-certificate",
        "TLS 1.2 that nobody can read; the client checks the certificate",
        verifies=True,
        client=_OLD,
    ),
    _refused(
        "certificate-expired",
        "The server's certificate has expired; the client refuses it",
        "tls-cert-expired",
        Severity.CRITICAL,
        verifies=True,
        client=_OLD,
        certificate=Certificate(days=(-400, -3)),
    ),
    _refused(
        "certificate-of-tomorrow",
        "The server's certificate is not valid yet; the client refuses it",
        "tls-cert-not-yet-valid",
        Severity.CRITICAL,
        verifies=True,
        client=_OLD,
        certificate=Certificate(days=(2, 90)),
    ),
    _refused(
        "certificate-of-another-name",
        "The server's certificate is for another name; the client refuses it",
        "tls-name-mismatch",
        Severity.HIGH,
        verifies=True,
        client=_OLD,
        certificate=Certificate("pbx.example.org"),
    ),
    _refused(
        "certificate-self-signed",
        "The server's certificate is self-signed; the client refuses it",
        "tls-unknown-ca",
        Severity.HIGH,
        verifies=True,
        client=_OLD,
        certificate=Certificate(self_signed=True),
    ),
    _refused(
        "version-refused",
        "The client speaks TLS 1.2 at most and the server 1.3 at least",
        "tls-no-shared-cipher",
        Severity.HIGH,
        client=_OLD,
        server=End(lowest="1.3"),
    ),
    _refused(
        "no-shared-cipher",
        "Client and server have no cipher in common",
        "tls-no-shared-cipher",
        Severity.HIGH,
        client=End(highest="1.2", ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"),
        server=End(ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"),
    ),
    _refused(
        "client-certificate-wanted",
        "The server wants a certificate of the client, which has none",
        "tls-client-cert-required",
        Severity.HIGH,
        client=_OLD,
        wants_client_certificate=True,
    ),
    _refused(
        "plain-to-tls-port",
        "The caller sends plain SIP over TCP to the TLS port",
        "plain-on-tls-port",
        Severity.CRITICAL,
        client_speaks="tcp",
    ),
    _refused(
        "to-plain-port",
        "The client speaks TLS to a port that takes plain SIP over TCP",
        "tls-on-plain-port",
        Severity.HIGH,
        server_speaks="tcp",
    ),
)
