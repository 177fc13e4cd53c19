"""Reading owners in a market of Aave V3: flags, eMode, shares, and the contract's own view of the account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from defirisk.chain.abi import ZERO_ADDRESS, checksum
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call, Reverted
from defirisk.errors import MalformedAnswer, NonstandardDebtToken
from defirisk.fixedpoint import decimal_string
from defirisk.protocols.aave_v3.account import AccountData
from defirisk.protocols.aave_v3.decoding import decode_category, is_borrowing, is_collateral
from defirisk.protocols.aave_v3.reader_market import ABI, Site
from defirisk.protocols.aave_v3.reader_reserves import Listed, has_reserve_category
from defirisk.protocols.aave_v3.rules import AaveV3Rules
from defirisk.protocols.aave_v3.state import EMode, Holding
from defirisk.protocols.interface import Scope

_MAX_CATEGORY: Final = 255
_PLAIN_DEBT_FROM: Final = "3.4"
"""From here on GHO is a reserve like any other and no debt has a discount."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A wallet as the pool knows it: ``address`` EIP-55, ``flags`` its configuration word, ``emode`` its category.

    ``scope`` is how much of it is read. The flags tell what is owed and what counts: the contract itself looks at
    nothing else.
    """

    address: str
    flags: int
    emode: int
    scope: Scope = Scope.ALL

    @property
    def asked(self) -> bool:
        """Whether there is anything to read beside the flags."""
        return self.scope is not Scope.USED or self.flags != 0

    def asks(self, reserve_id: int) -> bool:
        """Whether anything in a reserve is read."""
        return self.scope is not Scope.USED or self.flags >> 2 * reserve_id & 3 != 0

    def asks_supply(self, reserve_id: int) -> bool:
        """Whether its supply in a reserve is read."""
        return self.scope is not Scope.USED or is_collateral(self.flags, reserve_id)

    def asks_debt(self, reserve_id: int) -> bool:
        """Whether its debt in a reserve is read."""
        return self.scope is not Scope.USED or is_borrowing(self.flags, reserve_id)


@dataclass(frozen=True, slots=True)
class Entered:
    """An eMode category that somebody is in; ``price_source`` is its key in the oracle, ``None`` if it has none."""

    emode: EMode
    price_source: str | None


# --- calls --------------------------------------------------------------------------------------------------------


def owner_calls(site: Site, wallet: str) -> list[Call]:
    """Ask which reserves a wallet uses, and its eMode."""
    return [ABI[name](site.pool, wallet) for name in ("getUserConfiguration", "getUserEMode")]


def account_call(site: Site, wallet: str) -> Call:
    """Ask for the contract's own view of a wallet."""
    return ABI["getUserAccountData"](site.pool, wallet)


def emode_calls(site: Site, category: int) -> list[Call]:
    """Ask for a category in every shape that a revision has; the others revert."""
    names = (
        "getEModeCategoryData",
        "getEModeCategoryCollateralConfig",
        "getEModeCategoryCollateralBitmap",
        "getEModeCategoryBorrowableBitmap",
        "getEModeCategoryLtvzeroBitmap",
        "getIsEModeCategoryIsolated",
    )
    return [ABI[name](site.pool, category) for name in names]


def balance_calls(listed: Listed, owner: Owner, rules: AaveV3Rules) -> list[Call]:
    """Ask for the shares in one reserve: the owner's flags show neither a supply that is no collateral nor amounts."""
    wallet, debt_token, calls = owner.address, listed.variable_debt_token, []
    if owner.asks_supply(listed.reserve.id):
        calls.append(ABI["scaledBalanceOf"](listed.a_token, wallet))
    if owner.asks_debt(listed.reserve.id):
        calls.append(ABI["scaledBalanceOf"](debt_token, wallet))
    if not is_borrowing(owner.flags, listed.reserve.id):
        return calls
    if _may_discount(rules):
        calls.append(ABI["balanceOf"](debt_token, wallet))
    if listed.stable_debt_token is not None:
        calls += [
            ABI[name](listed.stable_debt_token, wallet)
            for name in ("principalBalanceOf", "getUserStableRate", "getUserLastUpdated")
        ]
    return calls


def _may_discount(rules: AaveV3Rules) -> bool:
    return rules.name < _PLAIN_DEBT_FROM


# --- owners -------------------------------------------------------------------------------------------------------


def read_owner(answers: Answers, site: Site, wallet: str, scope: Scope) -> Owner:
    """Read what the pool knows of a wallet.

    Raises:
        ReadError: it does not say, or says what cannot be.

    """
    emode = answers.word(ABI["getUserEMode"], site.pool, wallet)
    if emode > _MAX_CATEGORY:
        raise MalformedAnswer(f"{checksum(site.pool)} puts {wallet} into the impossible eMode {emode}")
    flags = answers.word(ABI["getUserConfiguration"], site.pool, wallet)
    return Owner(wallet, flags, emode, scope)


def read_account(answers: Answers, site: Site, wallet: str) -> AccountData | None:
    """Read the contract's own view of an account, ``None`` where that reverts.

    Raises:
        ReadError: it answers something else.

    """
    function = ABI["getUserAccountData"]
    if isinstance(answers.answer(function(site.pool, wallet)), Reverted):
        return None
    return AccountData(*answers.read(function, site.pool, wallet))


def read_emode(answers: Answers, site: Site, category: int, rules: AaveV3Rules) -> Entered:
    """Read a category in the shape that the rules know.

    Raises:
        ReadError: it does not answer in that shape.

    """
    data = decode_category(answers.answer(ABI["getEModeCategoryData"](site.pool, category)))
    if has_reserve_category(rules):
        emode = EMode(category, data.ltv, data.liquidation_threshold, data.liquidation_bonus, data.label)
        return Entered(emode, None if data.price_source == ZERO_ADDRESS else data.price_source)
    pool = site.pool
    config = answers.word(ABI["getEModeCategoryCollateralConfig"], pool, category)
    emode = EMode(
        id=category,
        ltv=config.ltv,
        liquidation_threshold=config.liquidationThreshold,
        liquidation_bonus=config.liquidationBonus,
        label=data.label,
        collateral_bitmap=answers.word(ABI["getEModeCategoryCollateralBitmap"], pool, category),
        borrowable_bitmap=answers.word(ABI["getEModeCategoryBorrowableBitmap"], pool, category),
        ltvzero_bitmap=answers.probe(ABI["getEModeCategoryLtvzeroBitmap"], pool, category) or 0,
        isolated=bool(answers.probe(ABI["getIsEModeCategoryIsolated"], pool, category)),
    )
    return Entered(emode, None)


# --- balances -----------------------------------------------------------------------------------------------------


def read_holding(answers: Answers, listed: Listed, owner: Owner, rules: AaveV3Rules) -> Holding:
    """Read what an owner has in one reserve.

    Raises:
        NonstandardDebtToken: the debt token's own balance is not shares times index.
        ReadError: a token does not answer.

    """
    reserve, wallet = listed.reserve, owner.address
    borrowing = is_borrowing(owner.flags, reserve.id)
    shares, debt_token = ABI["scaledBalanceOf"], listed.variable_debt_token
    holding = Holding(
        reserve=reserve,
        scaled_supply=answers.word(shares, listed.a_token, wallet) if owner.asks_supply(reserve.id) else 0,
        scaled_variable_debt=answers.word(shares, debt_token, wallet) if owner.asks_debt(reserve.id) else 0,
        stable_debt=_stable_debt(answers, listed, owner, rules) if borrowing else 0,
        collateral=is_collateral(owner.flags, reserve.id),
        borrowing=borrowing,
    )
    if borrowing and _may_discount(rules):
        _check_debt_token(answers, listed, holding, rules, wallet)
    return holding


def _stable_debt(answers: Answers, listed: Listed, owner: Owner, rules: AaveV3Rules) -> int:
    """Stable debt compounded to the block; 0 where the reserve's token for it is none (tried by its own answer)."""
    token = listed.stable_debt_token
    if token is None:
        return 0
    principal = answers.probe(ABI["principalBalanceOf"], token, owner.address)
    if not principal:
        return 0
    last_update = answers.word(ABI["getUserLastUpdated"], token, owner.address)
    if last_update > answers.block.timestamp:
        raise MalformedAnswer(f"{checksum(token)} updated {owner.address} after its block, at {last_update}")
    rate = answers.word(ABI["getUserStableRate"], token, owner.address)
    return rules.stable_debt_at(principal=principal, rate=rate, last_update=last_update, now=answers.block.timestamp)


def _check_debt_token(answers: Answers, listed: Listed, holding: Holding, rules: AaveV3Rules, wallet: str) -> None:
    told: int = answers.word(ABI["balanceOf"], listed.variable_debt_token, wallet)
    ours = rules.debt_of(holding) - holding.stable_debt
    if told == ours:
        return
    token = listed.reserve.token
    raise NonstandardDebtToken(
        f"the debt token of {token.address} says that {wallet} owes {decimal_string(told, token.decimals)}, shares "
        f"times index say {decimal_string(ours, token.decimals)}: it counts by rules of its own (GHO's discount did)",
        hint="this position is not judged, since its debt would be a guess",
    )
