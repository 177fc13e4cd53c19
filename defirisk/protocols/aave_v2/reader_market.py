"""Reading one market of Aave V2: where its contracts are, what its pool is, who liquidates, in what it counts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from defirisk.chain.abi import ZERO_ADDRESS, Abi, checksum
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call
from defirisk.errors import UnsupportedRules
from defirisk.model import Warning as Notice
from defirisk.protocols.aave_v2.revisions import LENDINGPOOL_REVISION, UNVERIFIED_REVISIONS, V2, V2_WHOLE
from defirisk.protocols.aave_v3.reader_market import ABI as V3_ABI
from defirisk.protocols.aave_v3.reader_market import (
    USD_STAND_INS,
    Kind,
    Listing,
    Site,
    read_address,
    read_assets,
    read_unit_decimals,
)
from defirisk.protocols.aave_v3.reader_revision import Choice, Probes

ABI: Final = Abi.load("aave_v2")
KIND: Final = Kind("Aave V2", "LendingPoolAddressesProvider")
_ETHER_DECIMALS: Final = 18
_WHOLE: Final = 10_000
_NONE_OF_V3: Final = Probes(reserves_count=False, emode_bitmaps=False)


@dataclass(frozen=True, slots=True)
class Manager:
    """The collateral manager, which carries out liquidations, lower-case.

    ``close_factor`` bps as ``managers.toml`` knows it, ``None`` for one that it does not know. ``grace_sentinel`` is
    asked by Aave's later managers, ``None`` where there is none.
    """

    address: str
    close_factor: int | None
    grace_sentinel: str | None

    @property
    def is_the_first(self) -> bool:
        """Whether nothing tells it from the one of the package 1.0.1."""
        return self.close_factor is None and self.grace_sentinel is None


# --- the provider -------------------------------------------------------------------------------------------------


def provider_calls(entry: str) -> list[Call]:
    """Ask the LendingPoolAddressesProvider where everything is."""
    return [ABI[name](entry) for name in ("getLendingPool", "getPriceOracle", "getLendingPoolCollateralManager")]


def read_site(answers: Answers, entry: str) -> Site:
    """Read where the contracts are.

    Raises:
        NotDeployed: nothing answers at that address.
        NotAMarket: what answers is no LendingPoolAddressesProvider of Aave V2.

    """
    pool, oracle = (read_address(answers, ABI[name], entry, KIND) for name in ("getLendingPool", "getPriceOracle"))
    return Site(entry.lower(), pool, oracle)


# --- the collateral manager ---------------------------------------------------------------------------------------


def manager_calls(answers: Answers, site: Site) -> list[Call]:
    """Ask whether the collateral manager asks anybody else."""
    return [ABI["LIQUIDATIONS_GRACE_SENTINEL"](_manager_address(answers, site))]


def read_manager(answers: Answers, site: Site) -> Manager:
    """Read who carries out liquidations.

    Raises:
        NotAMarket: the provider names nobody.

    """
    address = _manager_address(answers, site)
    sentinel = answers.probe(ABI["LIQUIDATIONS_GRACE_SENTINEL"], address)
    known = known_close_factors().get((answers.chain_id, address))
    return Manager(address, known, None if sentinel in (None, ZERO_ADDRESS) else sentinel)


def _manager_address(answers: Answers, site: Site) -> str:
    return read_address(answers, ABI["getLendingPoolCollateralManager"], site.provider, KIND)


@cache
def known_close_factors() -> Mapping[tuple[int, str], int]:
    """The close factors (bps) of the managers in ``managers.toml``, by chain id and lower-case address."""
    rows = tomllib.loads(files(__package__).joinpath("managers.toml").read_text(encoding="utf-8"))["manager"]
    return {(row["chain_id"], row["address"].lower()): row["close_factor"] for row in rows}


# --- the pool and its oracle --------------------------------------------------------------------------------------


def market_calls(site: Site) -> list[Call]:
    """Ask what needs neither a reserve nor a wallet."""
    return [
        ABI["LENDINGPOOL_REVISION"](site.pool),
        ABI["getReservesList"](site.pool),
        ABI["paused"](site.pool),
        ABI["WETH"](site.oracle),
        V3_ABI["BASE_CURRENCY"](site.oracle),
        V3_ABI["BASE_CURRENCY_UNIT"](site.oracle),
    ]


def read_listing(answers: Answers, site: Site) -> Listing:
    """Read what the pool and its oracle say of themselves.

    Raises:
        NotAMarket: the pool lists no reserves.
        UnsupportedRules: the oracle does not say in what it counts.
        ReadError: something of it is what cannot be.

    """
    base, decimals = _read_base(answers, site)
    return Listing(
        revision=answers.probe(ABI["LENDINGPOOL_REVISION"], site.pool),
        probes=_NONE_OF_V3,
        assets=read_assets(answers, site, KIND),
        base_currency=base,
        unit_decimals=decimals,
    )


def _read_base(answers: Answers, site: Site) -> tuple[str | None, int]:
    """The unit of account, ``None`` for USD, and its decimals: ``BASE_CURRENCY`` of the later oracles, or ``WETH`` of
    the first, which prices that at one ether.
    """
    base = answers.probe(V3_ABI["BASE_CURRENCY"], site.oracle)
    if base is not None:
        return None if base in USD_STAND_INS else base, read_unit_decimals(answers, site)
    weth = answers.probe(ABI["WETH"], site.oracle)
    if weth is None or weth == ZERO_ADDRESS:
        raise UnsupportedRules(
            f"the oracle {checksum(site.oracle)} does not say in what it counts: neither WETH() nor BASE_CURRENCY()",
            hint="a fork with an oracle of its own: its values would be a guess",
        )
    return weth, _ETHER_DECIMALS


def check_unit(answers: Answers, site: Site, listing: Listing) -> None:
    """Check that the oracle prices its own unit of account at one.

    Raises:
        ReadError: it does not say.
        UnsupportedRules: it says otherwise, so that it counts in something else.

    """
    if listing.base_currency is None:
        return
    price = answers.word(V3_ABI["getAssetPrice"], site.oracle, listing.base_currency)
    if price != 10**listing.unit_decimals:
        raise UnsupportedRules(
            f"the oracle {checksum(site.oracle)} prices its own unit of account {checksum(listing.base_currency)} "
            f"at {price}, not at {10**listing.unit_decimals}: in what it counts is not known"
        )


# --- the rules ----------------------------------------------------------------------------------------------------


def choose_rules(number: int | None, manager: Manager) -> Choice:
    """Choose the rules of a pool that says ``number`` of itself, under its collateral manager.

    Raises:
        UnsupportedRules: it is none of the pools that are known to follow them.

    """
    if number != LENDINGPOOL_REVISION and number not in UNVERIFIED_REVISIONS:
        raise UnsupportedRules(
            f"{_numbered(number)} is none of those of Aave V2 that defirisk has rules for "
            f"({', '.join(str(one) for one in sorted({LENDINGPOOL_REVISION, *UNVERIFIED_REVISIONS}))})",
            hint="a newer defirisk may know it",
        )
    revision = V2_WHOLE if manager.close_factor == _WHOLE else V2
    if number == LENDINGPOOL_REVISION and manager.is_the_first:
        return Choice((revision,))
    return Choice((revision,), _unverified(number, manager, revision.name))


def _unverified(number: int | None, manager: Manager, name: str) -> Notice:
    guess = ""
    if manager.close_factor is None and not manager.is_the_first:
        guess = "; whether its manager lets one call repay half or all of a debt is not known, half is assumed"
    return Notice(
        "unverified-revision",
        f"{_numbered(number)} with the collateral manager {checksum(manager.address)} was not seen run; the rules of "
        f"{name} are used, since they reproduce the contract's own health factor{guess}",
    )


def _numbered(number: int | None) -> str:
    return "a pool without a revision number" if number is None else f"pool revision {number}"
