"""Text that came from a chain, a recording or a file, made harmless for a screen, a spreadsheet or a web page.

A token's symbol is whatever its contract says: terminal escapes that rewrite the screen, right-to-left overrides that
turn a number around, ten kilobytes of nothing, a spreadsheet formula. Every such text passes here before it is shown.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

from defirisk.model import Token

SYMBOL_LENGTH: Final = 24
TEXT_LENGTH: Final = 500
ELLIPSIS: Final = "..."
_READ_AT_MOST: Final = 4096
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_ESCAPE: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]|\x9b[0-?]*[ -/]*[@-~]"
)
_COMMAND: Final = re.compile(r":(?=:)|#(?=#\[)")
"""Where ``::command::`` and ``##[command]`` begin, which GitHub and Azure obey at the start of, or in, a log line."""
_FORMULA: Final = ("=", "+", "-", "@")
_NUMBER: Final = re.compile(r"[+-]?[0-9][0-9.,]*%?")
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]|~$!:]|^[+-]|(?<=www)\.)")
_REFERENCE: Final = re.compile(r"([@#])")
_MARKS_IN_A_ROW: Final = 2


def clean(text: str, limit: int = TEXT_LENGTH) -> str:
    """``text`` on one line without escapes, control, bidirectional or invisible characters, at most ``limit`` long.

    No CI system takes it for a command.
    """
    read = text[:_READ_AT_MOST]
    kept = read if read.isascii() and read.isprintable() else _visible(read)
    line = " ".join(_COMMAND.sub(r"\g<0> ", kept).split())
    return line if len(line) <= limit else line[: limit - len(ELLIPSIS)] + ELLIPSIS


def _visible(text: str) -> str:
    visible = _ESCAPE.sub("", text)
    return _without_stacked_marks("".join(c if _is_shown(c) else " " if c.isspace() else "" for c in visible))


def symbol(token: Token) -> str:
    """The token's symbol, harmless and short; its short address where the contract gave nothing to show."""
    return clean(token.symbol, SYMBOL_LENGTH) or short_address(token.address)


def imitates(token: Token) -> bool:
    """Whether the shown symbol holds characters outside ASCII, which may imitate another token's."""
    return not symbol(token).isascii()


def short_address(address: str) -> str:
    """``0x1234...abcd``."""
    return f"{address[:6]}{ELLIPSIS}{address[-4:]}"


def csv_cell(text: str) -> str:
    """``text`` so that no spreadsheet takes it for a formula: a leading ``'`` where it begins like one.

    A plain number or percentage with its sign is no formula and stays.
    """
    cleaned = clean(text)
    if _NUMBER.fullmatch(cleaned) or not cleaned.startswith(_FORMULA):
        return cleaned
    return f"'{cleaned}"


def markdown(text: str) -> str:
    """``text`` so that Markdown and HTML show it as it is: no table cell, link, mention, image or tag comes of it."""
    escaped = _MARKDOWN.sub(r"\\\1", html.escape(clean(text), quote=False))
    # GitHub links @name and #1 in the finished page, where a backslash is gone: only something in between stops it
    return _REFERENCE.sub(r"\1<!-- -->", escaped)


def _is_shown(char: str) -> bool:
    return char == " " or not (unicodedata.category(char) in _HIDDEN or char.isspace() or char in _BLANK_LETTERS)


def _without_stacked_marks(text: str) -> str:
    """Drop combining marks beyond the second in a row: piled up, they run over the lines above and below."""
    kept: list[str] = []
    run = 0
    for char in text:
        run = run + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        if run <= _MARKS_IN_A_ROW:
            kept.append(char)
    return "".join(kept)
