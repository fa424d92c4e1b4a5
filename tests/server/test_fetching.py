"""The guard of `pcap_url`, against a web server of the test's own that stands for a public one."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sip_ci_server.fetching import Fetcher, FetchError, FetchPolicy, TooLargeError

PUBLIC = "93.184.215.14"
LIMIT = 100_000


class Site(BaseHTTPRequestHandler):
    """One page for each way in which a site can behave."""

    seen: list[tuple[str, str | None]] = []  # noqa: RUF012 - reset by the fixture

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Host"]))
        page, _, rest = self.path.lstrip("/").partition("/")
        getattr(self, f"page_{page}")(rest)

    def page_file(self, rest: str) -> None:
        self.answer(200, b"capture")

    def page_html(self, rest: str) -> None:
        self.answer(200, b"<html>", {"Content-Type": "text/html; charset=utf-8"})

    def page_missing(self, rest: str) -> None:
        self.answer(404, b"no")

    def page_redirect(self, rest: str) -> None:
        self.answer(302, b"", {"Location": rest})

    def page_loop(self, rest: str) -> None:
        self.answer(302, b"", {"Location": "/loop/" + rest + "x"})

    def page_nowhere(self, rest: str) -> None:
        self.answer(302, b"")

    def page_declared(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10**15))
        self.end_headers()

    def page_endless(self, rest: str) -> None:
        self.send_response(200)
        self.end_headers()
        with_chunks = b"x" * 65_536
        try:
            for _ in range(1000):
                self.wfile.write(with_chunks)
        except OSError:
            return

    def page_short(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"only this")

    def page_drip(self, rest: str) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(300):
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            return

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class Network:
    """A resolver with a script, and a dialer that leads every public address to the test's site."""

    def __init__(self, port: int) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self.dialed: list[tuple[str, int]] = []
        self._port = port

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self.names.get(host)
        if answers is None:
            raise OSError("name not known")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        self.dialed.append((address, port))
        return socket.create_connection(("127.0.0.1", self._port), timeout)


@pytest.fixture
def network() -> Iterator[Network]:
    Site.seen = []
    site = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    site.daemon_threads = True
    threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    network = Network(site.server_port)
    network.names["public.example"] = [[PUBLIC]]
    yield network
    site.shutdown()
    site.server_close()


Fetch = Callable[..., bytes]


@pytest.fixture
def fetch(network: Network) -> Fetch:
    def run(url: str, *, allow_http: bool = True, timeout: float = 5.0) -> bytes:
        policy = FetchPolicy(allow_http, (443, 8443), LIMIT, timeout)
        into = io.BytesIO()
        Fetcher(policy, network.resolve, network.dial).fetch(url, into)
        return into.getvalue()

    return run


def test_fetches_with_the_original_host(fetch: Fetch, network: Network) -> None:
    assert fetch("http://public.example/file") == b"capture"
    assert network.dialed == [(PUBLIC, 80)]
    assert Site.seen == [("/file", "public.example")]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://public.example/file",
        "file:///etc/passwd",
        "gopher://public.example/",
        "//public.example/file",
        "public.example/file",
        "",
        "http://",
        "http:///file",
        "http://user@public.example/file",
        "http://user:secret@public.example/file",
        "http://public.example@internal.example/file",
        "http://public.example:22/file",
        "http://public.example:99999/file",
        "http://public.example:x/file",
        "http://[::1/file",
        "http://public.example/a b",
        "http://public.example/a\r\nHost: x",
        "http://public.example\\@internal.example/",
        "http://" + "a" * 300 + "/",
    ],
)
def test_urls_that_are_refused_without_a_connection(fetch: Fetch, network: Network, url: str) -> None:
    with pytest.raises(FetchError):
        fetch(url)
    assert network.dialed == []


def test_http_needs_the_operator(fetch: Fetch, network: Network) -> None:
    with pytest.raises(FetchError, match="https"):
        fetch("http://public.example/file", allow_http=False)
    assert network.asked == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["192.0.2.1"],
        [PUBLIC, "10.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [],
    ],
)
def test_every_address_must_be_public(fetch: Fetch, network: Network, addresses: list[str]) -> None:
    network.names["mixed.example"] = [addresses]
    with pytest.raises(FetchError) as refused:
        fetch("http://mixed.example/file")
    assert network.dialed == []
    assert not any(address in str(refused.value) for address in addresses)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "0x7f.1", "2130706433", "localhost", "[fe80::1%25lo]"])
def test_literal_and_odd_hosts_with_the_system_resolver(host: str, network: Network) -> None:
    fetcher = Fetcher(FetchPolicy(True, (80,), LIMIT, 5), dialer=network.dial)
    with pytest.raises(FetchError):
        fetcher.fetch(f"http://{host}/file", io.BytesIO())
    assert network.dialed == []


def test_rebinding_finds_the_first_answer_in_use(fetch: Fetch, network: Network) -> None:
    network.names["rebind.example"] = [[PUBLIC], ["127.0.0.1"]]
    assert fetch("http://rebind.example/file") == b"capture"
    assert network.asked == ["rebind.example"]
    assert network.dialed == [(PUBLIC, 80)]
    with pytest.raises(FetchError, match="not a public address"):
        fetch("http://rebind.example/file")


def test_redirects_are_followed_and_counted(fetch: Fetch, network: Network) -> None:
    assert fetch("http://public.example/redirect//file") == b"capture"
    assert fetch("http://public.example/redirect/http://public.example/redirect//redirect//file") == b"capture"
    with pytest.raises(FetchError, match="more than 3"):
        fetch("http://public.example/loop/")
    with pytest.raises(FetchError, match="nowhere"):
        fetch("http://public.example/nowhere")


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://internal.example/file",
        "file:///etc/passwd",
        "http://public.example:22/",
        "gopher://public.example/",
    ],
)
def test_redirects_are_checked_like_the_first_url(fetch: Fetch, network: Network, target: str) -> None:
    network.names["internal.example"] = [["10.0.0.1"]]
    network.names["169.254.169.254"] = [["169.254.169.254"]]
    with pytest.raises(FetchError) as refused:
        fetch("http://public.example/redirect/" + target)
    assert network.dialed == [(PUBLIC, 80)]
    assert "10.0.0.1" not in str(refused.value)


@pytest.mark.parametrize("page", ["declared", "endless"])
def test_size_is_capped_whatever_is_declared(fetch: Fetch, page: str) -> None:
    with pytest.raises(TooLargeError):
        fetch(f"http://public.example/{page}")


@pytest.mark.parametrize(("page", "why"), [("html", "web page"), ("missing", "404"), ("short", "early")])
def test_what_is_no_file_is_refused(fetch: Fetch, page: str, why: str) -> None:
    with pytest.raises(FetchError, match=why):
        fetch(f"http://public.example/{page}")


def test_a_site_that_drips_is_left(fetch: Fetch) -> None:
    with pytest.raises(FetchError, match="in time"):
        fetch("http://public.example/drip", timeout=0.5)


def test_closing_ends_a_transfer(network: Network) -> None:
    fetcher = Fetcher(FetchPolicy(True, (), LIMIT, 60), network.resolve, network.dial)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(fetcher.fetch, "http://public.example/drip", io.BytesIO())
        while not Site.seen:
            time.sleep(0.01)
        fetcher.close()
        # The whole page takes 15 seconds, and would be no failure.
        with pytest.raises(FetchError):
            running.result(timeout=10)
    with pytest.raises(FetchError):
        fetcher.fetch("http://public.example/file", io.BytesIO())


def test_https_verifies_the_certificate(fetch: Fetch, network: Network) -> None:
    # The site speaks no TLS at all: the handshake fails, and nothing was sent in clear.
    with pytest.raises(FetchError):
        fetch("https://public.example/file", timeout=2)
    assert network.dialed == [(PUBLIC, 443)]
    assert Site.seen == []


def test_environment_has_no_say(fetch: Fetch, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert fetch("http://public.example/file") == b"capture"
