"""What a chain has answered so far, by call: ask in any order and ahead of time, read where it is needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from defirisk.chain.abi import Function
from defirisk.chain.calls import Answer, Call, Chain, Returned
from defirisk.chain.wrapping import Wrapping
from defirisk.errors import CallRefused, CallReverted, MalformedAnswer, MissingCall


class Answers(Wrapping):
    """Answers of one chain at one block, each call asked once.

    A call that a recording lacks, or that no endpoint answers, is an error for whoever reads it, not for those who
    asked in the same breath.
    """

    def __init__(self, chain: Chain) -> None:
        super().__init__(chain)
        self._held: dict[Call, Answer | MissingCall | CallRefused] = {}

    async def ask(self, calls: Iterable[Call]) -> None:
        """Ask for what is not held yet: one round trip, or none."""
        wanted = [call for call in dict.fromkeys(calls) if call not in self._held]
        if not wanted:
            return
        try:
            answers = await self._chain.calls(wanted)
        except (MissingCall, CallRefused) as problem:
            await self._ask_without(wanted, problem)
        else:
            self._held.update(zip(wanted, answers, strict=True))

    async def _ask_without(self, wanted: list[Call], problem: MissingCall | CallRefused) -> None:
        lacking = set(problem.missing)
        refused = [call for call in wanted if (call.to, "0x" + call.data.hex()) in lacking]
        if not refused:
            raise problem
        self._held.update(dict.fromkeys(refused, problem))
        await self.ask(wanted)

    def asked(self, call: Call) -> bool:
        """Whether that was asked, answered or not."""
        return call in self._held

    def answer(self, call: Call) -> Answer:
        """Return the answer to a call that was asked before.

        Raises:
            MissingCall: the recording does not hold it.
            CallRefused: no endpoint answers it.

        """
        held = self._held[call]
        if isinstance(held, MissingCall | CallRefused):
            raise held
        return held

    def read(self, function: Function, to: str, *arguments: Any) -> tuple[Any, ...]:
        """Decode an answer that must be there.

        Raises:
            CallReverted, MalformedAnswer, MissingCall, CallRefused: it is not.

        """
        call = function(to, *arguments)
        return function.read(call, self.answer(call), self.block)

    def word(self, function: Function, to: str, *arguments: Any) -> Any:
        """Decode the only value of an answer that must be there; raises as :meth:`read` does."""
        return self.read(function, to, *arguments)[0]

    def probe(self, function: Function, to: str, *arguments: Any) -> Any | None:
        """Decode the only value of an answer, ``None`` where the contract has no such function."""
        call = function(to, *arguments)
        answer = self.answer(call)
        if not isinstance(answer, Returned) or not answer.data:
            return None
        return function.decode(answer.data, to, self.block)[0]

    def optional(self, function: Function, to: str, *arguments: Any) -> tuple[Any, ...] | None:
        """Decode what is only of interest, ``None`` where the contract does not answer it in the expected shape."""
        try:
            return self.read(function, to, *arguments)
        except (CallReverted, MalformedAnswer):
            return None
