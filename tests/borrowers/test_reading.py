"""Whatever the endpoint does, the list is whole and right, or there is none and an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from defirisk.borrowers import scan
from tests.support.faulty_server import Drop, Raw, each
from tests.support.rpc_server import RpcError

from .conftest import borrowers, listed, rows, run, whole
from .log_server import LAST, Log, LogServer, most_blocks, most_results, word

COUNT = 2000


@pytest.fixture
def crowded(server: LogServer) -> LogServer:
    return server.populate(COUNT)


def test_everybody_is_listed_once_in_order_of_first_appearance(crowded: LogServer, tmp_path: Path) -> None:
    out = tmp_path / "wallets.csv"
    ran = borrowers(crowded, out)
    assert (ran.code, ran.out) == (0, "")
    assert listed(out) == whole(crowded)
    assert out.read_text().startswith("address,first_block,kind\n0x")
    assert not out.with_name("wallets.csv.resume").exists()
    count = len(crowded.expected())
    assert (
        ran.err
        == f"{count} wallets in aave-v3@{_checksummed(crowded)} from block 0 to {LAST}; later ones: --from-block {LAST + 1}\n"
    )


def _checksummed(server: LogServer) -> str:
    from eth_utils import to_checksum_address

    return to_checksum_address(server.entry)


def test_only_the_blocks_asked_for_count(crowded: LogServer, tmp_path: Path) -> None:
    out = tmp_path / "wallets.csv"
    assert borrowers(crowded, out, "--to-block", "20000", first=5_001).code == 0
    assert listed(out) == whole(crowded, 5_001, 20_000)
    assert min(first for first, _ in crowded.ranges) == 5_001
    assert max(last for _, last in crowded.ranges) == 20_000


def test_parquet(crowded: LogServer, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    assert borrowers(crowded, tmp_path / "w.parquet").code == 0
    columns = pq.read_table(tmp_path / "w.parquet").to_pydict()
    assert list(columns) == ["address", "first_block", "kind"]
    addresses = [address.lower() for address in columns["address"]]
    assert list(zip(addresses, columns["first_block"], columns["kind"], strict=True)) == whole(crowded)


def test_stdout_and_json_lines(crowded: LogServer, tmp_path: Path) -> None:
    piped = borrowers(crowded, "-")
    assert rows(piped.out) == whole(crowded)
    assert borrowers(crowded, tmp_path / "w.jsonl", "-q").err == ""
    lines = [json.loads(line) for line in (tmp_path / "w.jsonl").read_text().splitlines()]
    assert [(line["address"].lower(), line["first_block"], line["kind"]) for line in lines] == whole(crowded)


LIMITS: dict[str, Any] = {
    "blocks": most_blocks(777),
    "one block": lambda first, last, logs: RpcError(-32602, "range is too large") if last > first + 299 else None,
    "results": most_results(40),
    "both": lambda *asked: most_blocks(1999)(*asked) or most_results(60)(*asked),
    "only a word": most_blocks(2500, "limit exceeded", -32005),
    "whatever is asked first": lambda first, last, logs: (
        RpcError(-32000, "block range too large") if last - first > 12_000 else None
    ),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_ranges_shrink_to_what_is_taken(crowded: LogServer, tmp_path: Path, limit: str) -> None:
    crowded.limit = LIMITS[limit]
    assert borrowers(crowded, tmp_path / "w.csv").code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded)
    answered = sorted(crowded.answered_ranges)
    assert answered[0][0] == 0
    assert answered[-1][1] == LAST
    assert all(one[1] + 1 == other[0] for one, other in pairwise(answered))  # each block once


def test_ranges_grow_again_where_there_is_less(server: LogServer, tmp_path: Path) -> None:
    for number in range(1000):
        server.borrow(number // 2, number, f"0x{number + 1:040x}")
    server.limit = most_results(100)
    assert borrowers(server, tmp_path / "w.csv").code == 0
    assert listed(tmp_path / "w.csv") == whole(server)
    sizes = [last - first + 1 for first, last in server.answered_ranges]
    assert min(sizes) <= 50
    assert max(sizes) > 5_000
    assert len(server.ranges) < 90  # 10 ranges of 50 blocks have to be; the rest is finding out


@pytest.mark.parametrize("form", ["hex", "decimal", "data"])
def test_a_range_that_the_endpoint_suggests_is_used(crowded: LogServer, tmp_path: Path, form: str) -> None:
    def limit(first: int, last: int, logs: list[Log]) -> RpcError | None:
        if last - first + 1 <= 1234:
            return None
        end = first + 1233
        if form == "data":
            return RpcError(
                -32005, "query returned more than 10000 results", {"from": hex(first), "to": hex(end), "limit": 10000}
            )
        text = (
            f"Try with this block range [{first:#x}, {end:#x}]."
            if form == "hex"
            else f"retry with the range {first}-{end}"
        )
        return RpcError(-32602, f"Query exceeds max results 20000. {text}")

    crowded.limit = limit
    assert borrowers(crowded, tmp_path / "w.csv", first=1000).code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded, 1000)
    assert next(last - first + 1 for first, last in crowded.answered_ranges) == 1234


def test_http_413_and_a_body_that_is_too_long(crowded: LogServer, tmp_path: Path) -> None:
    def too_much(_: int, asked: Any) -> Raw | None:
        for ask in asked if isinstance(asked, list) else [asked]:
            if ask["method"] == "eth_getLogs":
                span = int(ask["params"][0]["toBlock"], 16) - int(ask["params"][0]["fromBlock"], 16)
                if span > 3000:
                    return Raw(413, b"too much")
        return None

    crowded.fault = too_much
    assert borrowers(crowded, tmp_path / "w.csv").code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded)
    assert crowded.faults


def test_dropped_and_throttled_requests_lose_nobody(crowded: LogServer, tmp_path: Path) -> None:
    crowded.limit = most_blocks(4000)
    crowded.fault = each(2, Drop(), Raw(429, b"slow down", {"Retry-After": "0"}), Raw(502, b"bad gateway"))
    assert borrowers(crowded, tmp_path / "w.csv").code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded)
    assert crowded.faults > 3


@pytest.mark.parametrize("batches", ["error", "short", "object", "status", "shuffled"])
def test_an_endpoint_without_batches_will_do(crowded: LogServer, tmp_path: Path, batches: str) -> None:
    crowded.batches = batches
    assert borrowers(crowded, tmp_path / "w.csv").code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded)


def test_a_replica_that_lags_behind_hides_nobody(
    crowded: LogServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers with the logs that it has and no error: the missing header tells."""
    monkeypatch.setattr(scan, "_LAGS", (0.01, 0.01, 0.01, 0.01))
    crowded.borrow(LAST - 3, 5, "0x" + "ab" * 20)
    crowded.behind = 3
    assert borrowers(crowded, tmp_path / "w.csv").code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded)
    assert listed(tmp_path / "w.csv")[-1] == ("0x" + "ab" * 20, LAST - 3, "borrower")
    assert crowded.behind == 0


def _set(key: str, value: Any) -> Callable[[list[Log]], Any]:
    return lambda logs: [*logs[:-1], *({**log, key: value} for log in logs[-1:])]


LIES: dict[str, Callable[[list[Log]], Any]] = {
    "no list": lambda logs: {"logs": logs},
    "null": lambda logs: None,
    "not an object": lambda logs: [*logs, "0x"],
    "removed": _set("removed", True),
    "removed, oddly": _set("removed", "false"),
    "another contract": _set("address", "0x" + "99" * 20),
    "a short address": _set("address", "0x" + "99" * 19),
    "another event": lambda logs: [{**log, "topics": ["0x" + "12" * 32, *log["topics"][1:]]} for log in logs],
    "no topics": _set("topics", []),
    "a topic less": lambda logs: [{**log, "topics": log["topics"][:-1]} for log in logs],
    "a topic more": lambda logs: [{**log, "topics": [*log["topics"], "0x" + "00" * 32]} for log in logs],
    "a short topic": lambda logs: [{**log, "topics": [*log["topics"][:-1], "0x00"]} for log in logs],
    "data cut": lambda logs: [{**log, "data": log["data"][:-2]} for log in logs],
    "data longer": lambda logs: [{**log, "data": log["data"] + "00" * 32} for log in logs],
    "no data": _set("data", None),
    "no hex": _set("data", "0xzz"),
    "a block outside": _set("blockNumber", hex(LAST + 1)),
    "a block before": _set("blockNumber", "0x1"),
    "a pending log": _set("blockNumber", None),
    "a number for a quantity": _set("blockNumber", 20_000),
    "no block hash": _set("blockHash", None),
    "two hashes of a block": lambda logs: [
        *logs,
        *({**one, "logIndex": "0xffff", "blockHash": "0x" + "0d" * 32} for one in logs[:1]),
    ],
    "twice the same log": lambda logs: [*logs, *logs],
    "no address": lambda logs: [
        {**log, "topics": [*log["topics"][:2], "0x" + "ff" * 32, log["topics"][3]]} for log in logs
    ],
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_an_error_and_nothing_is_written(crowded: LogServer, tmp_path: Path, lie: str) -> None:
    crowded.lie = LIES[lie]
    ran = borrowers(crowded, tmp_path / "w.csv", first=10_000)
    assert (ran.code, ran.out) == (3, "")
    assert "error[malformed-answer]: 127.0.0.1:" in ran.err or "error[malformed-answer]: log " in ran.err
    assert not (tmp_path / "w.csv").exists()


def test_logs_in_any_order_are_put_in_the_chain_s(crowded: LogServer, tmp_path: Path) -> None:
    crowded.lie = lambda logs: logs[::-1]
    assert borrowers(crowded, tmp_path / "w.csv").code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded)


def test_addresses_in_any_case_are_the_same(server: LogServer, tmp_path: Path) -> None:
    log = server.borrow(7, 0, "0x" + "ab" * 20)
    server.borrow(9, 0, "0x" + "ab" * 20)
    log["topics"][2] = "0x" + word("0x" + "ab" * 20).upper()
    log["address"] = "0x" + log["address"][2:].upper()
    assert borrowers(server, tmp_path / "w.csv").code == 0
    assert listed(tmp_path / "w.csv") == [("0x" + "ab" * 20, 7, "borrower")]


def test_nobody_is_an_empty_list(server: LogServer, tmp_path: Path) -> None:
    assert borrowers(server, tmp_path / "w.csv").code == 0
    assert (tmp_path / "w.csv").read_text() == "address,first_block,kind\n"


def test_a_single_block_that_is_refused_is_an_error(crowded: LogServer, tmp_path: Path) -> None:
    crowded.limit = lambda first, last, logs: (
        RpcError(-32000, "query returned more than 10000 results") if first <= 20_000 <= last else None
    )
    ran = borrowers(crowded, tmp_path / "w.csv")
    assert ran.code == 3
    assert "refuses the logs of the single block 20000" in ran.err
    assert not (tmp_path / "w.csv").exists()


def test_an_endpoint_that_never_answers_large_ranges_in_time_is_asked_for_less(
    crowded: LogServer, tmp_path: Path
) -> None:
    crowded.limit = most_blocks(3000, "query timeout exceeded")
    assert borrowers(crowded, tmp_path / "w.csv").code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded)


def test_the_next_endpoint_goes_on_where_one_dies(crowded: LogServer, other: LogServer, tmp_path: Path) -> None:
    other.logs = crowded.logs
    crowded.limit = lambda first, last, logs: RpcError(-32601, "not for you") if last > 10_000 else None
    assert borrowers(crowded, tmp_path / "w.csv", "--rpc", other.url).code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded)
    assert crowded.answered_ranges
    assert other.answered_ranges


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"first": LAST + 1}, 2, "is after the last"),
        ({"market": "aave-v3@0x0000000000000000000000000000000000000009"}, 2, "error[not-deployed]"),
        ({"market": "nonsense"}, 2, "error[unknown-market]"),
        ({"market": "compound-v3@0x0000000000000000000000000000000000000009"}, 2, "error[not-deployed]"),
    ],
)
def test_what_makes_no_sense_is_refused(
    server: LogServer, tmp_path: Path, change: dict[str, Any], code: int, said: str
) -> None:
    ran = borrowers(server, tmp_path / "w.csv", **change)
    assert ran.code == code
    assert said in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_cannot_be_written_is_refused_before_anything_is_read(server: LogServer, tmp_path: Path) -> None:
    ran = borrowers(server, tmp_path / "none" / "w.csv")
    assert ran.code == 2
    assert server.posts == 0
    assert run("borrowers", "--market", "aave-v3-ethereum", "--from-block", "-1").code == 2
