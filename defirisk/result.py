"""What the API gives back: a check that can be turned into JSON, tables and pandas frames."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from defirisk.report.check import Check, CheckSet

if TYPE_CHECKING:
    import pandas as pd


class CheckResult(Check):
    """What ``defirisk check`` found on one chain at one block.

    Besides the fields of :class:`~defirisk.report.check.Check` (``chain_id``, ``block``, ``timestamp``, ``source``,
    ``accounts``, ``warnings``, ...) it converts itself. In frames, columns whose name ends in ``_raw`` hold exact
    integers as text; the same name without it is a float for people and for plots.
    """

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The document of ``defirisk check --format json``: ``defirisk/check/1``, exact."""
        from defirisk.report import json  # noqa: PLC0415 - only when it is asked for

        return json.check(self)

    def to_frame(self) -> pd.DataFrame:
        """Short for :meth:`positions_frame`."""
        return self.positions_frame()

    def positions_frame(self) -> pd.DataFrame:
        """One row a position, a market that failed, or an account without positions; values in the market's unit."""
        from defirisk import frames  # noqa: PLC0415 - pandas takes half a second

        return frames.positions(self)

    def legs_frame(self) -> pd.DataFrame:
        """One row an asset supplied or owed; amounts in whole tokens, prices and values in the market's unit."""
        from defirisk import frames  # noqa: PLC0415 - pandas takes half a second

        return frames.legs(self)

    def outcomes_frame(self) -> pd.DataFrame:
        """One row a position and scenario; values in the market's unit."""
        from defirisk import frames  # noqa: PLC0415 - pandas takes half a second

        return frames.outcomes(self)

    def thresholds_frame(self) -> pd.DataFrame:
        """One row a position and threshold; moves as shares (-0.25 is a fall of a quarter), NaN where there is none."""
        from defirisk import frames  # noqa: PLC0415 - pandas takes half a second

        return frames.thresholds(self)

    def __repr__(self) -> str:
        """One line, not everything that was found."""
        name = self.chain or f"chain {self.chain_id}"
        return f"<CheckResult {name}, block {self.block}, {len(self.accounts)} account(s)>"

    def __str__(self) -> str:
        """The table that the command line prints, without colour."""
        from defirisk.report import table  # noqa: PLC0415 - only when it is asked for

        return table.text(self)

    def _repr_html_(self) -> str:
        """The same in a notebook; nothing that a chain says is taken for HTML."""
        return f"<pre>{html.escape(str(self))}</pre>"


class CheckSetResult(CheckSet):
    """Several chains: ``checks``, and ``failures`` for those that could not be read at all."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The document of ``defirisk check --chain all --format json``: ``defirisk/check-set/1``, exact."""
        from defirisk.report import json  # noqa: PLC0415 - only when it is asked for

        return json.check_set(self)

    def __repr__(self) -> str:
        """One line, not everything that was found."""
        return f"<CheckSetResult {len(self.checks)} chain(s), {len(self.failures)} not read>"

    def __str__(self) -> str:
        """The table that the command line prints, without colour."""
        from defirisk.report import table  # noqa: PLC0415 - only when it is asked for

        return table.text(self)

    def _repr_html_(self) -> str:
        """The same in a notebook; nothing that a chain says is taken for HTML."""
        return f"<pre>{html.escape(str(self))}</pre>"
