"""Many markets and wallets in one snapshot: what fails for whom, and in how many round trips."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from defirisk.chain.calls import Answer, Call, Returned
from defirisk.errors import EndpointUnreachable, NotAMarket, NotDeployed
from defirisk.model import Snapshot
from defirisk.protocols import registry
from defirisk.protocols.interface import Deployment
from defirisk.reading import early_calls, read_snapshot
from tests.unit.aave_v3_reader.chains import ABI, NOTHING, REVERT, Bent, word


def here(chain: Bent) -> Deployment:
    return registry.deployment_at("aave-v3", chain.entry, chain.chain_id, "lab")


def elsewhere(digit: str) -> Deployment:
    return registry.deployment_at("aave-v3", "0x" + digit * 40, 31337)


def pretend_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "is_registered", lambda _: True)


def snapshot(chain: Bent, deployments: Sequence[Deployment] | None = None, wallets: int = 3) -> Snapshot:
    return asyncio.run(read_snapshot(chain, deployments or [here(chain)], chain.wallets[:wallets]))


def plain_wallets(chain: Bent) -> Bent:
    """Let nobody's wallet answer as a contract."""
    wallets = {wallet.lower() for wallet in chain.wallets}
    chain.bends.append(lambda call: NOTHING if call.to in wallets else None)
    return chain


def test_accounts_come_in_the_order_asked_each_once() -> None:
    chain = plain_wallets(Bent("3.7"))
    first, second = chain.wallets[:2]
    found = asyncio.run(read_snapshot(chain, [here(chain)], [second, first, second]))
    assert [account.address for account in found.accounts] == [second, first]
    assert [account.positions[0].owner for account in found.accounts] == [second, first]
    assert (found.chain_id, found.block, found.timestamp) == (31337, chain.block.number, chain.block.timestamp)
    assert found.warnings == ()


def test_markets_and_wallets_share_four_round_trips() -> None:
    chain = plain_wallets(Bent("3.7"))
    twin = Deployment("twin", "aave-v3", "lab", chain.chain_id, chain.entry)
    found = snapshot(chain, [here(chain), twin])
    assert chain.trips == 4
    assert len(chain.asked) == len(set(chain.asked))
    for account in found.accounts:
        assert [position.market.name for position in account.positions] == ["lab", "twin"]


def test_the_first_round_trip_is_what_a_client_may_send_early() -> None:
    chain = plain_wallets(Bent("3.7"))
    early = early_calls([here(chain)])
    snapshot(chain)
    assert chain.asked[: len(early)] == early
    assert chain.asked[len(early)] not in early


def test_a_mistyped_market_is_the_users_error() -> None:
    chain = plain_wallets(Bent("3.7"))
    chain.bends.append(lambda call: REVERT if call.to == "0x" + "a" * 40 else None)
    with pytest.raises(NotAMarket):
        snapshot(chain, [here(chain), elsewhere("a")])
    chain.bends.append(lambda call: NOTHING if call.to == "0x" + "b" * 40 else None)
    with pytest.raises(NotDeployed):
        snapshot(chain, [elsewhere("b")])


def test_a_known_market_that_is_not_deployed_yet_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_registered(monkeypatch)
    chain = plain_wallets(Bent("3.7"))
    chain.bends.append(lambda call: NOTHING if call.to == "0x" + "b" * 40 else None)
    found = snapshot(chain, [elsewhere("b"), here(chain)])
    assert [warning.code for warning in found.warnings] == ["market-not-deployed"]
    assert all(account.failures == () and len(account.positions) == 1 for account in found.accounts)


def test_a_known_market_that_is_broken_fails_every_account_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_registered(monkeypatch)
    chain = plain_wallets(Bent("3.7"))
    chain.bends.append(lambda call: REVERT if call.to == "0x" + "a" * 40 else None)
    for account in snapshot(chain, [elsewhere("a"), here(chain)]).accounts:
        (failure,) = account.failures
        assert (failure.code, failure.protocol) == ("not-a-market", "aave-v3")
        assert len(account.positions) == 1


def test_a_wallet_that_fails_in_one_market_fails_alone() -> None:
    chain = plain_wallets(Bent("3.7"))
    chain.say("getUserAccountData", REVERT, chain.wallets[1])
    found = snapshot(chain)
    assert [len(account.failures) for account in found.accounts] == [0, 1, 0]
    assert found.accounts[1].failures[0].code == "call-reverted"
    assert [len(account.positions) for account in found.accounts] == [1, 0, 1]


def test_a_wallet_with_nothing_is_an_account_without_positions() -> None:
    chain = plain_wallets(Bent("3.7")).say("scaledBalanceOf", word(0))
    for account in snapshot(chain).accounts:
        assert (account.positions, account.failures, account.warnings) == ((), (), ())


def test_a_dead_chain_is_one_error() -> None:
    class Dead(Bent):
        async def calls(self, calls: Sequence[Call]) -> list[Answer]:
            if self.trips == 2:
                raise EndpointUnreachable("gone")
            return await super().calls(calls)

    with pytest.raises(EndpointUnreachable):
        snapshot(plain_wallets(Dead("3.7")))


def test_a_recording_without_the_wallets_kinds_says_so() -> None:
    found = snapshot(Bent("3.7"))
    assert [warning.code for warning in found.warnings] == ["wallet-kind-unread"]
    assert all(len(account.positions) == 1 for account in found.accounts)


def test_a_contract_is_said_to_be_one() -> None:
    chain = plain_wallets(Bent("3.7"))
    chain.bends.append(lambda call: REVERT if call.to == chain.wallets[0].lower() else None)
    first, second, _ = snapshot(chain).accounts
    assert [warning.code for warning in first.warnings] == ["contract-wallet"]
    assert second.warnings == ()


def test_the_reader_asks_no_wallet_before_the_opening_is_over() -> None:
    """The kinds of wallets travel with the second stage, or the opening's early calls would wait for them."""
    chain = plain_wallets(Bent("3.7"))
    seen: list[int] = []
    wallets = {wallet.lower() for wallet in chain.wallets}
    chain.bends.append(lambda call: seen.append(chain.trips) if call.to in wallets else None)
    snapshot(chain)
    assert set(seen) == {2}
    assert ABI["getPool"].selector in {call.data[:4] for call in chain.asked}
    assert Returned(b"") == NOTHING
