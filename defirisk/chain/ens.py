"""ENS names to addresses, by plain calls, so that recordings hold them.

Names are normalised by web3's ENSIP-15 tables. Names that resolve outside of the chain (CCIP-read) are refused: a
contract must not make us fetch a URL of its choice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce
from typing import Final

from defirisk.chain.abi import Abi, checksum, keccak
from defirisk.chain.calls import Answer, Call, Chain, Returned
from defirisk.chain.endpoints import chain_with_id
from defirisk.chain.symbols import quoted
from defirisk.errors import InvalidAddress, NameNotFound

ENS_REGISTRY: Final = "0x00000000000C2E074eC69A0dFb2997BA6C7d2e1e"
_NAME_LIMIT: Final = 255
_PLAIN: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+")
"""What ENSIP-15 leaves as it is: most names, which need none of its tables."""
_HINT: Final = "give the 0x address itself"

Resolved = str | NameNotFound | InvalidAddress
"""What became of a name: its address, EIP-55, or why it has none."""


def looks_like_name(text: str) -> bool:
    """Whether ``text`` is meant as an ENS name: it has a dot and is no hex address."""
    return "." in text.strip(".") and not text.startswith("0x")


async def resolve(chain: Chain, names: Sequence[str]) -> list[str]:
    """Resolve ``names`` to EIP-55 addresses, two round trips for all of them.

    Raises:
        NameNotFound: the chain has no ENS, or a name resolves to nothing there.
        InvalidAddress: not a valid name.

    """
    return [_or_raised(found) for found in await resolve_each(chain, names)]


async def resolve_each(chain: Chain, names: Sequence[str]) -> list[Resolved]:
    """What each of ``names`` resolves to, or why to nothing: two round trips for all, none where there is no ENS.

    Raises:
        ReadError: the chain could not be asked.

    """
    known = chain_with_id(chain.chain_id)
    if known is None or not known.ens:
        return [NameNotFound(f"chain {chain.chain_id} has no ENS names", hint=_HINT) for _ in names]
    nodes = [_node(name) for name in names]
    ens = Abi.load("ens")
    resolvers = await _answers(
        chain, [None if isinstance(node, InvalidAddress) else ens["resolver"](ENS_REGISTRY, node) for node in nodes]
    )
    addresses = await _answers(chain, [_addr_call(node, answer) for node, answer in zip(nodes, resolvers, strict=True)])
    return [
        node if isinstance(node, InvalidAddress) else _found(name, *answers)
        for name, node, *answers in zip(names, nodes, resolvers, addresses, strict=True)
    ]


async def _answers(chain: Chain, calls: Sequence[Call | None]) -> list[Answer | None]:
    """The answer to each call; ``None`` where there is nothing to ask."""
    asked = [call for call in calls if call is not None]
    answers = iter(await chain.calls(asked) if asked else ())
    return [None if call is None else next(answers) for call in calls]


def _or_raised(found: Resolved) -> str:
    if isinstance(found, str):
        return found
    raise found


def _node(name: str) -> bytes | InvalidAddress:
    try:
        return namehash(name)
    except InvalidAddress as problem:
        return problem


def namehash(name: str) -> bytes:
    """Return the node of a name after ENSIP-15 normalisation.

    Raises:
        InvalidAddress: the name cannot be normalised.

    """
    plain = name.strip().lower()
    if len(name) <= _NAME_LIMIT and name.isascii() and _PLAIN.fullmatch(plain):
        return reduce(lambda node, label: keccak(node + keccak(label.encode())), reversed(plain.split(".")), bytes(32))
    from ens.exceptions import InvalidName  # type: ignore[import-untyped] # noqa: PLC0415 - late: 0.5 s, only where a name is used
    from ens.utils import raw_name_to_hash  # type: ignore[import-untyped] # noqa: PLC0415 - as above

    if not name.strip() or len(name) > _NAME_LIMIT:
        raise InvalidAddress(f"{quoted(name)} is not an ENS name")
    try:
        return bytes(raw_name_to_hash(name.strip()))
    except (InvalidName, ValueError) as problem:
        raise InvalidAddress(f"{quoted(name)} is not a valid ENS name: {quoted(str(problem), 120)}") from problem


def _addr_call(node: bytes | InvalidAddress, answer: Answer | None) -> Call | None:
    resolver = _address(answer)
    return None if resolver is None else Abi.load("ens")["addr"](resolver, node)


def _found(name: str, resolver: Answer | None, answer: Answer | None) -> Resolved:
    if _address(resolver) is None:
        return NameNotFound(f"{quoted(name)} is not registered, or has no resolver of its own", hint=_HINT)
    address = _address(answer)
    if address is None:
        return NameNotFound(f"{quoted(name)} resolves to no address on this chain", hint=_HINT)
    return checksum(address)


def _address(answer: Answer | None) -> str | None:
    """Return the address in a one-word answer; ``None`` for a revert, nothing, zero or garbage: all say "no"."""
    data = answer.data if isinstance(answer, Returned) else b""
    sound = len(data) == 32 and not any(data[:12]) and any(data)
    return "0x" + data[12:].hex() if sound else None
