"""A local chain with a clock that stands still unless it is told to move."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .rpc import Rpc
from .toolchain import ToolchainError, anvil_binary, ensure_packages

GENESIS = 1_700_000_000
TRIES = 5
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
    # A block is mined when it is asked for, and is done with when that is answered. Mined by itself, a transaction may
    # be in the pool still when its receipt is there: taken up again after a revert, it is in the next pending block.
    "--no-mining",
    "--order=fifo",
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
    process, rpc = _answering(options)
    try:
        rpc("anvil_setBlockTimestampInterval", 0)
        yield rpc
    finally:
        rpc.close()
        process.kill()
        process.wait()


def _answering(options: tuple[str, ...]) -> tuple[subprocess.Popen[bytes], Rpc]:
    """A node that answers; on another port where somebody took the first one before it."""
    for _ in range(TRIES):
        port = _free_port()
        process = subprocess.Popen(
            [anvil_binary(), f"--port={port}", *options, *OPTIONS],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        rpc = Rpc(port)
        if _answers(process, rpc):
            return process, rpc
    raise ToolchainError(f"anvil ended with code {process.returncode} before it answered, on each of {TRIES} ports")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _answers(process: subprocess.Popen[bytes], rpc: Rpc) -> bool:
    """Wait until it answers or has ended, however slow the machine is."""
    while process.poll() is None:
        try:
            rpc("eth_chainId")
        except OSError:
            time.sleep(0.02)
        else:
            return process.poll() is None
    return False


# --- time ---------------------------------------------------------------------------------------------------------


def leap(rpc: Rpc, blocks: int) -> None:
    """Go on so many blocks later, as if that many empty ones had been mined; those between do not exist.

    The node's state is taken out and put back with a newest block of that number: mining takes milliseconds a block.
    """
    state = json.loads(gzip.decompress(bytes.fromhex(rpc("anvil_dumpState")[2:])))
    newest = next(one for one in state["blocks"] if int(one["header"]["number"], 16) == state["best_block_number"])
    number = state["best_block_number"] + blocks
    ahead = {**newest, "header": {**newest["header"], "number": hex(number)}, "transactions": []}
    state["block"]["number"] = hex(number)
    state |= {"best_block_number": number, "blocks": [ahead], "transactions": []}
    assert rpc("anvil_loadState", "0x" + gzip.compress(json.dumps(state).encode(), 1).hex()) is True
