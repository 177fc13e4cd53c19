"""Assertions about lending positions for tests, with failure texts that a person can follow.

    from defirisk.testing import assert_no_bad_debt, assert_survives

    def test_treasury(defirisk_chain):                # the fixture of the pytest plugin: a recording, replayed
        result = defirisk_chain.check(scenarios=["-30%", "eth-crash.toml"])
        assert_survives(result, "-30%")
        assert_no_bad_debt(result)

They take whatever :func:`defirisk.check` gives, from a recording or a live chain, and need no pytest. What could not be
read never passes. Everything here is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from defirisk.testing.assertions import (
        assert_health_factor,
        assert_liquidation_price,
        assert_no_bad_debt,
        assert_survives,
    )
    from defirisk.testing.chain import RecordedChain

_HOME_OF: Final = {
    "RecordedChain": "defirisk.testing.chain",
    "assert_health_factor": "defirisk.testing.assertions",
    "assert_liquidation_price": "defirisk.testing.assertions",
    "assert_no_bad_debt": "defirisk.testing.assertions",
    "assert_survives": "defirisk.testing.assertions",
}

__all__ = [
    "RecordedChain",
    "assert_health_factor",
    "assert_liquidation_price",
    "assert_no_bad_debt",
    "assert_survives",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
