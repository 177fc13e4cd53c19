"""`find_borrowers`, as the command finds them."""

from __future__ import annotations

from pathlib import Path

import pytest

import defirisk

from .conftest import borrowers, rows, whole
from .log_server import LogServer


def test_it_is_what_the_command_finds(server: LogServer, tmp_path: Path) -> None:
    server.populate(40)
    found = defirisk.find_borrowers(server.market, 0, rpc=server.url)
    assert [(one.address.lower(), one.first_block, one.kind) for one in found.wallets] == whole(server)
    assert found.addresses == tuple(one.address for one in found.wallets)
    assert repr(found).endswith(f"blocks 0 to {found.last_block}, {len(found.wallets)} wallet(s)>")
    assert borrowers(server, tmp_path / "command.csv").code == 0
    again = defirisk.find_borrowers(server.market, 0, found.last_block, tmp_path / "api.csv", rpc=server.url)
    assert again == found
    assert (tmp_path / "api.csv").read_bytes() == (tmp_path / "command.csv").read_bytes()
    assert rows((tmp_path / "api.csv").read_text()) == whole(server)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["api.csv", "command.csv"]


def test_without_an_output_there_is_nothing_to_resume(server: LogServer) -> None:
    with pytest.raises(defirisk.InputError, match="cannot be resumed"):
        defirisk.find_borrowers(server.market, 0, rpc=server.url, resume=True)
