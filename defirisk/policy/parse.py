"""From the text of a policy file to a :class:`~defirisk.policy.terms.Policy`; what does not fit is said with its line.

The only files read here are those that ``scenarios`` names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from defirisk.chain.addresses import parse_address
from defirisk.errors import BadPolicy, DefiriskError, InvalidAddress
from defirisk.policy.lines import lines_of
from defirisk.policy.rules import RULES
from defirisk.policy.scenarios import Named, ScenarioReader
from defirisk.policy.source import SOURCE_KEYS, read_source
from defirisk.policy.terms import Clause, Policy, Wallet
from defirisk.policy.values import Place, choice, near, no_toml, table, text, texts
from defirisk.policy.waivers import read_waivers
from defirisk.protocols import registry
from defirisk.risk.families import FamilyBook
from defirisk.risk.replay import liquidators

TOOL: Final = ("tool", "defirisk")
_KEYS: Final = (*SOURCE_KEYS, "markets", "scenarios", "liquidator", "families", "wallet", "policy", "waiver")
_WALLET_KEYS: Final = ("address", "label", "policy")
_OF_TABLES: Final = {
    **dict.fromkeys(RULES, "a rule stands under [policy]"),
    **dict.fromkeys(_WALLET_KEYS[:2], "it stands under [[wallet]]"),
    "tool": "[tool.defirisk] is of pyproject.toml; here its keys stand at the top",
}
"""What is often written a table too high, and where it belongs."""
_OF_THE_TOP: Final = dict.fromkeys(_KEYS, "it stands at the top of the file, before the first [table]")


def parse_policy(content: str, file: str, folder: Path, *, tool: bool = False) -> Policy:
    """The policy of a TOML text.

    Args:
        content: the text.
        file: what messages call the file.
        folder: where the file is; paths in it are relative to that.
        tool: whether the policy stands under ``[tool.defirisk]``, as in ``pyproject.toml``.

    Raises:
        BadPolicy: not TOML, not of the shape, or contradicting itself.
        BadFile, BadMove: a scenario file that it names is not sound.
    """
    try:
        document = tomllib.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise no_toml(error, file) from error
    place = Place(file, lines_of(content), TOOL if tool else ())
    if tool:
        document = _tool_table(document, file)
    return _Parser(place, table(place, document, _KEYS, _OF_TABLES), folder).policy()


def _tool_table(document: Mapping[str, Any], file: str) -> Any:
    for key in TOOL:
        if not isinstance(document, dict) or key not in document:
            raise BadPolicy("it holds no [tool.defirisk]", file=file, hint="name another file, or add the table")
        document = document[key]
    return document


class _Parser:
    """One policy table, from its scenarios to its waivers."""

    def __init__(self, place: Place, document: Mapping[str, Any], folder: Path) -> None:
        self._place, self._document, self._folder = place, document, folder
        self._scenarios = ScenarioReader(folder)

    def policy(self) -> Policy:
        document, place = self._document, self._place
        source = read_source(place, document, self._folder)
        listed = self._scenarios.listed(place.at("scenarios"), document.get("scenarios", []))
        clauses = self._clauses(place.at("policy"), document.get("policy", {}), listed)
        wallets = self._wallets(clauses, listed)
        policy = Policy(
            file=place.file,
            markets=self._markets(),
            scenarios=self._scenarios.found(),
            listed=tuple(listed),
            wallets=wallets,
            clauses=clauses,
            source=source,
            liquidator=self._liquidator(),
            families=self._families(),
            lines={key: place.at(key).line or 1 for key in document},
        )
        self._refuse_idle(policy)
        waivers = read_waivers(place.at("waiver"), document.get("waiver", []), policy)
        return replace(policy, waivers=waivers)

    def _markets(self) -> tuple[str, ...]:
        place = self._place.at("markets")
        if "markets" not in self._document:
            return ()
        names = texts(place, self._document["markets"], "market", "aave-v3-ethereum")
        if not names:
            place.refuse("an empty list reads nothing", "leave the key out for all markets")
        for index, name in enumerate(names):
            _check_market(place.at(index), name)
        return names

    def _liquidator(self) -> str:
        place, value = self._place.at("liquidator"), self._document.get("liquidator", "largest")
        return choice(place, value, liquidators(), "an order of liquidations")

    def _families(self) -> dict[str, str]:
        place, value = self._place.at("families"), self._document.get("families", {})
        if not isinstance(value, dict):
            place.wanted('a table such as { stETH = "ETH" }', value)
        families = {key: text(place.at(key), name, "a family", "ETH") for key, name in value.items()}
        for key, name in families.items():
            try:
                FamilyBook.load({key: name})
            except DefiriskError as error:
                place.at(key).refuse(error.message, error.hint)
        return families

    def _clauses(self, place: Place, value: Any, listed: Named) -> dict[str, Clause]:
        rules = table(place, value, RULES, _OF_THE_TOP)
        clauses = {}
        for name, stated in rules.items():
            limit = RULES[name].read(place.at(name), stated)
            if name == "survives" and isinstance(limit, tuple):
                limit = self._scenarios.survived(place.at(name), limit, listed)
            clauses[name] = Clause(name, limit, place.at(name).line)
        return clauses

    def _wallets(self, clauses: Mapping[str, Clause], listed: Named) -> tuple[Wallet, ...]:
        place, entries = self._place.at("wallet"), self._document.get("wallet", [])
        if not isinstance(entries, list):
            place.wanted("an array of tables, [[wallet]]", entries)
        wallets: list[Wallet] = []
        for index, entry in enumerate(entries):
            wallet = self._wallet(place.at(index), entry, clauses, listed)
            _refuse_twice(place.at(index), wallet, wallets)
            wallets.append(wallet)
        return tuple(wallets)

    def _wallet(self, place: Place, value: Any, clauses: Mapping[str, Clause], listed: Named) -> Wallet:
        entry = table(place, value, _WALLET_KEYS, {**_OF_TABLES, **_OF_THE_TOP})
        if "address" not in entry:
            place.refuse('the key "address" is missing', "each [[wallet]] needs an address")
        address = _address(place.at("address"), entry["address"])
        label = text(place.at("label"), entry["label"], "a label", "treasury") if "label" in entry else None
        own = self._clauses(place.at("policy"), entry.get("policy", {}), listed)
        return Wallet(address, label, {**clauses, **own}, place.at("address").line)

    def _refuse_idle(self, policy: Policy) -> None:
        """A gate that judges nothing would always be open."""
        for wallet in policy.wallets or (Wallet("", clauses=policy.clauses),):
            if not any(RULES[name].subjects(c, policy.scenarios_for(wallet)) for name, c in wallet.clauses.items()):
                self._say_idle(wallet, policy)
            most = wallet.clauses.get("max_bad_debt")
            if most is not None and not policy.scenarios_for(wallet):
                raise BadPolicy(
                    f"max_bad_debt is judged in every scenario, and {wallet.name or 'the file'} has none",
                    file=policy.file,
                    line=most.line,
                    hint='list some: scenarios = ["-40%"]',
                )

    def _say_idle(self, wallet: Wallet, policy: Policy) -> None:
        if not wallet.clauses:
            said = f"no rule is set for {wallet.name or 'any wallet'}"
            hint = f"set one under [policy]: {', '.join(RULES)}"
            raise BadPolicy(said, file=policy.file, line=wallet.line, hint=hint)
        names = " and ".join(wallet.clauses)
        raise BadPolicy(
            f"{names} would judge nothing of {wallet.name or 'any wallet'}",
            file=policy.file,
            line=next(iter(wallet.clauses.values())).line,
            hint='name scenarios: scenarios = ["-40%"]',
        )


def _address(place: Place, value: Any) -> str:
    """An address in EIP-55 form, or an ENS name."""
    if not isinstance(value, str):
        place.wanted("an address (0x and 40 hex digits) or an ENS name", value, "it stands in quotes")
    stated = text(place, value, "an address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    if "." in stated.strip(".") and not stated.startswith("0x"):
        return stated.lower()
    try:
        return parse_address(stated)
    except InvalidAddress as error:
        place.refuse(error.message, error.hint)


def _refuse_twice(place: Place, wallet: Wallet, before: Sequence[Wallet]) -> None:
    for index, other in enumerate(before):
        if other.address == wallet.address:
            place.at("address").refuse(f"{wallet.address} is listed twice, first as wallet[{index + 1}]")
        if wallet.label is not None and (other.label or "").lower() == wallet.label.lower():
            place.at("label").refuse(f"two wallets are labelled {wallet.label!a}", "a label stands for one wallet")
        for one, label in ((wallet, other.label), (other, wallet.label)):
            if label is not None and label.lower() == one.address.lower():
                place.at("label").refuse(f"{label!a} is one wallet's label and another's address", "rename the one")


def _check_market(place: Place, name: str) -> None:
    """A name that the registry holds on some chain, or PROTOCOL@0xENTRY; which chain it is shows when it is read."""
    protocol, at, entry = name.partition("@")
    if at:
        if protocol.lower() not in registry.families():
            place.refuse(f"{protocol!a} is no protocol that defirisk knows", near(protocol, registry.families()))
        try:
            parse_address(entry)
        except InvalidAddress as error:
            place.refuse(error.message, "a market is a known name or PROTOCOL@0xENTRY")
        return
    known = {known for one in registry.deployments() for known in (one.name, *one.aliases)}
    if name.lower() not in known:
        begin = sorted(one for one in known if one.startswith(f"{name.lower()}-"))
        close = f"such as {begin[0]}" if len(begin) > 1 else near(name, known)
        listing = "`defirisk markets` lists the known ones; any other is PROTOCOL@0xENTRY"
        place.refuse(f"no market is known as {name!a}", listing if close.startswith("known") else f"{close}; {listing}")
