"""A node that allows little gas: what a batch used up is never taken for a contract's own revert."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from defirisk.chain import Answer, Call, Returned, Reverted
from defirisk.chain.client import open_chain
from defirisk.chain.multicall import MULTICALL3, encode
from defirisk.errors import EndpointRefused

from . import anvil, artifacts

GAS = 10_000_000
PAIRING = Call("0x" + "00" * 19 + "08", b"")  # 45,000 gas
CHEAP = [Call(MULTICALL3, bytes.fromhex(selector)) for selector in ("42cbb15c", "0f28c97d")]
UNKNOWN = Call(MULTICALL3, b"\x01\x02\x03\x04")


def burning(times: int, salt: int = 0) -> Call:
    """A call that needs at least 45,000 gas `times` over."""
    return Call(MULTICALL3, encode([PAIRING] * times + [Call("0x" + salt.to_bytes(20).hex(), b"")]))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    usual = anvil.OPTIONS
    anvil.OPTIONS = (*(option for option in usual if not option.startswith("--gas-limit")), f"--gas-limit={GAS}")
    try:
        with anvil.running() as rpc:
            rpc("anvil_setCode", MULTICALL3, "0x" + artifacts.ours()["Batch"].runtime)
            rpc("evm_mine")
            yield rpc.url
    finally:
        anvil.OPTIONS = usual


def ask(url: str, calls: Sequence[Call]) -> tuple[list[Answer], list[str], int]:
    async def run() -> tuple[list[Answer], list[str], int]:
        async with open_chain([url], rate_limit=None, retries=1) as chain:
            answers = await chain.calls(calls)
            return answers, [warning.code for warning in chain.warnings], chain.requests

    return asyncio.run(run())


def test_a_batch_that_needs_ten_times_the_gas_is_cut_until_it_fits(url: str) -> None:
    calls = [burning(20, salt) for salt in range(1000, 1100)]
    calls.insert(50, UNKNOWN)
    answers, warnings, requests = ask(url, calls)
    assert [index for index, answer in enumerate(answers) if answer == Reverted(b"")] == [50]
    assert warnings == ["batch-halved"]
    assert requests < 40


def test_a_call_that_nearly_fits_beside_others_is_answered(url: str) -> None:
    answers, _, _ = ask(url, [*CHEAP, burning(200), UNKNOWN])
    assert [type(answer) for answer in answers] == [Returned, Returned, Returned, Reverted]


def test_a_call_that_never_fits_is_an_error_and_no_revert(url: str) -> None:
    with pytest.raises(EndpointRefused, match="single call"):
        ask(url, [*CHEAP, burning(300)])


def test_a_true_revert_costs_no_second_look(url: str) -> None:
    answers, warnings, requests = ask(url, [*CHEAP, UNKNOWN])
    assert answers[-1] == Reverted(b"")
    assert (warnings, requests) == ([], 3)
