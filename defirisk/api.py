"""The public API: ``import defirisk`` offers what this file defines.

What reads a chain is written once, to be awaited (``check_async``). Its twin without ``_async`` waits for it; beside a
running event loop (a notebook) it does so in a thread of its own.

Amounts are integers in token base units, prices in the unit of the protocol's oracle, values in base units of the
market's unit, ratios wad (1e18); results convert themselves to JSON and to pandas frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from defirisk.calling import Texts, blocking
from defirisk.calling import texts as _texts
from defirisk.calling import wait as _wait
from defirisk.calling import where as _where
from defirisk.judging import Terms
from defirisk.model import Scenario
from defirisk.rerecording import record as record_run
from defirisk.risk.scenario_files import load_scenarios, parse_drops, parse_shocks
from defirisk.run import ProgressHook, check_many, check_one
from defirisk.sources import ALL, Recording, Where, demo_recording
from defirisk.whatif.asking import NOTHING, WhatIf

if TYPE_CHECKING:
    from defirisk.chain.recording import ReplayChain
    from defirisk.protocols.interface import Deployment
    from defirisk.result import CheckResult, CheckSetResult

Scenarios = Scenario | str | Iterable[Scenario | str]
DEFAULT_DROPS: Final = "10,20,30,40,50"
"""The falls, in percent, that are looked at where no scenario is asked for."""


async def check_async(
    addresses: Texts = (),
    *,
    rpc: Texts = (),
    chain: str | None = None,
    block: int | None = None,
    fixture: Recording | None = None,
    markets: Texts = (),
    scenarios: Scenarios | None = None,
    liquidator: str = "largest",
    families: Mapping[str, str] | None = None,
    thresholds: bool = True,
    what_if: WhatIf | None = None,
    strict: bool = False,
    progress: ProgressHook | None = None,
) -> CheckResult:
    """Check wallets on one chain: health, thresholds, scenarios, who loses what.

    Args:
        addresses: 0x addresses or ENS names; none: those of the recording.
        rpc: JSON-RPC endpoints, the next one asked where one fails. Default: ``DEFIRISK_RPC_<CHAIN>``,
            ``ETH_RPC_URL``, then public ones.
        chain: a chain's name (default ethereum); with ``rpc`` or ``fixture`` it is only asserted.
        block: the block's number; ``None`` for the latest.
        fixture: a recording, by path or as :func:`load_fixture` gives it; no network then.
        markets: names as :func:`markets` lists them, or ``PROTOCOL@0xENTRY``; none: all known there.
        scenarios: :class:`Scenario` objects, names of presets, paths of TOML files, ``"-40%"`` (all volatile assets
            fall) or ``"WETH=-40%"``; ``None``: falls of 10 to 50 %; empty: none.
        liquidator: ``largest``, ``best-bonus`` or ``worst-case``.
        families: asset (symbol or address) to family, e.g. ``{"stETH": "ETH"}``.
        thresholds: whether to look for the prices that liquidate.
        what_if: parameters and acts that come first, and what should be reached: :meth:`defirisk.WhatIf.of`.
        strict: take any fallback while reading for an error.
        progress: called with what is being done, how much is done, how much there is.

    Returns:
        The result; what could not be read is in it as ``failed``, with its cause.

    Raises:
        InputError: what was asked for makes no sense (its subclasses say what).
        ReadError: the chain or the recording could not be read at all.
    """
    where = _where(rpc, chain, block, fixture, markets)
    terms = _terms(scenarios, families, liquidator, thresholds, what_if)
    return await check_one(_texts(addresses), where, terms, strict=strict, progress=progress)


check = blocking(check_async)


async def check_chains_async(
    addresses: Texts,
    chains: Texts = ALL,
    *,
    block: int | None = None,
    markets: Texts = (),
    scenarios: Scenarios | None = None,
    liquidator: str = "largest",
    families: Mapping[str, str] | None = None,
    thresholds: bool = True,
    what_if: WhatIf | None = None,
    strict: bool = False,
    progress: ProgressHook | None = None,
) -> CheckSetResult:
    """Check wallets on several chains, read side by side; a chain that fails leaves the others answered.

    Args:
        addresses: 0x addresses or ENS names.
        chains: names, or ``"all"`` for every chain with a known market.
        block: the block's number, the same on every chain; ``None`` for the latest of each.
        markets: names as :func:`markets` lists them; chains without any of them are left out.
        scenarios: as in :func:`check`; so are the other arguments.
        liquidator: the order of liquidations.
        families: asset to family.
        thresholds: whether to look for the prices that liquidate.
        what_if: parameters and acts that come first, and what should be reached: :meth:`defirisk.WhatIf.of`.
        strict: take any fallback while reading for an error.
        progress: called with what is being done, how much is done, how much there is.

    Returns:
        A result a chain, and the chains that gave no answer.

    Raises:
        InputError: what was asked for makes no sense.
    """
    where = Where(chains=_texts(chains), block=block, markets=_texts(markets))
    terms = _terms(scenarios, families, liquidator, thresholds, what_if)
    return await check_many(_texts(addresses), where, terms, strict=strict, progress=progress)


check_chains = blocking(check_chains_async)


def demo(
    *,
    markets: Texts = (),
    scenarios: Scenarios | None = None,
    liquidator: str = "largest",
    families: Mapping[str, str] | None = None,
    thresholds: bool = True,
    what_if: WhatIf | None = None,
) -> CheckResult:
    """Check the wallets of the recording that ships with the package: no network, no key.

    Arguments and errors are those of :func:`check`.
    """
    from defirisk.stories import labels  # noqa: PLC0415 - only for the demo

    where = Where(fixture=demo_recording(), markets=_texts(markets))
    return _wait(check_one((), where, _terms(scenarios, families, liquidator, thresholds, what_if), labels=labels()))


async def record_async(
    addresses: Texts,
    output: str | Path,
    *,
    rpc: Texts = (),
    chain: str | None = None,
    block: int | None = None,
    fixture: Recording | None = None,
    markets: Texts = (),
    strict: bool = False,
) -> Path:
    """Record what :func:`check` reads, for offline replay with ``fixture=``.

    Args:
        addresses: 0x addresses or ENS names.
        output: the file; gzipped if its name ends in ``.gz``. Written whole or not at all.
        rpc: as in :func:`check`; so are the other arguments.
        chain: a chain's name.
        block: the block's number.
        fixture: another recording, to take a part of it.
        markets: the markets.
        strict: take any fallback while reading for an error.

    Returns:
        The file's path.

    Raises:
        InputError: what was asked for makes no sense, or the file cannot be written.
        ReadError: the chain could not be read in full; nothing is written then.
    """
    from defirisk.chain.recording import write_fixture  # noqa: PLC0415 - only to record

    where = _where(rpc, chain, block, fixture, markets)
    path = Path(output)
    write_fixture(path, await record_run(_texts(addresses), where, strict=strict))
    return path


record = blocking(record_async)


def markets(chains: Texts = ()) -> tuple[Deployment, ...]:
    """The known deployments: name, protocol, chain, entry contract.

    Args:
        chains: only those chains, by name; none: all.

    Raises:
        UnknownChain: no such chain is known.
    """
    from defirisk.chain.endpoints import chain_named  # noqa: PLC0415 - only to list
    from defirisk.protocols import registry  # noqa: PLC0415 - only to list

    wanted = {chain_named(name).chain_id for name in _texts(chains) if name != ALL}
    return tuple(one for one in registry.deployments() if not wanted or one.chain_id in wanted)


def load_fixture(path: str | Path) -> ReplayChain:
    """Load a recording once, to check it several times with ``check(fixture=...)``.

    Args:
        path: a file of the format ``defirisk-fixture/1``, plain or gzipped.

    Raises:
        FixtureError: it cannot be read, is too large, or is not a sound recording.
    """
    from defirisk.chain.recording import load_fixture as load  # noqa: PLC0415 - only to replay

    return load(str(path))


def scenarios_of(asked: Scenarios | None) -> tuple[Scenario, ...]:
    """Scenarios from what a caller may write: objects, presets, files, ``"-40%"``, ``"WETH=-40%"``.

    Raises:
        BadMove, BadFile, UnknownScenario: a text that means none.
    """
    if asked is None:
        return parse_drops(DEFAULT_DROPS)
    several = (asked,) if isinstance(asked, str | Scenario) else asked
    return tuple(scenario for one in several for scenario in _scenarios(one))


def _scenarios(one: Scenario | str) -> tuple[Scenario, ...]:
    if isinstance(one, Scenario):
        return (one,)
    return (parse_shocks([one]),) if "=" in one else load_scenarios(one)


def _terms(
    scenarios: Scenarios | None,
    families: Mapping[str, str] | None,
    liquidator: str,
    thresholds: bool,
    what_if: WhatIf | None,
) -> Terms:
    return Terms(scenarios_of(scenarios), dict(families or {}), liquidator, thresholds, what_if or NOTHING)
