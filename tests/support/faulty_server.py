"""A real HTTP server on this machine that misbehaves on purpose; what it truly answers is a subclass's.

    with SomeServer() as server:
        server.fault = each(5, Drop())

``fault`` is asked once a POST, with its number from 0 and what it asks, and gives what goes wrong with it; ``None``:
nothing. Faults are told by numbers and questions, never by a clock: they are the same however fast the machine is.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self

NUMBER = "X-Number"
"""The header by which :mod:`tests.support.patience` knows its requests."""


@dataclass(frozen=True)
class Raw:
    """Answer with exactly this."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None  # Content-Length, if it shall lie


@dataclass(frozen=True)
class Drop:
    """Close the connection without an answer."""


@dataclass(frozen=True)
class Stall:
    """Never answer."""


@dataclass(frozen=True)
class Trickle:
    """Send half of the true answer, and never the rest."""


@dataclass(frozen=True)
class Rewrite:
    """Change the parsed answer."""

    change: Callable[[Any], Any]


@dataclass(frozen=True)
class Wait:
    """Answer properly as soon as this returns."""

    until: Callable[[], object]


Fault = Raw | Drop | Stall | Trickle | Rewrite | Wait
Policy = Callable[[int, Any], Fault | None]


def always(fault: Fault) -> Policy:
    return lambda *_: fault


def after(count: int, fault: Fault) -> Policy:
    return lambda number, _: fault if number >= count else None


def at(faults: Mapping[int, Fault]) -> Policy:
    return lambda number, _: faults.get(number)


def between(first: int, last: int, fault: Fault) -> Policy:
    """Those posts, the last one too."""
    return at(dict.fromkeys(range(first, last + 1), fault))


def each(count: int, *faults: Fault) -> Policy:
    """Every so many questions, the faults by turns; a question that comes again is answered.

    However many are under way, no retry meets a fault again.
    """
    seen: set[str] = set()

    def policy(_: int, asked: Any) -> Fault | None:
        question = json.dumps([one | {"id": 0} for one in (asked if isinstance(asked, list) else [asked])])
        if question in seen:
            return None
        seen.add(question)
        turn, rest = divmod(len(seen), count)
        return None if rest else faults[(turn - 1) % len(faults)]

    return policy


class FaultyServer:
    """See the module.

    ``posts`` counts what arrived and ``faults`` what of it went wrong, ``times`` tells when it arrived, ``most_at_once``
    how many waited for an answer together.
    """

    stalled: ClassVar[Callable[[str | None], object]] = staticmethod(lambda _: None)
    """Told the number of each request that will not be answered."""

    def __init__(self) -> None:
        self.fault: Policy = lambda *_: None
        self.latency = 0.0
        self.posts = self.faults = self.most_at_once = self.under_way = 0
        self.times: list[float] = []
        self.closing = threading.Event()
        self.lock = threading.Lock()

    def reply(self, body: bytes) -> Raw:
        """What is truly answered."""
        raise NotImplementedError

    def arrived(self, asked: Any) -> Fault | None:
        """Count a POST, with the lock held; what goes wrong with it."""
        number, self.posts = self.posts, self.posts + 1
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        self.times.append(time.monotonic())
        fault = self.fault(number, asked)
        self.faults += fault is not None
        return fault

    def __enter__(self) -> Self:
        server = self

        class Handler(_Handler):
            owner = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._http.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"


@contextmanager
def held(server: FaultyServer, about: Callable[[Any], bool]) -> Iterator[threading.Event]:
    """What asks about something waits for its answer until the event is set, or the block is left.

    So who asks it gets that far, and is there and not at its end for as long as a test wants it to be.
    """
    go_on, was = threading.Event(), server.fault
    server.fault = lambda number, asked: Wait(go_on.wait) if about(asked) else was(number, asked)
    try:
        yield go_on
    finally:
        server.fault = was
        go_on.set()


class _Handler(BaseHTTPRequestHandler):
    owner: FaultyServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:  # the client went away, as some of these tests make it
            self.close_connection = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.owner.lock:
            fault = self.owner.arrived(json.loads(body))
        try:
            answer = self._answer(fault, body)
        finally:
            with self.owner.lock:  # before it is sent, after which the client may ask again
                self.owner.under_way -= 1
        if answer is None:
            self.close_connection = True
        else:
            self._send(answer)
        if isinstance(fault, Stall | Trickle):
            self.owner.stalled(self.headers.get(NUMBER))
            self.owner.closing.wait()

    def _answer(self, fault: Fault | None, body: bytes) -> Raw | None:
        if self.owner.latency:
            time.sleep(self.owner.latency)
        if isinstance(fault, Drop | Stall):
            return None
        if isinstance(fault, Raw):
            return fault
        if isinstance(fault, Wait):
            fault.until()
        answer = self.owner.reply(body)
        if isinstance(fault, Rewrite):
            return Raw(200, json.dumps(fault.change(json.loads(answer.body))).encode())
        if isinstance(fault, Trickle):
            return Raw(200, answer.body[: len(answer.body) // 2], announced=len(answer.body))
        return answer

    def _send(self, raw: Raw) -> None:
        self.send_response(raw.status)
        for name, value in raw.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw.body) if raw.announced is None else raw.announced))
        self.end_headers()
        self.wfile.write(raw.body)
        if raw.announced is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Stay silent."""
