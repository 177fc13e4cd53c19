import eth_abi
import pytest

from defirisk.chain import Answer, Call, Returned, Reverted
from defirisk.chain.abi import Abi
from defirisk.chain.ens import ENS_REGISTRY, looks_like_name, namehash, resolve, resolve_each
from defirisk.errors import InvalidAddress, NameNotFound

from .fakes import FakeChain, word

RESOLVER = "0x" + "12" * 20
OWNER = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
ENS = Abi.load("ens")


def known(name: str, resolver: Answer | None = None, address: Answer | None = None) -> dict[Call, Answer]:
    node = namehash(name)
    return {
        ENS["resolver"](ENS_REGISTRY, node): resolver or Returned(word(RESOLVER)),
        ENS["addr"](RESOLVER, node): address or Returned(word(OWNER)),
    }


def test_the_hash_of_eip137() -> None:
    assert namehash("eth").hex() == "93cdeb708b7545dc668eb9280176169d1c33cfd8ed6f04690a0bcc88a93fc4ae"
    assert namehash("foo.eth").hex() == "de9b09fd7c5f901e23a3f19fecc54828e9c848539801e86591bd9801b019f84f"
    assert namehash(" FOO.eth ") == namehash("foo.eth")


@pytest.mark.parametrize(
    "name", ["a.eth", " Sub-Domain.Foo9.ETH ", "1.2.3.eth", "xn-a.eth", "-a.eth", "a--b.eth", "_x.eth"]
)
def test_plain_names_are_hashed_as_the_tables_would(name: str) -> None:
    from ens.utils import raw_name_to_hash

    assert namehash(name) == raw_name_to_hash(name.strip())


async def test_each_name_is_told_apart() -> None:
    chain = FakeChain(known("foo.eth") | known("bar.eth", resolver=Returned(word(0))))
    found = await resolve_each(chain, ["bar.eth", "a..eth", "foo.eth"])
    assert [type(one) for one in found] == [NameNotFound, InvalidAddress, str]
    assert found[2] == OWNER


async def test_many_names_take_two_round_trips() -> None:
    chain = FakeChain(known("foo.eth") | known("bar.eth"))
    assert await resolve(chain, ["foo.eth", "Bar.eth"]) == [OWNER, OWNER]
    assert len(chain.trips) == 2


@pytest.mark.parametrize(
    ("resolver", "address"),
    [
        (Returned(word(0)), None),
        (Returned(b""), None),
        (Reverted(b""), None),
        (Returned(b"\xff" * 32), None),
        (None, Returned(word(0))),
        (None, Returned(b"")),
        (None, Reverted(bytes.fromhex("556f1830") + eth_abi.encode(["address"], [RESOLVER]))),  # OffchainLookup
        (None, Returned(b"\xff" * 32)),
        (None, Returned(word(5) + word(5))),
    ],
)
async def test_names_that_resolve_to_nothing(resolver: Answer | None, address: Answer | None) -> None:
    with pytest.raises(NameNotFound, match=r"foo\.eth"):
        await resolve(FakeChain(known("foo.eth", resolver, address)), ["foo.eth"])


@pytest.mark.parametrize("chain_id", [10, 31337, 137])
async def test_chains_without_ens(chain_id: int) -> None:
    chain = FakeChain(known("foo.eth"), chain_id=chain_id)
    with pytest.raises(NameNotFound, match="no ENS"):
        await resolve(chain, ["foo.eth"])
    assert chain.trips == []


@pytest.mark.parametrize(
    "name", ["", "  ", "foo..eth", "a\x1b[31m.eth", "x" * 300 + ".eth", "foo_bar.e\u200bth", "\u0430ave.eth\u0301."]
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        namehash(name)
    assert str(caught.value).isascii()
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("foo.eth", True), ("foo", False), ("0x12.eth", False), (".eth", False), ("0x" + "1" * 40, False)],
)
def test_what_is_meant_as_a_name(text: str, meant: bool) -> None:
    assert looks_like_name(text) is meant
