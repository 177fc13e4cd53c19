"""What is asked: settings, acts in their order, what a position should reach. Texts are parsed here, names later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from defirisk.errors import BadParameter
from defirisk.model import Scenario
from defirisk.protocols.interface import ActKind
from defirisk.protocols.values import parse_fixed
from defirisk.risk.scenario_files import load_scenarios, parse_shocks

ALL: Final = "all"
_WAD_PLACES: Final = 18
_MOST_CATEGORY: Final = 255
_LONGEST: Final = 200


class Setting(NamedTuple):
    """``--set`` or ``--set-emode`` as written: of an ``asset``, of the category ``emode``, or of a market by itself."""

    market: str | None
    asset: str | None
    emode: int | None
    name: str
    text: str


class Act(NamedTuple):
    """An act as written: ``amount`` a decimal of whole tokens, ``None`` for all that there is."""

    kind: ActKind
    market: str | None
    asset: str
    amount: str | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A what-if: settings first, then acts in the order given; then what to reach from there.

    ``reach_health`` wad; ``survive`` scenarios in which the position should not be liquidatable; ``with_assets``
    further collaterals that may be added to reach that. Made from texts by :meth:`of`.
    """

    settings: tuple[Setting, ...] = ()
    acts: tuple[Act, ...] = ()
    reach_health: tuple[int, ...] = ()
    survive: tuple[Scenario, ...] = ()
    with_assets: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything is changed."""
        return bool(self.settings or self.acts)

    @property
    def asks(self) -> bool:
        """Whether anything is asked at all."""
        return self.changes or bool(self.reach_health or self.survive)

    @classmethod
    def of(
        cls,
        *,
        set: str | Iterable[str] = (),  # noqa: A002 - the option's own word
        set_emode: str | Iterable[str] = (),
        acts: str | Iterable[str] = (),
        reach_health: str | Iterable[str] = (),
        survive: str | Iterable[str] = (),
        with_assets: str | Iterable[str] = (),
    ) -> WhatIf:
        """A what-if from texts.

        Args:
            set: ``"WETH.liquidation_threshold=0.80"``, ``"close_factor=0.6"``; a market's name and ``:`` in front where
                several markets are read.
            set_emode: ``"1.liquidation_threshold=0.93"``, ``"1.collateral=+WETH,-WBTC"``.
            acts: ``"repay USDC=1000"``, ``"deposit WETH=2"``, ``"withdraw WETH=all"``, ``"borrow USDC=500"``, done in
                this order.
            reach_health: health factors to reach, ``"1.5"``.
            survive: scenarios in which the position should not be liquidatable: ``"-40%"``, ``"WETH=-40%"``, presets,
                files.
            with_assets: further collaterals that may be added to reach that.

        Raises:
            BadParameter: a text that is none of these.
            BadFile, BadMove, UnknownScenario: a scenario that is none.
        """
        parsed = cls(
            settings=(*map(parse_setting, _texts(set)), *map(parse_emode_setting, _texts(set_emode))),
            acts=tuple(_act_of(text) for text in _texts(acts)),
            reach_health=tuple(_health(text) for text in _texts(reach_health)),
            survive=tuple(one for text in _texts(survive) for one in _scenarios(text)),
            with_assets=_texts(with_assets),
        )
        if parsed.with_assets and not (parsed.reach_health or parsed.survive):
            raise BadParameter(
                "--with adds a collateral to what may reach something, and nothing is to be reached",
                hint="add --reach-health or --survive",
            )
        return parsed


NOTHING: Final = WhatIf()


def parse_setting(text: str) -> Setting:
    """``[MARKET:]ASSET.parameter=VALUE`` or ``[MARKET:]parameter=VALUE``.

    Raises:
        BadParameter: it is not.
    """
    market, what, value = _split(text, "--set", "WETH.liquidation_threshold=0.80")
    asset, _, name = what.rpartition(".")
    if not name or (not asset and "." in what):
        raise _not(text, "--set", "WETH.liquidation_threshold=0.80")
    return Setting(market, asset or None, None, name, value)


def parse_emode_setting(text: str) -> Setting:
    """``[MARKET:]CATEGORY.parameter=VALUE``.

    Raises:
        BadParameter: it is not.
    """
    market, what, value = _split(text, "--set-emode", "1.liquidation_threshold=0.93")
    number, _, name = what.partition(".")
    if not number.isascii() or not number.isdecimal() or not name or not 1 <= int(number[:9]) <= _MOST_CATEGORY:
        raise _not(text, "--set-emode", "1.liquidation_threshold=0.93")
    return Setting(market, None, int(number), name, value)


def parse_act(kind: ActKind, text: str) -> Act:
    """``[MARKET:]ASSET=AMOUNT``, or ``=all`` where there is an all.

    Raises:
        BadParameter: it is not.
    """
    market, asset, amount = _split(text, f"--{kind.value}", "USDC=1000")
    if amount.lower() != ALL:
        return Act(kind, market, asset, amount)
    if kind in (ActKind.DEPOSIT, ActKind.BORROW):
        raise BadParameter(f"--{kind.value} {text[:_LONGEST]!a}: there is no all of what can be {_PAST[kind]}")
    return Act(kind, market, asset, None)


_PAST: Final = {ActKind.DEPOSIT: "deposited", ActKind.BORROW: "borrowed"}


def _act_of(text: str) -> Act:
    word, _, rest = text.strip().partition(" ")
    try:
        kind = ActKind(word)
    except ValueError:
        raise BadParameter(
            f"{text[:_LONGEST]!a} is no act", hint='"repay USDC=1000", deposit, withdraw or borrow'
        ) from None
    return parse_act(kind, rest)


def _split(text: str, option: str, example: str) -> tuple[str | None, str, str]:
    key, equals, value = (part.strip() for part in text.partition("="))
    market, colon, what = key.rpartition(":")
    if not (equals and what and value) or not text.isprintable() or (colon and not market):
        raise _not(text, option, example)
    return market or None, what, value


def _not(text: str, option: str, example: str) -> BadParameter:
    return BadParameter(f"{option} {text[:_LONGEST]!a} does not say what", hint=f"for example {option} {example}")


def _health(text: str) -> int:
    wad = parse_fixed(text, _WAD_PLACES, "--reach-health")
    if wad == 0:
        raise BadParameter("a health factor of 0 is no aim", hint="1 is where liquidation begins")
    return wad


def _scenarios(text: str) -> Sequence[Scenario]:
    return (parse_shocks([text]),) if "=" in text else load_scenarios(text)


def _texts(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
