"""What Umbrella's stakers cover of a reserve's deficit: ``Umbrella.slash``, worked out and not sent.

The order is the contract's own: a deficit up to the offset, and what was slashed for already, is never slashed for; of
what goes beyond, the stake covers as much as it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from defirisk.fixedpoint import mul_div_down, zero_floor_sub
from defirisk.model import Amount, Borne, Token
from defirisk.protocols.aave_v3.state import AaveState, Coverage

_ONE_HUNDRED_PERCENT: Final = 10_000
"""``UmbrellaConfiguration.ONE_HUNDRED_PERCENT``."""


def borne_with_umbrella(state: AaveState, losses: Sequence[Amount]) -> tuple[Borne, ...]:
    """Each loss as Umbrella's part, then the deficit that is left; token base units."""
    return tuple(borne for borne in _shares(state, losses) if borne.amount > 0)


def _shares(state: AaveState, losses: Sequence[Amount]) -> Iterator[Borne]:
    coverages = {holding.reserve.token: holding.reserve.coverage for holding in state.holdings}
    booked: dict[Token, int] = {}
    for loss in losses:
        before = booked.get(loss.token, 0)
        booked[loss.token] = before + loss.raw
        coverage = coverages.get(loss.token)
        covered = 0 if coverage is None else newly_covered(coverage, loss.raw, before)
        yield Borne("umbrella", loss.token, covered)
        yield Borne("deficit", loss.token, loss.raw - covered)


def newly_covered(coverage: Coverage, loss: int, booked: int = 0) -> int:
    """What the stake covers of ``loss``, a deficit booked on top of the reserve's and of ``booked``; token base units.

    What stands unslashed at the block has the first claim to the stake.
    """
    before = coverage.deficit + booked
    more = zero_floor_sub(_covered(coverage, before + loss), _covered(coverage, before))
    return min(loss, more)  # the contract's rounding could move a unit from one slash to the next


def _covered(coverage: Coverage, pool_deficit: int) -> int:
    """``Umbrella.isReserveSlashable`` and ``_slashAsset`` at a pool's deficit; token base units.

    Nothing is covered where ``StakeToken.slash`` would revert (nothing to slash, or nothing there to be slashed).
    """
    new = zero_floor_sub(pool_deficit, coverage.offset + coverage.pending)
    with_fee = mul_div_down(new, coverage.fee + _ONE_HUNDRED_PERCENT, _ONE_HUNDRED_PERCENT)
    to_slash = mul_div_down(with_fee, coverage.price, coverage.stake_price)
    if to_slash == 0:
        return 0
    return new if to_slash <= coverage.slashable else mul_div_down(new, coverage.slashable, to_slash)
