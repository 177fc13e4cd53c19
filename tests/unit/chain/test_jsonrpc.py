import pytest

from defirisk.chain.jsonrpc import Ask, Kind, RpcError, failure_of, kind_of, revert_data
from defirisk.errors import BlockUnavailable, EndpointRefused, StateUnavailable

WORDINGS = [
    (3, "execution reverted: transfer amount exceeds balance", "0x08c379a0", Kind.REVERT),
    (3, "execution reverted", "0x", Kind.REVERT),
    (-32000, "execution reverted", None, Kind.REVERT),
    (-32000, "execution reverted: request timed out", None, Kind.REVERT),
    (-32015, "VM execution error.", "Reverted 0xdeadbeef", Kind.REVERT),
    (-32603, "VM Exception while processing transaction: reverted with reason string 'x'", None, Kind.REVERT),
    (-32000, "invalid opcode: INVALID", None, Kind.REVERT),
    (-32000, "invalid jump destination", None, Kind.REVERT),
    (-32000, "stack underflow (0 <=> 1)", None, Kind.REVERT),
    (-32000, "out of gas", None, Kind.TOO_BIG),
    (-32000, "EVM error: OutOfGas", None, Kind.TOO_BIG),
    (-32000, "err: intrinsic gas too low", None, Kind.TOO_BIG),
    (-32000, "execution aborted (timeout = 5s)", None, Kind.TOO_BIG),
    (-32002, "request timed out", None, Kind.TOO_BIG),
    (-32008, "Response size exceeded the limit", None, Kind.TOO_BIG),
    (-32000, "response size should not greater than 150000000 bytes: response too large", None, Kind.TOO_BIG),
    (-32600, "Request Entity Too Large", None, Kind.TOO_BIG),
    (-32005, "exceeded max call data size", None, Kind.TOO_BIG),
    (-32014, "too many requests in batch", None, Kind.RATE),
    (-32600, "batch size exceeds limit of 10", None, Kind.TOO_BIG),
    (-32603, "json-rpc batch size is too large, maximum batch size 50", None, Kind.TOO_BIG),
    (-32000, "gas limit is too high", None, Kind.TOO_BIG),
    (429, "Your app has exceeded its compute units per second capacity", None, Kind.RATE),
    (-32005, "daily request count exceeded, request rate limited", None, Kind.RATE),
    (-32005, "limit exceeded", None, Kind.RATE),
    (-32029, "Too Many Requests", None, Kind.RATE),
    (-32000, "header not found", None, Kind.LAGGING),
    (-32000, "Unknown block", None, Kind.LAGGING),
    (-32602, "could not find block: 123", None, Kind.LAGGING),
    (-32000, "missing trie node 0xabc (path ) state 0xdef is not available", None, Kind.STATE),
    (-32000, "state at block #12 is pruned", None, Kind.STATE),
    (-32602, "distance to target block exceeds maximum proof window", None, Kind.STATE),
    (-32000, "historical state 0xabc is not available", None, Kind.STATE),
    (-32000, "this request requires an archive node", None, Kind.STATE),
    (-32000, "required historical state unavailable (reexec=128)", None, Kind.STATE),
    (-32000, "old data not available due to pruning", None, Kind.STATE),
    (-32603, "Internal error", None, Kind.TRANSIENT),
    (-32000, "Temporary internal error. Please retry", None, Kind.TRANSIENT),
    (-32601, "the method eth_call does not exist/is not available", None, Kind.REFUSED),
    (-32600, "unauthorized: invalid api key", None, Kind.REFUSED),
    (0, "", None, Kind.REFUSED),
]  # fmt: skip


@pytest.mark.parametrize(("code", "message", "data", "kind"), WORDINGS)
def test_what_providers_mean(code: int, message: str, data: str | None, kind: Kind) -> None:
    assert kind_of(RpcError(code, message, data)) is kind


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("0xdeadbeef", b"\xde\xad\xbe\xef"),
        ("Reverted 0xdeadbeef", b"\xde\xad\xbe\xef"),
        ({"data": "0xdead"}, b"\xde\xad"),
        ({"data": {"data": "0xdead"}}, b"\xde\xad"),
        ({"message": "x", "output": "0xdead"}, b"\xde\xad"),
        ("0x", b""),
        ("0xabc", b""),
        ("Reverted", b""),
        (None, b""),
        (5, b""),
        ({"data": 5}, b""),
    ],
)
def test_where_revert_data_is(data: object, expected: bytes) -> None:
    assert revert_data(RpcError(3, "execution reverted", data)) == expected


def test_failures_have_their_class() -> None:
    header, call = Ask("eth_getBlockByNumber", ()), Ask("eth_call", ())
    lagging, pruned = RpcError(-32000, "header not found", None), RpcError(-32000, "missing trie node", None)
    assert isinstance(failure_of(lagging, header, "h"), BlockUnavailable)
    assert isinstance(failure_of(lagging, call, "h"), StateUnavailable)
    assert "archive" in str(failure_of(pruned, call, "h").hint)
    refused = failure_of(RpcError(-32601, "no", None), call, "node.example")
    assert type(refused) is EndpointRefused
    assert "node.example" in str(refused)
