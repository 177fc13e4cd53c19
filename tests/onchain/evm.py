"""Contracts as Python objects: encode by ABI, call, send, decode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address

from .rpc import Rpc, RpcError
from .toolchain import Artifact

MAX = 2**256 - 1
ZERO = "0x" + "00" * 20
GAS = 100_000_000


class Reverted(AssertionError):
    """A transaction or call was refused by a contract; reason is decoded where it can be."""

    def __init__(self, what: str, reason: str, data: str = "0x") -> None:
        super().__init__(f"{what} reverted: {reason}")
        self.reason = reason
        self.data = data


@dataclass(frozen=True)
class Event:
    """One decoded log."""

    address: str
    name: str
    args: Mapping[str, Any]


def kind(item: Mapping[str, Any]) -> str:
    """The ABI type, tuples written out."""
    if not item["type"].startswith("tuple"):
        return str(item["type"])
    return "(" + ",".join(kind(part) for part in item["components"]) + ")" + item["type"][5:]


def signature(entry: Mapping[str, Any]) -> str:
    return entry["name"] + "(" + ",".join(kind(i) for i in entry["inputs"]) + ")"


class Coder:
    """Everything that one ABI knows, indexed once."""

    def __init__(self, abi: Iterable[Mapping[str, Any]]) -> None:
        self.functions: dict[str, list[tuple[bytes, list[str], list[str]]]] = {}
        self.events: dict[str, Mapping[str, Any]] = {}
        self.errors: dict[str, str] = {}
        for entry in abi:
            self._add(entry)

    def _add(self, entry: Mapping[str, Any]) -> None:
        if entry["type"] == "function":
            selector = keccak(text=signature(entry))[:4]
            shape = ([kind(i) for i in entry["inputs"]], [kind(o) for o in entry["outputs"]])
            self.functions.setdefault(entry["name"], []).append((selector, *shape))
        elif entry["type"] == "event":
            self.events["0x" + keccak(text=signature(entry)).hex()] = entry
        elif entry["type"] == "error":
            self.errors["0x" + keccak(text=signature(entry))[:4].hex()] = signature(entry)

    def encode(self, name: str, args: Sequence[Any]) -> tuple[str, list[str]]:
        """Call data, and the types of the answer; overloads are told apart by their number of arguments."""
        matches = [f for f in self.functions[name] if len(f[1]) == len(args)]
        assert len(matches) == 1, f"{name} with {len(args)} arguments: {len(matches)} matches"
        selector, inputs, outputs = matches[0]
        return "0x" + (selector + encode(inputs, args)).hex(), outputs

    def decode_log(self, log: Mapping[str, Any]) -> Event | None:
        entry = self.events.get(log["topics"][0])
        if entry is None:
            return None
        indexed = [i for i in entry["inputs"] if i["indexed"]]
        plain = [i for i in entry["inputs"] if not i["indexed"]]
        if len(indexed) != len(log["topics"]) - 1:
            return None
        args = {
            i["name"]: decode([kind(i)], bytes.fromhex(topic[2:]))[0]
            for i, topic in zip(indexed, log["topics"][1:], strict=True)
        }
        values = decode([kind(i) for i in plain], bytes.fromhex(log["data"][2:]))
        args.update(zip((i["name"] for i in plain), values, strict=True))
        return Event(to_checksum_address(log["address"]), entry["name"], args)


@dataclass
class Evm:
    """Sends and calls on one chain, without gas prices and without keys (anvil impersonates every sender)."""

    rpc: Rpc
    owner: str
    sent: int = 0
    known: Coder = field(default_factory=lambda: Coder(()))  # errors and events of every ABI met

    def send(self, to: str | None, data: str, sender: str | None = None) -> Mapping[str, Any]:
        """Mine one transaction; its receipt, whatever its status."""
        # Anvil never confirms a transaction whose hash it mined before a revert: a gas limit of its own for each.
        self.sent += 1
        gas = hex(GAS + self.sent)
        transaction = {"from": sender or self.owner, "data": data, "gas": gas, "gasPrice": "0x0"}
        if to is not None:
            transaction["to"] = to
        receipt: Mapping[str, Any] = self.rpc("eth_sendTransactionSync", transaction)
        return receipt

    def must(self, what: str, to: str | None, data: str, sender: str | None = None) -> Mapping[str, Any]:
        """Mine one transaction that has to succeed."""
        receipt = self.send(to, data, sender)
        if int(receipt["status"], 16) != 1:
            raise self.reverted(what, to, data, sender)
        return receipt

    def reverted(self, what: str, to: str | None, data: str, sender: str | None) -> Reverted:
        """Why the same transaction reverts, asked by eth_call."""
        call = {"from": sender or self.owner, "data": data, "gasPrice": "0x0", "gas": hex(GAS), "to": to}
        try:
            self.rpc("eth_call", {k: v for k, v in call.items() if v is not None}, "latest")
        except RpcError as error:
            return Reverted(what, self.reason_of(error), error.revert_data)
        return Reverted(what, "it did not revert when asked again")

    def reason_of(self, error: RpcError) -> str:
        return self.reason(error.revert_data, str(error))

    def reason(self, data: str, fallback: str = "") -> str:
        """Revert data in words: Error(string), a custom error's signature, or the raw bytes."""
        if data.startswith("0x08c379a0"):
            return str(decode(["string"], bytes.fromhex(data[10:]))[0])
        if data.startswith("0x4e487b71"):
            return f"Panic({int(data[10:], 16):#x})"
        return self.known.errors.get(data[:10], data if len(data) > 2 else fallback or "no reason")

    def learn(self, coder: Coder) -> Coder:
        self.known.errors.update(coder.errors)
        self.known.events.update(coder.events)
        return coder

    def events(self, receipt: Mapping[str, Any]) -> list[Event]:
        """A receipt's logs, decoded with every ABI met: V3.0 declares events in its libraries."""
        decoded = (self.known.decode_log(log) for log in receipt["logs"])
        return [event for event in decoded if event is not None]

    def deploy(self, artifact: Artifact, *args: Any, libraries: Mapping[str, str] | None = None) -> Contract:
        """Create a contract; libraries by name where its code has to be linked."""
        inputs = [kind(i) for e in artifact.abi if e["type"] == "constructor" for i in e["inputs"]]
        data = "0x" + artifact.linked(libraries or {}) + encode(inputs, args).hex()
        receipt = self.must(f"creating {artifact.name}", None, data)
        return self.at(artifact, receipt["contractAddress"])

    def at(self, artifact: Artifact, address: str) -> Contract:
        return Contract(self, to_checksum_address(address), self.learn(Coder(artifact.abi)), artifact.name)


@dataclass(frozen=True)
class Contract:
    """A deployed contract and its ABI."""

    evm: Evm
    address: str
    coder: Coder
    name: str

    def data(self, function: str, *args: Any) -> str:
        return self.coder.encode(function, args)[0]

    def call(self, function: str, *args: Any) -> Any:
        """eth_call at the latest block; a single value is unwrapped."""
        return self.call_many([(function, args)])[0]

    def call_many(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Many eth_calls in one post; a refusal raises Reverted."""
        encoded = [self.coder.encode(function, args) for function, args in calls]
        requests = [("eth_call", ({"to": self.address, "data": data}, "latest")) for data, _ in encoded]
        answers = self.evm.rpc.batch(requests)
        return [self._decoded(calls[i][0], answer, encoded[i][1]) for i, answer in enumerate(answers)]

    def _decoded(self, function: str, answer: Any, outputs: list[str]) -> Any:
        if isinstance(answer, RpcError):
            raise Reverted(f"{self.name}.{function}", self.evm.reason_of(answer), answer.revert_data)
        values = decode(outputs, bytes.fromhex(answer[2:]))
        return values[0] if len(values) == 1 else values

    def send(self, function: str, *args: Any, sender: str | None = None) -> Mapping[str, Any]:
        """A transaction that has to succeed; its receipt."""
        return self.evm.must(f"{self.name}.{function}", self.address, self.data(function, *args), sender)
