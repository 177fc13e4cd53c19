"""Reading a Comptroller: which markets it lists, which flavour it is, which block it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from defirisk.chain.abi import ZERO_ADDRESS, Abi, checksum
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call, Returned
from defirisk.errors import CallReverted, MalformedAnswer, NotAMarket, NotDeployed, UnsupportedRules

ABI: Final = Abi.load("compound_v2")
MOST_MARKETS: Final = 512
"""Compound's own has 20 markets, Venus about 50."""
MULTICALL3: Final = "0xca11bde05977b3631167028862be2a173976ca11"
_PROBES: Final = (
    "liquidationIncentiveMantissa",
    "getBlockNumber",
    "seizeGuardianPaused",
    "protocolPaused",
    "vaiController",
    "liquidatorContract",
    "minLiquidatableCollateral",
)


@dataclass(frozen=True, slots=True)
class Comptroller:
    """What a Comptroller says of itself. Addresses lower-case; ``markets`` in list order.

    ``incentive`` wad, ``None`` where each market has its own. ``vai`` is Venus's VAIController and ``liquidator`` its
    Liquidator contract, ``None`` elsewhere. ``block`` is the block number that its contracts count, ``None`` where
    nobody could be asked. ``venus`` whether it knows of a VAIController, set or not: its caps are Venus's then.
    """

    entry: str
    oracle: str
    markets: tuple[str, ...]
    close_factor: int
    incentive: int | None
    seize_paused: bool
    paused: bool
    vai: str | None
    liquidator: str | None
    block: int | None
    venus: bool = False


def comptroller_calls(entry: str) -> list[Call]:
    """Ask what needs neither a market nor a wallet."""
    names = ("getAllMarkets", "oracle", "closeFactorMantissa", *_PROBES)
    return [*(ABI[name](entry) for name in names), ABI["getBlockNumber"](MULTICALL3)]


def read_comptroller(answers: Answers, entry: str) -> Comptroller:
    """Read what a Comptroller says of itself.

    Raises:
        NotDeployed: nothing answers at that address.
        NotAMarket: what answers is no Comptroller.
        UnsupportedRules: it is one of a kind that we have no rules for.

    """
    markets = tuple(dict.fromkeys(_required(answers, entry, "getAllMarkets")))
    if len(markets) > MOST_MARKETS:
        raise MalformedAnswer(f"{checksum(entry)} lists {len(markets)} markets, over the {MOST_MARKETS} that are read")
    if _probe(answers, entry, "minLiquidatableCollateral") is not None:
        raise UnsupportedRules(
            f"{checksum(entry)} is the Comptroller of a Venus isolated pool, which liquidates by rules of its own",
            hint="its rules are not known to defirisk, and are not guessed",
        )
    return Comptroller(
        entry=entry.lower(),
        oracle=_required(answers, entry, "oracle"),
        markets=markets,
        close_factor=_required(answers, entry, "closeFactorMantissa"),
        incentive=_probe(answers, entry, "liquidationIncentiveMantissa"),
        seize_paused=bool(_probe(answers, entry, "seizeGuardianPaused")),
        paused=bool(_probe(answers, entry, "protocolPaused")),
        vai=_contract(answers, entry, "vaiController"),
        liquidator=_contract(answers, entry, "liquidatorContract"),
        block=_block_number(answers, entry),
        venus=_probe(answers, entry, "vaiController") is not None,
    )


def _required(answers: Answers, entry: str, name: str) -> Any:
    try:
        return answers.word(ABI[name], entry)
    except (CallReverted, MalformedAnswer) as problem:
        raise _not_a_market(answers, entry, name) from problem


def _not_a_market(answers: Answers, entry: str, name: str) -> NotAMarket:
    hint = "the entry of a Compound V2 market is its Comptroller; `defirisk markets` lists the known ones"
    place = f"{checksum(entry)} at block {answers.block.number}"
    if answers.answer(ABI[name](entry)) == Returned(b""):
        return NotDeployed(f"nothing answers {name}() at {place}: no contract, or no Comptroller", hint=hint)
    return NotAMarket(f"{place} is no Comptroller of Compound V2: it does not answer {name}()", hint=hint)


def _probe(answers: Answers, to: str, name: str) -> Any | None:
    """A function that only some have; one that answers in another shape is another function."""
    found = answers.optional(ABI[name], to)
    return None if found is None else found[0]


def _contract(answers: Answers, entry: str, name: str) -> str | None:
    address: str | None = _probe(answers, entry, name)
    return None if address == ZERO_ADDRESS else address


def _block_number(answers: Answers, entry: str) -> int | None:
    """The ``block.number`` that contracts see, which on Arbitrum is not the chain's own (it is Ethereum's)."""
    own = _probe(answers, entry, "getBlockNumber")
    return own if own is not None else _probe(answers, MULTICALL3, "getBlockNumber")
