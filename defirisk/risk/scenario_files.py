"""Scenarios as people write them: ``--drop``, ``--shock``, presets and TOML files. No number ever becomes a float."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from defirisk.errors import BadFile, BadMove, UnknownScenario
from defirisk.files import bounded_text
from defirisk.fixedpoint import UINT256_MAX, WAD
from defirisk.model import Move, Scenario

LONGEST_NAME: Final = 80
_LONGEST_NUMBER: Final = 80
_PERCENT_PLACES: Final = 16
_WAD_PLACES: Final = 18
_NUMBER: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_CHANGE: Final = re.compile(r"([+-]?)\s*([0-9.]+)\s*%")
_DROP_NAME: Final = re.compile(r"-[0-9.]+%")
_HEADER: Final = re.compile(r"\s*\[\[\s*scenario\s*\]\]")
_SECTIONS: Final = ("oracle", "market")
_KEYS: Final = frozenset({"name", "source", *_SECTIONS})
_ABSOLUTE_KEYS: Final = frozenset({"raw", "price", "market"})


def gather(drops: str | None, shocks: Sequence[str], names: Sequence[str]) -> tuple[Scenario, ...]:
    """All scenarios that a command line asks for, in the order drops, shocks, files; the same one twice counts once.

    Raises:
        BadMove: a move that cannot be, or two different scenarios of one name.
        BadFile, UnknownScenario: see :func:`load_scenarios`.
    """
    asked = [*(parse_drops(drops) if drops is not None else ())]
    asked += [parse_shocks(shocks)] if shocks else []
    asked += [scenario for name in names for scenario in load_scenarios(name)]
    by_name: dict[str, Scenario] = {}
    for scenario in asked:
        if by_name.setdefault(scenario.name, scenario) != scenario:
            raise BadMove(f"two different scenarios are named {scenario.name!a}", hint="rename one of them")
    return tuple(by_name.values())


def parse_drops(text: str) -> tuple[Scenario, ...]:
    """``10,20,30``: falls of every volatile family, named ``-10%``, ``-20%``, ``-30%``.

    Raises:
        BadMove: not a number, negative, or 100 % and more.
    """
    return tuple({drop.name: drop for drop in (_drop(part.strip()) for part in text.split(","))}.values())


def parse_shocks(texts: Sequence[str]) -> Scenario:
    """``WETH=-40%`` and more, together one scenario named after them in the order given.

    Raises:
        BadMove: not ASSET=MOVE, an asset named twice, or a move that cannot be.
    """
    moves: dict[str, Move] = {}
    for text in texts:
        key, equals, change = (part.strip() for part in text.rpartition("="))
        if not (key and equals) or not key.isprintable():
            raise BadMove(f"--shock {_shown(text)} is not ASSET=MOVE", hint="for example --shock WETH=-40%")
        if key in moves:
            raise BadMove(f"--shock names {_shown(key)} twice")
        moves[key] = Move(change=parse_change(change))
    return Scenario(name=",".join(text.strip() for text in texts), oracle=moves)


def parse_change(text: str) -> int:
    """``-40%``, ``+2.5%`` or ``0%`` to wad, exactly.

    Raises:
        BadMove: no sign, no percent sign, a fall of 100 % or more, or finer than 1e-18.
    """
    match = _CHANGE.fullmatch(text.strip())
    if match is None:
        raise BadMove(f"{_shown(text)} is not a move", hint='a move is a signed percentage such as "-40%" or "+2.5%"')
    size = _fixed(match[2], _PERCENT_PLACES, text)
    if size and not match[1]:
        raise BadMove(f"{_shown(text)} does not say which way", hint=f"write +{match[2]}% or -{match[2]}%")
    return -_fall(size, text) if match[1] == "-" else size


def load_scenarios(name: str) -> tuple[Scenario, ...]:
    """A preset by its name, a drop by its name (``-40%``), or all scenarios of a TOML file.

    Raises:
        UnknownScenario: none of these.
        BadFile: a file that cannot be read, is not TOML, or does not have the shape.
        BadMove: a move in it that cannot be.
    """
    if name in presets():
        return (presets()[name],)
    if _DROP_NAME.fullmatch(name):
        return parse_drops(name[1:])
    try:
        found = bool(name) and Path(name).exists()
    except (OSError, ValueError):
        found = False
    if found:
        shown = name if name.isprintable() else ascii(name)
        content = bounded_text(
            Path(name), shown, "a scenario file", lambda said, line: BadFile(f"{shown}, line {line}: {said}")
        )
        return parse_scenarios(content, shown)
    close = get_close_matches(name, presets(), n=4, cutoff=0.5)
    known = f"near: {', '.join(close)}" if close else f"presets: {', '.join(sorted(presets()))}"
    raise UnknownScenario(f"{_shown(name)} is neither a preset nor a file", hint=known)


@cache
def presets() -> Mapping[str, Scenario]:
    """The scenarios that ship with the package, by name."""
    text = files("defirisk.risk").joinpath("presets.toml").read_text(encoding="utf-8")
    return {scenario.name: scenario for scenario in parse_scenarios(text, "presets.toml", preset=True)}


def parse_scenarios(text: str, file: str, *, preset: bool = False) -> tuple[Scenario, ...]:
    """The scenarios of a TOML text; ``file`` is what messages call it.

    Raises:
        BadFile: not TOML, or not of the shape.
        BadMove: a move that cannot be.
    """
    return tuple(_Parser(text, file, preset).scenarios())


class _Parser:
    """One TOML text, with the line of what is wrong where it can be found."""

    def __init__(self, text: str, file: str, preset: bool) -> None:
        self._file, self._preset, self._lines = file, preset, text.splitlines()
        try:
            self._table = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # ValueError: TOMLDecodeError, and integers beyond 4,300 digits
            raise BadFile(f"{file} is not TOML: {str(error)[:200]}") from error

    def scenarios(self) -> Iterator[Scenario]:
        entries = self._table.get("scenario")
        self._refuse_unknown(self._table, frozenset({"scenario"}), None)
        if not isinstance(entries, list) or not entries:
            raise self._bad("it holds no [[scenario]]", None)
        names: set[str] = set()
        for number, entry in enumerate(entries):
            if not isinstance(entry, dict):
                raise self._bad("a scenario is a table: [[scenario]]", None)
            scenario = self._scenario(entry, number)
            if scenario.name in names:
                raise self._bad(f"two scenarios are named {_shown(scenario.name)}", number, "name")
            names.add(scenario.name)
            yield scenario

    def _scenario(self, entry: dict[str, Any], number: int) -> Scenario:
        self._refuse_unknown(entry, _KEYS, number)
        name, source = entry.get("name"), entry.get("source")
        if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
            raise self._bad(f"a scenario needs a name of 1 to {LONGEST_NAME} printable characters", number, "name")
        if source is not None and not isinstance(source, str):
            raise self._bad("source is a text", number, "source")
        oracle, market = (self._section(entry, section, number) for section in _SECTIONS)
        if not oracle and not market:
            raise self._bad(f"scenario {_shown(name)} moves nothing", number)
        return Scenario(name=name, oracle=oracle, market=market, source=source, preset=self._preset)

    def _section(self, entry: dict[str, Any], section: str, number: int) -> dict[str, Move]:
        table = entry.get(section, {})
        if not isinstance(table, dict):
            raise self._bad(f"{section} is a table: [scenario.{section}]", number, section)
        return {key: self._move(key, value, number) for key, value in table.items()}

    def _move(self, key: str, value: Any, number: int) -> Move:
        if not key.strip() or not key.isprintable():
            raise self._bad(f"{_shown(key)} names no asset", number)
        try:
            if isinstance(value, str):
                return Move(change=parse_change(value))
            if isinstance(value, dict):
                return self._absolute(key, value, number)
        except BadMove as error:
            raise BadMove(f"{self._place(number, key)}: {key}: {error.message}", hint=error.hint) from error
        wanted = 'a text such as "-40%" or an absolute price such as { price = "25000" }'
        raise self._bad(f"{_shown(key)} moves by {wanted}", number, key)

    def _absolute(self, key: str, table: dict[str, Any], number: int) -> Move:
        self._refuse_unknown(table, _ABSOLUTE_KEYS, number, key)
        raw, price, market = table.get("raw"), table.get("price"), table.get("market")
        if (raw is None) == (price is None):
            raise self._bad(f"{_shown(key)} needs exactly one of raw and price", number, key)
        if market is not None and (price is not None or not isinstance(market, str)):
            raise self._bad(f"{_shown(key)}: market is the name of a market, beside raw", number, key)
        if raw is not None:
            return Move(raw=self._positive(raw, key, number, places=0), market=market)
        return Move(usd=self._positive(price, key, number, places=_WAD_PLACES))

    def _positive(self, value: Any, key: str, number: int, *, places: int) -> int:
        """An exact positive number, given as a text or a TOML integer."""
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise self._bad(f'{_shown(key)} is priced by a text such as "25000", never by a float', number, key)
        fixed = _fixed(value.strip(), places, value)
        if not 0 < fixed <= UINT256_MAX:
            raise BadMove(f"{_shown(value)} is no price", hint="a price is above 0 and fits in 256 bits")
        return fixed

    def _refuse_unknown(self, table: Mapping[str, Any], known: frozenset[str], number: int | None, *at: str) -> None:
        for key in table:
            if key not in known:
                close = get_close_matches(key, known, n=1)
                wanted = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known))}"
                raise self._bad(f"unknown key {_shown(key)}", number, *(at or (key,)), hint=wanted)

    def _bad(self, text: str, number: int | None, key: str | None = None, *, hint: str | None = None) -> BadFile:
        return BadFile(f"{self._place(number, key)}: {text}", hint=hint)

    def _place(self, number: int | None, key: str | None = None) -> str:
        line = self._line(number, key)
        return f"{self._file}, line {line}" if line else self._file

    def _line(self, number: int | None, key: str | None) -> int | None:
        """The line of a key in the n-th scenario, or of the scenario's header; ``None`` where it cannot be told."""
        headers = [at for at, line in enumerate(self._lines) if _HEADER.match(line)]
        if number is not None and number >= len(headers):
            return None
        start = 0 if number is None else headers[number]
        end = next((at for at in headers if number is not None and at > start), len(self._lines))
        if key is not None:
            spelled = re.compile(rf"""\s*(?:\[\s*)?(?:scenario\s*\.\s*)?["']?{re.escape(key)}["']?\s*[\]=.]""")
            found = (at + 1 for at in range(start, end) if spelled.match(self._lines[at]))
            return next(found, None if number is None else start + 1)
        return None if number is None else start + 1


def _drop(text: str) -> Scenario:
    number = text.removesuffix("%").strip()
    size = _fall(_fixed(number, _PERCENT_PLACES, text), text)
    whole, _, fraction = number.partition(".")
    fraction = fraction.rstrip("0")
    return Scenario(name=f"-{whole.lstrip('0') or '0'}{'.' + fraction if fraction else ''}%", volatile=-size)


def _fall(size: int, text: str) -> int:
    if size >= WAD:
        raise BadMove(f"{_shown(text)} is a fall of 100 % or more", hint="a price of 0 is no price: 99.99 % is allowed")
    return size


def _fixed(text: str, places: int, whole: str) -> int:
    """A plain decimal as an integer with ``places`` digits after the point, exactly.

    Raises:
        BadMove: not a plain decimal, or finer than that.
    """
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if match is None:
        raise BadMove(f"{_shown(whole)} is not a plain positive number", hint="digits with at most one point: 12.5")
    fraction = (match[2] or "").rstrip("0")
    if len(fraction) > places:
        raise BadMove(f"{_shown(whole)} is finer than can be counted", hint=f"at most {places} digits after the point")
    return int(match[1] + fraction.ljust(places, "0"))


def _shown(text: str) -> str:
    return ascii(text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}...")
