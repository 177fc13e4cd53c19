"""Lists as people have them: formats, dialects, labels, doubles, and what is no wallet."""

import csv
import gzip
import io
import json
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from defirisk.auditing.listing import listing_of, take_in, wallets_of
from defirisk.auditing.state import replace_with, state_for
from defirisk.errors import BadList, RunInProgress, UnwritableOutput
from defirisk.files import replaced

from .conftest import STRANGER, WALLETS, spawn

A, B, C = WALLETS[:3]
WRONG = STRANGER.replace("5aAe", "5AAe")


class Taken:
    """A list taken in: its wallets, and the rejected lines as the file has them."""

    def __init__(self, path, chunk=1000):
        with state_for(None, resume=False) as state:
            self.listing = take_in(path, str(path), "sha256:0", state, chunk)
            self.chunks = [wallets_of(state, number) for number in range(self.listing.chunks)]
            self.rejected = list(csv.reader((state.folder / "rejected.csv").read_text().splitlines()))[1:]
        self.wallets = [wallet for chunk in self.chunks for wallet in chunk]
        self.addresses = [wallet.address for wallet in self.wallets]


@pytest.fixture
def take(tmp_path):
    def taken(content, name="list.txt", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Taken(path, **options)

    return taken


def test_one_address_a_line_in_any_case_with_blanks_and_comments(take):
    taken = take(f"# mine\n\n  {A}  \n{STRANGER.lower()}\n0X{C[2:].upper()}\n")
    assert taken.addresses == [A, STRANGER, C]
    assert taken.listing.rejected == 0


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_line_end_and_byte_order_mark(take, newline, encoding):
    text = newline.join(["address,desk", f"{A},rätsel", f"{B},"]) + newline
    taken = take(text.encode(encoding), "list.csv")
    assert [(one.address, dict(one.labels)) for one in taken.wallets] == [(A, {"desk": "rätsel"}), (B, {})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("quoting", "quotechar"), [(csv.QUOTE_ALL, '"'), (csv.QUOTE_MINIMAL, '"'), (csv.QUOTE_ALL, "'")]
)
def test_csv_of_any_dialect(take, delimiter, quoting, quotechar):
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, quotechar=quotechar)
    writer.writerow(["Name", "ADDRESS", "note"])
    notes = ["plain", "a,b;c", f"he said {quotechar}no{quotechar}", "two\nlines"]
    rows = [(f"n{number}", address, notes[number % 4]) for number, address in enumerate(WALLETS[:8])]
    writer.writerows(rows)
    taken = take(stream.getvalue(), "list.csv")
    assert taken.addresses == list(WALLETS[:8])
    assert [wallet.labels["Name"] for wallet in taken.wallets] == [row[0] for row in rows]
    if quotechar == '"':
        assert [wallet.labels["note"] for wallet in taken.wallets] == [row[2] for row in rows]


def test_a_single_column_with_a_heading(take):
    assert take(f"address\n{A}\n{B}\n").addresses == [A, B]


def test_json_lines_of_objects_with_labels_as_text(take):
    rows = [{"address": A, "n": 1, "deep": {"x": [1]}, "none": None}, {"Address": B, "text": "t", "flag": True}]
    taken = take("\n".join(map(json.dumps, rows)), "list.jsonl")
    assert [dict(one.labels) for one in taken.wallets] == [
        {"n": "1", "deep": '{"x": [1]}'},
        {"text": "t", "flag": "true"},
    ]
    assert taken.listing.labels == ("n", "deep", "text", "flag")


def test_json_strings_and_gzip(take):
    assert take(gzip.compress(f'"{A}"\n"{B}"\n'.encode()), "list.jsonl").addresses == [A, B]


def test_parquet_of_text_and_of_bytes(take, tmp_path):
    table = pa.table({"n": [1, None, 3], "Address": [A, B.lower(), "x"]})
    pq.write_table(table, tmp_path / "list")
    taken = Taken(tmp_path / "list")
    assert [(one.address, dict(one.labels)) for one in taken.wallets] == [(A, {"n": "1"}), (B, {})]
    assert taken.rejected == [["3", "x", "not an address: that is 0x and 40 hex digits"]]
    pq.write_table(pa.table({"address": [bytes.fromhex(C[2:])]}), tmp_path / "list")
    assert Taken(tmp_path / "list").addresses == [C]


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]), "utf-8"),
        (pa.array([2**60], pa.date64()), "date"),
    ],
    ids=["no text", "no day"],
)  # fmt: skip
def test_parquet_with_what_is_no_value_is_refused(label, said, tmp_path):
    pq.write_table(pa.table({"address": [A], "label": label}), tmp_path / "list")
    with pytest.raises(BadList, match=f"list is no sound Parquet file: .*{said}"):
        Taken(tmp_path / "list")


def test_doubles_keep_the_labels_of_the_first(take):
    taken = take(f"address,desk\n{STRANGER},first\n{A},\n{STRANGER.lower()},second\n0x{STRANGER[2:].upper()},third\n")
    assert [(one.address, dict(one.labels)) for one in taken.wallets] == [(STRANGER, {"desk": "first"}), (A, {})]
    assert (taken.listing.given, taken.listing.distinct, taken.listing.duplicates) == (4, 2, 2)


def test_what_is_no_wallet_is_rejected_with_its_line_and_why(take):
    lines = [A, "0x1234", WRONG, "vitalik.eth", "=cmd|' /C calc'!A0", "\x1b[2Jx", B]
    taken = take("\n".join(lines))
    assert taken.addresses == [A, B]
    assert [(line, reason.split(":")[0]) for line, _, reason in taken.rejected] == [
        ("2", "not an address"),
        ("3", "wrong checksum"),
        ("4", "a name, not an address"),
        ("5", "not an address"),
        ("6", "not an address"),
    ]
    assert taken.rejected[3][1].startswith("'=cmd")
    assert "\x1b" not in str(taken.rejected)


def test_line_numbers_are_of_the_file_where_cells_run_over_lines(take):
    taken = take(f'address,note\n{A},"one\ntwo\nthree"\nbad,x\n')
    assert taken.rejected[0][0] == "5"


def test_broken_json_lines_and_cells_in_excess_are_rejected_alone(take):
    taken = take(
        f'{{"address": "{A}"}}\n{{"address": \n{{"a": 1}}\n{{"address": 7}}\n[1]\n{{"address": "{B}"}}\n', "l.jsonl"
    )
    assert taken.addresses == [A, B]
    assert [row[0] for row in taken.rejected] == ["2", "3", "4", "5"]
    taken = take(f"address,note\n{A},London, UK\n{B},x,\n", "l.csv")
    assert taken.addresses == [B]
    assert taken.rejected[0][2] == "3 cells under a heading of 2"


def test_hostile_labels_survive_as_they_are(take):
    label = "=1+1\u202e\x07\ud800"
    taken = take(json.dumps({"address": A, "x": label}), "l.jsonl")
    assert taken.wallets[0].labels == {"x": "=1+1\u202e\x07?"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "binary"),
        (b"\x7fELF\x02\x01\x01\x00", "binary"),
        (b"PK\x03\x04\x00\x00", "binary"),
        (gzip.compress(b"\x00\x01", mtime=0), "binary"),
        (b"PAR1xxxxPAR1", "Parquet"),
        (b"\x1f\x8b broken", "cannot be read"),
        (b"\n  \n# nothing\n", "holds no wallet"),
        (b"address,desk\n", "holds no wallet"),
        (b"wallet,desk\n0x1,a\n", "none is named `address`"),
        (b"0x0000000000000000000000000000000000001000,a\n", "none is named `address`"),
        (b"Address,address\na,b\n", "several columns"),
        (b'["0x0000000000000000000000000000000000001000"]', "JSON array"),
        (b"x" * (2 << 20), "longer than"),
        (b"address," + b",".join(b"c%d" % n for n in range(300)) + b"\n" + b"x" * 9, "columns"),
    ],
)
def test_what_is_no_list_is_refused(take, content, said):
    with pytest.raises(BadList) as caught:
        take(content)
    assert said in str(caught.value)


def test_too_many_labels_are_refused(take):
    with pytest.raises(BadList, match="labels"):
        take("\n".join(json.dumps({"address": A, f"k{number}": 1}) for number in range(300)), "l.jsonl")


def test_a_quote_that_is_not_closed_swallows_no_wallet(take):
    rows = "\n".join(f"{address},x" for address in WALLETS)
    with pytest.raises(BadList, match="line 2 is not closed"):
        take(f'address,note\n{STRANGER},"open\n{rows}\n', "l.csv")


def test_chunks_are_of_the_size_asked_in_the_order_given(take):
    taken = take("\n".join(WALLETS), chunk=10)
    assert [len(chunk) for chunk in taken.chunks] == [10] * (len(WALLETS) // 10) + [len(WALLETS) % 10]
    assert taken.addresses == list(WALLETS)
    assert vars(listing_of(vars(taken.listing))) == vars(taken.listing)


def test_a_million_lines_stream(tmp_path):
    """Memory is that of a thousand lines; distinct ones are few, so that this is about lines."""
    program = (
        "import sys, re; from pathlib import Path; from tests.audit.test_listing import Taken; "
        "taken = Taken(Path(sys.argv[1])); peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]; "
        "print(taken.listing.given, taken.listing.distinct, peak)"
    )
    used = []
    for repeats in (20, 20_000):
        path = tmp_path / "list.txt"
        path.write_text("".join(f"{address.lower()}\n" for address in WALLETS[:50]) * repeats)
        done = spawn([sys.executable, "-c", program, str(path)])
        given, distinct, kilobytes = map(int, done.out.split())
        assert (given, distinct) == (50 * repeats, 50)
        used.append(kilobytes)
    assert used[1] - used[0] < 20 << 10


def test_a_line_with_two_wallets_is_rejected_and_not_read_as_one(take):
    taken = take(f'{{"address": "{A}", "address": "{B}"}}\n{{"address": "{C}"}}\n', "list.jsonl")
    assert (taken.addresses, taken.listing.rejected) == ([C], 1)
    assert taken.rejected[0][2] == "one key twice"


def test_a_folder_of_other_peoples_files_is_not_emptied(tmp_path):
    folder = tmp_path / "p.csv.resume"
    (folder / "photos").mkdir(parents=True)
    with (
        pytest.raises(UnwritableOutput, match="in the way: it holds 'photos'"),
        state_for(tmp_path / "p.csv", resume=False),
    ):
        pass
    assert (folder / "photos").is_dir()


def test_a_part_file_is_not_written_through_a_link(tmp_path):
    """In a folder that others may write to, the name of the part is known beforehand."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / ".p.csv.part").symlink_to(victim)
    with pytest.raises(UnwritableOutput):
        replace_with(tmp_path / "p.csv", lambda file: file.write(b"theirs") and None)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_what_has_no_end_or_no_beginning_is_refused_at_once(name, tmp_path, audit):
    os.mkfifo(tmp_path / "pipe")
    ran = audit(tmp_path / name)
    assert ran.code == 2
    assert "is a pipe or a device" in ran.err
    assert "| defirisk audit -" in ran.err


def test_two_runs_do_not_write_one_table_at_the_same_time(tmp_path):
    """Their states are apart where only the second table is the same: the file is whole, and of one of them."""
    path = tmp_path / "o.csv"
    with replaced(path, known=True) as file:
        file.write(b"the first")
        with pytest.raises(RunInProgress, match="another run is writing"):
            replace_with(path, lambda other: other.write(b"theirs") and None)
        file.write(b" alone")
    assert path.read_bytes() == b"the first alone"
    replace_with(path, lambda other: other.write(b"the next") and None)
    assert path.read_bytes() == b"the next"
    assert [one.name for one in tmp_path.iterdir()] == ["o.csv"]
