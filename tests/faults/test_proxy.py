"""An endpoint behind a real HTTP proxy on this machine, named by the environment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from defirisk.chain.client import open_chain
from defirisk.chain.proxies import proxy_for
from defirisk.errors import EndpointRefused, EndpointUnreachable, InputError
from tests.support.faulty_proxy import FaultyProxy
from tests.support.rpc_server import RpcServer

from .conftest import KEY, QUICK

FAR = f"http://node.invalid:8545/{KEY}"
ANY_CASE = [name for one in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY") for name in (one, one.lower())]


class Forward:
    """A forward proxy: whatever is asked for goes to one server, and what was asked is written down."""

    def __init__(self, server: RpcServer) -> None:
        self.asked: list[tuple[str, str | None]] = []
        forward, node = self, FaultyProxy(server.url)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                forward.asked.append((self.path, self.headers.get("Proxy-Authorization")))
                answer = node.reply(self.rfile.read(int(self.headers["Content-Length"]))).body
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.http.server_port}"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ANY_CASE:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def forward(server: RpcServer) -> Iterator[Forward]:
    made = Forward(server)
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


async def read(url: str, server: RpcServer, **more: Any) -> None:
    async with open_chain([url], **QUICK | more) as chain:
        assert await chain.calls(list(server.answers)) == list(server.answers.values())


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
async def test_an_endpoint_is_reached_through_the_environments_proxy(
    server: RpcServer, forward: Forward, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, f"http://user:pass@{forward.host}")
    await read(FAR, server)
    assert {path for path, _ in forward.asked} == {FAR}
    assert {password for _, password in forward.asked} == {"Basic dXNlcjpwYXNz"}


async def test_this_machine_is_asked_directly(
    server: RpcServer, forward: Forward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{forward.host}")
    await read(server.url, server)
    await read(server.url.replace("127.0.0.1", "localhost"), server)
    assert forward.asked == []


async def test_no_proxy_is_kept_to(server: RpcServer, forward: Forward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{forward.host}")
    monkeypatch.setenv("no_proxy", "example.com,.invalid")
    with pytest.raises(EndpointUnreachable, match=r"^node\.invalid:8545: "):
        await read(FAR, server, retries=0)
    assert forward.asked == []


async def test_a_proxy_that_is_not_there_is_named_without_its_password(
    server: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:{KEY}@127.0.0.1:9")
    with pytest.raises(EndpointUnreachable, match=r"through the proxy 127\.0\.0\.1:9") as caught:
        await read(FAR, server, retries=0)
    assert KEY not in str(caught.value)


async def test_a_proxy_that_refuses_is_an_error(server: RpcServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", server.url)  # it does not know CONNECT
    with pytest.raises((EndpointUnreachable, EndpointRefused)) as caught:
        await read(FAR.replace("http:", "https:"), server, retries=0)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("named", ["socks5://127.0.0.1:9050", "ftp://x", "http://", "http://[::1"])
async def test_a_proxy_that_is_not_spoken_is_no_silent_detour(
    server: RpcServer, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("all_proxy", named)
    with pytest.raises(InputError, match="proxy"):
        await read(FAR, server)


def test_which_proxy_is_for_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for("https://node.example/x") == "http://proxy.example:3128"
    assert proxy_for("http://node.example/x") is None
    assert proxy_for("https://key@inside.example:443/x") is None
    assert proxy_for("https://127.0.0.1/x") is None
    assert proxy_for("https://[::1]:8545/x") is None
