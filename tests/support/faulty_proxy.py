"""A real HTTP endpoint in front of a node that misbehaves on purpose.

    with FaultyProxy(node_url) as proxy:
        proxy.fault = one_in(5, Drop())

``fault`` is asked once a POST, with its number from 0, and gives what goes wrong with it; ``None``: nothing.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """Answer with exactly this."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Drop:
    """Close the connection without an answer."""


@dataclass(frozen=True)
class Stall:
    """Do not answer for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Trickle:
    """Send the true answer so slowly that it takes so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Rewrite:
    """Change the parsed answer of the node."""

    change: Callable[[Any], Any]


Fault = Answer | Drop | Stall | Trickle | Rewrite
Policy = Callable[[int], Fault | None]


def always(fault: Fault) -> Policy:
    return lambda _: fault


def one_in(count: int, fault: Fault) -> Policy:
    return lambda number: fault if number % count == count - 1 else None


def between(first: int, last: int, fault: Fault) -> Policy:
    """Those posts, the last one too."""
    return lambda number: fault if first <= number <= last else None


def for_seconds(seconds: float, fault: Fault, after: int = 1) -> Policy:
    """From the post `after` on, until so many seconds have passed."""
    began: list[float] = []

    def policy(number: int) -> Fault | None:
        if number < after:
            return None
        began.append(time.monotonic())
        return fault if time.monotonic() - began[0] < seconds else None

    return policy


def after(count: int, fault: Fault) -> Policy:
    return lambda number: fault if number >= count else None


class FaultyProxy:
    """See the module. ``posts`` counts what arrived, ``most_at_once`` how many were under way together."""

    def __init__(self, node: str) -> None:
        self.node = urlsplit(node)
        self.fault: Policy = lambda _: None
        self.most: int | None = None  # bytes of a request; more is refused with 413
        self.posts = self.most_at_once = self._under_way = 0
        self.times: list[float] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._http.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def arrived(self) -> int:
        with self._lock:
            self.posts += 1
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            self.times.append(time.monotonic())
            return self.posts - 1

    def left(self) -> None:
        with self._lock:
            self._under_way -= 1

    def ask_node(self, body: bytes) -> bytes:
        connection = http.client.HTTPConnection(self.node.hostname or "", self.node.port, timeout=60)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            return connection.getresponse().read()
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    owner: FaultyProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:  # the client went away, as some of these tests make it
            self.close_connection = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.owner.fault(self.owner.arrived())
        if self.owner.most is not None and len(body) > self.owner.most:
            fault = Answer(413, b"request entity too large")
        try:
            self._play(fault, body)
        except ConnectionError:
            self.close_connection = True
        finally:
            self.owner.left()

    def _play(self, fault: Fault | None, body: bytes) -> None:
        if isinstance(fault, Drop):
            self.close_connection = True
        elif isinstance(fault, Answer):
            self._send(fault.status, fault.body, fault.headers)
        elif isinstance(fault, Stall):
            time.sleep(fault.seconds)
            self._send(200, self.owner.ask_node(body))
        elif isinstance(fault, Trickle):
            self._trickle(self.owner.ask_node(body), fault.seconds)
        elif isinstance(fault, Rewrite):
            told = fault.change(json.loads(self.owner.ask_node(body)))
            self._send(200, json.dumps(told).encode())
        else:
            self._send(200, self.owner.ask_node(body))

    def _send(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self._head(status, len(body), headers)
        self.wfile.write(body)

    def _head(self, status: int, size: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def _trickle(self, body: bytes, seconds: float) -> None:
        self._head(200, len(body))
        pieces = 20
        step = -(-len(body) // pieces)
        for at in range(0, len(body), step):
            self.wfile.write(body[at : at + step])
            self.wfile.flush()
            time.sleep(seconds / pieces)

    def log_message(self, *_: object) -> None:
        """Stay silent."""
