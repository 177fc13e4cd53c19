"""A key in the endpoint's URL is in no recording and in nothing that is printed, whatever the endpoint says."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.support.faulty_server import Raw
from tests.support.rpc_server import RpcError, RpcServer

from .conftest import Run

WALLET = "0x0000000000000000000000000000000000001003"
PATH, QUERY, USER, WORD = "s3cr3tPathKey99", "s3cr3tQueryKey77", "s3cr3tUser55", "s3cr3tPassword33"
KEYS = (PATH, QUERY, USER, WORD)
ECHO = f"denied for https://{USER}:{WORD}@node.example/v2/{PATH}?apikey={QUERY} ({PATH} {QUERY} {USER} {WORD}) \x1b[2J"


def url_of(endpoint: RpcServer) -> str:
    return f"http://{USER}:{WORD}@{endpoint.host}/v2/{PATH}?apikey={QUERY}"


def holds_none(content: bytes) -> None:
    for key in KEYS:
        for spelled in (key, key.encode().hex(), key.lower()):
            assert spelled.encode() not in content
    assert b"node.example/" not in content


def recorded(run: Run, endpoint: RpcServer, market: str, file: Path, *more: str):
    return run("record", WALLET, "--rpc", url_of(endpoint), "--market", market, "-o", str(file), "-v", *more)


def refuse_multicall(endpoint: RpcServer) -> None:
    endpoint.multicall = None
    endpoint.batches = "error"


def slow_down(endpoint: RpcServer) -> None:
    endpoint.script.extend([Raw(429, ECHO.encode(), {"X-Key": PATH})] * 2)


def too_much(endpoint: RpcServer) -> None:
    endpoint.max_aggregate, endpoint.too_big = 20, RpcError(-32000, f"out of gas {ECHO}", ECHO)


@pytest.mark.parametrize("trouble", [None, refuse_multicall, slow_down, too_much])
def test_no_key_is_in_the_file_or_the_output(
    run: Run, spawn: Run, endpoint: RpcServer, market: str, tmp_path: Path, trouble
) -> None:
    if trouble:
        trouble(endpoint)
    file = tmp_path / "wallet.json.gz"
    start = run if trouble else spawn  # once as a whole process
    ran = recorded(start, endpoint, market, file)
    assert ran.code == 0, ran.err
    holds_none(gzip.decompress(file.read_bytes()))
    holds_none((ran.out + ran.err).encode())
    assert endpoint.host.encode() not in gzip.decompress(file.read_bytes())
    again = start("record", "--refresh", str(file), "--rpc", url_of(endpoint), "-v")
    assert again.code == 0, again.err
    holds_none(gzip.decompress(file.read_bytes()))
    holds_none((again.out + again.err).encode())


def forbidden(endpoint: RpcServer) -> None:
    endpoint.script.extend([Raw(403, ECHO.encode())] * 50)


def elsewhere(endpoint: RpcServer) -> None:
    endpoint.script.extend([Raw(302, ECHO.encode(), {"Location": f"http://127.0.0.1:1/{PATH}"})] * 50)


def not_json(endpoint: RpcServer) -> None:
    endpoint.script.extend([Raw(200, f"<html>{ECHO}</html>".encode())] * 50)


def every_call(endpoint: RpcServer) -> None:
    endpoint.call_error = RpcError(-32005, ECHO, {"see": ECHO})


def every_header(endpoint: RpcServer) -> None:
    endpoint.errors_by_method["eth_getBlockByNumber"] = RpcError(-32603, ECHO)


def strange_header(endpoint: RpcServer) -> None:
    endpoint.header = {"hash": ECHO, "timestamp": PATH}


def strange_chain(endpoint: RpcServer) -> None:
    endpoint.chain_id = ECHO


@pytest.mark.parametrize(
    "trouble", [forbidden, elsewhere, not_json, every_call, every_header, strange_header, strange_chain]
)
def test_no_key_is_in_what_is_said_of_a_failure(
    run: Run, endpoint: RpcServer, market: str, tmp_path: Path, trouble
) -> None:
    trouble(endpoint)
    file = tmp_path / "wallet.json.gz"
    ran = recorded(run, endpoint, market, file)
    assert ran.code == 3, ran.err
    assert "Traceback" in ran.err, "-v shows it"
    assert endpoint.host in ran.err
    holds_none((ran.out + ran.err).encode())
    assert list(tmp_path.iterdir()) == []
