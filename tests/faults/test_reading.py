"""Reading through trouble: rates, stalls, sizes, gas, missing contracts, endpoints that die halfway."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from defirisk.chain import Answer, Call, Returned, Reverted
from defirisk.chain.answers import Answers
from defirisk.chain.client import LiveChain, open_chain
from defirisk.errors import (
    BlockReorganised,
    CallRefused,
    DefiriskError,
    EndpointRefused,
    EndpointUnreachable,
    StateUnavailable,
)
from tests.support.faulty_server import Drop, Raw, Stall, Wait, each
from tests.support.rpc_server import RpcError, RpcServer

from .conftest import KEY, QUICK, SLICE, keyed


async def read_all(server: RpcServer, urls: list[str] | None = None, **more: Any) -> LiveChain:
    """Read the whole recording through the server; every answer must be the recorded one."""
    async with open_chain(urls or [keyed(server)], **QUICK | more) as chain:
        await compare(chain, server)
        return chain


async def compare(chain: LiveChain, server: RpcServer) -> None:
    calls = list(server.answers)
    assert await chain.calls(calls) == list(server.answers.values())


async def fails(chain: LiveChain, calls: list[Call], kind: type[DefiriskError]) -> DefiriskError:
    with pytest.raises(DefiriskError) as caught:
        await chain.calls(calls)
    assert isinstance(caught.value, kind), caught.value
    assert KEY not in f"{caught.value} {caught.value.hint}"
    return caught.value


def codes(chain: LiveChain) -> list[str]:
    assert KEY not in str(chain.warnings)
    return [warning.code for warning in chain.warnings]


# --- too fast, down for a while ---


@pytest.mark.parametrize(
    "trouble", [Raw(429), Raw(500, b"oops"), Raw(503), Drop(), Raw(body=b"<html>"), Raw(body=b"[{", announced=99)]
)
async def test_trouble_for_a_while_is_waited_out(server: RpcServer, trouble: Any) -> None:
    server.script.extend([trouble, trouble, None, trouble, trouble, trouble])
    chain = await read_all(server)
    assert codes(chain) == []
    assert server.posts == 2 + 5


async def test_one_in_five_requests_dropped(server: RpcServer) -> None:
    server.fault = each(5, Drop())
    chain = await read_all(server, batch_size=2)
    assert codes(chain) == []
    assert chain.usage[0].retries == server.faults > 5


async def test_for_too_long_is_an_error_after_bounded_attempts(server: RpcServer) -> None:
    async with open_chain([keyed(server)], **QUICK) as chain:
        server.script.extend([Raw(429, f"slow down {KEY}".encode())] * 100)
        error = await fails(chain, list(server.answers), EndpointRefused)
        assert "HTTP 429" in str(error)
        assert server.posts == 1 + 4


@pytest.mark.parametrize("kind", ["seconds", "date"])
async def test_retry_after_is_honoured(server: RpcServer, kind: str) -> None:
    async with open_chain([server.url], **QUICK) as chain:
        start = time.monotonic()
        soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)  # in whole seconds
        server.script.append(Raw(429, b"", {"Retry-After": "1" if kind == "seconds" else soon}))
        await compare(chain, server)
        assert time.monotonic() - start > 0.9
        assert server.posts == 3


async def test_retry_after_an_hour_is_not_waited_for(server: RpcServer) -> None:
    async with open_chain([server.url], **QUICK) as chain:
        server.script.extend([Raw(429, b"", {"Retry-After": "3600"})] * 5)
        await fails(chain, list(server.answers), EndpointRefused)
        assert server.posts == 2


@pytest.mark.parametrize("header", ["soon", "-5", "nan"])
async def test_a_senseless_retry_after_is_ignored(server: RpcServer, header: str) -> None:
    server.script.append(Raw(429, b"", {"Retry-After": header}))
    await read_all(server)


@pytest.mark.parametrize(
    "error",
    [
        RpcError(-32005, "rate limit exceeded"),
        RpcError(429, "compute units"),
        RpcError(-32603, "Internal error"),
        RpcError(-32000, "header not found"),
    ],
)
async def test_errors_inside_an_answer_are_waited_out_too(server: RpcServer, error: RpcError) -> None:
    server.call_error, server.call_errors_left = error, 3
    chain = await read_all(server)
    assert codes(chain) == []


async def test_in_a_json_batch_only_what_failed_is_asked_again(server: RpcServer) -> None:
    server.multicall = None
    async with open_chain([server.url], **QUICK) as chain:
        await chain.calls(list(server.answers)[:2])
        before = server.requests
        server.call_error, server.call_errors_left = RpcError(-32005, "rate limit exceeded"), 7
        await compare(chain, server)
        assert server.requests - before == len(server.answers) + 7


async def test_the_rate_is_kept(server: RpcServer) -> None:
    server.multicall, server.batches = None, "error"
    start = time.monotonic()
    await read_all(server, rate_limit=40.0)
    requests, took = server.requests, time.monotonic() - start
    assert requests >= 60
    assert requests <= 40 * (took + 1) + 1


async def test_no_more_at_once_than_allowed(server: RpcServer) -> None:
    server.latency, server.multicall, server.batches = 0.01, None, "error"
    async with open_chain([server.url], **QUICK | {"concurrency": 3}) as chain:
        await chain.calls(list(server.answers)[:2])  # it has seen that calls have to be single
        server.script.extend([Wait(threading.Barrier(3, timeout=60).wait)] * 3)
        await compare(chain, server)
    assert server.most_at_once == 3


# --- round trips ---


async def test_many_calls_are_few_requests_in_one_round_trip(server: RpcServer) -> None:
    calls = [Call("0x" + "12" * 20, number.to_bytes(36)) for number in range(3000)]
    async with open_chain([server.url], **QUICK) as chain:
        posts = server.posts
        server.script.extend([Wait(threading.Barrier(2, timeout=60).wait)] * 2)
        assert await chain.calls(calls) == [Returned(b"")] * 3000
        assert (server.posts - posts, server.most_at_once) == (2, 2)


async def test_the_same_call_twice_is_asked_once(server: RpcServer) -> None:
    call, answer = next(iter(server.answers.items()))
    async with open_chain([server.url], **QUICK) as chain:
        assert await chain.calls([call, call, call]) == [answer] * 3
    assert server.methods.count("eth_call") == 1
    assert server.batch_sizes == []


# --- too much at once ---


@pytest.mark.parametrize(
    "refusal",
    [
        RpcError(-32000, "out of gas"),
        RpcError(-32603, "Internal: response size exceeded"),
        RpcError(-32000, "execution aborted (timeout = 5s)"),
        Raw(413, b"Request Entity Too Large"),
        RpcError(3, "execution reverted", "0x"),
    ],
)
@pytest.mark.parametrize("allowed", [1, 4, 31])
async def test_batches_shrink_to_what_is_taken(server: RpcServer, refusal: Any, allowed: int) -> None:
    async with open_chain([keyed(server)], **QUICK) as chain:
        await chain.calls(list(server.answers)[:2])  # it has seen Multicall3 answer
        server.max_aggregate, server.too_big = allowed, refusal
        await compare(chain, server)
        assert codes(chain) == ["batch-halved"]
        assert server.requests < 3 * len(server.answers) / allowed + 20
        before = server.requests
        await compare(chain, server)
        assert server.requests - before <= -(-len(server.answers) // max(1, allowed // 2)) + 1, "it forgot the size"


async def test_one_search_for_a_size_serves_all_that_failed(server: RpcServer) -> None:
    async with open_chain([server.url], **QUICK | {"batch_size": 20}) as chain:
        server.max_aggregate = 4
        await compare(chain, server)
    assert sorted(server.batch_sizes, reverse=True)[:5] == [20, 20, 20, 10, 5]
    assert set(server.batch_sizes[5:]) == {2}


@pytest.mark.parametrize("limit", [7, 50])
async def test_json_batches_shrink_too(server: RpcServer, limit: int) -> None:
    server.multicall, server.batches = None, limit
    chain = await read_all(server)
    assert codes(chain) == ["no-multicall"]
    assert server.posts < 3 * len(server.answers) / limit + 10


@pytest.mark.usefixtures("patience")
async def test_batches_that_stall_shrink_too(server: RpcServer) -> None:
    async with open_chain([server.url], **QUICK) as chain:
        server.script.extend([Stall(), Stall()])
        await compare(chain, server)
        assert codes(chain) == ["batch-halved"]


@pytest.mark.usefixtures("patience")
async def test_an_endpoint_that_stalls_for_ever_is_given_up(server: RpcServer) -> None:
    async with open_chain([server.url], **QUICK) as chain:
        server.script.extend([Stall()] * 100)
        error = await fails(chain, list(server.answers), EndpointUnreachable)
        assert "in time" in str(error)
        assert server.posts == 1 + 2 * 4


async def test_an_answer_larger_than_the_cap_halves_the_batch(server: RpcServer) -> None:
    chain = await read_all(server, max_response=15_000)
    assert codes(chain) == ["batch-halved"]


async def test_a_single_call_that_is_refused_is_named(server: RpcServer) -> None:
    call = next(iter(server.answers))
    async with open_chain([keyed(server)], **QUICK) as chain:
        server.call_error = RpcError(-32000, f"out of gas {KEY}")
        for calls in ([call], list(server.answers)):
            error = await fails(chain, calls, EndpointRefused)
            assert "single call" in str(error)
            assert any(one.to in str(error) for one in calls)


async def test_state_that_is_pruned_is_no_matter_of_size(server: RpcServer) -> None:
    async with open_chain([keyed(server)], **QUICK) as chain:
        server.call_error = RpcError(-32000, "missing trie node abc")
        await fails(chain, list(server.answers), StateUnavailable)
        assert server.posts == 2


# --- gas that runs out inside ---


async def test_a_call_starved_by_its_batch_is_not_taken_for_a_revert(server: RpcServer) -> None:
    server.starve_after = 40
    chain = await read_all(server)
    assert codes(chain) == []
    wrongly_failed = len(server.answers) - 40
    assert len(server.methods) <= 3 + wrongly_failed + 12


async def test_starved_early_answers_are_not_kept(server: RpcServer) -> None:
    server.starve_after = 14
    early = list(server.answers)[:30]
    async with open_chain([server.url], early=early, **QUICK) as chain:
        server.starve_after = None
        assert await chain.calls(early) == [server.answers[call] for call in early]
        assert chain.round_trips == 2


async def test_true_reverts_cost_no_second_look(server: RpcServer) -> None:
    assert Reverted(b"") in server.answers.values()
    await read_all(server)
    assert server.requests == 3


async def test_where_witnesses_do_not_work_empty_failures_are_asked_once_more(server: RpcServer) -> None:
    server.pairing_works = False
    await read_all(server)
    assert server.requests == 3 + list(server.answers.values()).count(Reverted(b""))


# --- no Multicall3 ---


@pytest.mark.parametrize(
    ("batches", "warned"), [("taken", ["no-multicall"]), ("error", ["no-json-batch", "no-multicall"])]
)
async def test_without_multicall3_calls_are_single_and_that_is_said(
    server: RpcServer, batches: str, warned: list[str]
) -> None:
    server.multicall, server.batches = None, batches
    call = Call("0x" + "99" * 20, b"\x01\x02\x03\x04")
    server.answers[call] = Reverted(b"\xde\xad\xbe\xef")
    chain = await read_all(server)
    assert codes(chain) == warned
    assert (server.posts < 10) is (batches == "taken")


async def test_a_stranger_at_multicalls_address_is_not_used(server: RpcServer) -> None:
    server.multicall = None
    server.contracts.add("0xca11bde05977b3631167028862be2a173976ca11")  # reverts on aggregate3
    chain = await read_all(server)
    assert codes(chain) == ["no-multicall"]
    assert server.posts <= 3


@pytest.mark.parametrize("garbage", [b"\x01", bytes(31), bytes(64), bytes(4096), b"\xff" * 96])
async def test_garbage_of_multicall3_is_no_answer(server: RpcServer, garbage: bytes) -> None:
    server._aggregate = lambda *_: garbage  # type: ignore[method-assign]
    async with open_chain([server.url], **QUICK) as chain:
        error = await fails(chain, list(server.answers), DefiriskError)
        assert error.code == "malformed-answer"


async def test_big_json_batches_are_cut_where_they_are_refused(server: RpcServer) -> None:
    server.multicall = None
    calls: dict[Call, Answer] = {
        Call("0x" + "77" * 20, number.to_bytes(36)): Returned(bytes(2000)) for number in range(64)
    }
    server.answers.update(calls)
    await read_all(server, max_response=60_000)


# --- another endpoint halfway ---


async def test_the_next_endpoint_takes_over_halfway(server: RpcServer, other: RpcServer) -> None:
    async with open_chain([keyed(server), keyed(other)], **QUICK) as chain:
        await chain.calls(list(server.answers)[:3])
        server.script.extend([Drop()] * 100)
        await compare(chain, server)
        assert codes(chain) == ["endpoint-failed"]
        assert chain.source == other.host
        await chain.verify()
    assert server.posts == 2 + 4
    assert other.tags == {hex(server.block.number)}


@pytest.mark.parametrize("difference", [{"hash": "0x" + "cc" * 32}, {"timestamp": "0x77"}])
async def test_one_with_another_history_does_not_take_over(
    server: RpcServer, other: RpcServer, difference: dict[str, str]
) -> None:
    other.header = difference
    async with open_chain([keyed(server), keyed(other)], **QUICK) as chain:
        server.script.extend([Drop()] * 100)
        await fails(chain, list(server.answers), EndpointUnreachable)
        assert "eth_call" not in other.methods


async def test_one_of_another_chain_does_not_take_over(server: RpcServer, other: RpcServer) -> None:
    other.chain_id = 5
    async with open_chain([keyed(server), keyed(other)], **QUICK) as chain:
        server.script.extend([Drop()] * 100)
        await fails(chain, list(server.answers), EndpointUnreachable)
        assert "eth_call" not in other.methods


async def test_many_failing_requests_switch_once(server: RpcServer, other: RpcServer) -> None:
    async with open_chain([server.url, other.url], **QUICK | {"batch_size": 5}) as chain:
        server.script.extend([Drop()] * 1000)
        await compare(chain, server)
        assert codes(chain) == ["endpoint-failed"]
        assert other.methods.count("eth_chainId") == 1


async def test_an_endpoint_without_the_state_gives_way_to_an_archive(server: RpcServer, other: RpcServer) -> None:
    server.call_error = RpcError(-32000, "missing trie node abc")
    chain = await read_all(server, [server.url, other.url])
    assert chain.source == other.host


# --- reorganisations ---


async def test_a_replaced_block_is_noticed(server: RpcServer) -> None:
    async with open_chain([server.url], **QUICK) as chain:
        await chain.verify()
        before = server.requests
        server.header = {"hash": "0x" + "cc" * 32}
        with pytest.raises(BlockReorganised):
            await chain.verify()
        assert server.requests == before + 1


# --- a call that nobody answers ---


class Poisoned(RpcServer):
    """One call, alone or in a batch, is too much for it."""

    poison: Call

    def _inner(self, call: Call, tag: str) -> Answer:
        if call == self.poison:
            raise RpcError(-32000, "out of gas")
        return super()._inner(call, tag)


@pytest.fixture
def poisoned(server: RpcServer) -> Iterator[Poisoned]:
    with Poisoned.of_fixture(SLICE) as one:
        assert isinstance(one, Poisoned)
        one.poison = list(one.answers)[17]
        yield one


async def test_a_call_that_nobody_answers_is_named_and_the_others_are_answered(poisoned: Poisoned) -> None:
    async with open_chain([keyed(poisoned)], **QUICK) as chain:
        calls = list(poisoned.answers)
        answers = Answers(chain)
        await answers.ask(calls)
        for call in calls:
            if call == poisoned.poison:
                with pytest.raises(CallRefused, match="single call"):
                    answers.answer(call)
            else:
                assert answers.answer(call) == poisoned.answers[call]
        assert poisoned.posts < 40


async def test_it_is_asked_of_another_endpoint_and_nobody_is_left_out(poisoned: Poisoned, other: RpcServer) -> None:
    async with open_chain([keyed(poisoned), keyed(other)], **QUICK | {"batch_size": 10}) as chain:
        await compare(chain, poisoned)
        assert codes(chain) == ["batch-halved"]
        assert {one.left_out for one in chain.usage} == {None}
