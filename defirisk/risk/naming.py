"""How an asset is called in a sentence: its symbol where that is plain text, else its short address."""

from __future__ import annotations

import re
from typing import Final

from defirisk.model import Token

_PLAIN: Final = re.compile(r"[!-~]{1,12}")


def label(token: Token) -> str:
    """The symbol if it is 1 to 12 printable ASCII characters without a space, else ``0x1234...abcd``.

    A symbol is whatever a contract says; a sentence must not be broken by it.
    """
    return token.symbol if _PLAIN.fullmatch(token.symbol) else short_address(token.address)


def short_address(address: str) -> str:
    """``0x1234...abcd``."""
    return f"{address[:6]}...{address[-4:]}"
