"""What each endpoint was asked and what it cost: for whoever reports how complete a reading was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """One endpoint so far.

    ``requests`` JSON-RPC requests sent (an item of a batch is one) and ``posts`` HTTP requests, retries included;
    ``retries`` posts sent because an earlier one failed; ``complaints`` answers that it is asked too fast, and
    time-outs; ``seconds`` waited for its answers, summed over requests that ran side by side. ``batch_size`` calls,
    ``in_flight`` requests and ``rate`` requests a second (``None``: no limit) are what it is found to take now;
    ``left_out`` is why it is no longer asked, ``None`` while it is.
    """

    host: str
    requests: int
    posts: int
    retries: int
    complaints: int
    seconds: float
    batch_size: int
    in_flight: int
    rate: float | None
    left_out: str | None
