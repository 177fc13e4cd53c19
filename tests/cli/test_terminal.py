"""What only a terminal sees: a progress bar while the work is long, and nothing of it on stdout."""

from tests.support.faulty_server import held
from tests.support.rpc_server import RpcServer
from tests.support.terminal import on_terminal, with_bar_after

from .conftest import CLOSE, RECORDING

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


def test_no_bar_when_quiet_or_quick(endpoint: RpcServer, market: str) -> None:
    live = (*CHECK, "--rpc", endpoint.url, "--market", market)
    assert on_terminal(with_bar_after(0, *live, "--quiet"))[2] == ""
    assert on_terminal(with_bar_after(600, *CHECK, "--fixture", str(RECORDING)))[2] == ""
