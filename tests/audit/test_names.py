"""Names of ENS in a list: resolved at the pinned block, in batches; what resolves to nothing is a rejected line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from defirisk.chain.abi import Abi
from defirisk.chain.calls import Returned
from defirisk.chain.ens import ENS_REGISTRY, namehash
from tests.support.rpc_server import RpcServer

from .conftest import MARKET, RECORDING, WALLETS, Ran, lasting

RESOLVER = "0x" + "5e" * 20
NAMES = {"treasury.eth": WALLETS[0], "desk.eth": WALLETS[1], "same.eth": WALLETS[0]}
ASKED = (
    "  is another column, or another file, the one of the wallets? one address a line, or CSV with a column `address`?"
)
LIST = (
    f"address,desk\ndesk.eth,a\n{WALLETS[2]},b\nnobody.eth,c\nTreasury.ETH,d\nsame.eth,e\n{WALLETS[0]},f\nfoo..eth,g\n"
)


@pytest.fixture
def mainnet(endpoint: RpcServer) -> RpcServer:
    """The recording as if it were Ethereum's, with some names in its ENS."""
    abi = Abi.load("ens")
    endpoint.chain_id = 1
    for name, address in NAMES.items():
        node = namehash(name)
        registry, resolver = abi["resolver"](ENS_REGISTRY, node), abi["addr"](RESOLVER, node)
        endpoint.answers[registry] = Returned(bytes(12) + bytes.fromhex(RESOLVER[2:]))
        endpoint.answers[resolver] = Returned(bytes(12) + bytes.fromhex(address[2:]))
        endpoint.contracts |= {registry.to, resolver.to}
    return endpoint


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(LIST)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def asked(server: RpcServer, listed: Path, *more: object) -> tuple[object, ...]:
    output = listed.with_name("p.csv")
    return (listed, "-o", output, "--rpc", server.url, "--market", MARKET, "--drop", "20", "-q", *more)


def test_names_are_wallets_and_what_is_none_is_rejected_with_its_line(
    mainnet: RpcServer, listed: Path, audit: Callable[..., Ran]
) -> None:
    ran = audit(*asked(mainnet, listed), fixture=None)
    assert ran.code == 0, ran.err
    found = rows(listed.with_name("p.csv"))
    assert [(row["address"], row["desk"], row["ens_name"]) for row in found] == [
        (WALLETS[1], "a", "desk.eth"),
        (WALLETS[2], "b", ""),
        (WALLETS[0], "d", "Treasury.ETH"),  # doubles keep the first one's labels
    ]
    rejected = rows(listed.with_name("p.csv.rejected.csv"))
    assert [(row["line"], row["text"]) for row in rejected] == [("4", "nobody.eth"), ("8", "foo..eth")]
    assert "line 4: nobody.eth: 'nobody.eth' is not registered" in ran.err
    assert "line 8: foo..eth: 'foo..eth' is not a valid ENS name" in ran.err
    assert ran.err.count("nobody.eth: ") == 1  # told once, after the chain was asked


def test_it_is_the_same_audit_as_that_of_the_addresses(
    mainnet: RpcServer, listed: Path, audit: Callable[..., Ran]
) -> None:
    named = audit(*asked(mainnet, listed, "--format", "json"), fixture=None).json
    listed.write_text("\n".join((WALLETS[1], WALLETS[2], WALLETS[0])))
    plain = audit(*asked(mainnet, listed, "--format", "json"), fixture=None).json
    assert {**lasting(named), "list": None, "files": None} == {**lasting(plain), "list": None, "files": None}
    assert named["list"] == {"given": 7, "distinct": 3, "duplicates": 2, "rejected": 2}


def test_many_names_take_few_requests(mainnet: RpcServer, listed: Path, audit: Callable[..., Ran]) -> None:
    listed.write_text(f"{WALLETS[1]}\n")
    one = audit(*asked(mainnet, listed, "--format", "json"), fixture=None).json["run"]["requests"]
    names = "\n".join(f"nobody-{number}.eth" for number in range(500))
    listed.write_text(f"desk.eth\n{names}\n")
    many = audit(*asked(mainnet, listed, "--format", "json"), fixture=None).json
    assert many["list"] == {"given": 501, "distinct": 1, "duplicates": 0, "rejected": 500}
    assert many["run"]["requests"] <= one + 4


def test_strict_takes_a_name_that_is_nobody_s_for_an_error(
    mainnet: RpcServer, listed: Path, audit: Callable[..., Ran]
) -> None:
    ran = audit(*asked(mainnet, listed, "--strict"), fixture=None)
    assert ran.code == 2
    assert "not clean: 2 not a wallet, 2 given before" in ran.err
    assert sorted(path.name for path in listed.parent.iterdir()) == ["list.csv", "p.csv.rejected.csv"]


def test_where_there_is_no_ens_all_names_are_rejected(listed: Path, audit: Callable[..., Ran]) -> None:
    listed.write_text(f"treasury.eth\n{WALLETS[0]}\n")
    ran = audit(listed, "--drop", "20", "-q")
    assert ran.code == 0
    assert "line 1: treasury.eth: chain 31337 has no ENS names" in ran.err
    listed.write_text("treasury.eth\n")
    ran = audit(listed, "--drop", "20", "-q")
    assert (ran.code, ran.out) == (2, "")
    assert "error[bad-list]: list.csv holds no wallet: 1 malformed, beginning with line 1: treasury.eth: " in ran.err


def test_a_resumed_run_goes_on_with_the_names_as_they_were(
    mainnet: RpcServer, listed: Path, audit: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("defirisk.auditing.pipeline.PAUSE", 0)
    assert audit(*asked(mainnet, listed), fixture=None).code == 0
    expected = listed.with_name("p.csv").read_bytes()
    mine = {call: answer for call, answer in mainnet.answers.items() if WALLETS[2][2:].lower() in call.data.hex()}
    for call in mine:
        del mainnet.answers[call]
    ran = audit(*asked(mainnet, listed), fixture=None)
    assert (ran.code, listed.with_name("p.csv.resume").is_dir()) == (3, True), ran.err
    mainnet.answers |= mine
    for call in [call for call in mainnet.answers if call.to in (ENS_REGISTRY.lower(), RESOLVER)]:
        del mainnet.answers[call]  # nobody needs them again
    ran = audit(*asked(mainnet, listed, "--resume"), fixture=None)
    assert ran.code == 0, ran.err
    assert listed.with_name("p.csv").read_bytes() == expected


def test_a_snapshot_takes_names_too(mainnet: RpcServer, listed: Path, run_snapshot: Callable[..., Ran]) -> None:
    output = listed.with_name("s.parquet")
    ran = run_snapshot("desk.eth", WALLETS[2], "-o", output, "--rpc", mainnet.url, "--market", MARKET)
    assert ran.code == 0, ran.err
    assert "of 2 wallets" in ran.err


@pytest.fixture
def run_snapshot() -> Callable[..., Ran]:
    from click.testing import CliRunner

    from defirisk.cli.app import app

    def invoke(*args: Any) -> Ran:
        done = CliRunner().invoke(app, ["snapshot", *map(str, args)], prog_name="defirisk")
        return Ran(done.exit_code, done.stdout, done.stderr)

    return invoke


# --- what is no list, whatever its name -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wallets.csv", "recording.json.gz", "wallets"])
def test_a_recording_is_called_one_in_one_line(name: str, tmp_path: Path, audit: Callable[..., Ran]) -> None:
    (tmp_path / name).write_bytes(RECORDING.read_bytes())
    ran = audit(tmp_path / name)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[0] == f"error[bad-list]: {name} is a recording, not a list of wallets"
    assert len(ran.err.splitlines()) == 2


def test_a_result_is_called_one(tmp_path: Path, wallets: Path, audit: Callable[..., Ran]) -> None:
    (tmp_path / "r.json").write_text(audit(wallets, "--format", "json", "--drop", "20", "--no-thresholds", "-q").out)
    ran = audit(tmp_path / "r.json")
    assert ran.err.startswith("error[bad-list]: r.json is the summary of an audit, not a list of wallets")


def test_parquet_is_known_by_its_content(tmp_path: Path, audit: Callable[..., Ran]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"address": list(WALLETS[:3])}), tmp_path / "wallets.csv")
    ran = audit(tmp_path / "wallets.csv", "--format", "json", "--drop", "20", "--no-thresholds", "-q")
    assert (ran.code, ran.json["list"]["distinct"]) == (0, 3), ran.err


def test_a_beginning_of_nothing_but_malformed_lines_is_said_once(tmp_path: Path, audit: Callable[..., Ran]) -> None:
    path = tmp_path / "list.txt"
    path.write_text("".join(f"junk {number}\n" for number in range(25)) + WALLETS[0] + "\nmore junk\n")
    ran = audit(path, "--drop", "20", "--no-thresholds", "-q")
    assert ran.code == 0
    assert ran.err.splitlines() == [
        "left out, for not being a wallet: 26 of 27 entries:",
        "  the first 25 are all malformed, beginning with line 1: junk 0: not an address: that is 0x and 40 hex digits",
        ASKED,
        "  ... and 1 more",
    ]


def test_a_json_document_over_several_lines_is_guessed(tmp_path: Path, audit: Callable[..., Ran]) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text('{\n  "wallets": [\n    {"owner": "0x12"}\n  ]\n}\n')
    ran = audit(path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error[bad-list]: list.jsonl holds no wallet: 5 malformed, beginning with line 1: {: not")
    assert "hint: is it a JSON document over several lines?" in ran.err
