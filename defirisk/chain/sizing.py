"""How many calls one request may hold: half after a refusal, and tried larger again once many have gone well."""

from __future__ import annotations

from typing import Final

_PROOF: Final = 32
_LEAST_PROOF: Final = 4


class BatchSize:
    """What one endpoint takes, at most ``most``.

    ``size`` goes well as far as is known; ``searching``: it was refused more, and what it takes is not found yet. A
    trial is one request that holds twice as much; it is made after some successes in a row, fewer after a trial that
    succeeds and more after one that fails.
    """

    def __init__(self, most: int) -> None:
        self.size = most
        self.searching = False
        self._most = most
        self._well = self._proved = 0
        self._proof = _PROOF
        self._trial: int | None = None

    @property
    def next(self) -> int:
        """How many calls the next request may hold; now and then more than ever so far."""
        if self._trial is None and self._well >= self._proof:
            return min(self._most, 2 * self.size)
        return self.size

    def sent(self, count: int) -> None:
        """So many calls are under way."""
        if count > self.size:
            self._trial = count

    def went_well(self, count: int) -> None:
        """So many calls were answered."""
        self.searching = False
        self._proved = max(self._proved, count)
        self._well += count >= self.size
        if count > self.size:
            self.size, self._well, self._trial = count, 0, None
            self._proof = max(_LEAST_PROOF, self._proof // 2)

    def too_big(self, count: int) -> None:
        """So many calls were refused."""
        if count == self._trial:
            self._trial, self._well, self._proof = None, 0, 2 * self._proof
        elif count // 2 < self.size:
            self.size, self._well, self.searching = max(1, count // 2), 0, True

    def excuse(self) -> None:
        """A single call was refused: it was not the number of calls that was too much before."""
        self.size, self.searching = max(self.size, self._proved), False

    def failed(self, count: int) -> None:
        """So many calls were not answered, for another reason than their number."""
        if count == self._trial:
            self._trial = None
