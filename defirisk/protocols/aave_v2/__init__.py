"""Aave V2 and its forks: reader, rules, and deployments; what V2 shares with Aave V3 it takes from there.

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
    from defirisk.protocols.aave_v2.reader import AaveV2Reader  # noqa: PLC0415 - see the module's docstring

    return RuleFamily("aave-v2", AaveV2Reader(), files(__package__).joinpath("deployments.toml"))
