"""Bad debts of several wallets in one market, end to end: the sum, and reserves that are there once."""

from __future__ import annotations

from pathlib import Path

import defirisk

RECORDING = Path(__file__).parents[1] / "recorded" / "compound_v3" / "data" / "comet-weth.json.gz"


def test_the_reserves_of_a_comet_bear_the_sum_of_its_losses() -> None:
    result = defirisk.check(fixture=RECORDING, scenarios=["family:ETH=+300%"], thresholds=False)
    analyses = [analysis for account in result.accounts for analysis in account.positions]
    (one,) = result.shared_losses
    lost = [bad.amount for each in analyses for outcome in each.outcomes for bad in outcome.bad_debt]
    assert (one.positions, one.amount) == (len(lost), sum(lost)) == (3, one.amount)
    assert one.amount < analyses[0].position.state.comet.reserves
    assert [(borne.who, borne.amount) for borne in one.borne_by] == [("reserves", one.amount)]
    (told,) = result.to_dict()["shared_losses"]
    assert (told["positions"], told["amount_raw"]) == (3, str(one.amount))
