"""Addresses and transports as logs spell them."""

from __future__ import annotations

from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.uri import parse_host_port

_WITH_PORT = rb"[^\s]{1,80}:[0-9]{1,5}"
_TRANSPORTS = {transport.value: transport for transport in Transport}


def endpoint(text: bytes) -> Endpoint:
    """An address and port: `192.0.2.1:5060`, `[2001:db8::1]:5060` or `2001:db8::1:5060`; port 0 where it is none."""
    written = text.decode("latin-1")
    if written.startswith("["):
        host, port = parse_host_port(written)
        return Endpoint(host, port or 0)
    host, _, digits = written.rpartition(":")
    return Endpoint(host.lower(), port_number(digits))


def ends(arrow: bytes) -> bytes:
    """The expression for two addresses with ports around an arrow: the groups `source` and `destination`."""
    return rb"(?P<source>" + _WITH_PORT + rb") " + arrow + rb" (?P<destination>" + _WITH_PORT + rb")"


def port_number(digits: str) -> int:
    """A port; 0 where the digits are none or too many."""
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 else 0
    return number if number <= 65535 else 0


def transport_named(name: str) -> Transport:
    """The transport of a name in any case, with or without the digit that some programs add for IPv6 (`UDP6`)."""
    return _TRANSPORTS.get(name.upper().rstrip("6"), Transport.UNKNOWN)
