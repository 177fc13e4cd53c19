"""The benchmarks' command runs to its end with tiny sizes, and prints every figure in 80 columns."""

import pytest

from benchmarks.__main__ import FIGURES, main
from benchmarks.families import all_families
from benchmarks.positions import aave_v3
from defirisk.protocols import registry


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_printed_beside_its_target(name, capsys):
    assert main([name, "--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "cores" in lines[0]
    assert "Python" in lines[0]
    assert f"[{name}]" in lines[5]
    assert any(line.endswith((" ok", " NO")) for line in lines)


def test_a_name_that_is_none_is_said(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["speed"])
    assert ", ".join(FIGURES) in capsys.readouterr().err


def test_every_installed_family_has_positions_of_two_collaterals_and_one_debt():
    built = dict(all_families(3))
    assert {name.split()[0] for name in built} == set(registry.families())
    for positions in built.values():
        assert len(positions) == 3
        for position in positions:
            standing = position.rules.standing(position.state)
            assert sum(leg.counts for leg in standing.collateral) == 2
            assert len(standing.debt) == 1
            assert not standing.liquidatable


def test_positions_are_of_three_assets_and_of_every_size():
    for shape, legs in (("2+1", (2, 1)), ("1+2", (1, 2))):
        standings = [one.rules.standing(one.state) for one in aave_v3("3.6", shape, 24)]
        assert {(len(one.collateral), len(one.debt)) for one in standings} == {legs}
        assert min(one.collateral_value for one in standings) < 1_001 * 10**8
        assert max(one.collateral_value for one in standings) > 9_999_000 * 10**8
