"""Hand-built checks: every figure a report can hold, without a chain and without the engine."""

from dataclasses import dataclass, field, replace
from typing import Any

from defirisk.model import (
    Amount,
    BadDebt,
    Borne,
    Bound,
    Collateral,
    ContractView,
    Debt,
    Direction,
    Ended,
    Failure,
    Limit,
    Limits,
    Liquidation,
    Market,
    Outcome,
    OwnerLoss,
    Position,
    Seized,
    Standing,
    Threshold,
    Token,
    Unit,
    Verdict,
    Warning,
)
from defirisk.report.check import Account, Check

USD = Unit("USD", 8)
OWNER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
OTHER = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
WETH = Token("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "WETH", 18)
USDC = Token("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USDC", 6)
WBTC = Token("0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", "WBTC", 8)
HF = 1034567890123456789
TIME = 1_795_305_600


@dataclass(frozen=True)
class Family:
    name: str
    stable: bool
    how: str = "address"


@dataclass(frozen=True)
class State:
    tokens: tuple[Token, ...]
    prices: tuple[int, ...]
    scale: int | None = None

    @property
    def scales(self) -> tuple[int, ...]:
        return tuple(self.scale or 10**token.decimals for token in self.tokens)


@dataclass(frozen=True)
class Analysis:
    position: Position
    standing: Standing | None
    verdict: Verdict
    thresholds: tuple[Threshold, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    families: tuple[Family, ...] = field(default=(Family("ETH", False), Family("USD", True), Family("BTC", False)))
    limits: tuple[Limits, ...] = (
        Limits(WETH, 0, supply=Limit(cap=7 * 10**18, room=2 * 10**18, bound_by=Bound.CAP), borrow=None),
        Limits(USDC, 1, borrow=Limit(open=False, room=0, bound_by=Bound.PAUSED), withdraw_open=False),
    )
    what_if: Any = None


def market(**changes: Any) -> Market:
    base = Market("aave-v3-ethereum", "aave-v3", "3.6", 1, "0x2f39d218133AFaB8F2B819B1066c7E434Ad94E9e", USD)
    return replace(base, **changes)


def position(tokens: tuple[Token, ...] = (WETH, USDC, WBTC), **changes: Any) -> Position:
    view = ContractView(has_health_factor=True, health_factor=HF)
    base = Position(
        market=market(),
        owner=OWNER,
        rules=None,  # a report never looks into the rules
        state=State(tokens, (234_567_000_000, 100_012_345, 6_543_210_000_000)),
        price_times=(TIME - 42, TIME - 3600, None),
        contract=view,
        reproduced=view,
    )
    return replace(base, **changes)


def standing(tokens: tuple[Token, ...] = (WETH, USDC, WBTC), **changes: Any) -> Standing:
    weth, usdc, wbtc = tokens
    base = Standing(
        health_factor=HF,
        liquidatable=False,
        collateral_value=351_850_500_000,
        debt_value=280_034_566_000,
        collateral=(
            Collateral(
                weth,
                0,
                1_500_000_000_000_000_000,
                234_567_000_000,
                351_850_500_000,
                True,
                83 * 10**16,
                5 * 10**16,
                952380952380952380,
                10**17,
            ),
            Collateral(wbtc, 2, 1, 6_543_210_000_000, 65_432, False, 0, 0, 0),
        ),
        debt=(Debt(usdc, 1, 2_800_000_000, 100_012_345, 280_034_566_000),),
    )
    return replace(base, **changes)


def outcome(**changes: Any) -> Outcome:
    base = Outcome(
        scenario="-40%",
        health_factor=620740734074073900,
        liquidatable=True,
        liquidations=(
            Liquidation(Amount(USDC, 2_010_000_000), 1, (Seized(WETH, 0, 10**18, 10**16),), (), 5 * 10**17),
            Liquidation(Amount(USDC, 1), 1, (Seized(WETH, 0, 49 * 10**16, 0),), (), None),
        ),
        ended=Ended.NOTHING_TO_SEIZE,
        assets_left=(Amount(WBTC, 1),),
        debt_left=(Amount(USDC, 789_999_999),),
        bad_debt=(BadDebt(USDC, 789_999_999, 79_009_752_450),),
        bad_debt_value=79_009_752_450,
        uncovered_value=0,
        owner_loss=OwnerLoss(71_815_934_000, 140_740_200_000, 9_000_000_000, 1_085_486_450, 0, 79_009_752_450),
        borne_by=(Borne("deficit", USDC, 789_999_999),),
        liquidator="largest",
    )
    return replace(base, **changes)


SAFE = outcome(
    scenario="-10%",
    health_factor=1_000_000_000_000_000_001,
    liquidatable=False,
    liquidations=(),
    ended=Ended.HEALTHY,
    assets_left=(Amount(WETH, 15 * 10**17),),
    debt_left=(Amount(USDC, 2_800_000_000),),
    bad_debt=(),
    bad_debt_value=0,
    owner_loss=OwnerLoss(35_185_050_000, 35_185_050_000, 0, 0, 36_630_950_000, 0),
    borne_by=(),
)

THRESHOLDS = (
    Threshold(
        "group", "all volatile", Direction.DOWN, -33412567890123457, -210000000000000001, searched_to=-(10**18) + 1
    ),
    Threshold("group", "all volatile", Direction.UP, None, None, searched_to=999 * 10**18),
    Threshold(
        "asset",
        "WETH",
        Direction.DOWN,
        -33412567890123457,
        -210000000000000001,
        WETH.address,
        226_729_514_189,
        185_307_930_000,
        -(10**18) + 1,
    ),
    Threshold("asset", "WETH", Direction.UP, None, None, WETH.address, None, None, 999 * 10**18),
    Threshold("asset", "USDC", Direction.DOWN, None, None, USDC.address, None, None, -(10**18) + 1),
    Threshold("asset", "USDC", Direction.UP, 0, 10**17, USDC.address, 100_012_345, 110_013_580, 999 * 10**18),
)
VERDICT = Verdict("can-leave-bad-debt", "Liquidated if WETH falls 3.34 % to $2,267.29; below $1,853.07 lenders lose.")


def analysis(**changes: Any) -> Analysis:
    base = Analysis(position(), standing(), VERDICT, THRESHOLDS, (SAFE, outcome()))
    return replace(base, **changes)


def unpriced() -> Analysis:
    held = position(unpriced={0: "the oracle says 0"})
    return Analysis(held, standing(), Verdict("unpriced", "No usable price: this cannot be judged."), (), ())


def check(*analyses: Any, **changes: Any) -> Check:
    accounts = (Account(OWNER, tuple(analyses) or (analysis(),)), Account(OTHER))
    base = Check(1, 23_456_789, TIME, "rpc.example.org", accounts, (), "ethereum", TIME + 12, ("aave-v3-ethereum",))
    return replace(base, **changes)


def failing() -> Check:
    failures = (Failure("aave-v3-ethereum", "aave-v3", "endpoint-refused", "rpc.example.org answered 503"),)
    return check(accounts=(Account(OWNER, (), failures, (Warning("contract-account", "this address is a Safe"),)),))
