"""Policy files and baselines on disk: where they are looked for, and how they are read."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from defirisk.chain.jsontext import parse as parse_json
from defirisk.errors import BadBaseline, BadFile, BadPolicy, InvalidAddress
from defirisk.files import bounded_text
from defirisk.policy.parse import parse_policy
from defirisk.policy.rules import RULES
from defirisk.policy.seen import Seen, seen_before
from defirisk.policy.terms import Policy, Wallet
from defirisk.policy.values import near, no_toml

NAME: Final = "defirisk.toml"
PYPROJECT: Final = "pyproject.toml"
_TABLE: Final = b"tool.defirisk"
_LARGEST_BASELINE: Final = 256 << 20


def find_policy(start: Path) -> Path | None:
    """The policy file for a folder: ``defirisk.toml``, or a ``pyproject.toml`` with ``[tool.defirisk]``.

    It is looked for there and further up to the root of the repository; outside a repository only there. ``None``
    where there is none.

    Raises:
        BadPolicy: a ``pyproject.toml`` that names the table and is not TOML.
    """
    for folder in _folders(start.resolve()):
        if (folder / NAME).is_file():
            return folder / NAME
        if _holds_table(folder / PYPROJECT):
            return folder / PYPROJECT
    return None


def load_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        BadFile: it cannot be read.
        BadPolicy: it is not sound.
    """
    file = shown_path(path)
    content = bounded_text(path, file, "a policy file", lambda said, line: BadPolicy(said, file=file, line=line))
    return parse_policy(content, file, path.parent, tool=path.name == PYPROJECT)


def for_wallets(policy: Policy, addresses: Sequence[str]) -> Policy:
    """The policy for these wallets only, as given; what the file does not name is under ``[policy]``.

    Raises:
        BadPolicy: no wallet is left, or there is no rule for one.
        InvalidAddress: one is no address.
    """
    if addresses:
        known = {name.lower(): wallet for wallet in policy.wallets for name in (wallet.address, wallet.label) if name}
        wallets = tuple(_one(policy, known.get(text.strip().lower()), text) for text in addresses)
        return replace(policy, wallets=tuple({wallet.address: wallet for wallet in wallets}.values()))
    if not policy.wallets:
        raise BadPolicy("no wallet is named", file=policy.file, hint="add [[wallet]] with an address, or give one")
    return policy


def load_baseline(path: Path) -> Seen:
    """Read an earlier result.

    Raises:
        BadBaseline: it cannot be read, is not JSON, or no result to compare with.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_BASELINE + 1)
    except OSError as error:
        raise BadBaseline(f"the baseline {path} cannot be read: {error.strerror or error}") from error
    if len(raw) > _LARGEST_BASELINE:
        raise BadBaseline(f"the baseline {path} is larger than {_LARGEST_BASELINE >> 20} MiB")
    return seen_before(_json(raw, path), path.name)


def shown_path(path: Path) -> str:
    """A path as messages and reports name it: relative to the working directory where it is inside it."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)


def repository_of(folder: Path) -> Path | None:
    """The root of the repository that a folder is in; ``None`` where it is in none."""
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)


def _folders(start: Path) -> Iterator[Path]:
    """A folder, and those above it up to the root of its repository."""
    root = repository_of(start) or start
    for folder in (start, *start.parents):
        yield folder
        if folder == root:
            return


def _holds_table(path: Path) -> bool:
    try:
        raw = path.read_bytes() if path.is_file() else b""
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror or error}") from error
    if _TABLE not in raw:
        return False
    try:
        document = tomllib.loads(raw.decode("utf-8-sig"))
    except ValueError as error:
        raise no_toml(error, shown_path(path)) from error
    tool = document.get("tool")
    return isinstance(tool, dict) and "defirisk" in tool


def _json(raw: bytes, path: Path) -> Any:
    try:
        return parse_json(raw.decode())
    except ValueError as error:
        raise BadBaseline(f"the baseline {path} is not JSON: {error}") from error


def _neither(policy: Policy, text: str, problem: InvalidAddress) -> InvalidAddress:
    """What is no address was meant as a label, unless it begins like one."""
    labels = [wallet.label for wallet in policy.wallets if wallet.label]
    if text.startswith("0x") or not labels:
        return problem
    return InvalidAddress(f"no wallet of {policy.file} is called {text[:80]!a}", hint=near(text, labels))


def _one(policy: Policy, known: Wallet | None, text: str) -> Wallet:
    if known is not None:
        return known
    from defirisk.chain.addresses import parse_address  # noqa: PLC0415 - only for wallets that the file does not name
    from defirisk.chain.ens import looks_like_name  # noqa: PLC0415 - as above

    try:
        address = text.strip().lower() if looks_like_name(text) else parse_address(text)
    except InvalidAddress as problem:
        raise _neither(policy, text, problem) from problem
    wallet = Wallet(address, None, policy.clauses)
    judged = policy.scenarios_for(wallet)
    idle = [name for name, clause in wallet.clauses.items() if not RULES[name].subjects(clause, judged)]
    if idle or not wallet.clauses:
        what = f"{' and '.join(idle)} of [policy]" if idle else "[policy]"
        said = f"{what} judges nothing of {wallet.address}, which the file does not name"
        raise BadPolicy(said, file=policy.file, hint="add it with rules of its own, or set some under [policy]")
    return wallet
