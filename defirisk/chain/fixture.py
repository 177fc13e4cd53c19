"""The fixture format ``defirisk-fixture/1``: a recorded chain as one JSON document, read strictly, written the same.

A fixture is untrusted input: it is bounded in size, every value is checked, and a digest that does not fit is an
error. Single ``eth_call``s, never batches, so that a recording outlives any change in batching.
"""

from __future__ import annotations

import json
import re
from binascii import hexlify
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from defirisk.chain.addresses import checksum, is_address
from defirisk.chain.calls import Answer, Block, Call, Returned, Reverted
from defirisk.chain.jsontext import hex_bytes, parse
from defirisk.chain.seal import Seal, check_digest, digest_of
from defirisk.chain.store import in_order
from defirisk.chain.symbols import quoted
from defirisk.errors import FixtureError

__all__ = [
    "CALLS_BEGIN", "FORMAT", "Fixture", "FixtureMarket", "check_format", "checked", "decode_fixture", "digest_of",
    "encode_fixture", "encoded", "parse_document",
]  # fmt: skip

FORMAT: Final = "defirisk-fixture/1"
CALLS_BEGIN: Final = b'"calls": [\n'
_NEWER: Final = re.compile(r"defirisk-fixture/([2-9]|[1-9][0-9]{1,3})")
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
    return b"".join(encoded(fixture))


def encoded(fixture: Fixture) -> Iterator[bytes]:
    """The document's bytes piece by piece; goes twice through the calls, as the digest stands before them."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "chain_id": fixture.chain_id,
        "block_number": fixture.block.number,
        "block_timestamp": fixture.block.timestamp,
        "block_hash": fixture.block.hash,
        "recorded_by": fixture.recorded_by,
        "markets": [_market_entry(market) for market in fixture.markets],
        "wallets": [wallet.lower() for wallet in fixture.wallets],
    }
    seal = Seal(head)
    for parts in _all_parts(fixture.answers):
        seal.add(*parts)
    head["digest"] = seal.digest()
    members = ",\n".join(f"{json.dumps(key)}: {_compact(value)}" for key, value in head.items())
    yield f"{{{members},\n".encode()
    yield CALLS_BEGIN
    between = b""
    for to, data, kind, answer in _all_parts(fixture.answers):
        yield b'%b{"to":"0x%b","data":"0x%b","%b":"0x%b"}' % (between, to, data, kind, answer)
        between = b",\n"
    yield b"\n]}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _market_entry(market: FixtureMarket) -> dict[str, str]:
    entry = {"protocol": market.protocol, "entry": market.entry.lower()}
    return entry if market.name is None else {**entry, "name": market.name}


def _all_parts(answers: Mapping[Call, Answer]) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    for call, answer in in_order(answers):
        kind = b"result" if isinstance(answer, Returned) else b"error"
        yield call.to[2:].lower().encode(), hexlify(call.data), kind, hexlify(answer.data)


# --- reading ------------------------------------------------------------------------------------------------------


def decode_fixture(raw: bytes, name: str) -> Fixture:
    """Read a document in any layout; ``name`` stands for it in messages.

    Raises:
        DigestMismatch: it was changed after it was recorded.
        FixtureError: it is no JSON, or not of the format's shape.

    """
    document = parse_document(raw, name)
    check_format(document, name)
    check_digest(document.get("digest"), digest_of(document), name)
    return checked(document, _Reader(name).answers(document), name)


def check_format(document: Mapping[str, Any], name: str) -> None:
    """See that a document is of this format.

    Raises:
        FixtureError: it is of another one, or of a newer version.
    """
    stated = document.get("format")
    if stated != FORMAT:
        newer = isinstance(stated, str) and _NEWER.fullmatch(stated)
        hint = "it was written by a newer defirisk: install that" if newer else _REFRESH
        raise FixtureError(f"{name}: its format is {quoted(stated)}, not {FORMAT}", hint=hint)


def checked(document: Mapping[str, Any], answers: Mapping[Call, Answer], name: str) -> Fixture:
    """The recording with these answers, all other members of its document checked.

    Raises:
        FixtureError: a member lacks or is not of its shape.
    """
    reader = _Reader(name)
    return Fixture(
        chain_id=reader.integer(document, "chain_id", least=1),
        block=reader.block(document),
        recorded_by=reader.text(document, "recorded_by"),
        markets=tuple(reader.market(entry) for entry in reader.array(document, "markets")),
        wallets=tuple(reader.address(entry, "a wallet") for entry in reader.array(document, "wallets")),
        answers=answers,
        sealed=document.get("digest") is not None,
    )


def parse_document(raw: bytes, name: str) -> dict[str, Any]:
    """Parse a document strictly: no key twice, integers only, one object.

    Raises:
        FixtureError: it is not so.
    """
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

    def block(self, document: Mapping[str, Any]) -> Block:
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

    def answers(self, document: Mapping[str, Any]) -> dict[Call, Answer]:
        found: dict[Call, Answer] = {}
        for number, entry in enumerate(self.array(document, "calls"), start=1):
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
        data = hex_bytes(value)
        if data is None:
            self.fail(f"call {number}: `{what}` is {quoted(value)}, not bytes in hex")
        return data

    def integer(self, document: Mapping[str, Any], key: str, *, least: int) -> int:
        value = document.get(key)
        if type(value) is not int or not least <= value < 1 << 63:
            self.fail(f"{key} is {quoted(value)}, not an integer of at least {least}")
        return value

    def text(self, document: Mapping[str, Any], key: str, whose: str = "") -> str:
        value = document.get(key)
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            self.fail(f"{whose}{key} is {quoted(value)}, not a short plain text")
        return value

    def address(self, value: Any, what: str) -> str:
        if not isinstance(value, str) or not is_address(value):
            self.fail(f"{what} is {quoted(value)}, not an address")
        return checksum(value)

    def array(self, document: Mapping[str, Any], key: str) -> list[Any]:
        value = document.get(key)
        if not isinstance(value, list):
            self.fail(f"{key} is {quoted(value)}, not a list")
        return value
