"""Both scopes over real contracts: what is owed and what secures it is the same, whichever way it is read."""

from __future__ import annotations

from tests.support.scopes import assert_same_in_both_scopes

from .local_chain import LocalChain
from .reading import deployment
from .world import World


def test_aave_v3_in_both_scopes(chain: World) -> None:
    assert assert_same_in_both_scopes(LocalChain(chain.rpc), [deployment(chain)], chain.addresses, chunk=25) > 50
