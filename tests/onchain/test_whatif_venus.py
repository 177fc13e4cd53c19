"""What-if on a real fork of Compound V2 (Venus 2.2.1), by doing it: acts, parameters, and the inverse."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from defirisk.model import Position
from defirisk.protocols.compound_v2.account import accrued_sums
from defirisk.protocols.compound_v2.family import PROTOCOL
from defirisk.protocols.interface import Acted, ActKind, Deployment, Scope

from .evm import MAX
from .local_chain import LocalChain
from .test_venus_replay import chain_says
from .venus_market import KINDS, Venus, stop_interest, venus
from .whatif import ours, steps

SYMBOLS = tuple(kind.symbol for kind in KINDS)


@pytest.fixture(scope="module")
def market() -> Iterator[Venus]:
    with venus() as made:
        stop_interest(made)
        yield made


@pytest.fixture(scope="module")
def positions(market: Venus) -> dict[str, Position]:
    here = Deployment("venus-local", "compound-v2", "local", 31337, market.comptroller.address)
    reader: Any = PROTOCOL.reader
    reading = asyncio.run(reader.read(LocalChain(market.evm.rpc), here, market.wallets, Scope.LISTED))
    found = {}
    for wallet, position in zip(market.wallets, reading.positions, strict=True):
        assert position is None or isinstance(position, Position), position
        if position is not None:
            found[wallet] = position
    return found


def theirs(made: Venus, wallet: str, kind: ActKind, symbol: str, amount: int | None) -> bool:
    """Send the owner's transactions; whether they went through: error codes are no reverts, the event decides."""
    one = made.markets[SYMBOLS.index(symbol)]
    if kind in (ActKind.DEPOSIT, ActKind.REPAY):
        one.token.send("mint", wallet, amount if amount is not None else 10**12 * 10**one.kind.decimals)
        one.token.send("approve", one.vtoken.address, MAX, sender=wallet)
    tokens = one.vtoken.call("balanceOf", wallet)
    calls = {
        ActKind.DEPOSIT: ("mint", amount),
        ActKind.WITHDRAW: ("redeem", tokens) if amount is None else ("redeemUnderlying", amount),
        ActKind.BORROW: ("borrow", amount),
        ActKind.REPAY: ("repayBorrow", MAX if amount is None else amount),
    }
    function, *arguments = calls[kind]
    receipt = made.evm.send(one.vtoken.address, one.vtoken.data(function, *arguments), wallet)
    done = int(receipt["status"], 16) == 1 and not any(e.name == "Failure" for e in made.evm.events(receipt))
    if done and kind is ActKind.DEPOSIT:
        made.comptroller.send("enterMarkets", [one.vtoken.address], sender=wallet)
    return done


@contextmanager
def undone(made: Venus) -> Iterator[None]:
    """As :meth:`Venus.undone`, after the node has put its last transaction away: what it holds blocks the sender."""
    with made.undone():
        yield
        deadline = time.monotonic() + 20
        while any(int(count, 16) for count in made.evm.rpc("txpool_status").values()):
            assert time.monotonic() < deadline, "the node's transaction pool does not empty"
            time.sleep(0.001)


def compare(made: Venus, position: Position, acts: list[tuple[ActKind, str, int | None]], met: Counter[str]) -> None:
    with undone(made):
        for kind, symbol, amount in acts:
            mine = ours(position, kind, symbol, amount)
            accepted = theirs(made, position.owner, kind, symbol, amount)
            assert accepted == isinstance(mine, Acted), (position.owner, kind, symbol, amount, mine)
            met[kind.value if isinstance(mine, Acted) else str(mine)] += 1
            if not isinstance(mine, Acted):
                return
            position = mine.position
            chain_says(made, position.owner, position.state)


def room(position: Position) -> int:
    sums = accrued_sums(position.state)
    return max(0, sums.collateral - sums.debts)


def test_acts_in_a_row(market: Venus, positions: dict[str, Position]) -> None:
    met: Counter[str] = Counter()
    for wallet, position in positions.items():
        for number in range(4):
            rng = random.Random(f"{wallet} {number}")
            compare(market, position, list(drawn(position, rng)), met)
    print(met)
    assert min(met[kind.value] for kind in ActKind) >= 24
    assert {"INSUFFICIENT_LIQUIDITY"} <= set(met)


def drawn(position: Position, rng: random.Random) -> Iterator[tuple[ActKind, str, int | None]]:
    """A few acts that fit the position more or less."""
    for _ in range(rng.randint(1, 4)):
        kind = rng.choice(list(ActKind))
        holding = rng.choice(position.state.holdings)
        symbol = holding.market.token.symbol if rng.random() < 0.7 else rng.choice(SYMBOLS)
        price = next(one.price for one in position.listing.offers if one.market.token.symbol == symbol)
        decimals = next(kind.decimals for kind in KINDS if kind.symbol == symbol)
        scale = {
            ActKind.DEPOSIT: 10 ** rng.randint(0, decimals + 4),
            ActKind.WITHDRAW: holding.tokens * holding.books.rate // 10**18,
            ActKind.BORROW: room(position) * 10**18 // price,
            ActKind.REPAY: holding.debt,
        }[kind]
        whole = kind in (ActKind.WITHDRAW, ActKind.REPAY) and rng.random() < 0.2
        yield kind, symbol, None if whole else rng.choice(list(steps(scale, 10**decimals)))
