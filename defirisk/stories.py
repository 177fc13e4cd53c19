"""The stories of the wallets in the recording that ships with the package."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files


def labels() -> Mapping[str, str]:
    """What each wallet of the demo is about, by EIP-55 address."""
    text = files("defirisk").joinpath("stories.toml").read_text(encoding="utf-8")
    return {row["address"]: row["label"] for row in tomllib.loads(text)["wallet"]}
