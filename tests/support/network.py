"""Hosts with addresses of their own on one machine: network namespaces around a router, gone after the test."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from types import TracebackType

_serial = itertools.count()
_COMMAND_SECONDS = 60
"""Many namespaces at once wait for each other in the kernel."""
_GATEWAY_IPV4 = "192.0.2.254"
_GATEWAY_IPV6 = "fe80::1"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=_COMMAND_SECONDS)


def _command_in(namespace: str, *arguments: str) -> list[str]:
    return ["ip", "netns", "exec", namespace, *arguments]


def _run_in(namespace: str, *arguments: str) -> None:
    command = _command_in(namespace, *arguments)
    subprocess.run(command, check=True, capture_output=True, timeout=_COMMAND_SECONDS)


@cache
def reason_without_namespaces() -> str:
    """Why network namespaces cannot be used here, in one sentence; empty where they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [tool for tool in ("ip", "iptables", "sysctl") if shutil.which(tool) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    name = f"sip-ci-probe-{os.getpid()}"
    try:
        _ip("netns", "add", name)
        _ip("netns", "del", name)
    except (OSError, subprocess.SubprocessError) as error:
        return f"network namespaces are not permitted here: {error}"
    return ""


@dataclass(frozen=True, slots=True)
class Host:
    """One namespace with one interface, `eth0`, towards the router."""

    namespace: str
    address: str
    """The first address, without its prefix length."""
    router_interface: str
    """The router's end of the link, where a capture sees what this host sends and receives."""

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs `arguments` on this host."""
        return _command_in(self.namespace, *arguments)

    def run(self, *arguments: str) -> None:
        """Runs a short command on this host; an error where it fails."""
        _run_in(self.namespace, *arguments)


class Network:
    """A router and the hosts around it; everything is removed when the `with` block ends.

    Every host has a link of its own to the router, which forwards between them, so any addresses can be given
    without regard to subnets, and rules of `iptables` on the router act on all traffic.
    """

    def __init__(self) -> None:
        self._prefix = f"sc{os.getpid()}x{next(_serial)}"
        self._links = itertools.count()
        self._namespaces: list[str] = []
        self.router = Host(f"{self._prefix}-router", _GATEWAY_IPV4, "any")

    def __enter__(self) -> Network:
        self._add_namespace(self.router.namespace)
        for setting in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
            self.router.run("sysctl", "-qw", setting)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for namespace in reversed(self._namespaces):
            subprocess.run(
                ["ip", "netns", "del", namespace], check=False, capture_output=True, timeout=_COMMAND_SECONDS
            )

    def _add_namespace(self, name: str) -> None:
        _ip("netns", "add", name)
        self._namespaces.append(name)
        _ip("-n", name, "link", "set", "lo", "up")

    def host(self, name: str, *addresses: str) -> Host:
        """Adds a host that has these IPv4 or IPv6 addresses; all other hosts are reached through the router."""
        namespace = f"{self._prefix}-{name}"
        link = f"link{next(self._links)}"
        self._add_namespace(namespace)
        router = self.router.namespace
        _ip("link", "add", link, "netns", router, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        _ip("-n", router, "addr", "add", f"{_GATEWAY_IPV4}/32", "dev", link)
        if any(":" in address for address in addresses):
            _ip("-n", router, "addr", "add", f"{_GATEWAY_IPV6}/64", "dev", link, "nodad")
        else:  # without neighbour discovery of hosts that have nothing to discover
            self.router.run("sysctl", "-qw", f"net.ipv6.conf.{link}.disable_ipv6=1")
            _run_in(namespace, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1")
        _ip("-n", router, "link", "set", link, "up")
        for address in addresses:
            length, nodad = ("128", ["nodad"]) if ":" in address else ("32", [])
            _ip("-n", namespace, "addr", "add", f"{address}/{length}", "dev", "eth0", *nodad)
        _ip("-n", namespace, "link", "set", "eth0", "up")
        for address in addresses:
            length = "128" if ":" in address else "32"
            _ip("-n", router, "route", "add", f"{address}/{length}", "dev", link)
        for gateway, family in ((_GATEWAY_IPV4, "-4"), (_GATEWAY_IPV6, "-6")):
            if any((":" in address) == (family == "-6") for address in addresses):
                _ip("-n", namespace, family, "route", "add", "default", "via", gateway, "dev", "eth0", "onlink")
        return Host(namespace, addresses[0], link)

    def translate(self, private: Host, public: str) -> None:
        """Puts `private` behind a NAT whose outside address is `public`; nobody outside reaches the private address."""
        self.router.run(
            *("iptables", "-A", "FORWARD", "-d", private.address, "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP")
        )
        self.router.run(
            *("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", private.address, "-j", "SNAT", "--to", public)
        )

    def drop(self, *match: str) -> None:
        """Lets the router drop, without a word, what an `iptables` match describes."""
        self.router.run("iptables", "-A", "FORWARD", *match, "-j", "DROP")

    def reset(self, *match: str) -> None:
        """Lets the router answer with a TCP reset what an `iptables` match describes."""
        rule = ("-p", "tcp", *match, "-j", "REJECT", "--reject-with", "tcp-reset")
        self.router.run("iptables", "-A", "FORWARD", *rule)
