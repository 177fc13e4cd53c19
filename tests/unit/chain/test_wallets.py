from typing import Any

import eth_abi
import pytest

from defirisk.chain import Answer, Returned, Reverted
from defirisk.chain.abi import Abi
from defirisk.chain.wallets import OwnedProxy, WalletKind, follow_up_calls, interpret, probe_calls

from .fakes import FakeChain, word

WALLET = "0x" + "34" * 20
PROXY = "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"
DSPROXIES = "0x4678f0a6958e4D2Bc4F1BAF7Bc52E8F3564f3fE4"
DSA = "0x4c8a1BEb8a87765788946D6B19C6C6355194AbEb"
ABI = Abi.load("proxies")
NO = Reverted(b"")
OWNERS = Returned(eth_abi.encode(["address[]"], [[PROXY, WALLET]]))


async def kind(
    said: dict[str, Answer], chain_id: int = 1, more: dict[int, str] | None = None
) -> tuple[WalletKind, int]:
    answers: dict[Any, Answer] = {
        ABI["proxies"](DSPROXIES, WALLET): said.get("proxies", Returned(word(0))),
        ABI["accountID"](DSA, WALLET): said.get("accountID", Returned(word(0))),
        ABI["userLink"](DSA, WALLET): said.get("userLink", Returned(word(0) * 3)),
    }
    for name in ("getThreshold", "getOwners", "VERSION", "cache", "owner"):
        answers[ABI[name](WALLET)] = said.get(name, said.get("else", Returned(b"")))
    for number, address in (more or {}).items():
        answers[ABI["accountAddr"](DSA, number)] = Returned(word(address))
    chain = FakeChain(answers, chain_id)
    first = await chain.calls(probe_calls(WALLET, chain_id))
    follow = follow_up_calls(chain_id, first)
    return interpret(chain_id, first, await chain.calls(follow)), len(follow)


async def test_a_plain_account() -> None:
    assert await kind({}) == (WalletKind("eoa"), 0)
    assert await kind({}, chain_id=31337) == (WalletKind("eoa"), 0)


@pytest.mark.parametrize(
    "said", [{"else": NO}, {"owner": NO}, {"owner": Returned(word(WALLET)), "else": NO}, {"VERSION": Returned(b"\xff")}]
)
async def test_what_runs_code_is_a_contract(said: dict[str, Answer]) -> None:
    assert (await kind(said))[0].kind == "contract"


async def test_a_safe_with_its_version() -> None:
    version = Returned(eth_abi.encode(["string"], ["1.4.1"]))
    said = {"getThreshold": Returned(word(2)), "getOwners": OWNERS, "VERSION": version, "else": NO}
    assert await kind(said) == (WalletKind("safe", "1.4.1"), 0)


@pytest.mark.parametrize("threshold", [0, 3, 2**256 - 1])
async def test_a_threshold_that_its_owners_cannot_meet_is_no_safe(threshold: int) -> None:
    said = {"getThreshold": Returned(word(threshold)), "getOwners": OWNERS, "else": NO}
    assert (await kind(said))[0].kind == "contract"


async def test_dsproxy_and_dsa_themselves() -> None:
    assert (await kind({"cache": Returned(word(PROXY)), "owner": Returned(word(WALLET)), "else": NO}))[
        0
    ].kind == "dsproxy"
    assert (await kind({"accountID": Returned(word(77)), "else": NO}))[0].kind == "dsa"


async def test_proxies_that_an_account_owns() -> None:
    found, asked = await kind({"proxies": Returned(word(PROXY))})
    assert found == WalletKind("eoa", proxies_owned=(OwnedProxy("dsproxy", PROXY),), proxies_count=1)
    assert asked == 0
    found, asked = await kind({"userLink": Returned(word(5) + word(9) + word(3))}, more={5: PROXY, 9: WALLET})
    assert asked == 2
    assert found.proxies_owned == (
        OwnedProxy("dsa", PROXY),
        OwnedProxy("dsa", "0x3434343434343434343434343434343434343434"),
    )
    assert found.proxies_count == 3


def test_without_the_follow_up_the_address_is_unknown() -> None:
    answers: list[Answer] = [Returned(b"")] * 6 + [Returned(word(0)), Returned(word(5) + word(5) + word(1))]
    assert len(follow_up_calls(1, answers)) == 1
    assert interpret(1, answers).proxies_owned == (OwnedProxy("dsa", None),)


@pytest.mark.parametrize(
    "garbage", [NO, Returned(b""), Returned(b"\xff" * 31), Returned(b"\xff" * 32), Returned(b"\xff" * 96)]
)
async def test_registries_that_answer_garbage_own_nothing(garbage: Answer) -> None:
    found, asked = await kind({"proxies": garbage, "accountID": garbage, "userLink": garbage})
    assert asked == 0
    assert found.kind == "eoa"
    assert found.proxies_owned == ()


def test_on_other_chains_only_the_wallet_itself_is_probed() -> None:
    assert {call.to for call in probe_calls(WALLET.upper().replace("0X", "0x"), 31337)} == {WALLET}
    assert len(probe_calls(WALLET, 1)) == 8
    assert len(probe_calls(WALLET, 10)) == 7
