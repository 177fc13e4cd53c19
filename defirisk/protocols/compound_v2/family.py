"""What the entry point ``defirisk.protocols`` loads; apart, so that the rules can be had without the reader."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from defirisk.protocols.compound_v2.events import CompoundV2Events
from defirisk.protocols.compound_v2.reader import CompoundV2Reader
from defirisk.protocols.compound_v2.rules import ORIGINAL, SECONDS, VENUS
from defirisk.protocols.compound_v2.state import CompoundState, Holding, VaiDebt
from defirisk.protocols.interface import RuleFamily, StateTypes

_RULES: Final = (ORIGINAL, SECONDS, VENUS)
PROTOCOL: Final = RuleFamily(
    "compound-v2",
    CompoundV2Reader(),
    files(__package__).joinpath("deployments.toml"),
    rules=tuple(rules.name for rules in _RULES),
    debt_events=CompoundV2Events(),
    fast=ORIGINAL.fast,
    states=StateTypes(CompoundState, (Holding, VaiDebt), {rules.name: rules for rules in _RULES}),
)
