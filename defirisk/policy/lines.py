"""Where each key of a TOML text stands: ``tomllib`` gives values without their lines. Pure.

The text is known to be sound TOML (``tomllib`` took it), so nothing is checked here: only keys, strings, brackets and
comments are told apart.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Final

Path = tuple[str | int, ...]
"""Keys and, in arrays, indexes, from the top of the document."""

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR: Final = re.compile(r"[^,\]}#\r\n]+")
_STRINGS: Final = (
    re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL),
    re.compile(r"'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)


def lines_of(text: str) -> Mapping[Path, int]:
    """The line (from 1) of every table, key and array element of a sound TOML text."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def line_of(lines: Mapping[Path, int], path: Path) -> int | None:
    """The line of a path, or of the nearest that holds it; ``None`` where the document itself is meant."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text, self._at, self._counted, self._line = text, 0, 0, 1
        self._tables: dict[Path, int] = {}
        self.lines: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while self._skip_blank():
            if self._take("[["):
                table = self._header(array=True)
            elif self._take("["):
                table = self._header(array=False)
            else:
                self._pair(table)

    def _header(self, *, array: bool) -> Path:
        line, (*outer, last) = self._line_here(), self._dotted()
        path: Path = ()
        for key in outer:
            self.lines.setdefault((*path, key), line)
            path = self._newest((*path, key))
        path = (*path, last)
        if array:
            self.lines.setdefault(path, line)
            self._tables[path] = self._tables.get(path, 0) + 1
            path = (*path, self._tables[path] - 1)
        self.lines[path] = line
        self._take("]]" if array else "]")
        return path

    def _newest(self, path: Path) -> Path:
        """A table, or the last one so far where it is an array of them."""
        return (*path, self._tables[path] - 1) if path in self._tables else path

    def _pair(self, table: Path) -> None:
        path, line = table, self._line_here()
        for key in self._dotted():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._take("=")
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip_blank()
        if self._take("["):
            self._array(path)
        elif self._take("{"):
            self._inline(path)
        elif not self._string():
            self._match(_SCALAR)

    def _array(self, path: Path) -> None:
        index = 0
        while self._skip_blank() and not self._take("]"):
            self.lines[*path, index] = self._line_here()
            self._value((*path, index))
            self._skip_blank()
            self._take(",")
            index += 1

    def _inline(self, path: Path) -> None:
        while self._skip_blank() and not self._take("}"):
            self._pair(path)
            self._skip_blank()
            self._take(",")

    def _dotted(self) -> list[str]:
        keys = [self._key()]
        while self._take("."):
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        self._skip_blank()
        quoted = self._string()
        found = self._match(_BARE) if quoted is None else str(tomllib.loads(f"key = {quoted}")["key"])
        self._skip_blank()
        return found or ""

    def _string(self) -> str | None:
        return next((found for pattern in _STRINGS if (found := self._match(pattern)) is not None), None)

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[0]

    def _take(self, what: str) -> bool:
        if not self._text.startswith(what, self._at):
            return False
        self._at += len(what)
        return True

    def _skip_blank(self) -> bool:
        """Go to what comes next; whether anything does."""
        self._match(_BLANK)
        return self._at < len(self._text)

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line
