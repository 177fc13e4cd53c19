"""A market with people in it: what tests may ask of the real contracts, and do to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from eth_utils import to_checksum_address

from . import artifacts
from .accounts import NO_DEBT, Account, Attempt, Holding, Liquidated, Refusal, Wallet
from .deploy import TREASURY, Deployment
from .evm import MAX, Contract, Evm, Transaction, succeeded
from .rpc import Rpc, RpcError
from .views import ask

LIQUIDATOR = to_checksum_address("0x000000000000000000000000000000000011D011")
PROVIDER = to_checksum_address("0x0000000000000000000000000000000000011111")  # of liquidity
VARIABLE, STABLE = 2, 1
__all__ = ["NO_DEBT", "Account", "Attempt", "Holding", "Liquidated", "Refusal", "Wallet", "World"]
ANSWER = "0x" + "0" * 64  # the slot of a feed's answer
PLENTY = 10**15  # whole tokens of everything that the liquidator owns, except of 27 decimals


def word(number: int) -> str:
    """A storage slot's value; a negative number as its two's complement."""
    return f"0x{number % 2**256:064x}"


@dataclass
class World:
    """One market, its wallets, and a clock that only moves when told to."""

    market: Deployment
    wallets: list[Wallet] = field(default_factory=list)

    @property
    def evm(self) -> Evm:
        return self.market.evm

    @property
    def rpc(self) -> Rpc:
        return self.market.evm.rpc

    @property
    def entry(self) -> str:
        """The PoolAddressesProvider: what `--market aave-v3@…` names."""
        return self.market.provider.address

    @property
    def addresses(self) -> list[str]:
        return [wallet.address for wallet in self.wallets]

    def symbol_of(self, address: str) -> str:
        return next(s for s, token in self.market.tokens.items() if token.address.lower() == address.lower())

    # What the contracts say

    def accounts(self, wallets: Sequence[str]) -> list[Account]:
        """`getUserAccountData` of many wallets in one post."""
        return [Account(*one) for one in ask([(self.market.pool, "getUserAccountData", (w,)) for w in wallets])]

    def account(self, wallet: str) -> Account:
        return self.accounts([wallet])[0]

    def health_factor(self, wallet: str) -> int:
        return self.account(wallet).health_factor

    def health_factors_at(self, cases: Sequence[tuple[str, Mapping[str, int]]]) -> list[int]:
        """Of wallets, each at feeds' answers of its own (by symbol) that no other sees, in one post."""
        pool, calls = self.market.pool, []
        for wallet, prices in cases:
            call = {"to": pool.address, "data": pool.data("getUserAccountData", wallet)}
            feeds = {self.market.feeds[s].address: {"stateDiff": {ANSWER: word(price)}} for s, price in prices.items()}
            calls.append(("eth_call", (call, "latest", feeds)))
        return [int(pool.answer("getUserAccountData", one)[-1]) for one in self.rpc.batch(calls)]

    def prices(self) -> dict[str, int]:
        """`AaveOracle.getAssetPrice` by symbol, stand-in assets too; 0 where the feed says nothing usable."""
        assets = {s: token.address for s, token in self.market.tokens.items()} | self.market.keys
        answers = ask([(self.market.oracle, "getAssetPrice", (address,)) for address in assets.values()])
        return dict(zip(assets, answers, strict=True))

    def by_address(self, prices: Mapping[str, int]) -> dict[str, int]:
        """Prices of symbols, by lower-case address."""
        addresses = {s: token.address for s, token in self.market.tokens.items()} | self.market.keys
        return {addresses[symbol].lower(): price for symbol, price in prices.items()}

    def prices_by_address(self) -> dict[str, int]:
        return self.by_address(self.prices())

    def holdings(self, wallets: Sequence[str]) -> dict[str, dict[str, Holding]]:
        """Balances by wallet and symbol, from the data provider and the aTokens themselves."""
        pairs = [(wallet, symbol) for wallet in wallets for symbol in self.market.tokens]
        rows = ask([(self.market.data, "getUserReserveData", (self.asset(s), wallet)) for wallet, s in pairs])
        scaled = ask([(self.market.atokens[s], "scaledBalanceOf", (wallet,)) for wallet, s in pairs])
        found: dict[str, dict[str, Holding]] = {wallet: {} for wallet in wallets}
        for (wallet, symbol), row, own in zip(pairs, rows, scaled, strict=True):
            supply, stable, variable, _, scaled_debt, _, _, _, counts = row
            found[wallet][symbol] = Holding(supply, own, stable + variable, stable, scaled_debt, counts)
        return found

    def modes(self, wallets: Sequence[str]) -> list[int]:
        """Each wallet's eMode, 0 for none."""
        if not self.market.emodes:
            return [0] * len(wallets)
        return ask([(self.market.pool, "getUserEMode", (wallet,)) for wallet in wallets])

    # What people do

    def together(self) -> AbstractContextManager[None]:
        """What is sent inside may be one block."""
        return self.evm.together()

    def give(self, wallet: str, symbol: str, amount: int) -> None:
        """Mint tokens and let the pool take them."""
        token = self.market.tokens[symbol]
        token.send("mint", wallet, amount)
        token.send("approve", self.market.pool.address, MAX, sender=wallet)

    def supply(self, wallet: str, symbol: str, amount: int) -> None:
        self.give(wallet, symbol, amount)
        self.market.pool.send("supply", self.asset(symbol), amount, wallet, 0, sender=wallet)

    def borrow(self, wallet: str, symbol: str, amount: int, mode: int = VARIABLE) -> None:
        self.market.pool.send("borrow", self.asset(symbol), amount, mode, 0, wallet, sender=wallet)

    def use_as_collateral(self, wallet: str, symbol: str, on: bool) -> None:
        self.market.pool.send("setUserUseReserveAsCollateral", self.asset(symbol), on, sender=wallet)

    def enter_emode(self, wallet: str, category: int) -> None:
        self.market.pool.send("setUserEMode", category, sender=wallet)

    def asset(self, symbol: str) -> str:
        return self.market.tokens[symbol].address

    def fund_liquidator(self) -> None:
        """More than enough of every token, spendable by the pool."""
        with self.together():
            for reserve in self.market.reserves:
                whole = PLENTY if reserve.decimals <= 18 else 10**12
                self.give(LIQUIDATOR, reserve.symbol, whole * 10**reserve.decimals)

    def liquidate(self, wallet: str, collateral: str, debt: str, amount: int = MAX) -> Liquidated | Refusal:
        """Send `liquidationCall` for symbols; what its events say, or why it was refused."""
        return self.liquidate_all([Attempt(wallet, collateral, debt, amount)])[0]

    def liquidate_all(self, attempts: Sequence[Attempt]) -> list[Liquidated | Refusal]:
        """The same for different wallets, in one block."""
        pool = self.market.pool
        calls = [Transaction(pool.address, self._call_of(one), LIQUIDATOR) for one in attempts]
        receipts = self.evm.send_all(calls)
        accounts = self.accounts([one.wallet for one in attempts])
        return [
            self._read_liquidation(one, receipt, account.health_factor)
            if succeeded(receipt)
            else Refusal(self.evm.reverted("liquidationCall", call).reason)
            for one, call, receipt, account in zip(attempts, calls, receipts, accounts, strict=True)
        ]

    def _call_of(self, one: Attempt) -> str:
        assets = self.asset(one.collateral), self.asset(one.debt)
        return self.market.pool.data("liquidationCall", *assets, one.wallet, one.amount, False)

    def refusals(self, wallet: str, collateral: str, debt: str, amounts: Sequence[int]) -> list[str | None]:
        """Why each `liquidationCall` would revert (None: it would not), asked by eth_call and without any effect."""
        calls = [self._call_of(Attempt(wallet, collateral, debt, amount)) for amount in amounts]
        sender = {"from": LIQUIDATOR, "to": self.market.pool.address, "gasPrice": "0x0"}
        answers = self.rpc.batch([("eth_call", ({**sender, "data": data}, "latest")) for data in calls])
        return [self.evm.reason_of(answer) if isinstance(answer, RpcError) else None for answer in answers]

    def _read_liquidation(self, one: Attempt, receipt: Mapping[str, Any], health_factor: int) -> Liquidated:
        events = self.evm.events(receipt)
        call = next(event for event in events if event.name == "LiquidationCall")
        # Minted interest goes to the treasury too: only what comes from the user is the fee.
        fees = [
            event.args["value"]
            for event in events
            if event.name == "Transfer"
            and event.address == self.market.atokens[one.collateral].address
            and event.args["from"].lower() == one.wallet.lower()
            and event.args["to"].lower() == TREASURY.lower()
        ]
        deficit: dict[str, int] = {}
        for event in events:
            if event.name == "DeficitCreated":
                symbol = self.symbol_of(event.args["debtAsset"])
                deficit[symbol] = deficit.get(symbol, 0) + event.args["amountCreated"]
        seized = call.args["liquidatedCollateralAmount"]
        return Liquidated(call.args["debtToCover"], seized, sum(fees), deficit, health_factor)

    # What fate does

    def set_prices(self, prices: Mapping[str, int]) -> None:
        """Write feeds' answers (by symbol) straight into their storage."""
        requests = [
            ("anvil_setStorageAt", (self.market.feeds[symbol].address, ANSWER, word(price)))
            for symbol, price in prices.items()
        ]
        assert all(answer is True for answer in self.rpc.batch(requests))

    def break_feed(self, symbol: str) -> None:
        """Let a feed revert on every call."""
        code = "0x" + artifacts.ours()["BrokenFeed"].runtime
        self.rpc("anvil_setCode", self.market.feeds[symbol].address, code)

    def now(self) -> int:
        """The newest block's time, seconds."""
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def warp(self, seconds: int) -> None:
        """Move the clock and stop it again."""
        self.rpc("evm_setNextBlockTimestamp", self.now() + seconds)
        self.rpc("evm_mine")

    @contextmanager
    def reverting(self) -> Iterator[None]:
        """Whatever happens inside is undone afterwards."""
        snapshot = self.rpc("evm_snapshot")
        try:
            yield
        finally:
            assert self.rpc("evm_revert", snapshot) is True

    @contextmanager
    def shock(self, prices: Mapping[str, int]) -> Iterator[None]:
        """Other feeds inside the block; everything is undone afterwards."""
        with self.reverting():
            self.set_prices(prices)
            yield

    def pause(self, symbol: str, paused: bool = True) -> None:
        self.market.configurator.send("setReservePause", self.asset(symbol), paused)

    def unpause_with_grace(self, symbol: str, seconds: int) -> None:
        """V3.1 and later: liquidations stay forbidden for a while after the pause."""
        self.market.configurator.send("setReservePause", self.asset(symbol), False, seconds)

    def freeze(self, symbol: str, frozen: bool = True) -> None:
        self.market.configurator.send("setReserveFreeze", self.asset(symbol), frozen)

    def set_sentinel(self, *, liquidation: bool) -> None:
        """Put a sequencer sentinel that allows borrowing and, or not, liquidation."""
        sentinel = self.evm.deploy(artifacts.ours()["Sentinel"], True, liquidation)
        self.market.provider.send("setPriceOracleSentinel", sentinel.address)

    def add_token(self, symbol: str, token: Contract, feed: Contract) -> None:
        """Make a further token known to the market's helpers (it still has to be listed)."""
        self.market.tokens[symbol] = token
        self.market.feeds[symbol] = feed
        self.market.oracle.send("setAssetSources", [token.address], [feed.address])
