"""Liquidation and bad-debt risk of on-chain lending positions, exact to the last digit.

    import defirisk

    result = defirisk.check("0x...", scenarios=["-20%", "-40%"])
    print(result)                   # the table of the command line
    result.outcomes_frame()         # pandas

Everything here is loaded when it is first used; ``import defirisk`` itself costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from defirisk.api import (
        check,
        check_async,
        check_chains,
        check_chains_async,
        demo,
        load_fixture,
        markets,
        record,
        record_async,
    )
    from defirisk.auditing.api import audit, audit_async
    from defirisk.auditing.result import AuditResult
    from defirisk.borrowers.api import BorrowersResult, find_borrowers, find_borrowers_async
    from defirisk.errors import DefiriskError, InputError, ReadError
    from defirisk.model import Move, Scenario
    from defirisk.policy.api import check_policy, check_policy_async
    from defirisk.refreshing import RefreshResult, refresh, refresh_async
    from defirisk.result import CheckResult, CheckSetResult
    from defirisk.snapshots.api import snapshot, snapshot_async
    from defirisk.snapshots.taking import SnapshotResult
    from defirisk.whatif.asking import WhatIf

_HOMES: Final = {
    "defirisk.api": (
        "check",
        "check_async",
        "check_chains",
        "check_chains_async",
        "demo",
        "load_fixture",
        "markets",
        "record",
        "record_async",
    ),
    "defirisk.auditing.api": ("audit", "audit_async"),
    "defirisk.auditing.result": ("AuditResult",),
    "defirisk.borrowers.api": ("BorrowersResult", "find_borrowers", "find_borrowers_async"),
    "defirisk.errors": ("DefiriskError", "InputError", "ReadError"),
    "defirisk.model": ("Move", "Scenario"),
    "defirisk.policy.api": ("check_policy", "check_policy_async"),
    "defirisk.refreshing": ("RefreshResult", "refresh", "refresh_async"),
    "defirisk.result": ("CheckResult", "CheckSetResult"),
    "defirisk.snapshots.api": ("snapshot", "snapshot_async"),
    "defirisk.snapshots.taking": ("SnapshotResult",),
    "defirisk.whatif.asking": ("WhatIf",),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AuditResult",
    "BorrowersResult",
    "CheckResult",
    "CheckSetResult",
    "DefiriskError",
    "InputError",
    "Move",
    "ReadError",
    "RefreshResult",
    "Scenario",
    "SnapshotResult",
    "WhatIf",
    "audit",
    "audit_async",
    "check",
    "check_async",
    "check_chains",
    "check_chains_async",
    "check_policy",
    "check_policy_async",
    "demo",
    "find_borrowers",
    "find_borrowers_async",
    "load_fixture",
    "markets",
    "record",
    "record_async",
    "refresh",
    "refresh_async",
    "snapshot",
    "snapshot_async",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - 0.02 s

        return version("defirisk")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
