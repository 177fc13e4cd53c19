"""Aave V3 and its forks: reader, rules of every revision from 3.0 to 3.7, and deployments.

``PROTOCOL`` is what the entry point ``defirisk.protocols`` loads. It is made when asked for, so that the rules can be
imported without the reader's ABI machinery.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from defirisk.protocols.interface import RuleFamily

if TYPE_CHECKING:
    PROTOCOL: RuleFamily

__all__ = ["PROTOCOL"]


def __getattr__(name: str) -> Any:
    if name == "PROTOCOL":
        return _protocol()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _protocol() -> RuleFamily:
    from defirisk.protocols.aave_v3.reader import AaveV3Reader  # noqa: PLC0415 - see the module's docstring
    from defirisk.protocols.aave_v3.rules import RULES  # noqa: PLC0415 - as above

    place = files(__package__).joinpath("deployments.toml")
    return RuleFamily("aave-v3", AaveV3Reader(), place, rules=tuple(RULES))
