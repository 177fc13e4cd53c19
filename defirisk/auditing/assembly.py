"""The end of a run: saved chunks to the two tables, the full replays of the worst, and the result."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defirisk.auditing.ask import Ask
from defirisk.auditing.begin import Begun
from defirisk.auditing.columns import OUTCOMES, POSITIONS, label_columns, schema
from defirisk.auditing.listing import wallets_of
from defirisk.auditing.partition import Judged, Plan, failing, judge_partition
from defirisk.auditing.result import AuditResult, RunFigures
from defirisk.auditing.saving import saved
from defirisk.auditing.settings import among
from defirisk.auditing.state import State, replace_with
from defirisk.auditing.summary import Summary, merged
from defirisk.auditing.tables import read_part, write_table
from defirisk.chain.endpoints import chain_with_id
from defirisk.judging import Terms, judge
from defirisk.model import Snapshot
from defirisk.model import Warning as Notice
from defirisk.result import CheckResult
from defirisk.risk.together import shared_losses

if TYPE_CHECKING:
    import pyarrow as pa


class Pieces:
    """The chunks of a run, in order: saved ones, and a failure of each wallet for those that were never read."""

    def __init__(self, state: State, begun: Begun, done: Collection[int], plan: Plan, lost: tuple[str, str]) -> None:
        self._state, self._begun, self._done, self._plan, self._lost = state, begun, done, plan, lost

    def summary(self) -> Summary:
        """All that was added up."""
        return merged(self._summaries(), self._plan.keep)

    def _summaries(self) -> Iterator[Summary]:
        for chunk in range(self._begun.listing.chunks):
            if chunk not in self._done:
                yield self._failing(chunk).summary
                continue
            record = saved(self._state, chunk)
            yield record.complete
            yield record.rest

    def positions(self) -> Iterator[pa.Table]:
        """Chunk after chunk, with the labels of the list."""
        labels = label_columns(self._begun.listing.labels)
        for chunk in range(self._begun.listing.chunks):
            table = self._part(chunk, "positions")
            yield self._labelled(chunk, table, labels) if labels else table

    def outcomes(self) -> Iterator[pa.Table]:
        """Chunk after chunk."""
        return (self._part(chunk, "outcomes") for chunk in range(self._begun.listing.chunks))

    def _part(self, chunk: int, kind: str) -> pa.Table:
        if chunk in self._done:
            return read_part(self._state.part(chunk, kind))
        lost = self._failing(chunk)
        return lost.positions if kind == "positions" else lost.outcomes

    def _labelled(self, chunk: int, table: pa.Table, labels: Mapping[str, str]) -> pa.Table:
        import pyarrow as pa  # noqa: PLC0415 - late

        wallets = wallets_of(self._state, chunk)
        markets = len(self._begun.markets)
        for label, column in labels.items():
            cells = [wallet.labels.get(label) for wallet in wallets for _ in range(markets)]
            table = table.append_column(column, pa.array(cells, pa.string()))
        return table

    def _failing(self, chunk: int) -> Judged:
        addresses = [wallet.address for wallet in wallets_of(self._state, chunk)]
        return judge_partition(failing(addresses, self._begun.markets, *self._lost), self._plan)


def write_tables(ask: Ask, begun: Begun, pieces: Pieces) -> dict[str, Path]:
    """The tables that were asked for, each whole or not at all.

    Raises:
        UnwritableOutput: one cannot be written.
    """
    about = _about(begun)
    files: dict[str, Path] = {}
    if ask.output is not None:
        files["positions"] = ask.output
        labels = tuple(label_columns(begun.listing.labels).values())
        write_table(ask.output, schema(POSITIONS, labels), pieces.positions(), about)
    if ask.outcomes is not None:
        files["outcomes"] = ask.outcomes
        write_table(ask.outcomes, schema(OUTCOMES), pieces.outcomes(), about)
    rejected = ask.rejected_file()
    if rejected is not None and begun.listing.rejected:
        files["rejected"] = rejected
    return files


def _about(begun: Begun) -> dict[str, str]:
    return {
        "chain_id": str(begun.chain_id),
        "block": str(begun.block.number),
        "block_hash": begun.block.hash or "",
        "markets": " ".join(market.name for market in begun.markets),
    }


def worst_wallets(summary: Summary, count: int) -> list[str]:
    """The wallets of the worst positions of each unit of account, worst first, each once."""
    worst = (one.address for unit in summary.units.values() for one in unit.worst[:count])
    return list(dict.fromkeys(worst))


def write_top(path: Path, begun: Begun, snapshots: Sequence[Snapshot], ask: Ask) -> None:
    """The full replays: the document of ``defirisk check`` for these wallets.

    Raises:
        UnwritableOutput: it cannot be written.
    """
    from defirisk.report import json  # noqa: PLC0415 - only for the worst

    names = tuple(market.name for market in begun.markets)
    judged = judge(snapshots, _terms(ask, names, snapshots), names) if snapshots else []
    accounts = tuple(account for part in judged for account in part)
    known = chain_with_id(begun.chain_id)
    result = CheckResult(
        chain_id=begun.chain_id,
        block=begun.block.number,
        timestamp=begun.block.timestamp,
        source=snapshots[0].source if snapshots else "nothing",
        accounts=accounts,
        warnings=(),
        chain=known.name if known else None,
        read_at=None,
        markets=names,
        shared_losses=shared_losses(analysis for account in accounts for analysis in account.positions),
    )
    text = json.dumps(json.check(result)).encode()
    replace_with(path, lambda file: _put(file, text))


def _terms(ask: Ask, markets: Sequence[str], snapshots: Sequence[Snapshot]) -> Terms:
    """As asked, without what is set in markets that none of these wallets is in."""
    held = {position.market.name for one in snapshots for account in one.accounts for position in account.positions}
    return replace(ask.terms, what_if=among(ask.terms.what_if, markets, tuple(held)))


def _put(file: Any, content: bytes) -> None:
    file.write(content)


def result_of(
    ask: Ask,
    begun: Begun,
    summary: Summary,
    files: dict[str, Path],
    *,
    engine: str,
    warnings: Sequence[Notice],
    source: str,
    figures: RunFigures,
    resumable: bool,
) -> AuditResult:
    """Everything together."""
    known = chain_with_id(begun.chain_id)
    return AuditResult(
        chain_id=begun.chain_id,
        chain=known.name if known else None,
        block=begun.block.number,
        block_hash=begun.block.hash,
        timestamp=begun.block.timestamp,
        source=source,
        markets=begun.markets,
        scenarios=tuple(scenario.name for scenario in ask.terms.scenarios),
        engine=engine,
        listing=begun.listing,
        summary=summary,
        warnings=tuple(dict.fromkeys(warnings)),
        files=files,
        run=figures,
        resumable=resumable,
    )
