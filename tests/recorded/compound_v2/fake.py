"""A chain in memory that answers as the recorded Compound V2 contracts did, and can be told to answer otherwise.

Numbers come from the vectors in ``tests/vectors/compound_v2``: ``frozen()`` is their chain after every interest model
was stopped, ``running()`` the same chain before, with months of interest not accrued.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import encode

from defirisk.chain.calls import Answer, Block, Call, Returned, Reverted
from defirisk.model import Warning as Notice
from defirisk.protocols.compound_v2.account import Liquidity, stored_liquidity
from defirisk.protocols.compound_v2.reader_comptroller import ABI
from defirisk.protocols.compound_v2.reader_markets import DECIMALS
from defirisk.protocols.compound_v2.state import CompoundState, Holding
from tests.vectors.compound_v2.recording import market, recorded, state_of

BASE = recorded()["base"]
COMPTROLLER: str = BASE["comptroller"]
ORACLE: str = BASE["oracle"]
MARKETS = [raw["market"] for raw in BASE["markets"]]
WALLETS = [raw["address"] for raw in BASE["wallets"]]


class FakeChain:
    """Answers what it was told to; anything else asked of a contract reverts, of any other address is empty."""

    chain_id = 31337
    source = "fake"

    def __init__(self, number: int) -> None:
        self.block = Block(number, 1_700_004_884, None)
        self.warnings: list[Notice] = []
        self.answers: dict[Call, Answer] = {}
        self.asked: list[Call] = []
        self.trips = 0

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        self.trips += 1
        self.asked += calls
        contracts = {call.to for call in self.answers}
        return [self.answers.get(call, Reverted(b"") if call.to in contracts else Returned(b"")) for call in calls]

    def tell(self, name: str, to: str, arguments: Sequence[Any], types: Sequence[str], *values: Any) -> None:
        """Set what a function answers."""
        function = DECIMALS if name == "decimals" else ABI[name]
        self.answers[function(to, *arguments)] = Returned(encode(types, values))

    def number(self, name: str, to: str, *arguments_and_value: Any) -> None:
        """Set a function that answers one number: its arguments, then the number."""
        *arguments, value = arguments_and_value
        self.tell(name, to, arguments, ["uint256"], int(value))

    def flag(self, name: str, to: str, *arguments_and_value: Any) -> None:
        """Set a function that answers a bool: its arguments, then the bool."""
        *arguments, value = arguments_and_value
        self.tell(name, to, arguments, ["bool"], value)

    def revert(self, name: str, to: str, *arguments: Any) -> None:
        """Make a call revert."""
        function = DECIMALS if name == "decimals" else ABI[name]
        self.answers[function(to, *arguments)] = Reverted(b"")

    def forget(self, address: str) -> None:
        """Make an address one without code."""
        self.answers = {call: answer for call, answer in self.answers.items() if call.to != address.lower()}


def frozen() -> FakeChain:
    """The chain at ``base.block``, where nothing accrues."""
    chain = FakeChain(int(BASE["block"]))
    _comptroller(chain)
    for index, stored in enumerate(BASE["state"]):
        _market(chain, index, {**stored, "accrualBlockNumber": BASE["block"]})
    for wallet, raw in enumerate(BASE["wallets"]):
        for index in range(len(MARKETS)):
            _snapshot(chain, wallet, index, *(int(number) for number in raw["snapshots"][index][1:]))
        told = recorded()["shocks"][0]["liquidity"][wallet]
        chain.tell("getAccountLiquidity", COMPTROLLER, [WALLETS[wallet]], ["uint256"] * 3, *map(int, told))
    return chain


def running() -> FakeChain:
    """The chain at ``accrual.block``: markets stored long ago, wallets whose debts have grown since."""
    accrual = recorded()["accrual"]
    chain = FakeChain(int(accrual["block"]))
    _comptroller(chain)
    for index, stored in enumerate(accrual["markets_stored"]):
        _market(chain, index, stored)
        chain.number("exchangeRateCurrent", MARKETS[index], accrual["markets_current"][index]["exchangeRateCurrent"])
    for wallet in range(len(WALLETS)):
        for index, stored in enumerate(accrual["markets_stored"]):
            _snapshot(chain, wallet, index, 0, 0, int(stored["exchangeRateStored"]))
    for raw in accrual["wallets"]:
        rate = int(accrual["markets_stored"][raw["market"]]["exchangeRateStored"])
        _snapshot(chain, raw["wallet"], raw["market"], int(raw["tokens"]), int(raw["borrowStored"]), rate)
        chain.number("borrowBalanceCurrent", MARKETS[raw["market"]], WALLETS[raw["wallet"]], raw["borrowCurrent"])
    for wallet in range(len(WALLETS)):
        _tell_liquidity(chain, wallet, [raw["price"] for raw in BASE["markets"]])
    return chain


def on_the_line(chain: FakeChain, wallet: int, index: int) -> None:
    """Raise the price of what a wallet owes in a market to the last one at which the contract's view has no shortfall."""
    prices = [raw["price"] for raw in BASE["markets"]]
    low, high = 0, int(prices[index]) * 1000
    while high - low > 1:
        middle = (low + high) // 2
        prices[index] = str(middle)
        low, high = (middle, high) if not _own_liquidity(chain, wallet, prices).shortfall else (low, middle)
    prices[index] = str(low)
    chain.number("getUnderlyingPrice", ORACLE, MARKETS[index], low)
    _tell_liquidity(chain, wallet, prices)


def _comptroller(chain: FakeChain) -> None:
    chain.tell("getAllMarkets", COMPTROLLER, [], ["address[]"], MARKETS)
    chain.tell("oracle", COMPTROLLER, [], ["address"], ORACLE)
    chain.number("closeFactorMantissa", COMPTROLLER, BASE["closeFactorMantissa"])
    chain.number("liquidationIncentiveMantissa", COMPTROLLER, BASE["liquidationIncentiveMantissa"])
    chain.number("getBlockNumber", COMPTROLLER, chain.block.number)
    chain.flag("seizeGuardianPaused", COMPTROLLER, False)
    for raw in BASE["wallets"]:
        entered = [MARKETS[index] for index in raw["assetsIn"]]
        chain.tell("getAssetsIn", COMPTROLLER, [raw["address"]], ["address[]"], entered)


def _market(chain: FakeChain, index: int, stored: Any) -> None:
    raw, address = BASE["markets"][index], MARKETS[index]
    for name, key in {"getCash": "cash", "reserveFactorMantissa": "reserveFactor"}.items():
        chain.number(name, address, stored[key])
    for name in ("totalBorrows", "totalReserves", "totalSupply", "borrowIndex", "exchangeRateStored"):
        chain.number(name, address, stored[name])
    for name in ("accrualBlockNumber", "borrowRatePerBlock"):
        chain.number(name, address, stored[name])
    chain.number("protocolSeizeShareMantissa", address, BASE["protocolSeizeShareMantissa"][index])
    chain.tell("symbol", address, [], ["string"], f"c{raw['symbol']}")
    if raw["underlying"]:
        chain.tell("underlying", address, [], ["address"], raw["underlying"])
        chain.tell("symbol", raw["underlying"], [], ["string"], raw["symbol"])
        chain.number("decimals", raw["underlying"], raw["underlying_decimals"])
    chain.number("getUnderlyingPrice", ORACLE, address, raw["price"])
    factor = int(raw["collateralFactorMantissa"])
    chain.tell("markets", COMPTROLLER, [address], ["bool", "uint256", "bool"], True, factor, False)
    for name in ("isDeprecated", "borrowGuardianPaused", "mintGuardianPaused"):
        chain.flag(name, COMPTROLLER, address, False)


def _snapshot(chain: FakeChain, wallet: int, index: int, tokens: int, debt: int, rate: int) -> None:
    numbers = (0, tokens, debt, rate)
    chain.tell("getAccountSnapshot", MARKETS[index], [WALLETS[wallet]], ["uint256"] * 4, *numbers)


def _tell_liquidity(chain: FakeChain, wallet: int, prices: list[str]) -> None:
    """The vectors do not hold this view at that block; our rules, held to it elsewhere, stand in."""
    told = _own_liquidity(chain, wallet, prices)
    chain.tell("getAccountLiquidity", COMPTROLLER, [WALLETS[wallet]], ["uint256"] * 3, 0, *told)


def _own_liquidity(chain: FakeChain, wallet: int, prices: list[str]) -> Liquidity:
    raw, frame = BASE["wallets"][wallet], state_of(wallet, prices)
    holdings = []
    for index in range(len(MARKETS)):
        call = ABI["getAccountSnapshot"](MARKETS[index], WALLETS[wallet])
        _, tokens, debt, rate = ABI["getAccountSnapshot"].decode(chain.answers[call].data)
        books = frame.holdings[index].books
        holdings.append(Holding(market(index), books, tokens, debt, index in raw["assetsIn"], rate, debt))
    return stored_liquidity(CompoundState(tuple(holdings), frame.tokens, frame.prices, frame.close_factor))
