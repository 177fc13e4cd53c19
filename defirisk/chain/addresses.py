"""Addresses: lower-case inside calls, EIP-55 checksummed for people and in the model."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from defirisk.chain.symbols import quoted
from defirisk.errors import InvalidAddress

ZERO_ADDRESS: Final = "0x" + "00" * 20
_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]{40}")


def keccak(data: bytes) -> bytes:
    """Keccak-256. The hash library is imported at the first use, 0.03 s."""
    from eth_hash.auto import keccak as backend  # noqa: PLC0415 - late: see ECOSYSTEM

    return bytes(backend(data))


@lru_cache(maxsize=65536)
def checksum(address: str) -> str:
    """Put a 0x address of any case into EIP-55 form."""
    body = address[2:].lower()
    digest = keccak(body.encode()).hex()
    return "0x" + "".join(c.upper() if int(d, 16) > 7 else c for c, d in zip(body, digest, strict=False))


def is_address(text: str) -> bool:
    """Whether ``text`` has the shape of an address, whatever its checksum."""
    return _ADDRESS.fullmatch(text) is not None


def parse_address(text: str) -> str:
    """Read an address that a person typed; EIP-55 form.

    All-lower and all-upper spellings carry no checksum and are taken as they are (EIP-55).

    Raises:
        InvalidAddress: not 20 bytes of hex, or mixed case that is not the address's own checksum.

    """
    stripped = text.strip()
    if not is_address(stripped):
        raise InvalidAddress(
            f"{quoted(text)} is not an address", hint="an address is 0x and 40 hex digits; ENS names end in .eth"
        )
    body, proper = stripped[2:], checksum(stripped)
    if body in (body.lower(), body.upper()) or body == proper[2:]:
        return proper
    raise InvalidAddress(
        f"{stripped} has a wrong checksum",
        hint=f"a digit may be mistyped; if you are sure of it, write it in lower case: {stripped.lower()}",
    )
