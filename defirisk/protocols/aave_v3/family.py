"""What the entry point ``defirisk.protocols`` loads; apart, so that the rules can be had without the reader."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from defirisk.protocols.aave_v3.events import AaveV3Events
from defirisk.protocols.aave_v3.reader import AaveV3Reader
from defirisk.protocols.aave_v3.rules import RULES
from defirisk.protocols.aave_v3.state import AaveState, Holding
from defirisk.protocols.interface import RuleFamily, StateTypes

PROTOCOL: Final = RuleFamily(
    "aave-v3",
    AaveV3Reader(),
    files(__package__).joinpath("deployments.toml"),
    rules=tuple(RULES),
    debt_events=AaveV3Events(),
    fast=RULES["3.6"].fast,
    states=StateTypes(AaveState, (Holding,), RULES),
)
