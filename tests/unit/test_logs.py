"""Logs: what providers' errors mean, and where a debtor stands in each layout of each event."""

from __future__ import annotations

import pytest
from eth_utils import keccak

from defirisk.borrowers.decoding import Debts
from defirisk.chain.jsonrpc import Kind, RpcError, kind_of
from defirisk.chain.logs import Log
from defirisk.errors import MalformedAnswer
from defirisk.protocols import registry
from defirisk.protocols.compound_v2.events import BORROW, MINT_VAI
from defirisk.protocols.interface import DebtEvent, Emitter

LOGS = "eth_getLogs"
TOO_MUCH = (
    (-32005, "query returned more than 10000 results"),
    (-32602, "Query returned more than 10000 results. Try with this block range [0x118dc91, 0x1198cc3]."),
    (-32602, "range 1000000 exceeds limit of 10000"),
    (-32000, "exceed maximum block range: 50000"),
    (-32005, "limit exceeded"),
    (-32000, "block range is too wide"),
    (-32600, "eth_getLogs is limited to a 10,000 range"),
    (-32614, "eth_getLogs is limited to 0 - 10000 blocks range"),
    (-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"),
    (-32600, "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range."),
    (-32602, "query exceeds max results 20000, retry with the range 24383075-24383096"),
    (-32602, "query exceeds max block range 100000"),
    (35, "ranges over 10000 blocks are not supported on freetier"),
    (-32701, "Please specify an address in your request or, to remove restrictions, max range: 800"),
    (-32000, "Requested range exceeds maximum range limit"),
    (-32000, "query timeout exceeded"),
    (-32000, "too many results"),
    (-32000, "Block range limit exceeded. See more details in the docs"),
)
OTHERWISE = (
    (429, "Too Many Requests", Kind.RATE),
    (-32005, "daily request count exceeded, request rate limited", Kind.RATE),
    (-32000, "block range extends beyond current head block", Kind.LAGGING),
    (
        -32000,
        "One of the blocks specified in filter (fromBlock, toBlock or blockHash) cannot be found: unknown block",
        Kind.LAGGING,
    ),
    (-32601, "the method eth_getLogs does not exist", Kind.REFUSED),
    (-32602, "invalid argument 0", Kind.REFUSED),
    (-32000, "execution reverted", Kind.REFUSED),
    (-32603, "Internal error", Kind.TRANSIENT),
)


@pytest.mark.parametrize(("code", "message"), TOO_MUCH)
def test_too_many_logs_is_told_from_a_rate_limit(code: int, message: str) -> None:
    assert kind_of(RpcError(code, message, None), LOGS) is Kind.TOO_BIG


@pytest.mark.parametrize(("code", "message", "kind"), OTHERWISE)
def test_other_errors_keep_their_meaning(code: int, message: str, kind: Kind) -> None:
    assert kind_of(RpcError(code, message, None), LOGS) is kind


def test_a_limit_in_the_error_s_data_counts() -> None:
    error = RpcError(-32602, "invalid params", {"payload": "range 9009594 is bigger than range limit 2000"})
    assert kind_of(error, LOGS) is Kind.TOO_BIG
    assert kind_of(error) is Kind.REFUSED


# --- layouts ------------------------------------------------------------------------------------------------------

OWNER = "0x" + "a1" * 20
AT = "0x" + "77" * 20


def word(value: int | str) -> bytes:
    return value.to_bytes(32) if isinstance(value, int) else bytes(12) + bytes.fromhex(value[2:])


def log(event: DebtEvent, values: list[int | str], indexed: tuple[int, ...], *, block: int = 5, index: int = 0) -> Log:
    """A log as a contract emits it: indexed parameters in topics, the others in the data, in their order."""
    topics = (keccak(text=event.signature), *(word(values[place]) for place in indexed))
    data = b"".join(word(value) for place, value in enumerate(values) if place not in indexed)
    return Log(AT, topics, data, block, index)


def events() -> list[tuple[str, DebtEvent, tuple[int, ...]]]:
    from defirisk.protocols.aave_v2.events import BORROW as V2
    from defirisk.protocols.aave_v3.events import BORROW as V3
    from defirisk.protocols.compound_v3.events import CANDIDATES

    every = [("aave-v2", V2), ("aave-v3", V3), ("compound-v2", BORROW), ("compound-v2", MINT_VAI)]
    every += [("compound-v3", one) for one in CANDIDATES]
    return [(name, event, layout) for name, event in every for layout in event.layouts]


@pytest.mark.parametrize(("name", "event", "layout"), events())
def test_the_debtor_is_found_in_every_layout(name: str, event: DebtEvent, layout: tuple[int, ...]) -> None:
    kinds = event.signature.partition("(")[2][:-1].split(",")
    values: list[int | str] = [
        7 + place if kind.startswith("uint") else f"0x{place + 1:040x}" for place, kind in enumerate(kinds)
    ]
    values[event.owner] = OWNER
    (found,) = Debts([Emitter(AT, (event,))]).sightings([log(event, values, layout)])
    assert (found.address, found.block, found.certain) == (OWNER, 5, name != "compound-v3")


@pytest.mark.parametrize(
    ("indexed", "values"), [((0, 1), [OWNER, 5]), ((), [OWNER]), ((), [2**160, 5]), ((0,), [2**255, 5])]
)
def test_another_layout_is_an_error(indexed: tuple[int, ...], values: list[int | str]) -> None:
    with pytest.raises(MalformedAnswer):
        Debts([Emitter(AT, (MINT_VAI,))]).sightings([log(MINT_VAI, values, indexed)])


def test_a_candidate_becomes_a_borrower_and_not_the_other_way() -> None:
    sure, maybe = DebtEvent("Sure(address)", 0, ((),)), DebtEvent("Maybe(address)", 0, ((),), certain=False)
    debts = Debts([Emitter(AT, (sure, maybe))])
    logs = [log(one, [OWNER], (), block=block) for block, one in enumerate([maybe, maybe, sure, maybe, sure])]
    assert [(one.block, one.certain) for one in debts.sightings(logs)] == [(0, False), (2, True)]


def test_every_family_of_the_house_tells_of_its_debts() -> None:
    assert all(one.debt_events is not None for one in registry.families().values() if one.name != "toy")
