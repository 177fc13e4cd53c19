"""From a list as it comes to wallets that can be read, each once, in chunks on disk; what was rejected, and why."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from defirisk.auditing.columns import REJECTED
from defirisk.auditing.formats import ADDRESS, MOST_LABELS, Entry, entries
from defirisk.auditing.state import State
from defirisk.chain.addresses import is_address, parse_address
from defirisk.chain.ens import Resolved, looks_like_name
from defirisk.errors import BadList, InvalidAddress
from defirisk.files import writing_to
from defirisk.report.sanitize import clean, csv_cell

STDIN: Final = "-"
SAID: Final = 20
"""How many rejected lines are listed on stderr; all of them stand in the file."""
ENS_LABEL: Final = "ens_name"
"""The label of a wallet that the list gives by its name."""
UNRESOLVED: Final = "a name, not an address: no chain was asked what it stands for"
_SHOWN: Final = 100
_TELL_EVERY: Final = 20_000


class Rejected(NamedTuple):
    """A line that is no wallet: the text that stood there (not cleaned) and why."""

    line: int
    text: str
    reason: str


class Wallet(NamedTuple):
    """A wallet of the list: EIP-55 address, and its labels as text."""

    address: str
    labels: Mapping[str, str]


@dataclass
class Listing:
    """What a list held: ``given`` entries, of them ``distinct`` wallets, ``duplicates`` and ``rejected`` ones.

    ``labels`` are the names of the further columns, in the order in which they first appeared; ``sample`` the first
    rejected lines; ``digest`` is of the list's bytes. ``leading`` is how many entries were rejected before the first
    wallet; ``names`` are those of ENS that nobody has resolved yet.
    """

    digest: str
    given: int = 0
    distinct: int = 0
    duplicates: int = 0
    rejected: int = 0
    chunks: int = 0
    labels: tuple[str, ...] = ()
    sample: list[Rejected] = field(default_factory=list)
    leading: int = 0
    names: dict[str, None] = field(default_factory=dict)


def digest_of(source: str, state: State) -> tuple[Path, str]:
    """The list as a file, and the digest of its bytes; what comes from stdin is kept beside the state.

    Raises:
        BadList: it cannot be read, or is empty.
        UnwritableOutput: stdin cannot be kept.
    """
    path = Path(source) if source != STDIN else _kept(state)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise BadList(f"{name_of(source)} is a pipe or a device", hint="a list is read twice: ... | defirisk audit -")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            empty = file.tell() == 0
    except OSError as problem:
        raise BadList(f"{name_of(source)} cannot be read: {problem.strerror}") from problem
    if empty:
        raise BadList(f"{name_of(source)} is empty", hint="one address a line, or CSV with a column `address`")
    return path, f"sha256:{digest}"


def name_of(source: str) -> str:
    """How the list is called in messages."""
    return "standard input" if source == STDIN else Path(source).name or source


def _kept(state: State) -> Path:
    path = state.folder / "list"
    if sys.stdin is None:
        raise BadList("standard input is closed")
    with writing_to(path), path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path


def take_in(
    path: Path,
    source: str,
    digest: str,
    state: State,
    chunk: int,
    *,
    names: Mapping[str, Resolved] | None = None,
    tell: Any = None,
) -> Listing:
    """Go through a list once: wallets to chunks of the state, rejected lines to its ``rejected.csv``.

    Args:
        path: the list as a file.
        source: as it was asked for.
        digest: of its bytes.
        state: where chunks go.
        chunk: wallets a chunk.
        names: what ENS says of the names in it; a name that is not among them is rejected, and noted.
        tell: told how many entries have been looked at, now and then.

    Raises:
        BadList: it is no list of wallets, or holds none.
        UnwritableOutput: the state cannot be written.
    """
    listing = Listing(digest)
    folder = state.folder
    with writing_to(folder), (folder / "rejected.csv").open("w", encoding="utf-8", newline="") as rejected:
        _sort_out(
            entries(path, name_of(source)),
            listing,
            _Chunks(state, chunk),
            csv.writer(rejected, lineterminator="\n"),
            names or {},
            tell=tell,
        )
    if not listing.given:
        raise BadList(f"{name_of(source)} holds no wallet", hint="one address a line, or CSV with a column `address`")
    return listing


class _Chunks:
    """Wallets to files of so many each."""

    def __init__(self, state: State, size: int) -> None:
        self._state, self._size, self.count = state, size, 0
        self._held: list[str] = []

    def add(self, wallet: Wallet) -> None:
        self._held.append(_line(wallet))
        if len(self._held) == self._size:
            self.flush()

    def flush(self) -> None:
        if self._held:
            self._state.wallets_file(self.count).write_text("\n".join(self._held) + "\n", encoding="ascii")
            self.count += 1
            self._held = []


def _sort_out(
    found: Iterator[Entry],
    listing: Listing,
    chunks: _Chunks,
    rejected: Any,
    names: Mapping[str, Resolved],
    *,
    tell: Any,
) -> None:
    seen: set[bytes] = set()
    labels: dict[str, None] = {}
    rejected.writerow(column.name for column in REJECTED)
    for entry in found:
        listing.given += 1
        if tell and listing.given % _TELL_EVERY == 0:
            tell(listing.given)
        checked = _checked(entry, names)
        if isinstance(checked, Rejected):
            _reject(checked, listing, rejected, first=not seen)
            continue
        key = bytes.fromhex(checked[2:])
        if key in seen:
            listing.duplicates += 1
            continue
        seen.add(key)
        wallet = Wallet(checked, {_sound(name): _sound(value) for name, value in _labels(entry).items()})
        labels.update(dict.fromkeys(wallet.labels))
        chunks.add(wallet)
    chunks.flush()
    listing.distinct, listing.chunks, listing.labels = len(seen), chunks.count, tuple(labels)
    if len(labels) > MOST_LABELS:
        raise BadList(f"more than {MOST_LABELS} labels are not carried through")


def _sound(text: str) -> str:
    """Text that can be written: half a surrogate pair, which JSON allows, becomes a question mark."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _labels(entry: Entry) -> Mapping[str, str]:
    """Its own, and the name by which it was given."""
    name = _name_in(entry)
    return entry.labels if name is None else {ENS_LABEL: name, **entry.labels}


def _name_in(entry: Entry) -> str | None:
    text = entry.text.strip()
    return text if entry.problem is None and looks_like_name(text) else None


def _reject(one: Rejected, listing: Listing, rejected: Any, *, first: bool) -> None:
    listing.rejected += 1
    listing.leading += first
    if one.reason == UNRESOLVED:
        listing.names[one.text.strip()] = None
    if len(listing.sample) < SAID:
        listing.sample.append(one)
    rejected.writerow([one.line, csv_cell(one.text), one.reason])


def _checked(entry: Entry, names: Mapping[str, Resolved]) -> str | Rejected:
    """The address, EIP-55, or why it is none."""
    if entry.problem is not None:
        return Rejected(entry.line, entry.text, entry.problem)
    name = _name_in(entry)
    if name is not None:
        found = str(names.get(name, UNRESOLVED))
        return found if is_address(found) else Rejected(entry.line, entry.text, found)
    text = entry.text.strip()
    try:
        return parse_address(text)
    except InvalidAddress:
        return Rejected(entry.line, entry.text, _reason(text))


def _reason(text: str) -> str:
    if not text:
        return f"no {ADDRESS}"
    if is_address(text):
        return "wrong checksum: a digit may be mistyped (all lower case carries no checksum)"
    return "not an address: that is 0x and 40 hex digits"


def described(one: Rejected) -> str:
    """A rejected line in one line."""
    return f"line {one.line}: {clean(one.text, _SHOWN) or '(nothing)'}: {one.reason}"


def put_wallets(state: State, chunk: int, wallets: Iterable[Wallet]) -> None:
    """Put a chunk's wallets where :func:`wallets_of` finds them."""
    state.wallets_file(chunk).write_text("".join(f"{_line(one)}\n" for one in wallets), encoding="ascii")


def _line(wallet: Wallet) -> str:
    return json.dumps([wallet.address, dict(wallet.labels)], ensure_ascii=True, separators=(",", ":"))


def wallets_of(state: State, chunk: int) -> list[Wallet]:
    """The wallets of a chunk, as they were taken in."""
    with state.wallets_file(chunk).open(encoding="ascii") as file:
        return [Wallet(*json.loads(line)) for line in file]


def listing_of(stored: Mapping[str, Any]) -> Listing:
    """A listing from a manifest."""
    fields = {name: stored[name] for name in ("digest", "given", "distinct", "duplicates", "rejected", "chunks")}
    return Listing(**fields, labels=tuple(stored["labels"]), sample=[Rejected(*one) for one in stored["sample"]])
