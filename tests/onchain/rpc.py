"""Plain JSON-RPC over one kept-alive connection: fast, synchronous, and independent of the code under test."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Sequence
from typing import Any


class RpcError(RuntimeError):
    """The node answered with an error."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        super().__init__(f"{method}: {error.get('message')}")
        self.code = error.get("code")
        self.data = error.get("data")

    @property
    def revert_data(self) -> str:
        """What a contract said when it refused; 0x if it said nothing."""
        return self.data if isinstance(self.data, str) else "0x"


class Rpc:
    """A JSON-RPC connection to a local node."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.url = f"http://{host}:{port}"
        self._http = http.client.HTTPConnection(host, port)

    def __call__(self, method: str, *params: Any) -> Any:
        """One request, its result; RpcError if the node refuses."""
        return _result(method, self._post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}))

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]], size: int = 400) -> list[Any]:
        """Many requests in few posts; each answer is a result or an RpcError (the node may run them in any order)."""
        answers: list[Any] = []
        for start in range(0, len(requests), size):
            answers += self._one_batch(requests[start : start + size])
        return answers

    def _one_batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        body = [
            {"jsonrpc": "2.0", "id": i, "method": method, "params": list(params)}
            for i, (method, params) in enumerate(requests)
        ]
        by_id = {answer["id"]: answer for answer in self._post(body)}
        return [_result_or_error(method, by_id[i]) for i, (method, _) in enumerate(requests)]

    def _post(self, body: Any) -> Any:
        if self._http.sock is None:
            self._http.connect()
            self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._http.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
        return json.loads(self._http.getresponse().read())

    def close(self) -> None:
        self._http.close()


def _result(method: str, answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise RpcError(method, answer["error"])
    return answer["result"]


def _result_or_error(method: str, answer: dict[str, Any]) -> Any:
    return RpcError(method, answer["error"]) if "error" in answer else answer["result"]
