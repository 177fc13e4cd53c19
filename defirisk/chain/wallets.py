"""What kind of wallet an address is, and which proxies it owns: "no position" there may be the wrong wallet.

Only ``eth_call``s, so that recordings hold them. What answers a probe with a revert or with data runs code; what
answers every probe with nothing is taken for a plain account (a contract that accepts any call looks the same).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from defirisk.chain.abi import ZERO_ADDRESS, Abi, Function, checksum
from defirisk.chain.calls import Answer, Call, Returned
from defirisk.chain.endpoints import chain_with_id
from defirisk.errors import MalformedAnswer

Kind = Literal["eoa", "contract", "safe", "dsproxy", "dsa"]
_MAX_OWNERS: Final = 1000
_OWN_PROBES: Final = ("getThreshold", "getOwners", "VERSION", "cache", "owner")


@dataclass(frozen=True, slots=True)
class OwnedProxy:
    """A proxy wallet that the address owns. ``address`` is ``None`` where the registry was not asked for it yet."""

    kind: Literal["dsproxy", "dsa"]
    address: str | None


@dataclass(frozen=True, slots=True)
class WalletKind:
    """``kind`` of the address itself, ``version`` of its code where it tells one, and the proxies it owns.

    ``proxies_count`` is how many the registries count for it; ``proxies_owned`` names the first and the last of a
    registry that links more.
    """

    kind: Kind
    version: str | None = None
    proxies_owned: tuple[OwnedProxy, ...] = ()
    proxies_count: int = 0


def probe_calls(address: str, chain_id: int) -> list[Call]:
    """Return the calls that tell what ``address`` is; they fit into any round trip."""
    abi = Abi.load("proxies")
    calls = [abi[name](address) for name in _OWN_PROBES]
    dsproxy, dsa = _registries(chain_id)
    if dsproxy:
        calls.append(abi["proxies"](dsproxy, address))
    if dsa:
        calls += [abi["accountID"](dsa, address), abi["userLink"](dsa, address)]
    return calls


def follow_up_calls(chain_id: int, answers: Sequence[Answer]) -> list[Call]:
    """Return the calls that name the DSA accounts linked to an owner: none unless there are any."""
    abi = Abi.load("proxies")
    _, dsa = _registries(chain_id)
    first, last, count = _dsa_link(chain_id, answers)
    return [abi["accountAddr"](dsa, number) for number in dict.fromkeys((first, last))] if dsa and count else []


def interpret(chain_id: int, answers: Sequence[Answer], more: Sequence[Answer] = ()) -> WalletKind:
    """Judge the answers to :func:`probe_calls`, and those to :func:`follow_up_calls` where they were asked."""
    abi = Abi.load("proxies")
    dsproxy, _ = _registries(chain_id)
    owned: list[OwnedProxy] = []
    if dsproxy:
        (proxy,) = _decoded(abi["proxies"], answers[len(_OWN_PROBES)]) or (ZERO_ADDRESS,)
        owned += [OwnedProxy("dsproxy", checksum(proxy))] if proxy != ZERO_ADDRESS else []
    count = len(owned) + _dsa_link(chain_id, answers)[2]
    if count > len(owned):
        owned += _dsa_accounts(more) or [OwnedProxy("dsa", None)]
    kind = _kind(chain_id, answers)
    return WalletKind(kind, _version(answers) if kind == "safe" else None, tuple(owned), count)


def _kind(chain_id: int, answers: Sequence[Answer]) -> Kind:
    abi = Abi.load("proxies")
    probes = answers[: len(_OWN_PROBES)]
    threshold, owners, _, cache, owner = (
        _decoded(abi[name], one) for name, one in zip(_OWN_PROBES, probes, strict=True)
    )
    if threshold and owners and 1 <= threshold[0] <= len(owners[0]) <= _MAX_OWNERS:
        return "safe"
    if _is_dsa(chain_id, answers):
        return "dsa"
    if cache and owner and cache[0] != ZERO_ADDRESS:
        return "dsproxy"
    return "eoa" if all(answer == Returned(b"") for answer in probes) else "contract"


def _is_dsa(chain_id: int, answers: Sequence[Answer]) -> bool:
    _, dsa = _registries(chain_id)
    found = _decoded(Abi.load("proxies")["accountID"], answers[-2]) if dsa else None
    return found is not None and found[0] > 0


def _dsa_link(chain_id: int, answers: Sequence[Answer]) -> tuple[int, int, int]:
    """Return first and last account number and the count that InstaList links to the owner."""
    _, dsa = _registries(chain_id)
    link = _decoded(Abi.load("proxies")["userLink"], answers[-1]) if dsa else None
    return (link[0], link[1], link[2]) if link else (0, 0, 0)


def _dsa_accounts(answers: Sequence[Answer]) -> list[OwnedProxy]:
    found = [_decoded(Abi.load("proxies")["accountAddr"], answer) for answer in answers]
    return [OwnedProxy("dsa", checksum(one[0])) for one in found if one and one[0] != ZERO_ADDRESS]


def _version(answers: Sequence[Answer]) -> str | None:
    found = _decoded(Abi.load("proxies")["VERSION"], answers[_OWN_PROBES.index("VERSION")])
    return str(found[0])[:20] if found else None


def _decoded(function: Function, answer: Answer) -> tuple[Any, ...] | None:
    """Decode a probe; ``None`` where the contract is not of that kind: a revert, nothing, or another shape."""
    if not isinstance(answer, Returned) or not answer.data:
        return None
    try:
        return function.decode(answer.data)
    except MalformedAnswer:
        return None


def _registries(chain_id: int) -> tuple[str | None, str | None]:
    known = chain_with_id(chain_id)
    return (known.dsproxy_registry, known.dsa_list) if known else (None, None)
