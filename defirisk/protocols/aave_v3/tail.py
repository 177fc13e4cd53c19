"""What roundings may still do where a close factor halves debts (Aave V2, V3.0 to 3.2): bounds over all calls to come.

Write i for an index in rays (at least 1), x for what a share of a balance is worth. Shares are burned to the nearest
and balances are told to the nearest, so a balance falls by what was burned, give or take s = floor(i / 2 + 1) units.

Calls. A call that the debt limits repays half of a debt of D units, so that at most D / 2 + s are left: after bits(D)
of them no more than 2 s + 1, and each further one burns a share, or a unit of stable debt: 4 s + 3 more. A call that
the collateral limits empties it, and its flag falls. Where the contract refuses that (it would burn no debt), the
largest amount whose seizure the collateral covers leaves less than a unit of that debt is worth, so that happens once
for each pair. No call is cut short otherwise, unless its product exceeds 256 bits; then nothing is promised.

Collateral. What a call seizes is worth (1 + bonus) * what it repays, up to one unit and a half more (half up twice),
down to 2 + bonus less (the floor before the bonus, in V3, then half up); the liquidator's burn and the fee's transfer
shift it by s each, the fee by one more. A collateral that is emptied may keep a share that no longer counts.

Debt. It falls by what was repaid, give or take s; where the collateral limits a call, what is repaid is a floor and a
quotient to the nearest: up to 2 less or 1 more than the collateral is worth.

Valuing: the contract's values are floors, one unit a leg, as are those by which uncovered debt is reckoned, two a
collateral and one a debt. Its health factor rounds half up twice: at most a unit and 1e-18 of the debt in its favour.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from defirisk.fixedpoint import RAY, UINT256_MAX, WAD, div_down, div_up, least, most, percent_mul_half_up
from defirisk.model import Collateral, Debt, Standing
from defirisk.protocols.aave_v3.amounts import CLOSE_FACTOR
from defirisk.protocols.aave_v3.state import AaveState, Holding
from defirisk.protocols.interface import Drift, Tail

if TYPE_CHECKING:
    from defirisk.protocols.aave_v3.revisions import Revision

Rounded = Callable[[int, int], int]

_HALF_UP_HEADROOM = 2**16
"""More than the bonus and what rounds it can multiply a product by: they are 16 bits of basis points."""


class Halving(NamedTuple):
    """What halving a debt until nothing is left does to it: the most that it may lag behind what was repaid after any
    number of calls (``lost``) or run ahead of it (``gained``), debt token base units; and how many ``calls`` it takes.
    """

    lost: int
    gained: int
    calls: int


def halving_tail(revision: Revision, state: AaveState, standing: Standing, *, half_up: bool) -> Tail | None:
    """The bounds at a state's own prices; ``None`` where a product may exceed 256 bits or legs are valued otherwise.

    ``half_up``: whether what a call seizes may be rounded up (V3), by half a unit.
    """
    if state.emode is not None and state.emode.price_slot is not None:
        return None
    counted = [leg for leg in standing.collateral if leg.counts]
    if not counted or not _fits(state, standing):
        return None
    alone = len(counted) == 1
    unit = min(10**leg.token.decimals for leg in standing.debt)
    halvings = [_halving(revision, state.holdings[leg.slot], leg, exactly=alone) for leg in standing.debt]
    shifts = [_shift(state.holdings[leg.slot].reserve.variable_borrow_index) for leg in standing.debt]
    ends = len(counted)
    calls = sum(one.calls for one in halvings) + ends * (1 + len(standing.debt))
    pairs = list(zip(halvings, shifts, strict=True))
    exact = not half_up and all(least(leg.price) * unit >= calls for leg in counted)
    up = 1 if exact else calls
    lost = Drift(
        supply=tuple(_moved(state, leg.slot, calls) + up + 3 for leg in standing.collateral),
        debt=tuple(one.lost + (0 if alone else ends * (s + 2)) for one, s in pairs),
        unit=2 * len(standing.collateral) + len(standing.debt) + 1,
    )
    down = calls * (2 + div_up(max(leg.liquidation_bonus or 0 for leg in counted), WAD))
    gained = Drift(
        supply=tuple(_moved(state, leg.slot, calls) + down for leg in standing.collateral),
        debt=tuple(one.gained + ends * (s + 1) for one, s in pairs),
        unit=len(standing.debt) + 3 + div_up(most(standing.debt_value), WAD),
    )
    return Tail(lost, gained)


def _halving(revision: Revision, holding: Holding, leg: Debt, *, exactly: bool) -> Halving:
    """A debt's path; exact where no call but the last can be limited by the collateral, and its shares are known."""
    shares, index = holding.scaled_variable_debt, holding.reserve.variable_borrow_index
    if exactly and type(shares) is int and holding.stable_debt == 0:
        return _halved(revision.debt_balance, revision.burn_debt, shares, index)
    s = _shift(index)
    calls = most(leg.amount).bit_length() + 4 * s + 4
    return Halving(calls * s, calls * s, calls)


@lru_cache(maxsize=1 << 16)
def _halved(balance: Rounded, burn: Rounded, shares: int, index: int) -> Halving:
    """The path of a variable debt from its shares, every rounding as it is."""
    owed = balance(shares, index)
    repaid = percent_mul_half_up(owed, CLOSE_FACTOR)
    if repaid == owed:
        return Halving(0, 0, 1)
    burned = burn(repaid, index)
    if burned == 0:
        return Halving(0, 0, 0)
    left = shares - burned
    lag = balance(left, index) - (owed - repaid)
    rest = _halved(balance, burn, left, index)
    return Halving(max(0, lag + rest.lost), max(0, rest.gained - lag), rest.calls + 1)


def _shift(index: int) -> int:
    """s: by how much a balance may miss what was burned of it, token base units."""
    return div_down(index, 2 * RAY) + 1


def _moved(state: AaveState, slot: int, calls: int) -> int:
    """Units by which burns to the nearest share may miss what is seized: half a share each, two where there is a fee,
    whose own rounding is one more; telling the balance; and the share that an emptied collateral keeps uncounted.
    """
    reserve = state.holdings[slot].reserve
    burns = 2 * calls if reserve.protocol_fee else calls
    fees = calls if reserve.protocol_fee else 0
    return div_up(burns * reserve.liquidity_index, 2 * RAY) + fees + 1 + 2 * _shift(reserve.liquidity_index)


def _fits(state: AaveState, standing: Standing) -> bool:
    """Whether no call's product of price, amount, unit and bonus can exceed 256 bits."""
    unit = max(state.scales)
    legs: list[Collateral | Debt] = [*standing.collateral, *standing.debt]
    largest = max(most(leg.amount) * most(leg.price) for leg in legs)
    return largest * unit * _HALF_UP_HEADROOM <= UINT256_MAX
