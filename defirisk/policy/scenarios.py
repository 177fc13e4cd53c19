"""The scenarios that a policy file names: presets, falls, moves of one asset, and files beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from defirisk.errors import BadMove, DefiriskError, UnknownScenario
from defirisk.model import Scenario
from defirisk.policy.values import Place, near, texts
from defirisk.risk.scenario_files import load_scenarios, parse_shocks, presets

_FALL: Final = re.compile(r"[+-]?\s*([0-9]{1,2}(?:\.[0-9]{1,16})?)\s*%?")
Named = Mapping[str, Scenario]
"""Scenarios by their names."""


class ScenarioReader:
    """Reads scenarios by what a file calls them; paths are relative to ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: dict[str, Scenario] = {}

    def listed(self, place: Place, value: Any) -> Named:
        """Those under ``scenarios``, in that order."""
        found: dict[str, Scenario] = {}
        for index, name in enumerate(texts(place, value, "scenario", "-40%")):
            for scenario in self._meant(place.at(index), name):
                if scenario.name in found:
                    place.at(index).refuse(f"the scenario {scenario.name!a} is listed twice", "leave one of them out")
                found[scenario.name] = scenario
        self._all.update(found)
        return found

    def survived(self, place: Place, names: tuple[str, ...], listed: Named) -> tuple[str, ...]:
        """The names under ``survives``: of those listed, or else a preset, a fall or a move, which is then run too."""
        meant = [self._survived(place.at(index), name, listed) for index, name in enumerate(names)]
        for index, name in enumerate(meant):
            if name in meant[:index]:
                place.at(index).refuse(f"the scenario {name!a} is listed twice")
        return tuple(meant)

    def found(self) -> tuple[Scenario, ...]:
        """All that the file names: those listed first."""
        return tuple(self._all.values())

    def _survived(self, place: Place, name: str, listed: Named) -> str:
        if name in listed:
            return name
        try:
            meant = _own(name)
        except UnknownScenario:
            hint = _fall(name) or (near(name, (*listed, *presets())) if len(listed) < 20 else None)
            place.refuse(f"no scenario is named {name!a}", hint)
        except DefiriskError as error:
            place.refuse(error.message, error.hint)
        self._all.setdefault(meant.name, meant)
        return meant.name

    def _meant(self, place: Place, name: str) -> tuple[Scenario, ...]:
        try:
            return (_own(name),)
        except UnknownScenario:
            return self._of_file(place, name)
        except BadMove as error:
            place.refuse(error.message, error.hint)

    def _of_file(self, place: Place, name: str) -> tuple[Scenario, ...]:
        path = self._folder / name
        if not _is_file(path):
            self._unknown(place, name)
        return load_scenarios(str(path))

    def _unknown(self, place: Place, name: str) -> NoReturn:
        close = _fall(name) or near(name, presets())
        if name.endswith(".toml") or "/" in name or not close.startswith(("did", "a fall")):
            close = "a fall such as \"-40%\", a preset's name, or a file's path relative to this one"
        place.refuse(f"no scenario is named {name!a}, and there is no such file", close)


def _fall(name: str) -> str | None:
    """How a fall is written, where one seems to be meant."""
    meant = _FALL.fullmatch(name)
    return None if meant is None else f'a fall is written "-{meant[1]}%"'


def _own(name: str) -> Scenario:
    """What a name means without any file.

    Raises:
        UnknownScenario: nothing.
        BadMove: a move that cannot be.
    """
    if name in presets():
        return presets()[name]
    if "=" in name:
        return parse_shocks([name])
    if name.startswith("-") and name.endswith("%"):
        (fall,) = load_scenarios(name)
        return fall
    raise UnknownScenario(f"{name!a} is no preset")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
