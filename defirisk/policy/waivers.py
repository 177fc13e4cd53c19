"""Waivers: how they are written, which finding one waives, and which of them are over or waive nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from defirisk.errors import ExpiredWaiver
from defirisk.model import Warning as Notice
from defirisk.policy.findings import Finding, Problem, Status
from defirisk.policy.rules import RULES
from defirisk.policy.terms import Policy, Waiver, Wallet
from defirisk.policy.values import Place, choice, day, near, table, text

_KEYS: Final = ("wallet", "rule", "reason", "expires", "market", "scenario", "asset")
_NEEDED: Final = _KEYS[:4]
_OF_ASSETS: Final = "max_oracle_age"


# --- reading ------------------------------------------------------------------------------------------------------


def read_waivers(place: Place, value: Any, policy: Policy) -> tuple[Waiver, ...]:
    """The waivers of a file.

    Raises:
        BadPolicy: one does not fit its shape, is for what the policy does not hold, or says what another says.
    """
    if not isinstance(value, list):
        place.wanted("an array of tables, [[waiver]]", value)
    waivers: list[Waiver] = []
    for index, entry in enumerate(value):
        waiver = _waiver(place.at(index), entry, policy)
        for number, other in enumerate(waivers):
            if (other.wallet, other.rule, other.scopes) == (waiver.wallet, waiver.rule, waiver.scopes):
                place.at(index).refuse(f"waives what waiver[{number + 1}] waives already", "leave one of them out")
        waivers.append(waiver)
    return tuple(waivers)


def _waiver(place: Place, value: Any, policy: Policy) -> Waiver:
    entry = table(place, value, _KEYS)
    for key in _NEEDED:
        if key not in entry:
            place.refuse(f'the key "{key}" is missing', f"each [[waiver]] needs {', '.join(_NEEDED)}")
    wallet = _wallet(place.at("wallet"), entry["wallet"], policy.wallets)
    rule = choice(place.at("rule"), entry["rule"], RULES, "a rule")
    if rule not in wallet.clauses:
        place.at("rule").refuse(f"{rule} is not set for {wallet.name}", f"set are: {', '.join(wallet.clauses)}")
    return Waiver(
        wallet=wallet.address,
        name=wallet.name,
        rule=rule,
        reason=text(place.at("reason"), entry["reason"], "a reason", "unwinding until month's end", urls=True),
        expires=day(place.at("expires"), entry["expires"], "2026-12-31"),
        market=text(place.at("market"), entry["market"], "a market", "aave-v3-ethereum") if "market" in entry else None,
        scenario=_scenario(place.at("scenario"), entry, policy, wallet, rule),
        asset=_asset(place.at("asset"), entry["asset"], rule) if "asset" in entry else None,
        line=place.line,
    )


def _wallet(place: Place, value: Any, wallets: Sequence[Wallet]) -> Wallet:
    name = text(place, value, "a wallet's label or address", "treasury")
    for wallet in wallets:
        if name == wallet.label or name.lower() == wallet.address.lower():
            return wallet
    known = [known for one in wallets for known in (one.label, one.address) if known]
    raise place.refusal(f"no wallet is called {name!a}", near(name, known) if known else "the file names no wallet")


def _scenario(place: Place, entry: Mapping[str, Any], policy: Policy, wallet: Wallet, rule: str) -> str | None:
    if "scenario" not in entry:
        return None
    name = text(place, entry["scenario"], "a scenario", "-30%")
    judged = [s for s in RULES[rule].subjects(wallet.clauses[rule], policy.scenarios_for(wallet)) if s is not None]
    if not judged:
        place.refuse(f"{rule} is not judged by scenario", "leave the key out")
    if name not in judged:
        place.refuse(f"{rule} is not judged in {name!a} for {wallet.name}", near(name, judged))
    return name


def _asset(place: Place, value: Any, rule: str) -> str:
    if rule != _OF_ASSETS:
        place.refuse(f"{rule} is not judged by asset", "leave the key out")
    return text(place, value, "an asset", "WETH")


# --- using --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waived:
    """Findings after the waivers, with what there is to say of the waivers themselves."""

    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Notice, ...]


def waive(findings: Iterable[Finding], waivers: Sequence[Waiver], today: date) -> Waived:
    """Waive breaches; the narrowest waiver that fits goes first. One that is over waives nothing and is a problem.

    Args:
        findings: as judged; ``wallet`` and the waivers' ``wallet`` are EIP-55 addresses.
        waivers: those of the wallets judged.
        today: the day (UTC) of the run.
    """
    valid = sorted((w for w in waivers if w.expires >= today), key=lambda w: -sum(s is not None for s in w.scopes))
    done = [_waived(finding, valid) for finding in findings]
    used = {id(finding.waiver) for finding in done if finding.waiver is not None}
    idle = tuple(_idle(w) for w in waivers if w.expires >= today and id(w) not in used)
    return Waived(tuple(done), tuple(_expired(w, today) for w in waivers if w.expires < today), idle)


def _waived(finding: Finding, waivers: Iterable[Waiver]) -> Finding:
    if finding.status is not Status.BREACH:
        return finding
    fitting = next((waiver for waiver in waivers if _fits(waiver, finding)), None)
    return finding if fitting is None else replace(finding, status=Status.WAIVED, waiver=fitting)


def _fits(waiver: Waiver, finding: Finding) -> bool:
    return (
        (waiver.wallet, waiver.rule) == (finding.wallet, finding.rule)
        and waiver.market in (None, finding.market)
        and waiver.scenario in (None, finding.scenario)
        and (waiver.asset is None or waiver.asset.lower() in _names(finding))
    )


def _names(finding: Finding) -> set[str]:
    return {name.lower() for name in (finding.asset, finding.symbol) if name}


def _expired(waiver: Waiver, today: date) -> Problem:
    return Problem(
        ExpiredWaiver.code,
        f"the waiver of {described(waiver)} expired on {waiver.expires}, before {today}: {waiver.reason}",
        ExpiredWaiver.exit_code,
        waiver.line,
        "put the position in order, or renew the waiver with a new date",
    )


def _idle(waiver: Waiver) -> Notice:
    text = f"the waiver of {described(waiver)} (line {waiver.line}) waives nothing: no such check is breached"
    return Notice("unused-waiver", text)


def described(waiver: Waiver) -> str:
    """What a waiver is of, in words."""
    narrowed = "".join(f" in {one}" for one in (waiver.market, waiver.scenario) if one)
    return f"{waiver.rule} for {waiver.name}{narrowed}" + (f" of {waiver.asset}" if waiver.asset else "")
