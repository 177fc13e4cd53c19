"""The assertions on recorded positions: what passes, what does not, and what is said then."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

import defirisk
from defirisk.errors import InputError
from defirisk.risk.stretches import Found, first_of
from defirisk.testing import (
    RecordedChain,
    assert_health_factor,
    assert_liquidation_price,
    assert_no_bad_debt,
    assert_survives,
)

DEMO = Path(__file__).parents[2] / "fixtures" / "aave-v3-demo.json.gz"
CLOSE = "0x2222222222222222222222222222222222222222"
UNDER = "0x4444444444444444444444444444444444444444"


@pytest.fixture(scope="module")
def chain() -> RecordedChain:
    return RecordedChain(defirisk.load_fixture(DEMO))


@pytest.fixture(scope="module")
def close(chain: RecordedChain):
    return chain.position(CLOSE, scenarios=["-1%", "-10%", "-40%"], thresholds=True)


@pytest.fixture(scope="module")
def everyone(chain: RecordedChain):
    return chain.check(scenarios=["-1%", "-40%"])


def failure(assertion, *args, **options) -> str:
    with pytest.raises(AssertionError) as caught:
        assertion(*args, **options)
    return str(caught.value)


def test_the_chain_says_what_was_recorded(chain: RecordedChain) -> None:
    assert (chain.chain_id, chain.block, chain.source) == (31337, 403, "aave-v3-demo.json.gz")
    assert chain.timestamp == 1_795_176_000
    assert len(chain.wallets) == 8
    assert CLOSE in chain.wallets
    assert repr(chain) == "<RecordedChain aave-v3-demo.json.gz, chain 31337, block 403, 8 wallet(s)>"


def test_a_check_is_the_apis(chain: RecordedChain) -> None:
    ours = chain.check(CLOSE, scenarios=["-10%"], thresholds=True)
    assert ours.to_dict() == defirisk.check(CLOSE, fixture=DEMO, scenarios=["-10%"]).to_dict()
    assert asyncio.run(chain.check_async(CLOSE, scenarios=["-10%"], thresholds=True)).to_dict() == ours.to_dict()
    (only,) = chain.check(CLOSE).accounts
    assert only.positions[0].outcomes == ()


async def test_a_check_in_a_running_loop(chain: RecordedChain) -> None:
    assert len(chain.check().accounts) == 8


def test_the_one_position(chain: RecordedChain, close) -> None:
    assert close.position.owner == CLOSE
    with pytest.raises(InputError, match="holds 8 positions of the recorded wallets"):
        chain.position()
    nothing = RecordedChain(defirisk.load_fixture(DEMO.with_name("demo.json.gz")))
    holder, market = nothing.wallets[-1], "aave-v2-local"
    with pytest.raises(InputError, match=f"holds 0 positions of {holder} in {market}"):
        nothing.position(holder, market)


def test_survival(close, everyone) -> None:
    assert_survives(close, "-1%")
    text = failure(assert_survives, close)
    assert f"{CLOSE} in aave-v3@0x6b182f1488E8EfEb2Eb298155ed5Bd7FF8A14042 does not survive -10%" in text
    assert text.count("does not survive") == 2
    told = failure(assert_survives, everyone, "-1%")
    assert told.startswith(f"{UNDER} in ")
    assert told.count("does not survive") == 1


def test_the_whole_way_is_told(close) -> None:
    assert failure(assert_survives, close, "-40%").splitlines()[1:] == [
        "  The position: 0x2222222222222222222222222222222222222222 in aave-v3@0x6b182f1488E8EfEb2Eb298155ed5Bd7FF8A14042, rules 3.6",
        "    health factor 1.0106 (below 1: liquidatable)",
        "    collateral that counts $60,036.39, debt $46,334.74",
        "    supplied 1.39578 WBTC at $43,012.77 = $60,036.39, LT 78 %, bonus 6.25 %",
        "    owed 46,315.3 USDT at $1.00042 = $46,334.74",
        "  The scenario: -40%",
        "    WBTC $43,012.77 -> $25,807.66 (-40.00 %)",
        "    USDT $1.00042, unmoved",
        "    health factor 1.0106 -> 0.6063: liquidatable",
        "  The replay (liquidator: largest):",
        "    1. repaid 33,888.7 USDT, seized 1.38757 WBTC (and 0.00821046 for the protocol): the debt that is left is written off",
        "    ended: nothing is left to seize [nothing-to-seize]",
        "    left: -; still owed: 12,426.6 USDT",
        "    bad debt 12,426.6 USDT = $12,431.84, borne by the protocol and its lenders, as a deficit",
        "    the owner loses $13,701.64",
    ]


def test_market_prices_are_told_where_they_differ(chain: RecordedChain, tmp_path: Path) -> None:
    file = tmp_path / "depeg.toml"
    file.write_text('[[scenario]]\nname = "stuck"\n[scenario.oracle]\nWBTC = "-2%"\n[scenario.market]\nWBTC = "-60%"\n')
    text = failure(assert_no_bad_debt, chain.check(CLOSE, scenarios=[str(file)]))
    assert "WBTC $43,012.77 -> $42,152.51 (-2.00 %); fetches $17,205.11 on the market" in text
    assert "ended: no further liquidation pays on the market [liquidator]" in text
    assert "debt that what is left could not repay: $" in text


def test_bad_debt(close, everyone) -> None:
    assert_no_bad_debt(close, "-1%", "-10%")
    assert "leaves $12,431.84 of debt that nobody repays in -40%\n" in failure(assert_no_bad_debt, close)
    exact = Decimal(close.outcomes[2].loss_value).scaleb(-8)
    assert_no_bad_debt(close, at_most=exact)
    less = exact - Decimal("0.00000001")
    assert f"in -40%, more than {less}\n" in failure(assert_no_bad_debt, close, at_most=less)
    assert failure(assert_no_bad_debt, everyone).count("leaves $") == 4


def test_health(close, chain: RecordedChain) -> None:
    exact = Decimal(close.standing.health_factor).scaleb(-18)
    assert_health_factor(close, at_least=exact, at_most=exact)
    assert_health_factor(close, at_least=1, at_most="1.1")
    assert_health_factor(close, at_least=1.01)
    assert "has a health factor of 1.0106, below" in failure(
        assert_health_factor, close, at_least=exact + Decimal("1e-18")
    )
    assert "has a health factor of 1.0106, above" in failure(
        assert_health_factor, close, at_most=exact - Decimal("1e-18")
    )
    assert_health_factor(close, at_most="0.61", scenario="-40%")
    told = failure(assert_health_factor, close, at_least=1, scenario="-40%")
    assert "has a health factor of 0.6063 in -40%, below 1\n" in told
    assert "The replay" in told


def test_no_debt_is_above_any_bound(chain: RecordedChain) -> None:
    free = next(one for a in chain.check().accounts for one in a.positions if one.standing.health_factor is None)
    assert_health_factor(free, at_least=10**9)
    assert "has a health factor of -, above 1000000\n" in failure(assert_health_factor, free, at_most=10**6)


def test_liquidation_prices(close, chain: RecordedChain) -> None:
    (down,) = [t for t in close.thresholds if t.move == "WBTC" and t.direction == "down"]
    exact = Decimal(down.liquidation_price).scaleb(-8)
    assert_liquidation_price(close, "WBTC", at_most=exact, at_least=exact, raw=down.liquidation_price)
    assert_liquidation_price(close, close.position.tokens[down_slot(close)].address.lower(), at_most=50_000)
    tick = Decimal("0.00000001")
    assert "is liquidated at WBTC $42,559.36, above" in failure(
        assert_liquidation_price, close, "wbtc", at_most=exact - tick
    )
    assert "is liquidated at WBTC $42,559.36, below" in failure(
        assert_liquidation_price, close, "wbtc", at_least=exact + tick
    )
    told = failure(assert_liquidation_price, close, "WBTC", raw=down.liquidation_price - 1)
    assert f"not {down.liquidation_price - 1:,} (raw)" in told
    assert f"    WBTC falls: $42,559.36 (-1.05 %, {down.liquidation_price} raw)" in told.splitlines()
    assert "    WBTC rises: never" in told.splitlines()
    assert_liquidation_price(close, "USDT", at_most=2, direction="up")
    assert_liquidation_price(close, "WBTC", at_least=10**9, direction="up")
    assert "by no rise of WBTC, above" in failure(
        assert_liquidation_price, close, "WBTC", at_most=10**9, direction="up"
    )
    assert_liquidation_price(close, "USDT", at_most=0)
    assert "by no fall of USDT, below" in failure(assert_liquidation_price, close, "USDT", at_least=0.01)


def test_a_price_that_is_not_proved_to_be_the_nearest_is_no_ground_to_pass(close) -> None:
    """The search gave up: bounds that fit it may not fit the nearest price, which nobody knows."""
    from dataclasses import replace

    doubts = {"proved": False, "liquidation_proved": False}
    unsure = replace(close, thresholds=tuple(replace(found, **doubts) for found in close.thresholds))
    assert_liquidation_price(close, "WBTC", at_most=50_000)
    told = failure(assert_liquidation_price, unsure, "WBTC", at_most=50_000)
    assert "is liquidated at WBTC $42,559.36, which is not proved to be the nearest: one nearer may liquidate" in told
    assert "by no rise of WBTC, which is not proved" in failure(
        assert_liquidation_price, unsure, "WBTC", at_least=1, direction="up"
    )
    assert_liquidation_price(unsure, "WBTC", at_most=50_000, unproved=True)
    assert "above 1" in failure(assert_liquidation_price, unsure, "WBTC", at_most=1, unproved=True)


def test_a_search_for_bad_debt_that_gave_up_says_nothing_of_the_liquidation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only that search counts its effort, and gives up."""

    def gives_up(way, stretch, guess, holds, effort=None):
        found = first_of(way, stretch, guess, holds, effort)
        return found if effort is None else Found(found.distance, proved=False)

    monkeypatch.setattr("defirisk.risk.thresholds.first_of", gives_up)
    checked = defirisk.check(CLOSE, fixture=DEMO, scenarios=())
    (analysis,) = checked.accounts[0].positions
    assert {found.proved for found in analysis.thresholds if found.bad_debt} == {False}
    assert_liquidation_price(checked, "WBTC", at_most=50_000)


def down_slot(one) -> int:
    return next(slot for slot, token in enumerate(one.position.tokens) if token.symbol == "WBTC")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda one: assert_survives(one, "-20%"), "the scenario -20% was not asked for"),
        (assert_health_factor, "no bound was given"),
        (lambda one: assert_health_factor(one, at_least="much"), "a bound is 'much', not a number"),
        (lambda one: assert_health_factor(one, at_least=float("nan")), "not a number"),
        (lambda one: assert_liquidation_price(one, "WBTC"), "no bound was given"),
        (lambda one: assert_liquidation_price(one, "DOGE", at_most=1), "holds or owes DOGE"),
        (lambda one: assert_survives("0x2222"), "a str is nothing that was checked"),
        (lambda one: assert_survives(5), "a int is nothing that was checked"),
        (lambda one: assert_survives([]), "nothing was checked"),
        (lambda one: assert_survives(iter(())), "nothing was checked"),
    ],
)
def test_a_test_that_cannot_be_meant_is_no_pass(close, wrong, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        wrong(close)
    assert caught.value.__notes__ == [f"hint: {caught.value.hint}"]


def test_what_was_not_asked_for_is_said(chain: RecordedChain) -> None:
    plain = chain.position(CLOSE)
    with pytest.raises(InputError, match="no scenario was asked for"):
        assert_survives(plain)
    with pytest.raises(InputError, match="thresholds were not asked for"):
        assert_liquidation_price(plain, "WBTC", at_most=1)


def test_what_could_not_be_read_never_passes(tmp_path: Path) -> None:
    """A price of 0, and a wallet that lacks in the recording."""
    from dataclasses import replace

    from defirisk.chain import Returned
    from defirisk.chain.abi import Abi
    from defirisk.chain.recording import ReplayChain

    replay = defirisk.load_fixture(DEMO)
    price, symbol = Abi.load("aave_v3")["getAssetPrice"].selector, Abi.load("erc20")["symbol"]
    btc = next(
        call.to for call, one in replay.fixture.answers.items() if call == symbol(call.to) and b"WBTC" in one.data
    )
    answers = {
        call: Returned(bytes(32)) if call.data.startswith(price) and btc[2:] in call.data.hex() else answer
        for call, answer in replay.fixture.answers.items()
    }
    broken = RecordedChain(ReplayChain(replace(replay.fixture, answers=answers), "broken"))
    result = broken.check(CLOSE, scenarios=["-1%"])
    for assertion, options in (
        (assert_survives, {}), (assert_no_bad_debt, {}), (assert_health_factor, {"at_least": 0}),
    ):  # fmt: skip
        text = failure(assertion, result, **options)
        assert failure(assertion, (account for account in result.accounts), **options) == text  # gone through once only
        assert text.startswith(f"COULD NOT BE JUDGED: {CLOSE} in aave-v3@")
        assert "NOT JUDGED: no usable price for WBTC" in text
    stranger = broken.check("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", scenarios=["-1%"])
    assert "COULD NOT BE JUDGED: 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed in aave-v3@" in failure(
        assert_survives, stranger
    )


def test_many_are_told_in_short() -> None:
    demo = RecordedChain(defirisk.load_fixture(DEMO.with_name("demo.json.gz")))
    text = failure(assert_survives, demo.check(scenarios=["-30%"]))
    assert text.count("The position:") == 3
    assert text.count("does not survive") == 6
    assert (
        "\n\nand 3 more:\n  0x2222222222222222222222222222222222222222 in aave-v3-local does not survive -30%" in text
    )


def test_several_results_at_once(chain: RecordedChain, close) -> None:
    assert_survives([close, *chain.check(CLOSE, scenarios=["-1%"]).accounts], "-1%")
    with pytest.raises(AssertionError):
        assert_survives([chain.check(UNDER, scenarios=["-1%"])], "-1%")
