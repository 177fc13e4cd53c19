"""A bound what-if applied to a position: settings first, then the owner's acts, all of them or none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from defirisk.errors import ChangeRefused
from defirisk.fixedpoint import decimal_string
from defirisk.model import Position
from defirisk.model import Warning as Notice
from defirisk.protocols.interface import Act, Refused, Setting, changes_of
from defirisk.whatif.binding import Bound
from defirisk.whatif.outcome import Change


@dataclass(frozen=True, slots=True)
class Applied:
    """A position as changed, and the changes, none where nothing is asked of its market."""

    position: Position
    changes: tuple[Change, ...]


def apply(bound: Bound, position: Position) -> Applied:
    """Change a position. What a contract would refuse is said in a warning of the position, and no act is made then.

    The contract's own view is of the position as it stands, and goes; unless ours differs from it: nothing that is
    reckoned from such a position can be relied on either.

    Raises:
        BadParameter: a parameter that its protocol does not have, or a value that it cannot keep.
    """
    here = position.market.name
    settings = [one.setting for one in bound.settings if one.market == here]
    acts = [one.act for one in bound.acts if one.market == here]
    changed = Applied(position, ())
    for setting in settings:
        changed = _set(changed, setting)
    try:
        for act in acts:
            changed = _act(changed, act)
    except _NotDone as problem:
        return _without_acts(bound, position, problem)
    if position.contract == position.reproduced:
        return changed
    doubtful = replace(changed.position, contract=position.contract, reproduced=position.reproduced)
    return replace(changed, position=doubtful)


class _NotDone(Exception):
    """An act that the contract would refuse."""


def _without_acts(bound: Bound, position: Position, problem: _NotDone) -> Applied:
    calm = apply(replace(bound, acts=()), position)
    notice = Notice(ChangeRefused.code, str(problem))
    return replace(calm, position=warned(calm.position, (notice,)))


def _set(applied: Applied, setting: Setting) -> Applied:
    position = applied.position
    known = changes_of(position.rules)
    if known is None:
        return applied
    done = known.set(position, setting)
    change = Change(
        kind="set" if setting.emode is None else "set-emode",
        text=_setting_text(setting, done.was, done.now),
        asset=setting.asset.token if setting.asset else None,
        parameter=setting.name,
        emode=setting.emode,
        was=done.was,
        now=done.now,
        felt=done.position.state != position.state,
    )
    return Applied(warned(done.position, done.warnings), (*applied.changes, change))


def _act(applied: Applied, act: Act) -> Applied:
    position = applied.position
    known: Any = changes_of(position.rules)
    said = act_text(act, act.amount)
    if position.unpriced:
        raise _NotDone(f"what if {said}: a price is lacking, so that nothing can be said of it; no act was made")
    try:
        done = known.act(position, act)
    except Refused as refused:
        raise _NotDone(f"what if {said}: the contract refuses it, {refused.reason}; no act was made") from refused
    change = Change(act.kind.value, act_text(act, done.amount), act.asset.token, done.amount)
    return Applied(warned(done.position, done.warnings), (*applied.changes, change))


def act_text(act: Act, amount: int | None) -> str:
    """``repay 1,000 USDC``."""
    token = act.asset.token
    shown = "all" if amount is None else grouped(decimal_string(amount, token.decimals))
    return f"{act.kind.value} {shown} {token.symbol}"


def grouped(decimal: str) -> str:
    """A decimal with its thousands set apart."""
    whole, point, fraction = decimal.partition(".")
    return f"{int(whole):,}{point}{fraction}"


def _setting_text(setting: Setting, was: str | None, now: str) -> str:
    whose = "" if setting.asset is None else f"{setting.asset.token.symbol} "
    whose = whose if setting.emode is None else f"eMode {setting.emode} "
    before = "" if was is None else " (unchanged)" if was == now else f" (was {was})"
    return f"{whose}{setting.name.replace('_', ' ')} {now}{before}"


def warned(position: Position, notices: tuple[Notice, ...]) -> Position:
    """The position with these warnings too, each once."""
    fresh = tuple(dict.fromkeys(notice for notice in notices if notice not in position.warnings))
    return replace(position, warnings=(*position.warnings, *fresh)) if fresh else position
