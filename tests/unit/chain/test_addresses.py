import pytest

from defirisk.chain.abi import checksum, is_address, keccak, parse_address
from defirisk.errors import InvalidAddress

# the examples of EIP-55 itself
EIP55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("address", EIP55)
def test_eip55_examples(address: str) -> None:
    assert checksum(address.lower()) == checksum(address.upper().replace("0X", "0x")) == address
    assert parse_address(f" {address}\n") == address


@pytest.mark.parametrize("address", EIP55)
def test_one_wrong_letter_is_a_wrong_checksum(address: str) -> None:
    at = next((i for i, c in enumerate(address) if i > 1 and c.isalpha()), None)
    wrong = address[:at] + address[at].swapcase() + address[at + 1 :]
    if wrong[2:] in (wrong[2:].lower(), wrong[2:].upper()):
        pytest.fail("the example carries no checksum any more: choose another letter")
    with pytest.raises(InvalidAddress, match="wrong checksum") as caught:
        parse_address(wrong)
    assert wrong.lower() in str(caught.value.hint)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        "0x12",
        "vitalik",
        "52908400098527886E0F7030069857D2E4169EE7",
        "0x" + "g" * 40,
        "0x" + "1" * 41,
        "0x" + "1" * 39,
        "0x" + "\uff11" * 40,
        "\x1b[31m" + "x" * 500,
    ],
)
def test_no_address(text: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        parse_address(text)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 120
    assert not is_address(text)


def test_keccak_of_nothing() -> None:
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
