"""What costs a second to import stays out until it is needed."""

import subprocess
import sys

HEAVY = ("web3", "aiohttp", "eth_abi", "ens", "tenacity", "pandas", "eth_hash")
LIGHT = ("chain", "chain.client", "chain.recording", "chain.abi", "chain.ens", "chain.wallets", "chain.endpoints")


def heavy_after(code: str) -> set[str]:
    probe = f"import sys; {code}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True)
    return set(done.stdout.split()) & set(HEAVY)


def test_importing_the_room_is_light() -> None:
    assert heavy_after("; ".join(f"import defirisk.{name}" for name in LIGHT)) == set()


def test_replaying_a_recording_needs_no_network_library() -> None:
    code = "from defirisk.chain.recording import load_fixture; import asyncio; "
    code += "chain = load_fixture('tests/support/slice.json'); asyncio.run(chain.calls(list(chain.fixture.answers)))"
    assert heavy_after(code) <= {"eth_hash"}
