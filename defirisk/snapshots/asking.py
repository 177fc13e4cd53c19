"""What is asked for: is a file a snapshot, is an engine a cluster. Nothing heavy is imported here."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from defirisk.errors import InputError

DASK: Final = "dask"
_MAGIC: Final = b"PAR1"


class Cluster(NamedTuple):
    """A scheduler's address; ``None`` for a cluster of this machine's cores, made for the run."""

    address: str | None


def is_snapshot(source: str) -> bool:
    """Whether a list's source is a snapshot, of any version; a Parquet list of wallets is none.

    Raises:
        BadSnapshot: it begins as a Parquet file and is not whole.
    """
    path = Path(source)
    with suppress(OSError):
        if not path.is_file():
            return False
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return False
        from defirisk.snapshots.head import has_head  # noqa: PLC0415 - pyarrow only for a Parquet file

        return has_head(path)
    return False


def cluster_of(engine: str) -> Cluster | None:
    """What ``--engine dask`` or ``dask=ADDRESS`` asks for; ``None`` for another engine.

    Raises:
        InputError: an empty address.
    """
    name, equals, address = engine.partition("=")
    if name != DASK:
        return None
    if equals and not address.strip():
        raise InputError(
            f"--engine {engine} names no scheduler", hint="--engine dask=tcp://HOST:8786, or --engine dask"
        )
    return Cluster(address.strip() or None)


def refuse_cluster(engine: str) -> None:
    """A cluster replays snapshots only.

    Raises:
        InputError: one was asked for.
    """
    if cluster_of(engine) is not None:
        raise InputError(
            "--engine dask replays a snapshot, not a list of wallets",
            hint="write one first, `defirisk snapshot wallets.csv -o positions.parquet`, and audit that",
        )
