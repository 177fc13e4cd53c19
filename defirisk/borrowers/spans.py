"""How many blocks to ask for at once: what the endpoint takes, found by trying and tried again now and then."""

from __future__ import annotations

from typing import Final

FIRST_SIZE: Final = 10_000
"""What most providers take; those that take less say so."""
_PATIENCE: Final = 8


class Span:
    """A number of blocks that shrinks where it is refused and grows where it is taken.

    Below the smallest size that was refused it closes in by halves, and falls back to the last one that was taken.
    What was refused may have been so only for what those blocks held, so after a run of ranges that were taken it is
    forgotten; the run doubles each time that this was in vain.
    """

    def __init__(self, size: int = FIRST_SIZE) -> None:
        self.size = size
        self._good: int | None = None
        self._refused: int | None = None
        self._forgotten: int | None = None
        self._run = 0
        self._patience = _PATIENCE

    def refused(self, size: int, suggested: int | None = None) -> None:
        """A range of ``size`` blocks is too much; of ``suggested``, it is said, it would not be."""
        self._refused = min(size, self._refused or size)
        if self._good is not None and self._good >= size:
            self._good = None
        self.size = max(1, min(self.size, suggested or self._good or size // 2, size - 1))
        self._run = 0
        if self._forgotten is not None:
            self._patience, self._forgotten = 2 * self._patience, None

    def taken(self, size: int) -> None:
        """A range of ``size`` blocks was answered."""
        if size < self.size:
            return
        self._good, self._run = size, self._run + 1
        if self._forgotten is not None and size >= self._forgotten:
            self._patience, self._forgotten = _PATIENCE, None
        if self._refused is None:
            self.size = 2 * size
        elif self._refused - size > max(1, size // 4):
            self.size = min(2 * size, (size + self._refused) // 2)
        elif self._run >= self._patience:
            self._forgotten, self._refused, self._run = self._refused, None, 0
