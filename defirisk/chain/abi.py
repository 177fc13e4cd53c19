"""JSON ABI fragments as functions: ``abi["getReserveData"](to, asset)`` is a call, ``.decode(data)`` its values.

Fragments lie in ``abis/<name>.json`` or ``abis/<name>/*.json``: inside the package when installed, beside it in a
source tree, or in a folder that a third party's plugin passes. In a folder, ``pool.json``'s functions are also
reachable as ``"pool.getReserveData"``, which is needed where two contracts answer differently to one name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from defirisk.chain import words
from defirisk.chain.addresses import ZERO_ADDRESS, checksum, is_address, keccak, parse_address
from defirisk.chain.calls import Answer, Block, Call, Reverted
from defirisk.chain.encoding import encoder
from defirisk.chain.symbols import decode_symbol, revert_reason
from defirisk.errors import CallReverted, MalformedAnswer

__all__ = [
    "ZERO_ADDRESS",
    "Abi",
    "Function",
    "checksum",
    "decode_symbol",
    "is_address",
    "keccak",
    "parse_address",
    "revert_reason",
    "signature_of",
]

_SELECTOR: Final = 4


class Function:
    """One contract function. ``contract`` is the fragment file it came from, ``signature`` its canonical form."""

    def __init__(self, contract: str, entry: dict[str, Any]) -> None:
        self.contract = contract
        self.name: str = entry["name"]
        self._outputs = words.parse_tuple(entry.get("outputs", ()))
        self._inputs = words.parse_tuple(entry.get("inputs", ()))
        self.signature = self.name + self._inputs.name
        self._encode = encoder(self._inputs)
        self._decode = words.decoder(self._outputs)

    def __repr__(self) -> str:
        return f"<{self.contract}.{self.signature} -> {self._outputs.name}>"

    @cached_property
    def selector(self) -> bytes:
        """The first four bytes of the call's data."""
        return keccak(self.signature.encode())[:_SELECTOR]

    @property
    def outputs(self) -> str:
        """The canonical type of what it returns; two fragments of one function agree in it."""
        return self._outputs.name

    def __call__(self, to: str, *arguments: Any) -> Call:
        """Encode a call. Addresses may have any case."""
        return Call(to.lower(), self.selector + self._encode(arguments))

    def decode(self, data: bytes, to: str | None = None, block: Block | None = None) -> tuple[Any, ...]:
        """Decode what the function returned: a named tuple, structs as named tuples in it, addresses lower-case.

        Raises:
            MalformedAnswer: the data has another length or holds more than its types can.

        """
        try:
            decoded: tuple[Any, ...] = self._decode(data)
        except words.BadWords as problem:
            raise self._malformed(str(problem), data, to, block) from problem
        return decoded

    def read(self, call: Call, answer: Answer, block: Block | None = None) -> tuple[Any, ...]:
        """Decode an answer that must not be a revert.

        Raises:
            CallReverted: it is one.
            MalformedAnswer: as in :meth:`decode`.

        """
        if isinstance(answer, Reverted):
            raise CallReverted(f"{self._place(call.to, block)} reverted{revert_reason(answer.data)}")
        return self.decode(answer.data, call.to, block)

    def _malformed(self, problem: str, data: bytes, to: str | None, block: Block | None) -> MalformedAnswer:
        place = self._place(to, block)
        if not data:
            return MalformedAnswer(f"{place} answered nothing: there is no such contract at that block")
        return MalformedAnswer(f"{place} answered {problem}: {data[:64].hex()}{'...' if len(data) > 64 else ''}")

    def _place(self, to: str | None, block: Block | None) -> str:
        where = f" of {checksum(to)}" if to else ""
        when = f" at block {block.number}" if block else ""
        return f"{self.contract}.{self.signature}{where}{when}"


class Abi:
    """The functions of one or more fragment files, by name, signature, or ``file.name``."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self._functions: dict[str, list[Function]] = {}
        for function in functions:
            for key in (function.name, function.signature):
                self._functions.setdefault(key, []).append(function)
                self._functions.setdefault(f"{function.contract}.{key}", []).append(function)

    @staticmethod
    def load(name: str, folder: Traversable | None = None) -> Abi:
        """Load ``name.json`` or all of ``name/*.json``; ``folder`` is a plugin's own ``abis``.

        Raises:
            FileNotFoundError: no such fragment.

        """
        return _load_shipped(name) if folder is None else _register(_read(folder, name))

    def __getitem__(self, key: str) -> Function:
        """Return the function; a ``KeyError`` says what is ambiguous about a name that several carry."""
        found = self._functions[key]
        if len({(one.signature, one.outputs) for one in found}) > 1:
            choices = ", ".join(sorted({f"{one.contract}.{one.signature}" for one in found}))
            raise KeyError(f"{key} is ambiguous: {choices}")
        return found[0]

    def __contains__(self, key: str) -> bool:
        return key in self._functions

    def __iter__(self) -> Iterator[Function]:
        return iter({id(one): one for found in self._functions.values() for one in found}.values())


_LOADED: Final[list[Abi]] = []


def signature_of(data: bytes) -> str | None:
    """Name the function that ``data`` calls, from the fragments loaded so far; for messages only."""
    selector = data[:_SELECTOR]
    return next((one.signature for abi in _LOADED for one in abi if one.selector == selector), None)


@lru_cache
def _load_shipped(name: str) -> Abi:
    return _register(_read(_shipped_folder(), name))


def _register(functions: list[Function]) -> Abi:
    abi = Abi(functions)
    _LOADED.append(abi)
    return abi


def _shipped_folder() -> Traversable:
    """``defirisk/abis`` as the wheel has it, else ``abis`` beside the package as a source tree has it."""
    from importlib.resources import files  # noqa: PLC0415 - late: 0.02 s

    inside = files("defirisk") / "abis"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "abis"


def _read(folder: Traversable, name: str) -> list[Function]:
    path = folder
    for part in name.split("/"):
        parent, path = path, path / part
    if path.is_dir():
        files = sorted((one for one in path.iterdir() if one.name.endswith(".json")), key=lambda one: one.name)
    else:
        files = [parent / f"{path.name}.json"]
    return [function for file in files for function in _functions(file)]


def _functions(file: Traversable) -> Iterator[Function]:
    entries = json.loads(file.read_text(encoding="utf-8"))
    contract = file.name.removesuffix(".json")
    for entry in entries["abi"] if isinstance(entries, dict) else entries:
        if entry.get("type", "function") == "function":
            yield Function(contract, entry)
