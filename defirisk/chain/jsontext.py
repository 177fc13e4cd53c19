"""JSON from outside: parsed without letting its nesting overrun the stack, and the bytes that it holds as hex."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

_DEPTH: Final = 5000


def parse(text: str | bytes, **hooks: Any) -> Any:
    """Parse as ``json.loads`` does.

    py_ecc, which ``import web3`` pulls in, lifts the interpreter's recursion limit to 100,000; nested that deep, the
    C parser ends the whole process. The limit is therefore lowered around it.

    Raises:
        ValueError: not JSON, or nested too deeply.

    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(min(limit, _DEPTH))
    try:
        return json.loads(text, **hooks)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    finally:
        sys.setrecursionlimit(limit)


def hex_bytes(value: Any) -> bytes | None:
    """The bytes of ``0x`` and an even number of hex digits; ``None`` for anything else."""
    try:
        data = bytes.fromhex(value[2:])
        sound = value.startswith("0x") and 2 * len(data) + 2 == len(value)  # fromhex skips blanks: the length tells
    except (TypeError, ValueError, AttributeError):
        return None
    return data if sound else None
