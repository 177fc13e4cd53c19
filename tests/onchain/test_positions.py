"""Every wallet as it stands: balances, flags, prices, health factor, against what the contracts say. To the digit."""

from __future__ import annotations

from .anvil import GENESIS
from .reading import Reading
from .world import NO_DEBT, Holding, World


def nonzero(holdings: dict[str, Holding]) -> dict[str, Holding]:
    return {symbol: held for symbol, held in holdings.items() if held.supply or held.debt}


def test_the_rules_are_chosen_by_the_pool_itself(chain: World, reading: Reading) -> None:
    assert reading.market.rules == chain.market.rules
    assert {position.rules.name for position in reading.positions.values()} == {chain.market.rules}
    assert {position.market.rules for position in reading.positions.values()} == {chain.market.rules}


def test_only_wallets_with_something_have_a_position(chain: World, reading: Reading) -> None:
    held = chain.holdings(chain.addresses)
    assert set(reading.positions) == {wallet for wallet in held if nonzero(held[wallet])}
    assert len(reading.positions) >= 36


def test_balances_and_flags(chain: World, reading: Reading) -> None:
    held = chain.holdings(chain.addresses)
    for wallet, position in reading.positions.items():
        standing = position.rules.standing(position.state)
        supplied = {chain.symbol_of(leg.token.address): leg.amount for leg in standing.collateral}
        owed = {chain.symbol_of(leg.token.address): leg.amount for leg in standing.debt}
        assert supplied == {s: h.supply for s, h in held[wallet].items() if h.supply}, wallet
        assert owed == {s: h.debt for s, h in held[wallet].items() if h.debt}, wallet


def test_indices_at_the_present_second(chain: World, reading: Reading) -> None:
    """Stored indices brought forward by our own arithmetic; every reserve is stale by days."""
    assert compare_indices(chain, reading) >= 11  # weETH is held only where an eMode takes it


def compare_indices(chain: World, reading: Reading) -> int:
    """Both indices of every reserve that somebody uses, against the pool's; how many there were."""
    pool, seen = chain.market.pool, set()
    for position in reading.positions.values():
        for reserve in (holding.reserve for holding in position.state.holdings):
            asset = reserve.token.address
            if asset not in seen:
                assert reserve.liquidity_index == pool.call("getReserveNormalizedIncome", asset)
                assert reserve.variable_borrow_index == pool.call("getReserveNormalizedVariableDebt", asset)
                seen.add(asset)
    return len(seen)


def test_scaled_balances(chain: World, reading: Reading) -> None:
    held = chain.holdings(chain.addresses)
    for wallet, position in reading.positions.items():
        for holding in position.state.holdings:
            truth = held[wallet][chain.symbol_of(holding.reserve.token.address)]
            assert holding.scaled_supply == truth.scaled_supply
            assert holding.scaled_variable_debt == truth.scaled_debt
            assert holding.stable_debt == truth.stable_debt
            assert holding.collateral == truth.counts


def test_prices(chain: World, reading: Reading) -> None:
    truth = chain.prices_by_address()
    for position in reading.positions.values():
        assert [truth[token.address.lower()] for token in position.tokens] == list(position.prices)
        times = position.price_times[: len(position.state.holdings)]
        assert times == (GENESIS,) * len(position.state.holdings)


def test_health_factor_and_totals(chain: World, reading: Reading) -> None:
    accounts = dict(zip(chain.addresses, chain.accounts(chain.addresses), strict=True))
    for wallet, position in reading.positions.items():
        standing = position.rules.standing(position.state)
        account = accounts[wallet]
        assert (standing.collateral_value, standing.debt_value) == (account.collateral, account.debt), wallet
        assert standing.health_factor == health(account.health_factor), wallet
        assert standing.liquidatable == (account.health_factor < 10**18), wallet


def test_the_contracts_own_word_stands_beside_ours(chain: World, reading: Reading) -> None:
    accounts = dict(zip(chain.addresses, chain.accounts(chain.addresses), strict=True))
    for wallet, position in reading.positions.items():
        assert position.contract.has_health_factor
        assert position.contract.health_factor == health(accounts[wallet].health_factor)
        assert position.reproduced == position.contract


def test_symbols_decimals_and_unit(chain: World, reading: Reading) -> None:
    for position in reading.positions.values():
        assert (position.market.unit.symbol, position.market.unit.decimals) == ("USD", 8)
        for holding in position.state.holdings:
            token = holding.reserve.token
            symbol = chain.symbol_of(token.address)
            assert token.symbol == symbol  # also the one that answers in bytes32
            assert token.decimals == chain.market.tokens[symbol].call("decimals")


def test_thresholds_and_bonuses_in_force(chain: World, reading: Reading) -> None:
    """In eMode the category's figures, elsewhere the reserve's own."""
    modes = {mode.id: mode for mode in chain.market.emodes}
    for wallet, position in reading.positions.items():
        mode = modes.get(chain.market.pool.call("getUserEMode", wallet))
        for leg in position.rules.standing(position.state).collateral:
            symbol = chain.symbol_of(leg.token.address)
            row = chain.market.data.call("getReserveConfigurationData", leg.token.address)
            threshold, bonus = row[2], row[3]
            if mode is not None and symbol in mode.collateral:
                threshold, bonus = mode.threshold, mode.bonus
            assert leg.liquidation_threshold == threshold * 10**14, (wallet, symbol)
            if leg.counts:
                assert leg.liquidation_bonus == (bonus - 10_000) * 10**14, (wallet, symbol)


def health(raw: int) -> int | None:
    """Ours of the contract's: no debt is None."""
    return None if raw == NO_DEBT else raw
