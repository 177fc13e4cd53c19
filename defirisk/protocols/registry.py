"""Which rule families there are and where they are deployed; names become deployments here.

Families come from the entry-point group ``defirisk.protocols``, deployments from each family's ``deployments.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from defirisk.errors import InputError, UnknownMarket
from defirisk.protocols.interface import Deployment, RuleFamily

GROUP: Final = "defirisk.protocols"
_HINTS: Final = ("pool", "oracle", "data_provider", "sentinel", "umbrella")


@cache
def families() -> Mapping[str, RuleFamily]:
    """Load every rule family that is installed, by its name.

    Raises:
        InputError: one cannot be loaded.

    """
    loaded = [_load(point) for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)]
    return {family.name: family for family in loaded}


def _load(point: EntryPoint) -> RuleFamily:
    try:
        found = point.load()
    except Exception as problem:  # a third party's code may fail in any way
        raise InputError(
            f"the protocol plugin {point.name} ({point.value}) cannot be loaded: {type(problem).__name__}: {problem}",
            hint="update or uninstall the package that ships it",
        ) from problem
    if not isinstance(found, RuleFamily):
        raise InputError(f"the protocol plugin {point.name} ({point.value}) is no RuleFamily")
    return found


def family(protocol: str) -> RuleFamily:
    """Return the rule family of that name.

    Raises:
        UnknownMarket: there is none.

    """
    found = families().get(protocol)
    if found is None:
        raise UnknownMarket(
            f"{protocol[:60]!a} is no protocol that defirisk knows", hint=f"known: {', '.join(families())}"
        )
    return found


@cache
def deployments() -> tuple[Deployment, ...]:
    """Every known deployment, family by family, each in its file's order."""
    return tuple(one for name in families() for one in _deployments_of(families()[name]))


def deployments_on(chain_id: int) -> tuple[Deployment, ...]:
    """Return the known deployments on one chain."""
    return tuple(one for one in deployments() if one.chain_id == chain_id)


def _deployments_of(one: RuleFamily) -> Iterator[Deployment]:
    rows = tomllib.loads(one.deployments.read_text(encoding="utf-8")).get("deployment", [])
    return (_deployment(row) for row in rows)


def _deployment(row: Mapping[str, Any]) -> Deployment:
    return Deployment(
        name=row["name"],
        protocol=row["protocol"],
        chain=row["chain"],
        chain_id=row["chain_id"],
        entry=row["entry"],
        hints=tuple((key, row[key]) for key in _HINTS if key in row),
        aliases=tuple(row.get("aliases", ())),
        note=row.get("note"),
    )


def find_deployment(text: str, chain_id: int) -> Deployment:
    """Find what ``--market`` names on a chain: a name or alias of the registry, or ``PROTOCOL@0xENTRY``.

    Raises:
        UnknownMarket: no such market is known on that chain, or no such protocol.
        InvalidAddress: the entry is no address.

    """
    protocol, at, entry = text.strip().partition("@")
    if at:
        return deployment_at(protocol.lower(), entry, chain_id)
    wanted = text.strip().lower()
    named = [one for one in deployments() if wanted in (one.name, *one.aliases)]
    here = [one for one in named if one.chain_id == chain_id]
    if here:
        return here[0]
    if named:
        raise UnknownMarket(
            f"{named[0].name} is on {named[0].chain} (chain id {named[0].chain_id}), not on chain id {chain_id}",
            hint=f"ask that chain: --chain {named[0].chain}",
        )
    raise UnknownMarket(f"no market is known as {text[:80]!a}", hint=_near(wanted, chain_id))


def _near(wanted: str, chain_id: int) -> str:
    names = [name for one in deployments_on(chain_id) for name in (one.name, *one.aliases)]
    near = get_close_matches(wanted, names, n=3)
    if near:
        return f"did you mean {', '.join(near)}?"
    protocols = ", ".join(families())
    return f"`defirisk markets` lists the known ones; any other is named PROTOCOL@0xENTRY, PROTOCOL one of {protocols}"


def deployment_at(protocol: str, entry: str, chain_id: int, name: str | None = None) -> Deployment:
    """Return the deployment of a protocol at an entry contract: the registry's own, or one that it does not know.

    ``name`` is what a recording calls a market that the registry does not know; else it is ``PROTOCOL@0xENTRY``.

    Raises:
        UnknownMarket: no such protocol is known.
        InvalidAddress: the entry is no address, or has a wrong checksum.

    """
    from defirisk.chain.addresses import parse_address  # noqa: PLC0415 - nothing of a chain to list deployments

    known = family(protocol)
    address = parse_address(entry)
    for one in deployments_on(chain_id):
        if (one.protocol, one.entry.lower()) == (known.name, address.lower()):
            return one
    return Deployment(name or f"{known.name}@{address}", known.name, str(chain_id), chain_id, address)


def is_registered(deployment: Deployment) -> bool:
    """Whether the registry holds this deployment, so that its entry is no input of the user's."""
    return deployment in deployments()
