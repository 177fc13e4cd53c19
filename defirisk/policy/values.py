"""One value of a policy file at a time: taken as what it must be, or refused with its line, key and what it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Context, Decimal, Inexact, localcontext
from difflib import get_close_matches
from typing import Any, Final, NoReturn

from defirisk.errors import BadPolicy
from defirisk.policy.lines import Path, line_of

LONGEST_TEXT: Final = 200
URL: Final = "://"
_SHOWN: Final = 60
_LONGEST_CAUSE: Final = 200
_IN_TEXT: Final = re.compile(r"[A-Za-z0-9+.-]*://[^\s\"'<>]*")
_SECONDS: Final = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION: Final = re.compile(r"(?:[0-9]{1,9}\s*(?:min|[smhdw])\s*)+")
_PART: Final = re.compile(r"([0-9]+)\s*(min|[smhdw])")
_PLACE: Final = re.compile(r"\(at line ([0-9]+), column ([0-9]+)\)")
_TWICE: Final = re.compile(r"Cannot (?:overwrite|declare|mutate)")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_EXACT: Final = Context(prec=200, traps=[Inexact])
_LARGEST_EXPONENT: Final = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file a value stands. ``root`` is what stands before every path: () or ("tool", "defirisk")."""

    file: str
    lines: Mapping[Path, int]
    root: Path = ()
    path: Path = ()

    def at(self, *more: str | int) -> Place:
        """A place inside this one."""
        return Place(self.file, self.lines, self.root, (*self.path, *more))

    @property
    def line(self) -> int | None:
        """The line, or that of the nearest table that holds it."""
        return line_of(self.lines, (*self.root, *self.path))

    @property
    def key(self) -> str:
        """The key as one would write it: ``wallet[2].policy.survives``; counted from 1."""
        said = ""
        for part in self.path:
            if isinstance(part, int):
                said += f"[{part + 1}]"
            else:
                plain = part if _PLAIN_KEY.fullmatch(part) else shown_key(part)
                said += f".{plain}" if said else plain
        return said

    def refusal(self, problem: str, hint: str | None = None) -> BadPolicy:
        """What is wrong here, to be raised."""
        return BadPolicy(f"{self.key}: {problem}" if self.path else problem, file=self.file, line=self.line, hint=hint)

    def refuse(self, problem: str, hint: str | None = None) -> NoReturn:
        """Say that something is wrong here.

        Raises:
            BadPolicy: always.
        """
        raise self.refusal(problem, hint)

    def wanted(self, what: str, found: Any, hint: str | None = None) -> NoReturn:
        """Say what was expected and what was found.

        Raises:
            BadPolicy: always.
        """
        self.refuse(f"expected {what}, found {shown(found)}", hint)


def shown(value: Any) -> str:
    """A value of a TOML file as a message names it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, str):
        return "a URL" if URL in value else f"the text {value if len(value) <= _SHOWN else value[:_SHOWN] + '...'!a}"
    kind = "the time" if isinstance(value, datetime | time) else "the date" if isinstance(value, date) else "the number"
    return f"{kind} {str(value)[:_SHOWN]}"


def shown_key(key: str) -> str:
    """A key that is not plain, in quotes; one that holds a URL is not shown."""
    return "(a URL)" if URL in key else ascii(key[:_SHOWN])


def no_toml(error: Exception, file: str) -> BadPolicy:
    """What the parser says, with its line; it may quote a key of the file, but no URL, which may hold a secret."""
    said, place = _IN_TEXT.sub("(a URL)", str(error))[:_LONGEST_CAUSE], _PLACE.search(str(error))
    if isinstance(error, RecursionError):
        said = "it is nested too deeply"
    elif "integer string conversion" in said:
        said = "it holds a number of thousands of digits"
    elif place:
        said = f"{_PLACE.sub('', said).strip()} (column {place[2]})"
    hint = "a key or a table stands there for the second time" if _TWICE.match(said) else None
    return BadPolicy(f"not TOML: {said}", file=file, line=int(place[1]) if place else None, hint=hint)


def near(name: str, known: Iterable[str]) -> str:
    """A hint: the nearest of the known names, or all of them."""
    names = sorted(set(known))
    close = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(names)}"


def table(place: Place, value: Any, known: Iterable[str], elsewhere: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A table that holds no other keys than the known ones; ``elsewhere`` says where others belong."""
    if not isinstance(value, dict):
        place.wanted("a table", value)
    names = tuple(known)
    for key in value:
        if key not in names:
            place.at(key).refuse("unknown key", (elsewhere or {}).get(key) or near(key, names))
    return value


def text(place: Place, value: Any, what: str, example: str, *, urls: bool = False) -> str:
    """A short printable text that is not blank; a URL, which may hold a key, only where one may be meant."""
    if isinstance(value, str) and URL in value and not urls:
        place.refuse(f'expected {what} such as "{example}", found a URL', "an endpoint may hold a key: never in a file")
    wanted = f'{what} such as "{example}"'
    if not isinstance(value, str):
        place.wanted(wanted, value)
    if not value.strip():
        place.wanted(wanted, value, "it is blank")
    if not value.isprintable():
        place.wanted(wanted, value, "it holds a character that cannot be shown, such as a line break or an escape")
    if len(value) > LONGEST_TEXT:
        place.wanted(wanted, value, f"it is longer than {LONGEST_TEXT} characters")
    return value.strip()


def texts(place: Place, value: Any, what: str, example: str) -> tuple[str, ...]:
    """A list of texts, each once."""
    if not isinstance(value, list):
        place.wanted(f'a list of {what}s such as ["{example}"]', value)
    found = [text(place.at(index), one, f"a {what}", example) for index, one in enumerate(value)]
    for index, one in enumerate(found):
        if one in found[:index]:
            place.at(index).refuse(f"{one!a} is listed twice")
    return tuple(found)


def choice(place: Place, value: Any, known: Iterable[str], what: str) -> str:
    """One of a few names."""
    names = tuple(known)
    if value not in names:
        place.wanted(f"{what}", value, near(value, names) if isinstance(value, str) else f"known: {', '.join(names)}")
    return str(value)


def integer(place: Place, value: Any, what: str, example: str) -> int:
    """A whole number from 0."""
    if type(value) is not int or not 0 <= value < 1 << 63:
        place.wanted(f"{what} such as {example}", value)
    return value


def number(place: Place, value: Any, what: str, example: str) -> Decimal:
    """A number from 0, exactly as it was written; never a binary float."""
    if type(value) is int:
        value = Decimal(value) if value.bit_length() < 256 else Decimal("Infinity")
    if not isinstance(value, Decimal):
        place.wanted(f"{what} such as {example}", value, "a number stands without quotes")
    if not value.is_finite() or (value and abs(value.adjusted()) > _LARGEST_EXPONENT):
        place.wanted(f"{what} such as {example}", value)
    if value.is_signed() and value:
        place.refuse(f"{value:f} is negative", f"{what} is not")
    return abs(value)


def fixed(place: Place, value: Decimal, places: int) -> int:
    """A number as an integer with so many digits after the point, exactly."""
    try:
        with localcontext(_EXACT):
            scaled = value.scaleb(places)
            whole = scaled.to_integral_exact()
    except Inexact:
        place.refuse(f"{value:f} is finer than can be counted", f"at most {places} digits after the point")
    return int(whole)


def duration(place: Place, value: Any, example: str) -> int:
    """A time such as ``3h`` or ``1d 12h``; seconds."""
    stated = value.strip() if isinstance(value, str) else ""
    if not _DURATION.fullmatch(stated):
        place.wanted(f'a time such as "{example}"', value, 'a number with s, min, h, d or w, for example "90min"')
    seconds = sum(int(size) * _SECONDS[unit] for size, unit in _PART.findall(stated))
    if not seconds:
        place.wanted(f'a time above 0 such as "{example}"', value)
    return seconds


def day(place: Place, value: Any, example: str) -> date:
    """A TOML date."""
    if isinstance(value, datetime) or not isinstance(value, date):
        place.wanted(f"a date such as {example}", value, "a date stands without quotes and without a time")
    return value
