"""Bounds are sound: whatever integers are in the operands, the result is in the interval, or Undecided is raised."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk import fixedpoint as fp
from defirisk.risk.interval import Interval, Undecided

numbers = st.integers(-(10**12), 10**12)


@st.composite
def ranged(draw, low=-(10**12)):
    """An interval and an integer in it."""
    a, b, c = sorted(draw(st.tuples(*[st.integers(low, 10**12)] * 3)))
    return Interval(a, c), b


def within(interval, number):
    return (interval.lo <= number <= interval.hi) if isinstance(interval, Interval) else interval == number


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul])
@given(x=ranged(), y=ranged(), n=numbers)
def test_sums_and_products_hold_every_point(op, x, y, n):
    assert within(op(x[0], y[0]), op(x[1], y[1]))
    assert within(op(x[0], n), op(x[1], n))
    assert within(op(n, x[0]), op(n, x[1]))


@given(x=ranged(), y=ranged(low=1), n=numbers, d=st.integers(1, 10**9))
def test_floor_quotients_hold_every_point(x, y, n, d):
    assert within(x[0] // y[0], x[1] // y[1])
    assert within(x[0] // d, x[1] // d)
    assert within(n // y[0], n // y[1])


@pytest.mark.parametrize("op", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
@given(x=ranged(), y=ranged(), n=numbers)
def test_a_comparison_speaks_for_every_point_or_not_at_all(op, x, y, n):
    for left, right, points in ((x[0], y[0], (x[1], y[1])), (x[0], n, (x[1], n)), (n, x[0], (n, x[1]))):
        try:
            said = op(left, right)
        except Undecided:
            continue
        assert said is op(*points)


@given(a=numbers, b=numbers)
def test_a_range_of_one_number_is_never_undecided(a, b):
    for op in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        assert op(Interval(a, a), Interval(b, b)) is op(a, b)
    assert bool(Interval(a, a)) is bool(a)


@given(x=ranged(low=0), y=ranged(low=0), z=ranged(low=1))
def test_the_arithmetic_of_the_protocols_runs_on_ranges(x, y, z):
    for function in (fp.mul_div_down, fp.mul_div_up, fp.mul_div_half_up):
        assert within(function(x[0], y[0], z[0]), function(x[1], y[1], z[1]))
    for function in (fp.percent_div_half_up, fp.ray_div_up, fp.wad_div_half_up, fp.div_up):
        assert within(function(x[0], z[0]), function(x[1], z[1]))


def test_overlapping_ranges_are_undecided():
    with pytest.raises(Undecided):
        _ = Interval(0, 2) < Interval(1, 3)
    with pytest.raises(Undecided):
        _ = Interval(0, 2) == 1
    with pytest.raises(Undecided):
        bool(Interval(0, 1))
    with pytest.raises(Undecided):
        _ = 5 // Interval(0, 1)
    with pytest.raises(ZeroDivisionError):
        _ = 5 // Interval(0, 0)


def test_a_range_is_not_hashable_because_it_is_not_one_number():
    with pytest.raises(TypeError):
        hash(Interval(1, 2))
