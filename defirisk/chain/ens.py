"""ENS names to addresses, by plain calls, so that recordings hold them.

Names are normalised by web3's ENSIP-15 tables. Names that resolve outside of the chain (CCIP-read) are refused: a
contract must not make us fetch a URL of its choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from defirisk.chain.abi import Abi, checksum
from defirisk.chain.calls import Answer, Call, Chain, Returned
from defirisk.chain.endpoints import chain_with_id
from defirisk.chain.symbols import quoted
from defirisk.errors import InvalidAddress, NameNotFound

ENS_REGISTRY: Final = "0x00000000000C2E074eC69A0dFb2997BA6C7d2e1e"
_NAME_LIMIT: Final = 255
_HINT: Final = "give the 0x address itself"


def looks_like_name(text: str) -> bool:
    """Whether ``text`` is meant as an ENS name: it has a dot and is no hex address."""
    return "." in text.strip(".") and not text.startswith("0x")


async def resolve(chain: Chain, names: Sequence[str]) -> list[str]:
    """Resolve ``names`` to EIP-55 addresses, two round trips for all of them.

    Raises:
        NameNotFound: the chain has no ENS, or a name resolves to nothing there.
        InvalidAddress: not a valid name.

    """
    known = chain_with_id(chain.chain_id)
    if known is None or not known.ens:
        raise NameNotFound(f"chain {chain.chain_id} has no ENS names", hint=_HINT)
    nodes = [namehash(name) for name in names]
    ens = Abi.load("ens")
    resolvers = await chain.calls([ens["resolver"](ENS_REGISTRY, node) for node in nodes])
    asks = [_addr_call(name, node, answer) for name, node, answer in zip(names, nodes, resolvers, strict=True)]
    addresses = await chain.calls(asks)
    return [_found(name, answer) for name, answer in zip(names, addresses, strict=True)]


def namehash(name: str) -> bytes:
    """Return the node of a name after ENSIP-15 normalisation.

    Raises:
        InvalidAddress: the name cannot be normalised.

    """
    from ens.exceptions import InvalidName  # type: ignore[import-untyped] # noqa: PLC0415 - late: 0.5 s, only where a name is used
    from ens.utils import raw_name_to_hash  # type: ignore[import-untyped] # noqa: PLC0415

    if not name.strip() or len(name) > _NAME_LIMIT:
        raise InvalidAddress(f"{quoted(name)} is not an ENS name")
    try:
        return bytes(raw_name_to_hash(name.strip()))
    except (InvalidName, ValueError) as problem:
        raise InvalidAddress(f"{quoted(name)} is not a valid ENS name: {quoted(str(problem), 120)}") from problem


def _addr_call(name: str, node: bytes, answer: Answer) -> Call:
    resolver = _address(answer)
    if resolver is None:
        raise NameNotFound(f"{quoted(name)} is not registered, or has no resolver of its own", hint=_HINT)
    return Abi.load("ens")["addr"](resolver, node)


def _found(name: str, answer: Answer) -> str:
    address = _address(answer)
    if address is None:
        raise NameNotFound(f"{quoted(name)} resolves to no address on this chain", hint=_HINT)
    return checksum(address)


def _address(answer: Answer) -> str | None:
    """Return the address in a one-word answer; ``None`` for a revert, nothing, zero or garbage: all say "no"."""
    data = answer.data if isinstance(answer, Returned) else b""
    sound = len(data) == 32 and not any(data[:12]) and any(data)
    return "0x" + data[12:].hex() if sound else None
