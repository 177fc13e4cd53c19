"""What the entry point ``defirisk.protocols`` loads; apart, so that the rules can be had without the reader."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from defirisk.protocols.compound_v2.events import CompoundV2Events
from defirisk.protocols.compound_v2.reader import CompoundV2Reader
from defirisk.protocols.compound_v2.rules import ORIGINAL, SECONDS, VENUS
from defirisk.protocols.interface import RuleFamily

PROTOCOL: Final = RuleFamily(
    "compound-v2",
    CompoundV2Reader(),
    files(__package__).joinpath("deployments.toml"),
    rules=tuple(rules.name for rules in (ORIGINAL, SECONDS, VENUS)),
    debt_events=CompoundV2Events(),
    fast=ORIGINAL.fast,
)
