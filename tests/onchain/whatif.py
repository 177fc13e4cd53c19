"""Doing on the chain what a what-if says: acts and parameters really sent, and the account compared to the digit."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from defirisk.model import Position
from defirisk.protocols.interface import Act, Acted, ActKind, Deployment, Named, Refused, Scope, changes_of

from .evm import MAX, Transaction, succeeded
from .local_chain import LocalChain
from .world import NO_DEBT, World


@dataclass
class Done:
    """What a run of comparisons met: acts accepted by kind, refusals by reason."""

    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def read_listing(world: World, reader: Any, protocol: str, wallets: Sequence[str] | None = None) -> dict[str, Position]:
    """Positions with all that the market lists."""
    here = Deployment("local", protocol, "local", 31337, world.entry)
    asked = world.addresses if wallets is None else list(wallets)
    reading = asyncio.run(reader.read(LocalChain(world.rpc), here, asked, Scope.LISTED))
    found: dict[str, Position] = {}
    for wallet, position in zip(asked, reading.positions, strict=True):
        if isinstance(position, BaseException):
            raise position
        if position is not None:
            found[wallet] = position
    return found


def named(position: Position, symbol: str) -> Named:
    """The asset of that symbol in the position's market."""
    changes = changes_of(position.rules)
    assert changes is not None
    return next(one for one in changes.assets(position) if one.token.symbol == symbol)


def ours(position: Position, kind: ActKind, symbol: str, amount: int | None) -> Acted | str:
    """What we say comes of an act: the position after it, or the contract's own reason for refusing it."""
    changes = changes_of(position.rules)
    assert changes is not None
    try:
        return changes.act(position, Act(kind, named(position, symbol), amount))
    except Refused as refused:
        return refused.reason


CALLS = {
    ActKind.DEPOSIT: lambda asset, amount, wallet: ("supply", asset, amount, wallet, 0),
    ActKind.WITHDRAW: lambda asset, amount, wallet: ("withdraw", asset, amount, wallet),
    ActKind.BORROW: lambda asset, amount, wallet: ("borrow", asset, amount, 2, 0, wallet),
}


def theirs(world: World, wallet: str, kind: ActKind, symbol: str, amount: int | None) -> str | None:
    """Send the owner's transaction; why it reverts, ``None`` where it does not. All of a debt may be two of them."""
    held = world.holdings([wallet])[wallet][symbol]
    if kind in (ActKind.DEPOSIT, ActKind.REPAY):
        with world.together():
            world.give(wallet, symbol, held.debt if amount is None else amount)
    asset, most = world.asset(symbol), MAX if amount is None else amount
    if kind is not ActKind.REPAY:
        return send(world, wallet, *CALLS[kind](asset, most, wallet))
    modes = [mode for mode, owed in ((2, held.scaled_debt), (1, held.stable_debt)) if owed] or [2]
    refused = send(world, wallet, "repay", asset, most, modes[0], wallet)
    rest = MAX if amount is None else amount - (held.debt - held.stable_debt)
    if refused or len(modes) == 1 or rest <= 0:
        return refused
    return send(world, wallet, "repay", asset, rest, 1, wallet)


def send(world: World, wallet: str, function: str, *arguments: Any) -> str | None:
    """One transaction to the pool; why it reverts, ``None`` where it does not."""
    pool = world.market.pool
    sent = Transaction(pool.address, pool.data(function, *arguments), wallet)
    [receipt] = world.evm.send_all([sent])
    return None if succeeded(receipt) else world.evm.reverted(function, sent).reason


def same_account(world: World, wallet: str, position: Position, what: str) -> None:
    """Balances, shares, flags and the six figures of the account are the chain's."""
    held = world.holdings([wallet])[wallet]
    account = world.account(wallet)
    rules: Any = position.rules
    ours = rules.account_data(position.state)
    for holding in position.state.holdings:
        row = held[holding.reserve.token.symbol]
        mine = (
            rules.supply_of(holding),
            holding.scaled_supply,
            rules.debt_of(holding),
            holding.stable_debt,
            holding.scaled_variable_debt,
            holding.collateral,
        )
        assert mine == (
            row.supply,
            row.scaled_supply,
            row.debt,
            row.stable_debt,
            row.scaled_debt,
            row.counts,
        ), f"{what}: {holding.reserve.token.symbol}"
    there = {symbol for symbol, row in held.items() if row.scaled_supply or row.debt or row.scaled_debt}
    assert there == {holding.reserve.token.symbol for holding in position.state.holdings}, what
    assert tuple(ours) == (
        account.collateral,
        account.debt,
        account.available,
        account.threshold,
        account.ltv,
        account.health_factor,
    ), what
    assert NO_DEBT == MAX


def compare(world: World, position: Position, acts: Sequence[tuple[ActKind, str, int | None]], done: Done) -> None:
    """Do some acts one after the other, here and there, until one is refused."""
    wallet = position.owner
    with world.reverting():
        for kind, symbol, amount in acts:
            what = f"{world.market.rules} {wallet} {kind.value} {symbol} {amount}"
            mine = ours(position, kind, symbol, amount)
            said = theirs(world, wallet, kind, symbol, amount)
            if isinstance(mine, str):
                assert said == mine, f"{what}: they say {said}, we say {mine}"
                done.refused[mine] += 1
                return
            assert said is None, f"{what}: they refuse with {said}"
            position = mine.position
            same_account(world, wallet, position, what)
            done.accepted[kind.value] += 1


def steps(value: int, unit: int) -> Iterator[int]:
    """Amounts worth trying: of a balance or a room of ``value``, from one unit up to more than there is."""
    yield from dict.fromkeys(
        amount for amount in (1, 2, unit, value // 7 + 3, value - 1, value, value + 1, 3 * value + 5) if amount > 0
    )
