"""Floating point with proved bounds: every number is a pair (x, e), and the true number lies within e of x.

The exact engine's numbers are integers, so the functions here round as :mod:`defirisk.fixedpoint` does and then are
right to the last digit, bound 0, unless the true number lies within its bound of an edge; only then the bound grows by
one. So small amounts stay exact, and large ones, of which a float holds no last digit, stay within a few units in the
last place. Whoever compares gets an answer only if no number within the bounds would give another.

Derivation, used all over ``*/fast.py``. Let U = 2**-53. A float operation errs by U of its result, and an integer, or
a quotient of two, turned into a float by U as well. So a product or quotient of k such factors is within
(k + k - 1) * U of the true one, relatively, to the first order; second-order terms are below 1e-15 of that, and every
bound in use is rounded up by at least a whole U to cover them. If a factor x carries a bound e of its own, the product
carries e * (the other factors) besides. A sum of n integers is exact below 2**53 and errs by n * U of itself above.

Plain functions in the part of Python that numba compiles; never with ``fastmath``, whose reordering breaks the bounds.
"""

from __future__ import annotations

from typing import Final

import numpy as np

U: Final = 2.0**-53
EXACT_BELOW: Final = 2.0**53
"""Below this, sums and differences of integers are exact."""
TELLS_BELOW: Final = 1e10
"""Below this, the float nearest to a quotient of exact integers by a factor in basis points (up to 65535) lies on the
same side of every whole and half as the quotient: those are floats themselves, and the quotient is on one or at least
1 / 131070 away, which is more than U of it. Then its bound may be taken as 0."""

DOWN: Final = 0
HALF_UP: Final = 1
UP: Final = 2

UNDECIDED: Final = -1
NO: Final = 0
YES: Final = 1


def floored(x: float, e: float) -> tuple[float, float]:
    """The integer below a number within ``e`` of ``x``.

    If no integer lies in (x - e, x + e], all numbers in the bound have one floor. Otherwise two floors in it differ by
    less than 1 + e from x's.
    """
    whole = np.floor(x)
    over = x - whole  # exact
    if over >= e and 1.0 - over > e:
        return whole, 0.0
    return whole, 1.0 + e


def rounded(x: float, e: float, way: int) -> tuple[float, float]:
    """A number within ``e`` of ``x`` rounded ``way`` (DOWN, HALF_UP, UP). Ties go up, as in the contracts."""
    if way == DOWN:
        return floored(x, e)
    if way == UP:
        whole, bound = floored(-x, e)
        return -whole, bound
    whole = np.floor(x)
    over = x - whole
    if over >= 0.5:
        return whole + 1.0, 0.0 if over - 0.5 >= e and 1.5 - over > e else 1.0 + e
    return whole, 0.0 if 0.5 - over > e and over + 0.5 >= e else 1.0 + e


def at_least(x: float, e: float, line: float) -> int:
    """Whether a number within ``e`` of ``x`` is at least ``line``: YES, NO or UNDECIDED."""
    if x - line >= e:
        return YES
    if line - x > e:
        return NO
    return UNDECIDED


def sum_bound(total: float, terms: int) -> float:
    """What summing so many integers may err by."""
    return terms * U * total if total >= EXACT_BELOW else 0.0


HELPERS: Final = (floored, rounded, at_least, sum_bound)
"""For :class:`defirisk.protocols.fast.FastRules`: callees first."""
