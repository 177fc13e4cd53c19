"""An audit of a snapshot is the audit of the chain that it was taken of: the same bytes in every table."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from defirisk.snapshots import replaying, writing
from defirisk.snapshots.layout import KEY

from .conftest import RECORDINGS, listed, run, taken

SCENARIOS = ("--drop", "15,45", "--scenario", "black-thursday-2020")
SAME = ("warnings", "source", "run", "files")


def audit(source: Path, folder: Path, name: str, *more: str) -> tuple[int, dict, list[bytes]]:
    tables = [folder / f"{name}.{kind}" for kind in ("p.jsonl", "o.csv")]
    ran = run(
        "audit", str(source), "-o", str(tables[0]), "--outcomes", str(tables[1]), "--format", "json", *SCENARIOS, *more
    )
    assert ran.out, ran.err
    document = json.loads(ran.out)
    return ran.code, document, [table.read_bytes() for table in tables]


def summary_of(document: dict) -> dict:
    return {name: one for name, one in document.items() if name not in SAME}


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_same_tables_and_figures_as_of_the_chain(name: str, tmp_path: Path) -> None:
    snapshot = taken(tmp_path, name)
    chain = audit(listed(tmp_path, name), tmp_path, "chain", "--fixture", str(RECORDINGS[name]))
    replayed = audit(snapshot, tmp_path, "replayed")
    assert replayed[2] == chain[2]
    assert replayed[0] == chain[0]
    assert summary_of(replayed[1]) == summary_of(chain[1])


def test_however_it_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = audit(taken(tmp_path, "aave-v3-3.7"), tmp_path, "whole", "--top", "3")
    top = json.loads((tmp_path / "whole.p.jsonl.top.json").read_text())
    monkeypatch.setattr(writing, "ROWS", 7)
    cut = tmp_path / "cut.parquet"
    ran = run(
        "snapshot",
        str(listed(tmp_path, "aave-v3-3.7")),
        "--fixture",
        str(RECORDINGS["aave-v3-3.7"]),
        "--chunk",
        "5",
        "-o",
        str(cut),
    )
    assert ran.code == 0, ran.err
    assert pq.read_metadata(cut).num_row_groups > 4
    monkeypatch.setattr(replaying, "STEP", 2)
    again = audit(cut, tmp_path, "cut", "--top", "3")
    assert again[2] == whole[2]
    assert summary_of(again[1]) == summary_of(whole[1])
    assert json.loads((tmp_path / "cut.p.jsonl.top.json").read_text())["accounts"] == top["accounts"]


def test_the_same_wallets_give_the_same_bytes(tmp_path: Path, demo: Path) -> None:
    assert taken(tmp_path, "demo").read_bytes() == demo.read_bytes()


def test_addresses_on_the_line_are_a_list_too(tmp_path: Path, demo: Path) -> None:
    wallet = pq.read_table(demo)["address"][0].as_py()
    ran = run("snapshot", wallet, "--fixture", str(RECORDINGS["demo"]), "-o", str(tmp_path / "one.parquet"))
    assert ran.code == 0, ran.err
    assert " of 1 wallet at block" in ran.err
    assert set(pq.read_table(tmp_path / "one.parquet")["address"].to_pylist()) == {wallet}


@pytest.mark.parametrize(
    "option",
    [("--market", "x"), ("--block", "1"), ("--rpc", "http://127.0.0.1:1"), ("--chain", "base"), ("--set", "x=1")],
)
def test_what_a_snapshot_holds_itself_is_not_asked_for(demo: Path, option: tuple[str, ...], tmp_path: Path) -> None:
    ran = run("audit", str(demo), *option, "-o", str(tmp_path / "p.csv"))
    assert ran.code == 2
    assert option[0] in ran.err


def test_a_name_that_tells_of_no_parquet_is_refused(tmp_path: Path) -> None:
    ran = run("snapshot", "0x" + "11" * 20, "--fixture", str(RECORDINGS["demo"]), "-o", str(tmp_path / "s.csv"))
    assert (ran.code, "a snapshot is a Parquet file" in ran.err) == (2, True)


# --- files that are not what was written --------------------------------------------------------------------------


def refused(path: Path, folder: Path) -> str:
    ran = run("audit", str(path), "-o", str(folder / "never.csv"), "--drop", "20")
    assert ran.code in (2, 3), ran.err
    assert "error[" in ran.err
    assert "unexpected" not in ran.err
    assert not (folder / "never.csv").exists()
    return ran.err


def test_a_file_that_was_cut_is_refused(demo: Path, tmp_path: Path) -> None:
    data = demo.read_bytes()
    for size in (5, 100, len(data) // 2, len(data) - 9, len(data) - 1):
        path = tmp_path / "cut.parquet"
        path.write_bytes(data[:size])
        assert "error[bad-snapshot]" in refused(path, tmp_path)


def test_a_file_in_which_a_byte_was_changed_is_refused_or_says_the_same(demo: Path, tmp_path: Path) -> None:
    data, luck = demo.read_bytes(), random.Random(3)
    sound = audit(demo, tmp_path, "sound")[2]
    refusals = 0
    for _ in range(24):
        changed = bytearray(data)
        changed[luck.randrange(4, len(data))] ^= 1 << luck.randrange(8)
        path = tmp_path / "changed.parquet"
        path.write_bytes(changed)
        ran = run(
            "audit", str(path), "-o", str(tmp_path / "x.p.jsonl"), "--outcomes", str(tmp_path / "x.o.csv"), *SCENARIOS
        )
        assert "unexpected" not in ran.err
        if ran.code in (2, 3) and not ran.out:
            refusals += 1
            continue
        assert [(tmp_path / name).read_bytes() for name in ("x.p.jsonl", "x.o.csv")] == sound
    assert refusals > 16


def rewritten(demo: Path, path: Path, change, *, seal: bool = True) -> Path:
    """The same file with another head."""
    table = pq.read_table(demo)
    with path.open("wb") as file:
        hashing = writing._Hashing(file)
        writer = pq.ParquetWriter(hashing, table.schema.remove_metadata(), compression="zstd")
        hashing.restart()
        writer.write_table(table.replace_schema_metadata(), row_group_size=len(table))
        start, end, digest = hashing.written()
        head = json.loads(pq.read_metadata(demo).metadata[KEY])
        head["row_groups"] = [{**head["row_groups"][0], "start": start, "end": end, "digest": digest}]
        head = change(head)
        writer.add_key_value_metadata({KEY: json.dumps(writing.sealed(head) if seal else head)})
        writer.close()
    return path


def _with(**changes):
    return lambda head: {**head, **changes}


def test_a_head_written_anew_is_read(demo: Path, tmp_path: Path) -> None:
    path = rewritten(demo, tmp_path / "same.parquet", lambda head: head)
    assert audit(path, tmp_path, "same")[2] == audit(demo, tmp_path, "sound")[2]


def test_another_version_is_said(demo: Path, tmp_path: Path) -> None:
    err = refused(rewritten(demo, tmp_path / "v3.parquet", _with(format="defirisk-snapshot/3")), tmp_path)
    assert "error[bad-file]" in err
    assert "defirisk-snapshot/3" in err


def _of_the_first_version(head):
    """Its sums had no warnings, and did not say how many nearest liquidations were sought."""
    for part in head["row_groups"]:
        for market in part["today"]["markets"].values():
            del market["sought"], market["warnings"]
    return {**head, "format": "defirisk-snapshot/1"}


@pytest.mark.parametrize("more", [(), ("--engine", "fast", "--no-thresholds")], ids=["rows", "sums"])
def test_a_snapshot_of_the_first_version_is_to_be_written_again(
    demo: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    ran = run("audit", str(rewritten(demo, tmp_path / "v1.parquet", _of_the_first_version)), *SCENARIOS, *more)
    assert (ran.code, ran.out) == (2, "")
    assert "v1.parquet is of the format 'defirisk-snapshot/1', not defirisk-snapshot/2" in ran.err
    assert "write it again" in ran.err


def test_a_head_that_does_not_fit_its_digest_is_refused(demo: Path, tmp_path: Path) -> None:
    err = refused(rewritten(demo, tmp_path / "x.parquet", _with(chain_id=1), seal=False), tmp_path)
    assert "does not fit its digest" in err


@pytest.mark.parametrize(
    "change",
    [
        _with(chain_id=-1),
        _with(groups=[]),
        _with(markets=[]),
        _with(shared={}),
        _with(shared={"nonsense": []}),
        _with(row_groups=[]),
        _with(asked=[["x"]]),
        _with(block=None),
        lambda head: {**head, "shared": {name: [] for name in head["shared"]}},
        lambda head: {**head, "shared": {name: [["os", "00"], *table] for name, table in head["shared"].items()}},
        lambda head: {
            **head,
            "shared": {name: [[kind, data[:-2]] for kind, data in table] for name, table in head["shared"].items()},
        },
        lambda head: {**head, "shared": {name: table[::-1] for name, table in head["shared"].items()}},
        lambda head: {**head, "groups": head["groups"][::-1]},
        lambda head: {**head, "row_groups": [{**head["row_groups"][0], "start": 10**15}]},
        lambda head: {**head, "asked": [head["asked"][0], *head["asked"][:-1]]},
        lambda head: {**head, "asked": head["asked"][:-1]},
        lambda head: {**head, "asked": [*head["asked"], ["one-more", "aave-v3"]]},
        lambda head: {**head, "list": {**head["list"], "distinct": head["list"]["distinct"] + 1}},
        lambda head: {**head, "markets": [{**m, "unit": {**m["unit"], "decimals": 19}} for m in head["markets"]]},
        lambda head: {**head, "listed": [[a, s, 10**9] for a, s, _ in head["listed"]]},
    ],
)
def test_a_head_that_lies_is_refused_even_where_its_digest_fits(demo: Path, tmp_path: Path, change) -> None:
    refused(rewritten(demo, tmp_path / "liar.parquet", change), tmp_path)


def test_a_parquet_list_of_wallets_is_still_a_list(demo: Path, tmp_path: Path) -> None:
    table = pq.read_table(demo).select(["address"]).replace_schema_metadata()
    pq.write_table(table, tmp_path / "list.parquet")
    ran = run("audit", str(tmp_path / "list.parquet"), "--fixture", str(RECORDINGS["demo"]), "--drop", "20")
    assert ran.code == 0, ran.err


def test_a_snapshot_is_not_written_over(demo: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    path.write_bytes(demo.read_bytes())
    for more in (("audit", str(path)), ("snapshot", str(RECORDINGS["demo"]), "--fixture", str(path))):
        ran = run(*more, "-o", str(path), "-q")
        assert (ran.code, ran.out) == (2, "")
        assert "is read by this run, and would be written over" in ran.err
    assert path.read_bytes() == demo.read_bytes()
