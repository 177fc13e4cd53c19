"""What only a terminal sees: a progress bar while the work is long, and nothing of it on stdout."""

import pytest

from defirisk.cli import progress
from tests.support.faulty_server import held
from tests.support.rpc_server import RpcServer
from tests.support.terminal import on_terminal, with_bar_after

from .conftest import CLOSE

CHECK = ("check", CLOSE, "--no-thresholds", "--format", "json")


def test_a_bar_while_a_slow_endpoint_is_read(endpoint: RpcServer, market: str) -> None:
    with held(endpoint, lambda _: endpoint.posts > 1) as go_on:  # it has opened

        def seen(shown: str) -> None:
            if "reading 1 market" in shown:
                go_on.set()

        code, out, shown = on_terminal(with_bar_after(0, *CHECK, "--rpc", endpoint.url, "--market", market), seen)
    assert code == 0
    assert "\x1b[" in shown
    assert out.startswith("{")


def test_no_bar_when_quiet(endpoint: RpcServer, market: str) -> None:
    assert on_terminal(with_bar_after(0, *CHECK, "--rpc", endpoint.url, "--market", market, "--quiet"))[2] == ""


@pytest.mark.parametrize(("patience", "is_seen"), [(0.0, True), (3_600.0, False)])
def test_no_bar_when_quick(
    patience: float, is_seen: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """How quick depends on the machine; so here the patience differs, not the work."""
    monkeypatch.setattr(progress, "PATIENCE", patience)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # what rich asks of a captured stream
    bar = progress.Bar()
    bar("reading", 1, 2)
    if is_seen:
        bar._timer.join()
    bar.close()
    bar._timer.join()
    out, seen = capsys.readouterr()
    assert (out, "reading" in seen) == ("", is_seen)
