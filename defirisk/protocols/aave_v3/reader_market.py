"""Reading one market of Aave V3: where its contracts are, what its pool is, which reserves it lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from defirisk.chain.abi import ZERO_ADDRESS, Abi, Function, checksum
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call, Returned
from defirisk.errors import CallReverted, MalformedAnswer, NotAMarket, NotDeployed
from defirisk.model import Unit
from defirisk.protocols.aave_v3.reader_revision import Probes
from defirisk.protocols.interface import Deployment

ABI: Final = Abi.load("aave_v3")
MAX_RESERVES: Final = 128
"""A user's configuration has two bits a reserve in one word (``ReserveConfiguration.MAX_RESERVES_COUNT``)."""
PROBE_CATEGORY: Final = 1
USD_STAND_INS: Final = frozenset(
    {
        ZERO_ADDRESS,
        "0x0000000000000000000000000000000000000348",  # Chainlink's Denominations.USD
        "0x10f7fc1f91ba351f9c629c5947ad69bd03c05b96",  # the stand-in of Aave V2's side chains
    }
)
_MAX_UNIT_DECIMALS: Final = 18


@dataclass(frozen=True, slots=True)
class Kind:
    """What messages call a generation of Aave and its entry contract."""

    name: str
    provider: str


KIND: Final = Kind("Aave V3", "PoolAddressesProvider")


@dataclass(frozen=True, slots=True)
class Site:
    """Where a market's contracts are, lower-case; ``sentinel`` is ``None`` where none is set."""

    provider: str
    pool: str
    oracle: str
    sentinel: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a pool says of itself: ``revision`` (``None`` if it does not number itself), the functions that it has,
    ``assets`` in list order; ``base_currency`` ``None`` for USD, ``unit_decimals`` of the oracle's prices.
    """

    revision: int | None
    probes: Probes
    assets: tuple[str, ...]
    base_currency: str | None
    unit_decimals: int


# --- the provider -------------------------------------------------------------------------------------------------


def provider_calls(entry: str) -> list[Call]:
    """Ask the PoolAddressesProvider where everything is."""
    return [ABI[name](entry) for name in ("getPool", "getPriceOracle", "getPriceOracleSentinel")]


def hinted_site(deployment: Deployment) -> Site | None:
    """Where the registry believes the contracts to be; to be verified before it is used."""
    hints = dict(deployment.hints)
    if "pool" not in hints or "oracle" not in hints:
        return None
    return Site(deployment.entry.lower(), hints["pool"].lower(), hints["oracle"].lower())


def is_at(site: Site, hinted: Site | None) -> bool:
    """Whether the registry's belief holds at this block."""
    return hinted is not None and (site.pool, site.oracle) == (hinted.pool, hinted.oracle)


def read_site(answers: Answers, entry: str) -> Site:
    """Read where the contracts are.

    Raises:
        NotDeployed: nothing answers at that address.
        NotAMarket: what answers is no PoolAddressesProvider of Aave V3.

    """
    pool, oracle = (read_address(answers, ABI[name], entry, KIND) for name in ("getPool", "getPriceOracle"))
    found = answers.optional(ABI["getPriceOracleSentinel"], entry)
    sentinel = found[0] if found is not None and found[0] != ZERO_ADDRESS else None
    return Site(entry.lower(), pool, oracle, sentinel)


def read_address(answers: Answers, function: Function, entry: str, kind: Kind) -> str:
    """Read where the provider says that a contract is.

    Raises:
        NotDeployed: nothing answers at that address.
        NotAMarket: what answers is no provider of this kind, or one without a market.

    """
    try:
        address: str = answers.word(function, entry)
    except (CallReverted, MalformedAnswer) as problem:
        raise _not_a_market(answers, entry, function, kind) from problem
    if address == ZERO_ADDRESS:
        raise NotAMarket(f"{checksum(entry)} is a provider without a market: its {function.name}() is the zero address")
    return address


def _not_a_market(answers: Answers, entry: str, function: Function, kind: Kind) -> NotAMarket:
    hint = f"the entry of an {kind.name} market is its {kind.provider}; `defirisk markets` lists the known ones"
    answer = answers.answer(function(entry))
    place, asked = f"{checksum(entry)} at block {answers.block.number}", f"{function.name}()"
    if answer == Returned(b""):
        return NotDeployed(f"nothing answers {asked} at {place}: no contract, or no provider", hint=hint)
    return NotAMarket(f"{place} is no {kind.provider} of {kind.name}: it does not answer {asked}", hint=hint)


# --- the pool and its oracle --------------------------------------------------------------------------------------


def market_calls(site: Site) -> list[Call]:
    """Ask what needs neither a reserve nor a wallet."""
    return [
        ABI["POOL_REVISION"](site.pool),
        ABI["getReservesList"](site.pool),
        ABI["getReservesCount"](site.pool),
        ABI["RESERVE_INTEREST_RATE_STRATEGY"](site.pool),
        ABI["getEModeCategoryCollateralBitmap"](site.pool, PROBE_CATEGORY),
        ABI["getEModeCategoryLtvzeroBitmap"](site.pool, PROBE_CATEGORY),
        ABI["getIsEModeCategoryIsolated"](site.pool, PROBE_CATEGORY),
        ABI["BASE_CURRENCY"](site.oracle),
        ABI["BASE_CURRENCY_UNIT"](site.oracle),
    ]


def read_listing(answers: Answers, site: Site) -> Listing:
    """Read what the pool and its oracle say of themselves.

    Raises:
        NotAMarket: the pool lists no reserves.
        ReadError: it lists what cannot be.

    """
    pool = site.pool
    base: str = answers.word(ABI["BASE_CURRENCY"], site.oracle)
    return Listing(
        revision=answers.probe(ABI["POOL_REVISION"], pool),
        probes=Probes(
            reserves_count=answers.probe(ABI["getReservesCount"], pool) is not None,
            emode_bitmaps=answers.probe(ABI["getEModeCategoryCollateralBitmap"], pool, PROBE_CATEGORY) is not None,
            one_strategy=answers.probe(ABI["RESERVE_INTEREST_RATE_STRATEGY"], pool) is not None,
            ltvzero_bitmaps=answers.probe(ABI["getEModeCategoryLtvzeroBitmap"], pool, PROBE_CATEGORY) is not None,
            isolated_emodes=answers.probe(ABI["getIsEModeCategoryIsolated"], pool, PROBE_CATEGORY) is not None,
        ),
        assets=read_assets(answers, site, KIND),
        base_currency=None if base in USD_STAND_INS else base,
        unit_decimals=read_unit_decimals(answers, site),
    )


def read_assets(answers: Answers, site: Site, kind: Kind) -> tuple[str, ...]:
    """Read which reserves a pool lists.

    Raises:
        NotAMarket: it lists none, so it is no pool.
        MalformedAnswer: it lists more than there can be, or one twice.

    """
    try:
        assets: Sequence[str] = answers.word(ABI["getReservesList"], site.pool)
    except CallReverted as problem:
        raise NotAMarket(
            f"{checksum(site.pool)}, the pool of {checksum(site.provider)}, is no pool of {kind.name}: "
            "it does not answer getReservesList()"
        ) from problem
    if len(assets) > MAX_RESERVES:
        raise MalformedAnswer(f"{checksum(site.pool)} lists {len(assets)} reserves, a user has bits for {MAX_RESERVES}")
    if len(set(assets)) != len(assets):
        twice = next(asset for asset in assets if assets.count(asset) > 1)
        raise MalformedAnswer(f"{checksum(site.pool)} lists the reserve {checksum(twice)} twice")
    return tuple(assets)


def read_unit_decimals(answers: Answers, site: Site) -> int:
    """Read the decimals of the oracle's prices (``BASE_CURRENCY_UNIT``).

    Raises:
        ReadError: it does not say, or says what is no power of ten.

    """
    unit: int = answers.word(ABI["BASE_CURRENCY_UNIT"], site.oracle)
    for decimals in range(_MAX_UNIT_DECIMALS + 1):
        if 10**decimals == unit:
            return decimals
    raise MalformedAnswer(f"the oracle {checksum(site.oracle)} has a unit that is no power of ten: {unit}")


def unit_of(listing: Listing, symbols: dict[str, str]) -> Unit:
    """The unit of account: USD, or the oracle's base currency by its symbol (``symbols`` by lower-case address)."""
    if listing.base_currency is None:
        return Unit("USD", listing.unit_decimals)
    return Unit(symbols[listing.base_currency], listing.unit_decimals, checksum(listing.base_currency))
