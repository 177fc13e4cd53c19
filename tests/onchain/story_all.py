"""One chain that holds all families, and a wallet with a position in each: the recording of `defirisk demo`.

Aave V3.6 with the wallets of the story, Aave V2 and Venus (a fork of Compound V2) run on one local chain. Comet's
bytecode is in no registry: its part was recorded from its own bytecode, on another local chain. Ours ends at the same
block number and second, has the tokens that both know at the same addresses, and takes Comet's prices for them; so
every market says what its contracts say at that block.

Two answers of Comet's were not recorded. What it says of a wallet that it never saw is what the same bytecode said of
such a wallet in the recording of another market. And it has no ``targetHealthFactor()``: asked for it, it reverts.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from eth_utils import to_checksum_address

from defirisk.chain.calls import Answer, Call, Returned, Reverted
from defirisk.chain.recording import Fixture, FixtureMarket, Recorder, load_fixture
from defirisk.model import Position
from defirisk.protocols import registry
from defirisk.reading import read_snapshot
from tests.recorded.compound_v3.tampered import Market as Comet

from .anvil import leap, running
from .deploy import OWNER, place_multicall
from .deploy_v20 import deploy_v20, price_in_ether
from .deploy_v36 import deploy_v36
from .evm import Evm
from .listing import BY_SYMBOL, EMODES_V36, Reserve
from .local_chain import LocalChain
from .positions import Plan, open_position
from .story import LAST_TOUCH, MONTHS, SYMBOLS, grow_old, open_positions, touch_feeds
from .toolchain import Artifact
from .venus_market import PROVIDER, WAD, Kind, Venus, amount_of, artifacts, deploy_venus, enter, supply
from .world import World
from .worlds import DAY, keep_busy, lend

COMET: Final = Comet("usdc")
EMPTY: Final = Comet("weth")
END: Final = COMET.chain().block
BLOCKS: Final = 8_000
"""More than are needed to build everything; the rest is mined at the end."""
EVERYWHERE: Final = COMET.wallet("healthy, several collaterals")
IN_V3: Final = Plan("everywhere", (("WETH", 40_000.0), ("WBTC", 15_000.0)), (("USDC", 1.0),), use=0.90)
IN_V2: Final = Plan("everywhere", (("WETH", 18_000.0),), (("DAI", 1.0),), use=0.93)
VENUS: Final = (("USDC", 82, 9), ("LINK", 62, 5), ("WETH", 80, 3))
"""Symbol, collateral factor and yearly rate in percent."""
NAMES: Final = ("aave-v3-local", "aave-v2-local", "venus-local", COMET.deployment.name)
WORDS: Final = "a local chain + Comet recorded from its own bytecode on another one at the same second"


@dataclass(frozen=True)
class Told:
    """The chain with its three markets; Comet's answers are beside it."""

    v3: World
    v2: World
    venus: Venus

    @property
    def wallets(self) -> list[str]:
        """The one that is everywhere, then those of the story."""
        return [EVERYWHERE, *self.v3.addresses]

    @property
    def markets(self) -> tuple[FixtureMarket, ...]:
        entries = (
            ("aave-v3", self.v3.entry),
            ("aave-v2", self.v2.entry),
            ("compound-v2", self.venus.comptroller.address),
            ("compound-v3", COMET.entry),
        )
        return tuple(FixtureMarket(*entry, name) for entry, name in zip(entries, NAMES, strict=True))


@contextmanager
def story_all() -> Iterator[Told]:
    """The chain, its clock stopped at the second and the block of Comet's recording."""
    built = artifacts()  # before the chain's clock starts
    with running(END.timestamp - MONTHS * 30 * DAY, END.number - BLOCKS) as rpc:
        first, second, third = (Evm(rpc, OWNER) for _ in NAMES[:3])  # each knows the events of its own market
        place_multicall(first)
        reserves = listed()
        v3 = World(deploy_v36(first, reserves, tuple(mode for mode in EMODES_V36 if mode.id in {1, 2})))
        v2 = World(deploy_v20(second, reserves))
        made = Told(v3, v2, _venus(third, built, v3))
        _tell(made, random.Random("all"))
        yield made


def listed() -> tuple[Reserve, ...]:
    """The story's reserves with Comet's tokens and prices where it knows the asset."""
    [reading] = asyncio.run(COMET.read(wallets=[COMET.wallet("every asset")])).positions
    assert isinstance(reading, Position)
    known = {token.symbol: (token.address, price) for token, price in zip(reading.tokens, reading.prices, strict=True)}
    found = []
    for number, symbol in enumerate(SYMBOLS, start=1):
        own = to_checksum_address(f"0x{0x70CE0000 + number:040x}")
        address, price = known.get(symbol, (own, BY_SYMBOL[symbol].price))
        found.append(replace(BY_SYMBOL[symbol], address=address, price=price))
    return tuple(found)


def _venus(evm: Evm, built: Mapping[str, Artifact], v3: World) -> Venus:
    """Three markets over the tokens of Aave, priced to the last digit as there."""
    reserves = {reserve.symbol: reserve for reserve in v3.market.reserves}
    kinds = [Kind(s, reserves[s].decimals, factor, reserves[s].price // 10**4, rate) for s, factor, rate in VENUS]
    made = deploy_venus(evm, built, kinds, v3.market.tokens)
    prices = tuple(reserves[one.symbol].price * 10 ** (28 - one.decimals) for one in kinds)
    made.set_prices(prices)
    return replace(made, prices=prices, wallets=(EVERYWHERE,))


def _tell(made: Told, rng: random.Random) -> None:
    """Months of interest, then the wallets, then a last touch of every feed, then the blocks that are left."""
    lend(made.v2)
    keep_busy(made.v2)
    for one in made.venus.markets:
        supply(made.venus, PROVIDER, one, amount_of(one, 10_000_000_0000))
    grow_old(made.v3, rng, END.timestamp)
    open_positions(made.v3, rng)
    open_position(made.v3, EVERYWHERE, IN_V3, rng)
    open_position(made.v2, EVERYWHERE, IN_V2, rng)
    _open_in_venus(made.venus)
    made.v3.warp(END.timestamp - LAST_TOUCH - made.v3.now())
    touch_feeds(made.v3)
    ether = next(reserve for reserve in made.v2.market.reserves if reserve.symbol == "WETH")
    for reserve in made.v2.market.reserves:
        made.v2.market.feeds[reserve.symbol].send("set", price_in_ether(reserve, ether))
    made.v3.warp(END.timestamp - made.v3.now())
    left = END.number - int(made.v3.rpc("eth_blockNumber"), 16)
    assert left >= 0, "BLOCKS are too few"
    leap(made.v3.rpc, left)


def _open_in_venus(made: Venus) -> None:
    """LINK against USDC, near the line."""
    usdc, link, _ = made.markets
    supply(made, EVERYWHERE, link, amount_of(link, 9_000_0000) + 12_345)
    enter(made, EVERYWHERE, [link])
    _, room, _ = made.comptroller.call("getAccountLiquidity", EVERYWHERE)
    usdc.vtoken.send("borrow", room * 96 // 100 * WAD // made.prices[0], sender=EVERYWHERE)


# --- recording ----------------------------------------------------------------------------------------------------


class Joined(LocalChain):
    """The local chain, and Comet's recorded answers before it."""

    def __init__(self, made: Told) -> None:
        super().__init__(made.v3.rpc)
        self.block = replace(self.block, hash=None)  # of two chains
        assert (self.block.number, self.block.timestamp) == (END.number, END.timestamp)
        self.recorded = comet_answers(made.v3.addresses)

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        rest = [call for call in calls if call not in self.recorded]
        asked = dict(zip(rest, await super().calls(rest), strict=True))
        return [self.recorded[call] if call in self.recorded else asked[call] for call in calls]


def comet_answers(strangers: Sequence[str]) -> dict[Call, Answer]:
    """What was recorded of Comet, and the two answers that were not: see the module."""
    held = load_fixture(str(COMET.path)).fixture.answers
    nothing = load_fixture(str(EMPTY.path)).fixture.answers[EMPTY.call("userBasic", EMPTY.wallet("empty"))]
    assert isinstance(nothing, Returned)
    assert not any(nothing.data)
    unseen = {COMET.call("userBasic", wallet): nothing for wallet in strangers}
    return {**held, **unseen, COMET.call("targetHealthFactor"): Reverted(b"")}


def record_all(made: Told) -> Fixture:
    """What a check of every wallet in every market asks."""
    recorder = Recorder(Joined(made))  # type: ignore[arg-type]
    deployments = [registry.deployment_at(one.protocol, one.entry, recorder.chain_id, one.name) for one in made.markets]
    snapshot = asyncio.run(read_snapshot(recorder, deployments, made.wallets))
    failures = [failure for account in snapshot.accounts for failure in account.failures]
    assert not failures, failures
    return recorder.fixture(markets=made.markets, wallets=made.wallets, recorded_by=WORDS)
