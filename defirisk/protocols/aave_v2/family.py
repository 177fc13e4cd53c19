"""What the entry point ``defirisk.protocols`` loads; apart, so that the rules can be had without the reader."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from defirisk.protocols.aave_v2.events import AaveV2Events
from defirisk.protocols.aave_v2.reader import AaveV2Reader
from defirisk.protocols.aave_v2.rules import RULES
from defirisk.protocols.aave_v3.state import AaveState, Holding
from defirisk.protocols.interface import RuleFamily, StateTypes

PROTOCOL: Final = RuleFamily(
    "aave-v2",
    AaveV2Reader(),
    files(__package__).joinpath("deployments.toml"),
    rules=tuple(RULES),
    debt_events=AaveV2Events(),
    fast=RULES["2.0"].fast,
    states=StateTypes(AaveState, (Holding,), RULES),
)
