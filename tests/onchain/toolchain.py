"""npm packages, compiler and artifacts: what the local chain is made of.

Nothing here is committed: the packages and the compiler's output stay in git-ignored folders beside the lock file.
A missing tool is an error that says what to install, never a skip.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTRACTS = Path(__file__).parent / "contracts"
MODULES = CONTRACTS / "node_modules"
COMPILED = CONTRACTS / ".compiled"
STAMP = MODULES / ".defirisk-stamp"
SETTINGS: dict[str, Any] = {
    "optimizer": {"enabled": True, "runs": 200},
    "evmVersion": "cancun",
    "viaIR": False,
    "metadata": {"bytecodeHash": "none"},
}
OUTPUTS = ["abi", "evm.bytecode.object", "evm.bytecode.linkReferences", "evm.deployedBytecode.object"]


class ToolchainError(RuntimeError):
    """A tool that the on-chain tests need is missing or failed; the text says which and what to do."""


@dataclass(frozen=True)
class Artifact:
    """One compiled contract."""

    name: str
    abi: tuple[Mapping[str, Any], ...]
    bytecode: str  # init code, hex without 0x, link slots unfilled
    runtime: str  # deployed code, hex without 0x
    links: Mapping[str, tuple[tuple[int, int], ...]]  # library name -> (byte offset, length)

    def linked(self, libraries: Mapping[str, str]) -> str:
        """The init code with every library's address filled in."""
        code = self.bytecode
        for library, places in self.links.items():
            address = libraries[library].removeprefix("0x").lower()
            for start, length in places:
                code = code[: 2 * start] + address + code[2 * (start + length) :]
        return code


def run(command: Sequence[str | Path], *, cwd: Path = CONTRACTS, stdin: str | None = None) -> str:
    """Run a tool to its end; its own words are in the error if it fails."""
    if shutil.which(str(command[0])) is None:
        raise ToolchainError(f"'{command[0]}' is not installed: the on-chain tests need Node.js 18 or newer with npm")
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ToolchainError(f"'{command[0]}' failed ({done.returncode}): {(done.stderr or done.stdout)[:2000]}")
    return done.stdout


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One process at a time, so that parallel test sessions do not install over each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def lock_digest() -> str:
    return hashlib.sha256((CONTRACTS / "package-lock.json").read_bytes()).hexdigest()


def ensure_packages() -> None:
    """Install the pinned npm packages if they are missing or the lock file changed."""
    with exclusive(COMPILED / "install.lock"):
        if STAMP.is_file() and STAMP.read_text() == lock_digest():
            return
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        _check_anvil()
        STAMP.write_text(lock_digest())


def anvil_binary() -> Path:
    """Where the platform's package keeps the anvil executable."""
    suffix = ".exe" if platform.system() == "Windows" else ""
    return MODULES / "@foundry-rs" / f"anvil-{_platform()}" / "bin" / f"anvil{suffix}"


def _platform() -> str:
    system = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}.get(platform.system(), "unknown")
    machine = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "amd64"
    return f"{system}-{machine}"


def _check_anvil() -> None:
    if not anvil_binary().is_file():
        raise ToolchainError(
            f"npm installed no anvil for this platform ({_platform()}): expected {anvil_binary().name}"
        )


def published(package: str, source: str) -> Artifact:
    """A Hardhat artifact that a package ships, e.g. published("@aave/core-v3", "protocol/pool/Pool.sol")."""
    name = Path(source).stem
    path = MODULES / package / "artifacts" / "contracts" / source / f"{name}.json"
    if not path.is_file():
        raise ToolchainError(f"{package} ships no artifact for {source}")
    raw = json.loads(path.read_text())
    return Artifact(
        name,
        tuple(raw["abi"]),
        raw["bytecode"].removeprefix("0x"),
        raw["deployedBytecode"].removeprefix("0x"),
        _places(raw["linkReferences"]),
    )


def compiled(sources: Mapping[str, str], wanted: Mapping[str, Sequence[str]]) -> dict[str, Artifact]:
    """Compile sources (name -> text, or "" to be found in node_modules); cached by their content and the lock file."""
    request = _request(sources, wanted)
    key = hashlib.sha256((lock_digest() + json.dumps(request, sort_keys=True)).encode()).hexdigest()[:24]
    cache = COMPILED / f"{key}.json"
    with exclusive(COMPILED / f"{key}.lock"):
        if not cache.is_file():
            _write_whole(cache, json.dumps(_solc(request)))
    contracts = json.loads(cache.read_text())
    return {name: _artifact(name, contracts[path][name]) for path, names in wanted.items() for name in names}


def _request(sources: Mapping[str, str], wanted: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    texts = {name: {"content": text or (MODULES / name).read_text()} for name, text in sources.items()}
    selection = {path: dict.fromkeys(names, OUTPUTS) for path, names in wanted.items()}
    remappings = [
        "openzeppelin-contracts/=@openzeppelin/",
        "openzeppelin-contracts-upgradeable/=@openzeppelin/contracts-upgradeable/",
        "openzeppelin-contracts-upgradeable/contracts/=@openzeppelin/contracts-upgradeable/",
        "solidity-utils/=@bgd-labs/solidity-utils/src/",
    ]
    settings = {**SETTINGS, "remappings": remappings, "outputSelection": selection}
    return {"language": "Solidity", "sources": texts, "settings": settings}


def _solc(request: Mapping[str, Any]) -> dict[str, Any]:
    answer = json.loads(run(["node", CONTRACTS / "compile.js"], stdin=json.dumps(request)))
    errors = [e["formattedMessage"] for e in answer.get("errors", []) if e["severity"] == "error"]
    if errors:
        raise ToolchainError("solc refused the sources:\n" + "\n".join(errors)[:4000])
    contracts: dict[str, Any] = answer["contracts"]
    return contracts


def _write_whole(path: Path, text: str) -> None:
    # A killed session must not leave half a cache behind.
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


def _artifact(name: str, raw: Mapping[str, Any]) -> Artifact:
    code = raw["evm"]["bytecode"]
    runtime = raw["evm"]["deployedBytecode"]["object"]
    return Artifact(name, tuple(raw["abi"]), code["object"], runtime, _places(code["linkReferences"]))


def _places(
    references: Mapping[str, Mapping[str, Sequence[Mapping[str, int]]]],
) -> dict[str, tuple[tuple[int, int], ...]]:
    return {
        library: tuple((place["start"], place["length"]) for place in places)
        for libraries in references.values()
        for library, places in libraries.items()
    }
