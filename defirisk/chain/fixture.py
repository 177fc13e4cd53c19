"""The fixture format ``defirisk-fixture/1``: a recorded chain as one JSON document, read strictly, written the same.

A fixture is untrusted input: it is bounded in size, every value is checked, and a digest that does not fit is an
error. Single ``eth_call``s, never batches, so that a recording outlives any change in batching.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from defirisk.chain.addresses import checksum, is_address
from defirisk.chain.calls import Answer, Block, Call, Returned, Reverted
from defirisk.chain.jsontext import parse
from defirisk.chain.symbols import quoted
from defirisk.errors import DigestMismatch, FixtureError

FORMAT: Final = "defirisk-fixture/1"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@/+-]{0,99}")
_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_REFRESH: Final = "record it again with `defirisk record`"


@dataclass(frozen=True, slots=True)
class FixtureMarket:
    """A market that was recorded: ``protocol`` and ``entry`` find it, ``name`` is ``None`` if it has none."""

    protocol: str
    entry: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Fixture:
    """A recorded chain. Addresses of ``wallets`` and ``markets`` are EIP-55; ``sealed``: it carried its digest."""

    chain_id: int
    block: Block
    recorded_by: str
    markets: tuple[FixtureMarket, ...]
    wallets: tuple[str, ...]
    answers: Mapping[Call, Answer]
    sealed: bool = True


# --- writing ------------------------------------------------------------------------------------------------------


def encode_fixture(fixture: Fixture) -> bytes:
    """Return the document's bytes: the same for the same chain state, whatever the order of the calls was."""
    document = _document(fixture)
    document["digest"] = digest_of(document)
    calls = document.pop("calls")
    head = ",\n".join(f"{json.dumps(key)}: {_compact(value)}" for key, value in document.items())
    body = ",\n".join(_compact(call) for call in calls)
    return f'{{{head},\n"calls": [\n{body}\n]}}\n'.encode()


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the digest over the canonical JSON: sorted keys, no spaces, UTF-8, without ``digest`` itself."""
    bare = {key: value for key, value in document.items() if key != "digest"}
    canonical = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode(errors="surrogatepass")).hexdigest()


def _document(fixture: Fixture) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "chain_id": fixture.chain_id,
        "block_number": fixture.block.number,
        "block_timestamp": fixture.block.timestamp,
        "block_hash": fixture.block.hash,
        "recorded_by": fixture.recorded_by,
        "markets": [_market_entry(market) for market in fixture.markets],
        "wallets": [wallet.lower() for wallet in fixture.wallets],
        "calls": sorted(
            (_call_entry(call, answer) for call, answer in fixture.answers.items()),
            key=lambda entry: (entry["to"], entry["data"]),
        ),
    }


def _market_entry(market: FixtureMarket) -> dict[str, str]:
    entry = {"protocol": market.protocol, "entry": market.entry.lower()}
    return entry if market.name is None else {**entry, "name": market.name}


def _call_entry(call: Call, answer: Answer) -> dict[str, str]:
    kind = "result" if isinstance(answer, Returned) else "error"
    return {"to": call.to.lower(), "data": "0x" + call.data.hex(), kind: "0x" + answer.data.hex()}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# --- reading ------------------------------------------------------------------------------------------------------


def decode_fixture(raw: bytes, name: str) -> Fixture:
    """Read a document; ``name`` stands for it in messages.

    Raises:
        DigestMismatch: it was changed after it was recorded.
        FixtureError: it is no JSON, or not of the format's shape.

    """
    document = _parse(raw, name)
    reader = _Reader(name)
    if document.get("format") != FORMAT:
        reader.fail(f"its format is {quoted(document.get('format'))}, not {FORMAT}")
    stated = document.get("digest")
    if stated is not None and stated != digest_of(document):
        raise DigestMismatch(
            f"{name} does not fit its digest: it was changed after it was recorded",
            hint=f"{_REFRESH}, or remove `digest` to use it as unsealed",
        )
    return reader.fixture(document, sealed=stated is not None)


def _parse(raw: bytes, name: str) -> dict[str, Any]:
    try:
        document = parse(raw.decode(), object_pairs_hook=_unique_keys, parse_float=_no_float, parse_constant=_no_float)
    except ValueError as problem:
        raise FixtureError(f"{name} is not valid JSON: {problem}", hint=f"it may be cut off; {_REFRESH}") from problem
    if not isinstance(document, dict):
        raise FixtureError(f"{name} is not a recording: it holds no JSON object")
    return document


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {quoted(twice)} appears twice in one object")
    if not all(type(key) is str and key.isascii() for key in found):
        raise ValueError("a key that is not ASCII")
    return found


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{quoted(text)} is not an integer")


class _Reader:
    """Checks the members of a document one by one; ``name`` is the recording's, for messages."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fail(self, problem: str) -> NoReturn:
        raise FixtureError(f"{self.name}: {problem}", hint=_REFRESH)

    def fixture(self, document: dict[str, Any], *, sealed: bool) -> Fixture:
        return Fixture(
            chain_id=self.integer(document, "chain_id", least=1),
            block=self.block(document),
            recorded_by=self.text(document, "recorded_by"),
            markets=tuple(self.market(entry) for entry in self.array(document, "markets")),
            wallets=tuple(self.address(entry, "a wallet") for entry in self.array(document, "wallets")),
            answers=self.answers(self.array(document, "calls")),
            sealed=sealed,
        )

    def block(self, document: dict[str, Any]) -> Block:
        block_hash = document.get("block_hash")
        if block_hash is not None and not (isinstance(block_hash, str) and _HASH.fullmatch(block_hash)):
            self.fail(f"block_hash is {quoted(block_hash)}, neither null nor 32 bytes of hex")
        return Block(
            number=self.integer(document, "block_number", least=0),
            timestamp=self.integer(document, "block_timestamp", least=1),
            hash=None if block_hash is None else block_hash.lower(),
        )

    def market(self, entry: Any) -> FixtureMarket:
        if not isinstance(entry, dict):
            self.fail(f"a market is {quoted(entry)}, not an object")
        name = self.text(entry, "name", "a market's ") if entry.get("name") is not None else None
        return FixtureMarket(
            self.text(entry, "protocol", "a market's "), self.address(entry.get("entry"), "a market's entry"), name
        )

    def answers(self, entries: Iterable[Any]) -> dict[Call, Answer]:
        found: dict[Call, Answer] = {}
        for number, entry in enumerate(entries, start=1):
            call, answer = self.call(entry, number)
            if call in found:
                self.fail(f"call {number} to {call.to} with data 0x{call.data.hex()[:64]} is held twice")
            found[call] = answer
        return found

    def call(self, entry: Any, number: int) -> tuple[Call, Answer]:
        if not isinstance(entry, dict):
            self.fail(f"call {number} is {quoted(entry)}, not an object")
        to, result, error = entry.get("to"), entry.get("result"), entry.get("error")
        if not isinstance(to, str) or not is_address(to):
            self.fail(f"call {number}: `to` is {quoted(to)}, not an address")
        if (result is None) == (error is None):
            self.fail(f"call {number} must have either `result` or `error`")
        call = Call(to.lower(), self.hex(entry.get("data"), number, "data"))
        if error is None:
            return call, Returned(self.hex(result, number, "result"))
        return call, Reverted(self.hex(error, number, "error"))

    def hex(self, value: Any, number: int, what: str) -> bytes:
        try:
            data = bytes.fromhex(value[2:])
            sound = value.startswith("0x") and 2 * len(data) + 2 == len(value)  # fromhex skips blanks: the length tells
        except (TypeError, ValueError, AttributeError):
            sound = False
        if not sound:
            self.fail(f"call {number}: `{what}` is {quoted(value)}, not bytes in hex")
        return data

    def integer(self, document: dict[str, Any], key: str, *, least: int) -> int:
        value = document.get(key)
        if type(value) is not int or not least <= value < 1 << 63:
            self.fail(f"{key} is {quoted(value)}, not an integer of at least {least}")
        return value

    def text(self, document: dict[str, Any], key: str, whose: str = "") -> str:
        value = document.get(key)
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            self.fail(f"{whose}{key} is {quoted(value)}, not a short plain text")
        return value

    def address(self, value: Any, what: str) -> str:
        if not isinstance(value, str) or not is_address(value):
            self.fail(f"{what} is {quoted(value)}, not an address")
        return checksum(value)

    def array(self, document: dict[str, Any], key: str) -> list[Any]:
        value = document.get(key)
        if not isinstance(value, list):
            self.fail(f"{key} is {quoted(value)}, not a list")
        return value
