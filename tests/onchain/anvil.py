"""A local chain with a clock that stands still unless it is told to move."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .rpc import Rpc
from .toolchain import ToolchainError, anvil_binary, ensure_packages

GENESIS = 1_700_000_000
OPTIONS = (
    "--hardfork=cancun",
    "--gas-price=0",
    "--base-fee=0",
    "--gas-limit=2000000000",
    "--auto-impersonate",
    "--silent",
    "--no-cors",
    "--disable-min-priority-fee",
    "--disable-console-log",
    "--no-request-size-limit",
    "--accounts=1",
    # Otherwise anvil writes the state after every block to its cache on disk: gigabytes a session, never cleaned up.
    "--prune-history=32",
)


@contextmanager
def running(genesis: int = GENESIS, number: int = 0) -> Iterator[Rpc]:
    """Anvil on a free port, its first block of this number at `genesis` (seconds), ended with the block."""
    with _started(f"--timestamp={genesis}", f"--number={number}") as rpc:
        yield rpc


@contextmanager
def forked(origin: Rpc) -> Iterator[Rpc]:
    """Anvil as a fork of another local chain at its newest block, as `anvil --fork-url` makes one."""
    with _started(f"--fork-url={origin.url}") as rpc:
        yield rpc


@contextmanager
def _started(*options: str) -> Iterator[Rpc]:
    ensure_packages()
    port = _free_port()
    process = subprocess.Popen(
        [anvil_binary(), f"--port={port}", *options, *OPTIONS],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    rpc = Rpc(port)
    try:
        _await_answer(process, rpc)
        rpc("anvil_setBlockTimestampInterval", 0)
        yield rpc
    finally:
        rpc.close()
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _await_answer(process: subprocess.Popen[bytes], rpc: Rpc, patience: float = 20.0) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ToolchainError(f"anvil ended with code {process.returncode} before it answered")
        try:
            rpc("eth_chainId")
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise ToolchainError(f"anvil did not answer within {patience:.0f} s")
