"""What a rule family gives to the house: its rules, its reader, where it is deployed.

A family is found through the entry-point group ``defirisk.protocols``; nothing else knows it by name.
"""

from defirisk.protocols.interface.changes import Act, Acted, ActKind, Altered, Changes, Named, Setting, changes_of
from defirisk.protocols.interface.events import DebtEvent, DebtEvents, Emitter
from defirisk.protocols.interface.family import RuleFamily, StateTypes
from defirisk.protocols.interface.reader import Deployment, MarketReading, Reader, Scope
from defirisk.protocols.interface.rules import (
    Drift,
    Pair,
    Refused,
    Rules,
    Slack,
    State,
    Step,
    Tail,
    likely_loses,
    liquidatable,
)

__all__ = [
    "Act",
    "ActKind",
    "Acted",
    "Altered",
    "Changes",
    "DebtEvent",
    "DebtEvents",
    "Deployment",
    "Drift",
    "Emitter",
    "MarketReading",
    "Named",
    "Pair",
    "Reader",
    "Refused",
    "RuleFamily",
    "Rules",
    "Scope",
    "Setting",
    "Slack",
    "State",
    "StateTypes",
    "Step",
    "Tail",
    "changes_of",
    "likely_loses",
    "liquidatable",
]
