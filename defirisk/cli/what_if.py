"""The options of a what-if: what is changed before anything is judged, and how much would reach what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from defirisk.cli.options import all_of
from defirisk.cli.sections import Command, Option

if TYPE_CHECKING:
    from defirisk.whatif.asking import WhatIf

F = TypeVar("F", bound=Callable[..., Any])
ACTS: Final = "defirisk.acts"
_ACT_OPTIONS: Final = ("--deposit", "--withdraw", "--borrow", "--repay")


_in_what_if = partial(click.option, cls=Option, section="What if", multiple=True)


def setting_options(command: F) -> F:
    """Which parameters are set before anything is judged."""
    return all_of(
        _in_what_if(
            "--set",
            "sets",
            metavar="WETH.liquidation_threshold=0.80",
            help="First set a parameter, of an asset or of the market (close_factor=0.6). MARKET: in front where "
            "several markets are read. Repeatable, as is all that follows here.",
        ),
        _in_what_if(
            "--set-emode",
            "set_emodes",
            metavar="1.liquidation_threshold=0.93",
            help="The same of an eMode category; its assets: 1.collateral=+WETH,-WBTC.",
        ),
    )(command)


def what_if_options(command: F) -> F:
    """What is changed before anything is judged, and how much would reach what; see :class:`Ordered`."""
    option = _in_what_if
    return all_of(
        setting_options,
        option("--repay", metavar="USDC=1000", help="The owner first repays so much, or =all."),
        option("--deposit", metavar="WETH=2", help="The owner first supplies so much more."),
        option("--withdraw", metavar="WETH=1", help="The owner first withdraws so much, or =all."),
        option(
            "--borrow",
            metavar="USDC=500",
            help="The owner first borrows so much more. Acts are done in the order given, all or none.",
        ),
        option(
            "--reach-health",
            metavar="1.5",
            help="Find the least repayment of each debt, and the least deposit of each collateral, that reaches this "
            "health factor.",
        ),
        option(
            "--survive",
            metavar="-40%",
            help="The same, so as not to be liquidatable in a scenario: a fall, WETH=-40%, a preset or a file.",
        ),
        option(
            "--with",
            "with_assets",
            metavar="ASSET",
            help="With these two: try this asset too, as a further collateral.",
        ),
    )(command)


class Ordered(Command):
    """A command that knows in which order the owner's acts were given, across their options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note the acts before click sorts them by option."""
        ctx.meta[ACTS] = list(_acts_in(args))
        return super().parse_args(ctx, args)


def _acts_in(args: Sequence[str]) -> Iterator[str]:
    """``repay USDC=1000`` for each ``--repay USDC=1000`` or ``--repay=USDC=1000``."""
    words = iter(args)
    for word in words:
        option, equals, value = word.partition("=")
        if word == "--":
            return
        if option in _ACT_OPTIONS:
            yield f"{option[2:]} {value if equals else next(words, '')}"


def what_if_of(asked: Mapping[str, Any]) -> WhatIf:
    """What is changed first, and what should be reached.

    Raises:
        InputError: an option that means nothing (its subclasses say why).
    """
    from defirisk.whatif.asking import WhatIf  # noqa: PLC0415 - nothing heavy for --help

    return WhatIf.of(
        set=asked["sets"],
        set_emode=asked["set_emodes"],
        acts=click.get_current_context().meta.get(ACTS, ()),
        reach_health=asked["reach_health"],
        survive=asked["survive"],
        with_assets=asked["with_assets"],
    )
