"""`defirisk borrowers` on the real contracts: everybody who ever borrowed, also through another, also those gone since."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

import pytest
from click.testing import CliRunner
from eth_utils import keccak, to_checksum_address

from defirisk.cli.app import app

from .anvil import running
from .deploy import OWNER, place_multicall
from .deploy_v20 import deploy_v20
from .evm import MAX, Contract, Evm
from .rpc import Rpc
from .toolchain import CONTRACTS, Artifact, compiled
from .venus_market import KINDS, WAD, Venus, _published, deploy_venus, enter, supply
from .venus_market import artifacts as venus_artifacts
from .world import LIQUIDATOR, VARIABLE, Liquidated, World

LENDER, POOR, GIVER, TAKER, PAYER = (to_checksum_address(f"0x{0xBE0000 + number:040x}") for number in range(5))
VAI = to_checksum_address("0x4BD17003473389A42DAF6a0a729f6Fdb328BbBd7")  # the controller names it in its code
Row = tuple[str, int, str]


def borrowers(rpc: Rpc, market: str, *more: str, first: int = 0) -> list[Row]:
    args = ["borrowers", "--market", market, "--rpc", rpc.url, "--from-block", str(first), "-o", "-", *more]
    done = CliRunner().invoke(app, args, prog_name="defirisk")
    assert done.exit_code == 0, done.stderr
    return [(row["address"], int(row["first_block"]), row["kind"]) for row in csv.DictReader(io.StringIO(done.stdout))]


def told(evm: Evm, addresses: Sequence[str], owners: dict[str, str]) -> dict[str, int]:
    """Owner to first block, from every log of these contracts, decoded by the tests' own coder."""
    found: dict[str, int] = {}
    for log in evm.rpc("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", "address": list(addresses)}):
        event = evm.known.decode_log(log)
        if event is not None and event.name in owners:
            found.setdefault(to_checksum_address(event.args[owners[event.name]]), int(log["blockNumber"], 16))
    return found


def delegated_and_gone(made: World, debt_token: Contract) -> None:
    """One borrows on another's credit; one is liquidated to the end; one repays at once."""
    whole = {reserve.symbol: 10**reserve.decimals for reserve in made.market.reserves}
    made.supply(GIVER, "DAI", 10_000 * whole["DAI"])
    debt_token.send("approveDelegation", TAKER, MAX, sender=GIVER)
    made.market.pool.send("borrow", made.asset("USDC"), 100 * whole["USDC"], VARIABLE, 0, GIVER, sender=TAKER)
    made.supply(PAYER, "DAI", 10_000 * whole["DAI"])
    made.borrow(PAYER, "USDC", 50 * whole["USDC"])
    made.give(PAYER, "USDC", 100 * whole["USDC"])
    made.market.pool.send("repay", made.asset("USDC"), MAX, VARIABLE, PAYER, sender=PAYER)
    made.supply(POOR, "WETH", whole["WETH"])
    made.borrow(POOR, "USDC", 500 * whole["USDC"])


def judged(rows: list[Row], expected: dict[str, int]) -> None:
    assert {address: block for address, block, _ in rows} == expected
    assert {kind for _, _, kind in rows} == {"borrower"}
    blocks = [block for _, block, _ in rows]
    assert blocks == sorted(blocks)
    assert TAKER not in expected
    assert {GIVER, PAYER, POOR} <= expected.keys()


def test_aave_v3(chain: World) -> None:
    """Revisions 3.0 and 3.6; a revision's stable debts are told of by the same event."""
    with chain.reverting():
        delegated_and_gone(chain, chain.market.debts["USDC"])
        chain.set_prices({"WETH": chain.prices()["WETH"] // 40})
        assert isinstance(chain.liquidate(POOR, "WETH", "USDC"), Liquidated)
        rows = borrowers(chain.rpc, f"aave-v3@{chain.entry}")
        judged(rows, told(chain.evm, [chain.market.pool.address], {"Borrow": "onBehalfOf"}))
    indebted = {w for w, account in zip(chain.addresses, chain.accounts(chain.addresses), strict=True) if account.debt}
    assert len(indebted) > 20
    assert indebted <= {address for address, _, _ in rows}


def test_aave_v2() -> None:
    with running() as rpc:
        evm = Evm(rpc, OWNER)
        place_multicall(evm)
        made = World(deploy_v20(evm))
        made.supply(LENDER, "USDC", 10**13)
        made.fund_liquidator()
        delegated_and_gone(made, made.market.debts["USDC"])
        made.set_prices({"USDC": made.prices()["USDC"] * 40})
        assert isinstance(made.liquidate(POOR, "WETH", "USDC"), Liquidated)
        rows = borrowers(rpc, f"aave-v2@{made.entry}")
        judged(rows, told(evm, [made.market.pool.address], {"Borrow": "onBehalfOf"}))
        assert [address for address, _, _ in rows] == [GIVER, PAYER, POOR]
        last = rows[1][1]
        assert borrowers(rpc, f"aave-v2@{made.entry}", "--to-block", str(last)) == rows[:2]
        assert borrowers(rpc, f"aave-v2@{made.entry}", first=last) == rows[1:]


# --- Venus --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def venus() -> Iterator[tuple[Venus, Contract]]:
    built = venus_artifacts() | {
        name: _published(f"Tokens/VAI/{name}.sol") for name in ("VAI", "VAIController", "VAIUnitroller")
    }
    with running() as rpc:
        made = deploy_venus(Evm(rpc, OWNER), built, KINDS[:3])
        yield made, vai_controller(made, built)


def vai_controller(made: Venus, built: Mapping[str, Artifact]) -> Contract:
    """The controller of 2.2.1, and VAI at the address that it knows, mintable by it."""
    evm, comptroller = made.evm, made.comptroller
    proxy, brains = evm.deploy(built["VAIUnitroller"]), evm.deploy(built["VAIController"])
    proxy.send("_setPendingImplementation", brains.address)
    brains.send("_become", proxy.address)
    controller = evm.at(built["VAIController"], proxy.address)
    controller.send("_setComptroller", comptroller.address)
    controller.send("initialize")
    governance = evm.deploy(built["Governance"])
    controller.send("setAccessControl", governance.address)
    controller.send("setMintCap", 10**30)
    comptroller.send("_setVAIController", controller.address)
    comptroller.send("_setVAIMintRate", 10_000)
    evm.rpc("anvil_setCode", VAI, "0x" + built["VAI"].runtime)
    ward = keccak(bytes(12) + bytes.fromhex(controller.address[2:]) + bytes(32))
    evm.rpc("anvil_setStorageAt", VAI, "0x" + ward.hex(), "0x" + f"{1:064x}")
    return controller


def test_venus(venus: tuple[Venus, Contract]) -> None:
    made, controller = venus
    evm, (eth, usd, _) = made.evm, made.markets
    supply(made, LENDER, usd, 10**12)
    for wallet in (GIVER, PAYER, POOR):
        supply(made, wallet, eth, WAD)
        enter(made, wallet, [eth])
    usd.vtoken.send("borrow", 100 * 10**6, sender=PAYER)
    usd.token.send("approve", usd.vtoken.address, MAX, sender=PAYER)
    usd.token.send("mint", PAYER, 10**9)
    usd.vtoken.send("repayBorrow", MAX, sender=PAYER)
    controller.send("mintVAI", 50 * WAD, sender=GIVER)  # a debt that no vToken knows of
    usd.vtoken.send("borrow", 1200 * 10**6, sender=POOR)
    controller.send("mintVAI", 5 * WAD, sender=PAYER)
    made.set_prices([made.prices[0] // 2, *made.prices[1:]])
    usd.token.send("mint", LIQUIDATOR, 10**12)
    usd.token.send("approve", usd.vtoken.address, MAX, sender=LIQUIDATOR)
    assert made.liquidate(1, 0, POOR, 500 * 10**6) is not None
    assert made.comptroller.call("mintedVAIs", GIVER) == 50 * WAD
    rows = borrowers(evm.rpc, f"compound-v2@{made.comptroller.address}")
    addresses = [controller.address, *(one.vtoken.address for one in made.markets)]
    judged(rows, told(evm, addresses, {"Borrow": "borrower", "MintVAI": "minter"}))
    assert [address for address, _, _ in rows] == [PAYER, GIVER, POOR]


# --- Comet --------------------------------------------------------------------------------------------------------


def test_comet_s_candidates() -> None:
    """It is on no registry: its events, by the node itself, from a contract that declares them as Comet does."""
    (artifact,) = compiled(
        {"CometEvents.sol": (CONTRACTS / "CometEvents.sol").read_text()}, {"CometEvents.sol": ("CometEvents",)}
    ).values()
    one, two, three, four, five, six = (to_checksum_address(f"0x{0xC0FE00 + number:040x}") for number in range(6))
    with running() as rpc:
        comet = Evm(rpc, OWNER).deploy(artifact)
        comet.send("emitNothingOfInterest", five, six)
        comet.send("emitWithdraw", one, six)
        comet.send("emitSupplyCollateral", five, two, six)
        comet.send("emitTransferCollateral", two, three, six)
        comet.send("emitAll", three, four, five)
        rows = borrowers(rpc, f"compound-v3@{comet.address}")
    assert rows == [(address, block, "candidate") for block, address in ((3, one), (4, two), (5, three), (6, four))]
