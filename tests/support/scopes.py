"""One claim over any chain: what is owed and what secures it comes out the same whether all is read or what is used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from defirisk.chain.calls import Chain
from defirisk.fixedpoint import WAD
from defirisk.model import Collateral, Outcome, Position, Scenario
from defirisk.protocols.interface import Deployment
from defirisk.reading import WaveReader, read_snapshot
from defirisk.risk.engine import analyse
from defirisk.risk.families import FamilyBook

FALLS = (0, 3, 10, 25, 40, 55, 70, 90)
SCENARIOS = [Scenario(f"-{fall}%", volatile=-fall * WAD // 100) for fall in FALLS]
BOOK = FamilyBook.load()


def assert_same_in_both_scopes(
    chain: Chain, deployments: Sequence[Deployment], wallets: Sequence[str], chunk: int = 4
) -> int:
    """Compare every wallet in every market, read in chunks and all at once; return how many positions were compared."""
    everything = asyncio.run(read_snapshot(chain, deployments, wallets))
    used = asyncio.run(_in_chunks(WaveReader(chain, deployments), wallets, chunk))
    compared = 0
    for whole, (address, part) in zip(everything.accounts, used.items(), strict=True):
        assert whole.address == address
        assert whole.failures == part.failures, address
        held = {one.market.name: one for one in whole.positions}
        found = {one.market.name: one for one in part.positions}
        assert set(found) == {name for name, one in held.items() if one.rules.standing(one.state).at_stake}, address
        for name, position in found.items():
            _compare(held[name], position)
            compared += 1
    return compared


async def _in_chunks(reader: WaveReader, wallets: Sequence[str], chunk: int) -> dict[str, Any]:
    unique = list(dict.fromkeys(wallets))
    accounts = {}
    for start in range(0, len(unique), chunk):
        part = unique[start : start + chunk]
        snapshot = await reader.read(part)
        assert [account.address for account in snapshot.accounts] == part
        accounts.update({account.address: account for account in snapshot.accounts})
    return accounts


def _compare(whole: Position, part: Position) -> None:
    assert (part.market, part.owner, part.rules) == (whole.market, whole.owner, whole.rules)
    assert (part.contract, part.reproduced) == (whole.contract, whole.reproduced)
    assert {part.tokens[slot]: cause for slot, cause in part.unpriced.items()}.items() <= {
        whole.tokens[slot]: cause for slot, cause in whole.unpriced.items()
    }.items()
    left_out = _uncounted(whole) - _uncounted(part)
    if not left_out:
        assert part.state == whole.state
        assert part.warnings == whole.warnings
    if whole.unpriced:
        return
    one, other = (analyse(position, SCENARIOS, book=BOOK, thresholds=False) for position in (whole, part))
    for before, after in zip(one.outcomes, other.outcomes, strict=True):
        _same_outcome(before, after, left_out=bool(left_out))
    assert other.standing is not None
    assert one.standing is not None
    for field in ("health_factor", "liquidatable", "collateral_value", "debt_value"):
        assert getattr(other.standing, field) == getattr(one.standing, field), field
    assert _counted(other.standing.collateral) == _counted(one.standing.collateral)
    assert [replace(leg, slot=0) for leg in other.standing.debt] == [replace(leg, slot=0) for leg in one.standing.debt]


def _uncounted(position: Position) -> set[str]:
    return {leg.token.address for leg in position.rules.standing(position.state).collateral if not leg.counts}


def _counted(legs: Sequence[Collateral]) -> list[Collateral]:
    return [replace(leg, slot=0) for leg in legs if leg.counts]


def _same_outcome(whole: Outcome, part: Outcome, *, left_out: bool) -> None:
    """All but what an uncounted supply adds to what is left and to the owner's equity."""
    if left_out:
        assert set(part.assets_left) <= set(whole.assets_left)
        whole = replace(whole, assets_left=part.assets_left, owner_loss=part.owner_loss)
    assert _without_slots(part) == _without_slots(whole)


def _without_slots(outcome: Outcome) -> Outcome:
    """Price slots are places in a position's own list, which is shorter where less was read."""
    liquidations = tuple(
        replace(step, repaid_slot=0, seized=tuple(replace(one, slot=0) for one in step.seized))
        for step in outcome.liquidations
    )
    return replace(outcome, liquidations=liquidations)
