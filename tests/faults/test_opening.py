"""Opening: one request for everything, and every way in which an endpoint can be none."""

from __future__ import annotations

import json
import socket
import traceback
from typing import Any

import pytest

from defirisk.chain import Call, Returned
from defirisk.chain.client import open_chain
from defirisk.chain.transport import TooBig
from defirisk.errors import (
    BlockUnavailable,
    DefiriskError,
    EndpointRefused,
    EndpointUnreachable,
    InputError,
    MalformedAnswer,
    StateUnavailable,
    WrongChain,
)
from tests.support.faulty_server import Drop, Raw, Stall
from tests.support.rpc_server import RpcError, RpcServer

from .conftest import KEY, QUICK, keyed


async def refused(urls: list[str], kind: type[DefiriskError], **more: Any) -> DefiriskError:
    """Open what must not open; the error must be exactly of ``kind`` and hold no key."""
    with pytest.raises(DefiriskError) as caught:
        async with open_chain(urls, **QUICK | more):
            pytest.fail("it opened")
    error = caught.value
    assert type(error) is kind, error
    told = f"{error} {error.hint} {error.__cause__}"
    assert KEY not in told
    assert KEY not in "".join(traceback.format_exception(error)), "-v would show it"
    assert "apikey" not in told
    assert len(str(error)) < 400
    assert str(error).isprintable()
    return error


# --- as it should be ---


async def test_opening_with_early_calls_is_one_round_trip_of_three_requests(server: RpcServer) -> None:
    early = list(server.answers)[:30]
    async with open_chain([keyed(server)], early=early, **QUICK) as chain:
        assert await chain.calls(early) == [server.answers[call] for call in early]
        assert (server.posts, server.requests, chain.requests, chain.round_trips) == (1, 3, 3, 1)
        assert chain.chain_id == server.chain_id
        assert chain.block == server.block
        assert chain.source == server.host
        assert chain.warnings == []


async def test_a_run_is_all_at_the_pinned_block(server: RpcServer) -> None:
    early = list(server.answers)[:3]
    async with open_chain([server.url], early=early, **QUICK) as chain:
        server.tags.clear()
        await chain.calls(list(server.answers))
        await chain.verify()
    assert server.tags == {hex(server.block.number)}


async def test_early_calls_of_another_block_are_asked_again(server: RpcServer) -> None:
    server.latest_number += 1
    early = list(server.answers)[:3]
    async with open_chain([server.url], early=early, **QUICK) as chain:
        assert await chain.calls(early) == [server.answers[call] for call in early]
        assert chain.round_trips == 2
    assert server.tags == {"latest", hex(server.block.number)}


async def test_early_calls_at_a_given_block_need_no_proof(server: RpcServer) -> None:
    server.latest_number += 1
    early = list(server.answers)[:3]
    async with open_chain([server.url], block=server.block.number, early=early, **QUICK) as chain:
        await chain.calls(early)
        assert chain.round_trips == 1
    assert server.tags == {hex(server.block.number)}


async def test_early_and_other_calls_mix(server: RpcServer) -> None:
    calls = list(server.answers)
    async with open_chain([server.url], early=calls[:10], **QUICK) as chain:
        assert await chain.calls(calls[::-1]) == [server.answers[call] for call in calls[::-1]]
        assert server.batch_sizes == [10 + 4, len(calls) - 10]
        assert await chain.calls([]) == []


async def test_zksync_has_its_own_multicall3(server: RpcServer) -> None:
    server.chain_id, server.multicall = 324, "0xf9cda624fbc7e059355ce98a31693d299facd963"
    early = list(server.answers)[:5]
    for expected, trips in ((324, 1), (None, 2)):
        async with open_chain([server.url], early=early, expected_chain_id=expected, **QUICK) as chain:
            assert await chain.calls(early) == [server.answers[call] for call in early]
            assert (chain.round_trips, chain.warnings) == (trips, [])


# --- not an endpoint ---


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1", "127.0.0.1", "http://", f"ftp://x/{KEY}"])
async def test_urls_that_are_none(url: str) -> None:
    await refused([url], InputError)


async def test_no_endpoint_at_all() -> None:
    await refused([], InputError)


async def test_nobody_listens() -> None:
    with socket.socket() as held:  # so that nobody else does
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        error = await refused([f"http://127.0.0.1:{port}/{KEY}"], EndpointUnreachable)
    assert f"127.0.0.1:{port}" in str(error)
    assert error.exit_code == 3


async def test_a_host_that_does_not_exist() -> None:
    error = await refused([f"http://nowhere.invalid/{KEY}"], EndpointUnreachable, retries=0)
    assert "nowhere.invalid" in str(error)


async def test_it_drops_every_connection(server: RpcServer) -> None:
    server.script.extend([Drop()] * 10)
    await refused([keyed(server)], EndpointUnreachable)
    assert server.posts == 4


async def test_it_stalls(server: RpcServer) -> None:
    server.script.extend([Stall()] * 10)
    error = await refused([keyed(server)], EndpointUnreachable, timeout=0.2)
    assert "0.2 s" in str(error)
    assert server.posts <= 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>\x1b[31mBlocked</body></html>",
        b'[{"jsonrpc": "2.0", "id": 1, "resu',
        b"\xff\xfe\x00",
        b"[" * 200_000,
        b"NaN1",
    ],
)
async def test_it_answers_garbage(server: RpcServer, body: bytes) -> None:
    server.script.extend([Raw(body=body)] * 10)
    error = await refused([keyed(server)], MalformedAnswer)
    assert "not JSON" in str(error)
    assert server.posts == 4


@pytest.mark.parametrize(
    "body", ["5", '"x"', "null", "{}", '{"jsonrpc":"2.0","id":999,"result":"0x1"}', "[[]]", "[5]", '[{"id":[]}]']
)
async def test_it_answers_json_that_is_no_json_rpc(server: RpcServer, body: str) -> None:
    server.script.extend([Raw(body=body.encode())] * 40)
    await refused([keyed(server)], MalformedAnswer)
    assert server.posts <= 4 * 3 + 1


async def test_it_announces_more_than_it_sends(server: RpcServer) -> None:
    server.script.extend([Raw(body=b"[{", announced=5000)] * 10)
    await refused([keyed(server)], EndpointUnreachable)


async def test_it_sends_without_end(server: RpcServer) -> None:
    server.script.extend([Raw(body=b" " * 300_000)] * 10)
    error = await refused([keyed(server)], TooBig, max_response=100_000)
    assert "97 KiB" in str(error)
    assert error.code == "endpoint-refused"


@pytest.mark.parametrize(("status", "posts"), [(500, 4), (502, 4), (503, 4), (401, 4), (403, 4), (404, 4), (418, 4)])
async def test_http_errors(server: RpcServer, status: int, posts: int) -> None:
    server.script.extend([Raw(status, f"no {KEY} \x1b[2J here http://x.example/{KEY}".encode())] * 40)
    error = await refused([keyed(server)], EndpointRefused)
    assert f"HTTP {status}" in str(error)
    assert "\x1b" not in str(error)
    assert server.posts <= posts


async def test_a_redirect_is_not_followed(server: RpcServer, other: RpcServer) -> None:
    server.script.extend([Raw(307, b"", {"Location": other.url})] * 40)
    error = await refused([keyed(server)], EndpointRefused)
    assert "redirects" in str(error)
    assert other.posts == 0


# --- of another chain, another block ---


async def test_another_chain(server: RpcServer) -> None:
    error = await refused([keyed(server)], WrongChain, expected_chain_id=1)
    assert isinstance(error, WrongChain)
    assert (error.expected, error.got) == (1, 31337)
    assert error.exit_code == 2
    assert server.requests == 2


@pytest.mark.parametrize("said", ["0x0", "31337", "0x", "0xzz", "0x" + "f" * 80])
async def test_a_chain_id_that_is_none(server: RpcServer, said: str) -> None:
    server.chain_id = said
    error = await refused([server.url], MalformedAnswer)
    assert "chain id" in str(error)


async def test_a_block_that_is_not_there_yet(server: RpcServer) -> None:
    error = await refused([server.url], BlockUnavailable, block=server.block.number + 1)
    assert str(server.block.number + 1) in str(error)


async def test_no_latest_block(server: RpcServer) -> None:
    server.no_header = True
    await refused([server.url], BlockUnavailable)


async def test_it_answers_with_another_block(server: RpcServer) -> None:
    server.header = {"number": hex(server.block.number - 1)}
    error = await refused([server.url], BlockUnavailable, block=server.block.number)
    assert str(server.block.number) in str(error)
    assert str(server.block.number - 1) in str(error)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("number", 5),
        ("number", "0x"),
        ("number", None),
        ("timestamp", "0x0"),
        ("timestamp", "soon"),
        ("timestamp", "0x" + "f" * 17),
        ("hash", None),
        ("hash", "0x12"),
        ("hash", 7),
        ("parentHash", "0xzz"),
    ],
)
async def test_a_header_that_is_none(server: RpcServer, member: str, value: Any) -> None:
    server.header = {member: value}
    await refused([server.url], MalformedAnswer)


async def test_a_block_error_is_about_the_block(server: RpcServer) -> None:
    server.errors_by_method["eth_getBlockByNumber"] = RpcError(-32000, "header not found")
    await refused([server.url], BlockUnavailable, block=5)
    assert server.methods.count("eth_getBlockByNumber") == 4


async def test_state_that_is_pruned(server: RpcServer) -> None:
    server.call_error = RpcError(-32000, "missing trie node 0xabc (path ) state 0xdef is not available")
    calls = [Call("0x" + "12" * 20, b"abcd"), Call("0x" + "12" * 20, b"efgh")]
    error = await refused([keyed(server)], StateUnavailable, block=5, early=calls)
    assert "archive" in str(error.hint)
    assert server.posts == 1


async def test_early_calls_that_are_too_much_are_asked_later(server: RpcServer) -> None:
    server.max_aggregate = 20
    early = list(server.answers)[:40]
    async with open_chain([server.url], early=early, **QUICK) as chain:
        assert await chain.calls(early) == [server.answers[call] for call in early]
        assert [warning.code for warning in chain.warnings] == ["batch-halved"]


async def test_an_opening_that_is_too_large_is_made_without_early_calls(server: RpcServer) -> None:
    server.script.append(Raw(413))
    early = list(server.answers)[:3]
    async with open_chain([server.url], early=early, **QUICK) as chain:
        assert await chain.calls(early) == [server.answers[call] for call in early]
        assert (chain.round_trips, chain.warnings) == (2, [])


# --- batches refused ---


@pytest.mark.parametrize("how", ["error", "status", "short", "object", 2])
async def test_batches_that_are_refused_are_asked_one_by_one(server: RpcServer, how: str | int) -> None:
    server.batches = how
    early = list(server.answers)[:3]
    async with open_chain([keyed(server)], early=early, **QUICK) as chain:
        assert await chain.calls(early) == [server.answers[call] for call in early]
        assert [warning.code for warning in chain.warnings] == ["no-json-batch"]
        assert KEY not in chain.warnings[0].text
        assert (server.posts, server.requests) == (4, 6)


async def test_a_batch_may_come_in_any_order(server: RpcServer) -> None:
    server.batches = "shuffled"
    early = list(server.answers)[:3]
    async with open_chain([server.url], early=early, **QUICK) as chain:
        assert await chain.calls(early) == [server.answers[call] for call in early]
        assert (server.posts, chain.warnings) == (1, [])


# --- several endpoints ---


async def test_the_next_endpoint_is_used_and_said(server: RpcServer, other: RpcServer) -> None:
    server.script.extend([Raw(401, KEY.encode())] * 40)
    async with open_chain([keyed(server), keyed(other)], **QUICK) as chain:
        assert chain.source == other.host
        assert [warning.code for warning in chain.warnings if warning.code == "endpoint-failed"]
        text = " ".join(warning.text for warning in chain.warnings)
        assert server.host in text
        assert KEY not in text


async def test_when_all_fail_all_are_told(server: RpcServer, other: RpcServer) -> None:
    server.script.extend([Drop()] * 40)
    other.chain_id = 5
    error = await refused([keyed(server), keyed(other)], EndpointUnreachable, expected_chain_id=31337)
    assert server.host in str(error)
    assert "chain id 5" in str(error)


async def test_the_answer_to_a_plain_call_is_checked_too(server: RpcServer) -> None:
    async with open_chain([server.url], **QUICK) as chain:
        for said in ("0x0", "0xzz", "12", None, 5, ["0x"], "0x 0"):
            body = json.dumps({"jsonrpc": "2.0", "id": 3, "result": said})
            server.script.append(Raw(body=body.replace('"id": 3', f'"id": {await next_id(server)}').encode()))
            with pytest.raises(MalformedAnswer):
                await chain.calls([Call("0x" + "12" * 20, b"abcd")])
        assert await chain.calls([Call("0x" + "12" * 20, b"abcd")]) == [Returned(b"")]


async def test_an_answer_to_another_question_is_none(server: RpcServer) -> None:
    async with open_chain([server.url], **QUICK) as chain:
        server.script.extend([Raw(body=b'{"jsonrpc": "2.0", "id": 999, "result": "0x1234"}')] * 4)
        with pytest.raises(MalformedAnswer):
            await chain.calls([Call("0x" + "12" * 20, b"abcd")])


async def next_id(server: RpcServer) -> int:
    """Ids count up from 1 for each request of an endpoint."""
    return server.requests + 1
