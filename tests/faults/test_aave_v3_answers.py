"""Whatever one function answers, the reader ends with positions or with one of our errors, never with a crash."""

from __future__ import annotations

import asyncio
import random

import pytest

from defirisk.chain.calls import Answer, Call, Returned
from defirisk.errors import DefiriskError
from defirisk.model import Position, PositionStatus
from defirisk.protocols.aave_v3.family import PROTOCOL
from defirisk.protocols.interface import Scope
from tests.unit.aave_v3_reader.chains import ABI, SHAPES, SYMBOL, Bent

FUNCTIONS = sorted({one.name for one in ABI} | {"symbol"})


def survive(chain: Bent) -> None:
    """Read four wallets; judge what comes."""
    try:
        found = chain.read(chain.wallets[:4]).positions
    except DefiriskError:
        return
    for one in found:
        if isinstance(one, Position):
            if one.status is PositionStatus.OK:
                standing = one.rules.standing(one.state)
                assert one.reproduced.health_factor == standing.health_factor
                assert one.contract == one.reproduced or one.warnings
        else:
            assert one is None or isinstance(one, DefiriskError)


@pytest.mark.parametrize("revision", ["3.1", "3.7"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_answers_nonsense_everywhere(name: str, revision: str) -> None:
    for answer in SHAPES.values():
        survive(covered(revision).say(name, answer))


def covered(revision: str) -> Bent:
    chain = Bent(revision)
    return chain.covered(chain.assets[0], slashable=10**18)


@pytest.mark.parametrize("revision", ["3.1", "3.7"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_answer_with_a_flipped_bit(name: str, revision: str) -> None:
    """The same number of bytes, one bit of them wrong: it may pass for a number, it must not break anything."""
    chance = random.Random(f"{name} {revision}")
    selector = (SYMBOL if name == "symbol" else ABI[name]).selector
    held = Bent(revision).base.fixture.answers
    told = [call for call, answer in held.items() if call.data[:4] == selector and answer.data]
    for call in chance.sample(told, min(len(told), 6)):
        survive(_flipped(Bent(revision), call, held[call], chance))


def _flipped(chain: Bent, which: Call, answer: Answer, chance: random.Random) -> Bent:
    data = bytearray(answer.data)
    place = chance.randrange(8 * len(data))
    data[place // 8] ^= 1 << place % 8
    chain.bends.append(lambda call: Returned(bytes(data)) if call == which else None)
    return chain


def test_every_function_of_the_fragments_is_asked_by_some_revision() -> None:
    """No fragment is shipped that nobody calls."""
    asked = set()
    for revision in ("3.1", "3.3", "3.7"):
        chain = covered(revision).say("getPriceOracleSentinel", Returned((0x5E).to_bytes(32)))
        chain.say("isLiquidationAllowed", Returned((1).to_bytes(32))).read()
        asked |= {call.data[:4] for call in chain.asked}
    whole = covered("3.1").say("getPriceOracleSentinel", Returned((0x5E).to_bytes(32)))
    whole.say("isLiquidationAllowed", Returned((1).to_bytes(32)))
    asyncio.run(PROTOCOL.reader.read(whole, whole.deployment, whole.wallets, Scope.LISTED))
    asked |= {call.data[:4] for call in whole.asked}
    assert {one.name for one in ABI if one.selector not in asked} == set()
