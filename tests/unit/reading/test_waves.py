"""Many wallets, chunk after chunk: what is asked again and what is kept, what fails for whom."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from defirisk.chain.calls import Call, Chain
from defirisk.chain.keeping import Kept
from defirisk.errors import EndpointUnreachable, NotAMarket
from defirisk.model import AccountReading, Snapshot
from defirisk.model import Warning as Notice
from defirisk.protocols import registry
from defirisk.protocols.aave_v3.reader import AaveV3Reader
from defirisk.protocols.compound_v3.reader_accounts import Account
from defirisk.protocols.interface import Deployment, MarketReading, RuleFamily, Scope
from defirisk.reading import WaveReader, read_snapshot
from tests.unit.aave_v3_reader.chains import REVERT, Bent, word


def here(chain: Bent) -> Deployment:
    return registry.deployment_at("aave-v3", chain.entry, chain.chain_id, "lab")


def read(reader: WaveReader, wallets: Sequence[str]) -> Snapshot:
    return asyncio.run(reader.read(wallets))


def used(accounts: Sequence[AccountReading]) -> list[list[str]]:
    return [
        [one.market.name for one in account.positions if one.rules.standing(one.state).at_stake] for account in accounts
    ]


def test_accounts_come_in_the_order_given_each_once() -> None:
    chain = Bent("3.7")
    first, second = chain.wallets[:2]
    found = read(WaveReader(chain, [here(chain)]), [second, first, second])
    assert [account.address for account in found.accounts] == [second, first]


def test_the_second_chunk_asks_for_nothing_but_its_wallets() -> None:
    chain = Bent("3.7")
    reader = WaveReader(chain, [here(chain)])
    half = len(chain.wallets) // 2
    whole = read(reader, chain.wallets[:half])
    chain.asked.clear()
    chain.trips = 0
    rest = read(reader, chain.wallets[half:])
    own = [wallet[2:].lower() for wallet in chain.wallets[half:]]
    elsewhere = [call for call in chain.asked if not any(wallet in call.data.hex() for wallet in own)]
    modes = {
        one.state.emode.id for part in (whole, rest) for a in part.accounts for one in a.positions if one.state.emode
    }
    assert {call.data[-1] for call in elsewhere} <= modes, "only eModes that nobody was in before"
    assert chain.trips <= 3


def test_nothing_of_a_wallet_is_kept() -> None:
    chain = Bent("3.7")
    kept = Kept(chain)
    for wallet in chain.wallets:
        view = kept.for_wallets([wallet])
        asyncio.run(AaveV3Reader().read(view, here(chain), [wallet], Scope.USED))
    size = len(kept)
    asyncio.run(AaveV3Reader().read(kept.for_wallets(chain.wallets), here(chain), chain.wallets, Scope.USED))
    assert len(kept) == size
    held = [call.data.hex() for call in kept._answers]
    assert not any(wallet[2:].lower() in data for wallet in chain.wallets for data in held)


def test_a_market_that_is_a_wallet_too_is_asked_again_and_right() -> None:
    chain = Bent("3.7")
    kept = Kept(chain)
    view = kept.for_wallets([chain.pool])
    (answer,) = asyncio.run(view.calls([Call(chain.entry.lower(), b"\x02\x6b\x1d\x5f")]))
    asyncio.run(view.calls([next(call for call in chain.base.fixture.answers if call.to == chain.pool)]))
    assert answer.data[12:].hex() == chain.pool[2:]
    assert len(kept) == 1


def test_a_wallet_that_fails_fails_alone_and_can_be_asked_again() -> None:
    chain = Bent("3.7")
    reader = WaveReader(chain, [here(chain)])
    chain.say("getUserAccountData", REVERT, chain.wallets[1])
    found = read(reader, chain.wallets[:3])
    assert [len(account.failures) for account in found.accounts] == [0, 1, 0]
    chain.bends.clear()
    (again,) = read(reader, [chain.wallets[1]]).accounts
    assert (again.failures, len(again.positions)) == ((), 1)


def test_a_chain_that_answers_nobody_is_a_failure_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Bent("3.7")
    reader = WaveReader(chain, [here(chain), Deployment("twin", "aave-v3", "lab", chain.chain_id, chain.entry)])

    async def down(calls: Any) -> Any:
        raise EndpointUnreachable("nobody is there", hint="wait")

    with monkeypatch.context() as patched:
        patched.setattr(chain, "calls", down)
        for account in read(reader, chain.wallets[:3]).accounts:
            assert [(one.market, one.code) for one in account.failures] == [
                ("lab", "endpoint-unreachable"),
                ("twin", "endpoint-unreachable"),
            ]
            assert account.failures[0].message == "nobody is there (wait)"
    assert all(not account.failures for account in read(reader, chain.wallets[:3]).accounts)


def test_a_mistyped_market_is_the_users_error() -> None:
    chain = Bent("3.7")
    chain.bends.append(lambda call: REVERT if call.to == "0x" + "a" * 40 else None)
    wrong = registry.deployment_at("aave-v3", "0x" + "a" * 40, chain.chain_id)
    with pytest.raises(NotAMarket):
        read(WaveReader(chain, [here(chain), wrong]), chain.wallets[:2])


def test_a_warning_of_the_chain_is_in_every_snapshot_once() -> None:
    chain = Bent("3.7")
    chain.warnings += [Notice("no-multicall", "slow")] * 2
    reader = WaveReader(chain, [here(chain)])
    assert [read(reader, [wallet]).warnings for wallet in chain.wallets[:2]] == [(Notice("no-multicall", "slow"),)] * 2


class Old:
    """A third party's reader, written before there were scopes."""

    def early_calls(self, deployment: Deployment) -> Sequence[Call]:
        return AaveV3Reader().early_calls(deployment)

    async def read(self, chain: Chain, deployment: Deployment, wallets: Sequence[str]) -> MarketReading:
        return await AaveV3Reader().read(chain, deployment, wallets)


def test_a_reader_that_knows_no_scopes_is_read_in_full_and_what_is_not_used_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = Bent("3.7")
    supplier = chain.say("getUserConfiguration", word(0), chain.wallets[0]).wallets[0]
    for asset in chain.assets:
        chain.say("scaledBalanceOf", word(0), supplier, to=chain.token(asset, "variableDebtTokenAddress"))
    known = registry.family("aave-v3")
    old = RuleFamily(known.name, Old(), known.deployments, known.abis)  # type: ignore[arg-type]
    monkeypatch.setattr(registry, "family", lambda _: old)
    whole = asyncio.run(read_snapshot(chain, [here(chain)], chain.wallets))
    found = read(WaveReader(chain, [here(chain)]), chain.wallets)
    assert [[one.market.name for one in account.positions] for account in found.accounts] == used(whole.accounts)
    supplied = sum(len(account.positions) for account in whole.accounts)
    assert sum(len(account.positions) for account in found.accounts) < supplied, "nobody only supplies: no test"


def test_a_debt_without_collateral_is_a_position_and_supplied_base_is_none() -> None:
    owner = "0x" + "12" * 20
    assert Account(owner, 5, (), Scope.USED).empty
    assert not Account(owner, 5, ()).empty
    assert not Account(owner, -5, (), Scope.USED).empty
    assert not Account(owner, 5, (3,), Scope.USED).empty
