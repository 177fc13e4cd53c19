"""Which rules a pool follows, and that a rule family comes without the chain's machinery."""

import subprocess
import sys

import pytest

from defirisk.model import Amount, Borne
from defirisk.protocols.aave_v3.family import PROTOCOL
from defirisk.protocols.aave_v3.revisions import REVISIONS
from defirisk.protocols.aave_v3.rules import is_unverified, rules_for_revision, rules_named
from tests.support.aave_v3 import EVERY, owed, state, supplied, token

TABLE = {1: "3.0", 2: "3.0", 3: "3.0", 4: "3.1", 5: "3.2", 6: "3.2", 7: "3.3", 8: "3.4", 9: "3.5", 10: "3.6", 11: "3.7"}


@pytest.mark.parametrize(("number", "name"), TABLE.items())
def test_pool_revision_names_the_rules(number, name):
    rules = rules_for_revision(number)
    assert rules is not None
    assert rules.name == name
    assert rules is rules_named(name)


@pytest.mark.parametrize("number", [-1, 0, 12, 100])
def test_an_unknown_revision_has_no_rules(number):
    assert rules_for_revision(number) is None


def test_only_the_later_3_0_releases_are_unverified():
    assert [number for number in range(20) if is_unverified(number)] == [2, 3]


def test_every_revision_is_named_once_and_seizes_by_pair():
    assert tuple(revision.name for revision in REVISIONS) == EVERY
    assert not any(rules_named(name).whole_account for name in EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_who_bears_a_loss(name):
    who = "suppliers" if name in ("3.0", "3.1", "3.2") else "deficit"
    loss = Amount(token("DAI"), 7)
    world = state((supplied("WETH", 1), 1), (owed("DAI", 1), 1))
    assert rules_named(name).borne_by(world, [loss]) == (Borne(who, loss.token, 7),)


def test_rules_load_without_chain_or_web3():
    code = (
        "import sys, defirisk.protocols.aave_v3.rules;"
        "print([m for m in sys.modules if m.startswith(('web3', 'eth_', 'defirisk.chain', 'defirisk.protocols.aave_v3.reader'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_family_says_where_it_is_and_what_it_knows():
    assert PROTOCOL.name == "aave-v3"
    assert PROTOCOL.deployments.is_file()
    assert PROTOCOL.rules == EVERY
