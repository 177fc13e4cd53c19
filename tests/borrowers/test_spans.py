"""How the number of blocks finds what is taken, without an endpoint: counted requests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from defirisk.borrowers.spans import Span


def walked(blocks: int, most: Callable[[int], int], *, suggests: bool = False) -> tuple[int, int]:
    """Answered and refused requests for so many blocks, where at block b at most ``most(b)`` are taken."""
    span, at, answered, refused = Span(), 0, 0, 0
    while at < blocks:
        size = min(span.size, blocks - at)
        if size <= most(at):
            span.taken(size)
            at, answered = at + size, answered + 1
        else:
            span.refused(size, most(at) if suggests else None)
            refused += 1
            assert refused < 10**6
    return answered, refused


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 10, 64, 100, 1000, 2000, 3333, 10_000, 50_000])
def test_a_fixed_limit_is_found_and_used(limit: int) -> None:
    blocks = 1000 * limit
    answered, refused = walked(blocks, lambda _: limit)
    assert answered <= 1.35 * 1000 + 20
    assert refused <= 60


@pytest.mark.parametrize("limit", [3, 1500, 9000])
def test_a_suggestion_is_followed_at_once(limit: int) -> None:
    answered, refused = walked(1000 * limit, lambda _: limit, suggests=True)
    assert answered <= 1010
    assert refused <= 40


def test_after_a_crowd_it_grows_back_within_a_hundred_requests() -> None:
    answered, refused = walked(10_000_000, lambda block: 3 if block < 300 else 1_000_000)
    assert answered + refused < 100 + 100  # the crowd alone is a hundred


def test_no_limit_at_all_takes_few_requests() -> None:
    answered, refused = walked(20_000_000, lambda _: 10**9)
    assert (answered, refused) == (11, 0)
