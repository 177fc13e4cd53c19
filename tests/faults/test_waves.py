"""A thousand wallets read in waves through endpoints that misbehave, in front of anvil with real contracts.

Whatever happens: every wallet is there, and either as a healthy endpoint tells it or failed with its cause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from defirisk.chain import pool
from defirisk.chain.client import LiveChain, open_chain
from defirisk.chain.usage import Usage
from defirisk.model import AccountReading
from defirisk.protocols import registry
from defirisk.protocols.interface import Deployment
from defirisk.reading import WaveReader
from tests.onchain.crowd import Crowd, crowd
from tests.onchain.deploy import MULTICALL3
from tests.support.faulty_proxy import FaultyProxy
from tests.support.faulty_server import Drop, Raw, Rewrite, Stall, Trickle, after, always, at, between, each

CHUNK = 250
QUICK: dict[str, Any] = {"backoff": 0.01, "rate_limit": None, "timeout": 60.0}
Accounts = Mapping[str, AccountReading]


@dataclass(frozen=True)
class Found:
    passes: list[Accounts]
    codes: list[str]
    texts: str
    usage: tuple[Usage, ...]

    @property
    def accounts(self) -> Accounts:
        return self.passes[-1]

    @property
    def failed(self) -> dict[str, str]:
        return {address: one.failures[0].code for address, one in self.accounts.items() if one.failures}


@pytest.fixture(scope="module")
def people() -> Iterator[Crowd]:
    with crowd(1_000) as made:
        yield made


@pytest.fixture(scope="module")
def healthy(people: Crowd) -> Accounts:
    found = read(people, [people.url])
    assert (found.failed, found.codes) == ({}, [])
    assert sum(len(one.positions) for one in found.accounts.values()) > 900
    return found.accounts


@pytest.fixture
def proxies(people: Crowd) -> Iterator[list[FaultyProxy]]:
    with ExitStack() as stack:
        yield [stack.enter_context(FaultyProxy(people.url)) for _ in range(2)]


def aave(people: Crowd) -> Deployment:
    return registry.deployment_at("aave-v3", people.world.entry, 31337)


def once(_: LiveChain) -> bool:
    return True


def read(
    people: Crowd,
    urls: Sequence[str],
    wallets: int = 1_000,
    chunk: int = CHUNK,
    until: Callable[[LiveChain], bool] = once,
    **settings: Any,
) -> Found:
    """Read the wallets, chunk after chunk: once, or over and over for as long as it takes something to happen.

    An endpoint joins in the background, as quickly as it can: a single pass may be over before.
    """

    async def run() -> Found:
        async with open_chain(urls, **QUICK | settings) as chain, asyncio.timeout(120):
            reader, passes = WaveReader(chain, [aave(people)]), []
            while not passes or not until(chain):
                accounts = {}
                for start in range(0, wallets, chunk):
                    part = people.wallets[start : min(start + chunk, wallets)]
                    accounts.update({one.address: one for one in (await reader.read(part)).accounts})
                assert list(accounts) == people.wallets[:wallets], "a wallet is missing"
                passes.append(accounts)
            codes = [notice.code for notice in chain.warnings]
            return Found(passes, codes, " ".join(notice.text for notice in chain.warnings), chain.usage)

    return asyncio.run(run())


def same(found: Found, healthy: Accounts) -> bool:
    return all(one == healthy[address] for accounts in found.passes for address, one in accounts.items())


# --- for a while ---


def test_429_for_a_while(people: Crowd, healthy: Accounts, proxies: list[FaultyProxy]) -> None:
    """Three times, and whoever is refused asks up to four times more."""
    proxy = proxies[0]
    proxy.fault = between(2, 4, Raw(429, b"slow down"))
    found = read(people, [proxy.url], batch_size=300)
    assert same(found, healthy)
    assert found.codes == []
    (usage,) = found.usage
    assert (usage.complaints, usage.retries) == (3, 3)


def test_it_rests_when_it_is_asked_to(people: Crowd, healthy: Accounts, proxies: list[FaultyProxy]) -> None:
    proxy = proxies[0]
    proxy.fault = at({2: Raw(429, b"slow down", {"Retry-After": "0.5"})})
    found = read(people, [proxy.url], wallets=CHUNK, concurrency=1)
    assert same(found, healthy)
    assert found.codes == []
    assert proxy.times[3] - proxy.times[2] >= 0.5


def test_it_asks_less_after_complaints_and_more_again(
    people: Crowd, healthy: Accounts, proxies: list[FaultyProxy]
) -> None:
    proxy = proxies[0]
    proxy.fault = between(3, 5, Raw(429))

    def asks_all_that_it_may(chain: LiveChain) -> bool:
        return chain.usage[0].in_flight == 12

    found = read(people, [proxy.url], batch_size=20, chunk=1_000, until=asks_all_that_it_may, concurrency=12)
    assert same(found, healthy)
    assert found.usage[0].complaints == 3
    assert proxy.most_at_once <= 12


def test_one_request_in_five_is_dropped(people: Crowd, healthy: Accounts, proxies: list[FaultyProxy]) -> None:
    proxy = proxies[0]
    proxy.fault = each(5, Drop())
    found = read(people, [proxy.url], batch_size=100)
    assert same(found, healthy)
    assert found.usage[0].retries == proxy.faults > 5


@pytest.mark.usefixtures("patience")
def test_a_stall_and_a_trickle_are_tried_again(people: Crowd, healthy: Accounts, proxies: list[FaultyProxy]) -> None:
    proxy = proxies[0]
    proxy.fault = at({3: Stall(), 5: Trickle()})
    found = read(people, [proxy.url])
    assert same(found, healthy)
    assert found.usage[0].complaints == 2


# --- lies ---


@pytest.mark.parametrize(
    "fault",
    [
        Raw(200, b"<html>maintenance</html>"),
        Raw(200, b'{"jsonrpc": "2.0", "id": 1, "resu'),
        Raw(200, b"[]"),
        Rewrite(lambda told: told | {"result": "0x" + "00" * 64} if isinstance(told, dict) else told),
        Rewrite(lambda told: told | {"result": told["result"][:-64]} if isinstance(told, dict) else told),
        Rewrite(lambda told: told | {"id": 0} if isinstance(told, dict) else told),
    ],
    ids=["html", "cut-off", "empty-list", "zeros", "short-aggregate", "other-id"],
)
def test_garbage_is_failed_with_its_cause_alone_and_made_good_by_another(
    people: Crowd, healthy: Accounts, proxies: list[FaultyProxy], fault: Raw
) -> None:
    liar, honest = proxies
    liar.fault = after(2, fault)
    alone = read(people, [liar.url], wallets=300, chunk=150)
    assert set(alone.failed.values()) == {"malformed-answer"}
    assert len(alone.failed) == 300
    both = read(people, [liar.url, honest.url], wallets=300, chunk=150)
    assert same(both, healthy)


def test_a_batch_of_a_wrong_length_ends_batching_not_the_reading(
    people: Crowd, healthy: Accounts, proxies: list[FaultyProxy]
) -> None:
    proxy = proxies[0]
    proxy.fault = after(2, Rewrite(lambda told: told[:-1] if isinstance(told, list) else told))
    with people.world.reverting():
        people.world.rpc("anvil_setCode", MULTICALL3, "0x")
        found = read(people, [proxy.url], wallets=100, chunk=100)
    assert same(found, healthy)
    assert sorted(found.codes) == ["no-json-batch", "no-multicall"]


# --- dead halfway ---


def test_the_only_endpoint_dies_halfway_and_every_wallet_says_so(
    people: Crowd, healthy: Accounts, proxies: list[FaultyProxy]
) -> None:
    proxy = proxies[0]
    proxy.fault = after(6, Drop())
    found = read(people, [proxy.url], chunk=200)
    lost, there = found.failed, {a: one for a, one in found.accounts.items() if not one.failures}
    assert 0 < len(there) < 1_000
    assert set(lost.values()) == {"endpoint-unreachable"}
    assert len(lost) + len(there) == 1_000
    assert all(one == healthy[address] for address, one in there.items())
    assert all(proxy.host in found.accounts[address].failures[0].message for address in lost)


@pytest.mark.parametrize("dies", [0, 1], ids=["the first", "the second"])
def test_one_of_two_dies_halfway_and_the_other_does_its_work(
    people: Crowd, healthy: Accounts, proxies: list[FaultyProxy], dies: int
) -> None:
    proxies[dies].fault = after(4, Drop())

    def is_dead(chain: LiveChain) -> bool:
        return chain.usage[dies].left_out is not None

    found = read(people, [proxy.url for proxy in proxies], until=is_dead, batch_size=100)
    assert same(found, healthy)
    assert found.codes == ["endpoint-failed"]
    assert proxies[dies].host in found.texts
    assert found.usage[1 - dies].left_out is None


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("fault", [Stall(), Trickle()], ids=["stalls", "trickles"])
def test_one_of_two_stalls_for_ever_and_the_other_does_its_work(
    people: Crowd, healthy: Accounts, proxies: list[FaultyProxy], fault: Stall | Trickle
) -> None:
    proxies[1].fault = after(1, fault)

    def is_left_out(chain: LiveChain) -> bool:
        return chain.usage[1].left_out is not None

    found = read(people, [proxy.url for proxy in proxies], until=is_left_out, batch_size=100, wallets=500)
    assert same(found, healthy)
    sound, stalling = found.usage
    assert (sound.left_out, sound.complaints) == (None, 0)
    assert stalling.complaints == stalling.posts - 1 > 0, "it answered when it joined, and never again"


def test_one_that_was_left_out_comes_back_after_a_rest(
    people: Crowd, healthy: Accounts, proxies: list[FaultyProxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request at a time and no retries: what the sick one is asked, and in which order, is known beforehand.

    It joins (0), works (1, 2), fails (3), is asked to join again and fails again (4), joins (5) and works.
    """
    rest, sick = 0.05, proxies[1]
    monkeypatch.setattr(pool, "_REST", rest)
    sick.fault = between(3, 4, Raw(500, b"restarting"))

    def is_back(_: LiveChain) -> bool:
        return sick.posts >= 20

    found = read(
        people, [proxy.url for proxy in proxies], 300, 100, until=is_back, batch_size=50, concurrency=1, retries=0
    )
    assert same(found, healthy)
    assert found.codes == ["endpoint-failed"], "said once"
    assert (found.usage[1].left_out, found.usage[1].posts, found.usage[1].retries) == (None, sick.posts, 0)
    assert sick.times[4] - sick.times[3] >= rest
    assert sick.times[5] - sick.times[4] >= 2 * rest, "it rests longer each time"


# --- side by side ---


def test_two_endpoints_share_the_work(people: Crowd, healthy: Accounts, proxies: list[FaultyProxy]) -> None:
    def shared(_: LiveChain) -> bool:
        return min(proxy.posts for proxy in proxies) > 20

    found = read(people, [proxy.url for proxy in proxies], until=shared, batch_size=50, chunk=1_000)
    assert same(found, healthy)
    assert found.codes == []
    first, second = found.usage
    assert (first.host, second.host) == (proxies[0].host, proxies[1].host)
    assert (first.posts, second.posts) == (proxies[0].posts, proxies[1].posts)
    assert first.retries == second.retries == first.complaints == second.complaints == 0
    assert first.seconds > 0


@pytest.mark.parametrize("concurrency", [1, 32])
def test_chunks_may_be_read_at_the_same_time(
    people: Crowd, healthy: Accounts, proxies: list[FaultyProxy], concurrency: int
) -> None:
    proxies[0].fault = after(6, Drop())
    urls = [proxy.url for proxy in proxies]
    parts = [people.wallets[start : start + 100] for start in range(0, 600, 100)]

    async def run() -> list[AccountReading]:
        async with open_chain(urls, **QUICK, batch_size=100, concurrency=concurrency) as chain:
            reader = WaveReader(chain, [aave(people)])
            snapshots = await asyncio.wait_for(asyncio.gather(*(reader.read(part) for part in parts)), 60)
            return [account for one in snapshots for account in one.accounts]

    found = asyncio.run(run())
    assert [one.address for one in found] == people.wallets[:600]
    assert all(one == healthy[one.address] for one in found)


def test_little_work_is_not_shared(people: Crowd, healthy: Accounts, proxies: list[FaultyProxy]) -> None:
    found = read(people, [proxy.url for proxy in proxies], wallets=1)
    assert same(found, healthy)
    assert (proxies[1].posts, found.usage[1].requests) == (0, 0)


def other_chain(told: Any) -> Any:
    return [one | {"result": "0x1"} if isinstance(one["result"], str) else one for one in told]


def other_block(told: Any) -> Any:
    changed = {"hash": "0x" + "cc" * 32}
    return [one | {"result": one["result"] | changed} if isinstance(one["result"], dict) else one for one in told]


@pytest.mark.parametrize("lie", [other_chain, other_block])
def test_one_of_another_chain_or_block_is_never_asked(
    people: Crowd, healthy: Accounts, proxies: list[FaultyProxy], lie: Any
) -> None:
    proxies[1].fault = always(Rewrite(lambda told: lie(told) if isinstance(told, list) else told))

    def was_asked(chain: LiveChain) -> bool:
        return bool(chain.warnings)

    found = read(people, [proxy.url for proxy in proxies], until=was_asked, batch_size=50, chunk=500)
    assert same(found, healthy)
    assert found.codes == ["endpoint-failed"]
    assert proxies[1].posts == 1


def test_sizes_are_found_for_each_endpoint(people: Crowd, healthy: Accounts, proxies: list[FaultyProxy]) -> None:
    """One takes everything, one no more than a few hundred calls."""
    proxies[1].most = 100_000  # bytes of a request

    def found_its_size(chain: LiveChain) -> bool:
        return chain.usage[1].batch_size < 400 and chain.usage[1].requests > 3

    found = read(people, [proxy.url for proxy in proxies], until=found_its_size, batch_size=400, chunk=1_000)
    assert same(found, healthy)
    roomy, tight = found.usage
    assert roomy.batch_size == 400
    assert tight.batch_size < 400
    assert "batch-halved" in found.codes
