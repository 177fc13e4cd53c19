"""What the entry point ``defirisk.protocols`` loads; apart, so that the rules can be had without the reader."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from defirisk.protocols.compound_v3.events import CometEvents
from defirisk.protocols.compound_v3.reader import CometReader
from defirisk.protocols.compound_v3.rules import RULES
from defirisk.protocols.compound_v3.state import CometState
from defirisk.protocols.interface import RuleFamily, StateTypes

PROTOCOL: Final = RuleFamily(
    "compound-v3",
    CometReader(),
    files(__package__).joinpath("deployments.toml"),
    rules=tuple(RULES),
    debt_events=CometEvents(),
    fast=RULES["comet"].fast,
    states=StateTypes(CometState, (), RULES),
)
