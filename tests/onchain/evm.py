"""Contracts as Python objects: encode by ABI, call, send, decode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eth_abi import decode
from eth_utils import to_checksum_address

from .coding import Coder, Event, decoded, encoded, kind
from .rpc import Rpc, RpcError
from .toolchain import Artifact

MAX = 2**256 - 1
ZERO = "0x" + "00" * 20
GAS = 100_000_000

Receipt = Mapping[str, Any]


class Reverted(AssertionError):
    """A transaction or call was refused by a contract; reason is decoded where it can be."""

    def __init__(self, what: str, reason: str, data: str = "0x") -> None:
        super().__init__(f"{what} reverted: {reason}")
        self.reason = reason
        self.data = data


@dataclass(frozen=True)
class Transaction:
    """To send: to nobody if it creates a contract."""

    to: str | None
    data: str
    sender: str


def succeeded(receipt: Receipt) -> bool:
    return int(receipt["status"], 16) == 1


@dataclass
class Evm:
    """Sends and calls on one chain, without gas prices and without keys (anvil impersonates every sender)."""

    rpc: Rpc
    owner: str
    sent: int = 0
    known: Coder = field(default_factory=lambda: Coder(()))  # errors and events of every ABI met
    gathers: bool = False  # many transactions to a block: quicker, and not for a chain that is told block by block
    gathered: list[tuple[Transaction, str]] | None = None  # with their hashes, while a block is gathered

    def send(self, to: str | None, data: str, sender: str | None = None) -> Receipt:
        """Mine a block of this one transaction; its receipt, whatever its status."""
        return self.send_all([Transaction(to, data, sender or self.owner)])[0]

    def send_all(self, transactions: Sequence[Transaction]) -> list[Receipt]:
        """Mine a block of them, in this order; their receipts, whatever their status."""
        return self._mined([self._post(one) for one in transactions])

    def _post(self, one: Transaction) -> str:
        """Into the node's pool; its hash. A gas limit of its own for each: a hash says once what became of it."""
        self.sent += 1
        fields = {"from": one.sender, "data": one.data, "gas": hex(GAS + self.sent), "gasPrice": "0x0", "to": one.to}
        sent: str = self.rpc("eth_sendTransaction", {k: v for k, v in fields.items() if v is not None})
        return sent

    def _mined(self, hashes: Sequence[str]) -> list[Receipt]:
        self.rpc("evm_mine")
        receipts = self.rpc.batch([("eth_getTransactionReceipt", (one,)) for one in hashes])
        assert None not in receipts, "a transaction was not mined"
        return receipts

    def must(self, what: str, to: str | None, data: str, sender: str | None = None) -> Receipt:
        """Mine one transaction that has to succeed; no receipt while a block is gathered."""
        sent = Transaction(to, data, sender or self.owner)
        if self.gathered is None:
            return self.must_all(what, [sent])[0]
        self.gathered.append((sent, self._post(sent)))
        return {}

    def must_all(self, what: str, transactions: Sequence[Transaction]) -> list[Receipt]:
        """Mine a block of transactions that have to succeed."""
        receipts = self.send_all(transactions)
        self._check(what, transactions, receipts)
        return receipts

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is sent inside has to succeed, in this order. It may be one block, and be seen only afterwards."""
        if not self.gathers:
            yield
            return
        self.gathered = gathered = []
        try:
            yield
        finally:
            self.gathered = None
        if gathered:
            receipts = self._mined([sent for _, sent in gathered])
            self._check("one of a block", [one for one, _ in gathered], receipts)

    def _check(self, what: str, transactions: Sequence[Transaction], receipts: Sequence[Receipt]) -> None:
        for one, receipt in zip(transactions, receipts, strict=True):
            if not succeeded(receipt):
                raise self.reverted(what, one)

    def reverted(self, what: str, one: Transaction) -> Reverted:
        """Why the same transaction reverts, asked by eth_call."""
        call = {"from": one.sender, "data": one.data, "gasPrice": "0x0", "gas": hex(GAS), "to": one.to}
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

    def events(self, receipt: Receipt) -> list[Event]:
        """A receipt's logs, decoded with every ABI met: V3.0 declares events in its libraries."""
        decoded = (self.known.decode_log(log) for log in receipt["logs"])
        return [event for event in decoded if event is not None]

    def deploy(self, artifact: Artifact, *args: Any, libraries: Mapping[str, str] | None = None) -> Contract:
        """Create a contract; libraries by name where its code has to be linked."""
        inputs = [kind(i) for e in artifact.abi if e["type"] == "constructor" for i in e["inputs"]]
        data = "0x" + artifact.linked(libraries or {}) + encoded(inputs, args).hex()
        receipt = self.must(f"creating {artifact.name}", None, data)
        return self.at(artifact, receipt["contractAddress"])

    def at(self, artifact: Artifact, address: str) -> Contract:
        return Contract(self, to_checksum_address(address), self.learn(Coder(artifact.abi)), artifact.name)


def unwrapped(values: tuple[Any, ...]) -> Any:
    """A single value by itself."""
    return values[0] if len(values) == 1 else values


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
        coded = [self.coder.encode(function, args) for function, args in calls]
        requests = [("eth_call", ({"to": self.address, "data": data}, "latest")) for data, _ in coded]
        answers = self.evm.rpc.batch(requests)
        return [self._decoded(calls[i][0], answer, coded[i][1]) for i, answer in enumerate(answers)]

    def answer(self, function: str, answer: Any) -> Any:
        """What a node's answer to a call of a function says; a refusal raises Reverted."""
        [(_, _, outputs)] = self.coder.functions[function]
        return self._decoded(function, answer, outputs)

    def _decoded(self, function: str, answer: Any, outputs: list[str]) -> Any:
        if isinstance(answer, RpcError):
            raise self.refusal(function, answer.revert_data, str(answer))
        return unwrapped(decoded(outputs, bytes.fromhex(answer[2:])))

    def refusal(self, function: str, data: str, fallback: str = "") -> Reverted:
        return Reverted(f"{self.name}.{function}", self.evm.reason(data, fallback), data)

    def send(self, function: str, *args: Any, sender: str | None = None) -> Receipt:
        """A transaction that has to succeed; its receipt."""
        return self.evm.must(f"{self.name}.{function}", self.address, self.data(function, *args), sender)
