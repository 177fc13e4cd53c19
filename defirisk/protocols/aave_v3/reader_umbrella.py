"""Reading Umbrella (Ethereum Core), which covers deficits: one call a reserve, five more for each that has a stake.

Its address is a hint of the registry. It is believed where it says that the market's pool is its own; everything that
does not answer leaves a cause, never a coverage of zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from defirisk.chain.abi import checksum
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call
from defirisk.errors import DefiriskError, MalformedAnswer
from defirisk.protocols.aave_v3.reader_market import ABI, Site
from defirisk.protocols.aave_v3.reader_reserves import Listed
from defirisk.protocols.aave_v3.state import Coverage
from defirisk.protocols.interface import Deployment


@dataclass(frozen=True, slots=True)
class Covered:
    """Reserves with what covers their deficits in them; ``causes`` by reserve id, why that could not be read."""

    listed: tuple[Listed, ...]
    causes: Mapping[int, str] = field(default_factory=dict)


def hinted_umbrella(deployment: Deployment) -> str | None:
    """Where the registry believes the market's Umbrella to be; ``None`` where it knows of none."""
    return dict(deployment.hints).get("umbrella")


def config_calls(umbrella: str | None, assets: Sequence[str]) -> list[Call]:
    """Ask which pool Umbrella is for, and which stakes cover each reserve."""
    if umbrella is None:
        return []
    return [ABI["POOL"](umbrella), *(ABI["getReserveSlashingConfigs"](umbrella, asset) for asset in assets)]


def stake_calls(answers: Answers, umbrella: str | None, site: Site, listed: Sequence[Listed]) -> Iterator[Call]:
    """Ask what the stakes hold and what was booked so far; the configurations must be there."""
    if umbrella is None:
        return
    for one in listed:
        asset = one.reserve.token.address
        try:
            config = _only_config(answers, umbrella, site, asset)
        except DefiriskError:
            continue  # told by read_coverages
        if config is not None:
            yield ABI["getDeficitOffset"](umbrella, asset)
            yield ABI["getPendingDeficit"](umbrella, asset)
            yield ABI["getReserveDeficit"](site.pool, asset)
            yield ABI["latestUnderlyingAnswer"](umbrella, config.umbrellaStake)
            yield ABI["getMaxSlashableAssets"](config.umbrellaStake)


def read_coverages(answers: Answers, umbrella: str | None, site: Site, listed: Sequence[Listed]) -> Covered:
    """Put into each reserve what covers it."""
    if umbrella is None:
        return Covered(tuple(listed))
    found: list[Listed] = []
    causes: dict[int, str] = {}
    for one in listed:
        try:
            coverage = _read_coverage(answers, umbrella, site, one)
        except DefiriskError as problem:
            causes[one.reserve.id], coverage = problem.message, None
        found.append(replace(one, reserve=replace(one.reserve, coverage=coverage)))
    return Covered(tuple(found), causes)


def _read_coverage(answers: Answers, umbrella: str, site: Site, listed: Listed) -> Coverage | None:
    asset = listed.reserve.token.address
    config = _only_config(answers, umbrella, site, asset)
    if config is None:
        return None
    stake_price = answers.word(ABI["latestUnderlyingAnswer"], umbrella, config.umbrellaStake)
    if stake_price <= 0 or listed.price.raw == 0:
        raise MalformedAnswer(f"{checksum(umbrella)} has no price to compare {asset} and its stake by")
    return Coverage(
        deficit=answers.word(ABI["getReserveDeficit"], site.pool, asset),
        offset=answers.word(ABI["getDeficitOffset"], umbrella, asset),
        pending=answers.word(ABI["getPendingDeficit"], umbrella, asset),
        slashable=answers.word(ABI["getMaxSlashableAssets"], config.umbrellaStake),
        price=listed.price.raw,
        stake_price=stake_price,
        fee=config.liquidationFee,
    )


def _only_config(answers: Answers, umbrella: str, site: Site, asset: str) -> Any | None:
    """A reserve's one stake; ``None`` where it has none, or several: ``isReserveSlashable`` is false for those.

    Raises:
        ReadError: Umbrella does not answer, or is another pool's.

    """
    pool = answers.word(ABI["POOL"], umbrella)
    if pool != site.pool.lower():
        raise MalformedAnswer(f"{checksum(umbrella)} covers the pool {checksum(pool)}, not {checksum(site.pool)}")
    configs = answers.word(ABI["getReserveSlashingConfigs"], umbrella, asset)
    return configs[0] if len(configs) == 1 else None
