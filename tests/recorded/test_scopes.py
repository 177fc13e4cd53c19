"""Every recording in both scopes: what is owed and what secures it is the same, to the last digit."""

from __future__ import annotations

from pathlib import Path

import pytest

from defirisk.chain.recording import ReplayChain, load_fixture
from defirisk.protocols.interface import Deployment
from defirisk.protocols.registry import deployment_at
from tests.recorded.compound_v2.fake import COMPTROLLER, WALLETS, frozen, running
from tests.support.scopes import assert_same_in_both_scopes

ROOT = Path(__file__).parents[2]
RECORDINGS = sorted(
    file
    for folder in ("fixtures", "tests/recorded/data", "tests/recorded/aave_v2/data", "tests/recorded/compound_v3/data")
    for file in (ROOT / folder).glob("*.json.gz")
    if not file.name.endswith("-expected.json.gz")
)


def deployments(chain: ReplayChain) -> list[Deployment]:
    return [deployment_at(one.protocol, one.entry, chain.chain_id, one.name) for one in chain.fixture.markets]


@pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: file.name.removesuffix(".json.gz"))
def test_a_recording_in_both_scopes(file: Path) -> None:
    chain = load_fixture(str(file))
    assert assert_same_in_both_scopes(chain, deployments(chain), chain.fixture.wallets) >= len(chain.fixture.markets)


@pytest.mark.parametrize("make", [frozen, running], ids=["frozen", "running"])
def test_compound_v2_in_both_scopes(make: object) -> None:
    here = Deployment("compound-v2-local", "compound-v2", "local", 31337, COMPTROLLER)
    assert callable(make)
    assert assert_same_in_both_scopes(make(), [here], list(WALLETS)) > 10


def test_all_recordings_are_here() -> None:
    assert len(RECORDINGS) >= 11
