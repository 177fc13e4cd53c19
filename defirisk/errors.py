"""Every failure that defirisk can report, as one tree.

    DefiriskError
    |- InputError (exit code 2)            what the user asked for makes no sense
    |  |- InvalidAddress                   not an address, or a wrong checksum
    |  |- NameNotFound                     an ENS name that resolves to nothing
    |  |- UnknownChain, UnknownMarket, UnknownAsset, UnknownScenario, UnknownLiquidator, UnknownEngine
    |  |- NotAMarket                       a contract that is not what --market says it is
    |  |  `- NotDeployed                   nothing answers there at that block
    |  |- WrongChain                       an endpoint or recording of another chain than --chain
    |  |- BadMove                          a price move that cannot be, such as a fall over 100 %
    |  |- BadFile                          a scenario or policy file that does not parse
    |  |  `- BadPolicy                     a policy file that does, and does not have the shape or contradicts itself
    |  |- ExpiredWaiver                    a waiver in a policy file whose last day is over
    |  |- BadBaseline                      an earlier result that this one cannot be compared with
    |  |- BadParameter                     a what-if that names no parameter, or a value that it cannot have
    |  |- ChangeRefused                    a what-if that the contract would refuse
    |  |- NotChangeable                    a what-if in a market whose rule family knows no changes
    |  |- BadList                          a list of wallets that is none
    |  |- RunInProgress, StateExists, StateUnusable   an audit that cannot begin, or go on, as it was asked for
    |  |- MissingExtra                     an optional package that is not installed
    |  `- UnwritableOutput
    |- WorkerDied (exit code 3)            a worker process was ended from outside
    `- ReadError (exit code 3)             the chain or a recording could not be read in full
       |- EndpointUnreachable, StateUnavailable
       |- EndpointRefused
       |  `- CallRefused                   single calls that no endpoint answers, while it answers others
       |- StaleBlock                       an endpoint's block further from the clock than a policy's max_block_age
       |- BlockUnavailable                 the endpoint has no such block
       |  `- BlockReorganised              it had, and has another one in its place now
       |- MalformedAnswer                  an answer that is not what the function returns
       |- CallReverted                     a call that must answer, and reverted
       |- UnsupportedRules                 a protocol revision that we have no rules for
       |- FixtureError                     a recording that cannot be used
       |  |- BadSnapshot                    a snapshot of positions that cannot be used
       |  |- DigestMismatch                edited after it was recorded
       |  |- StaleRecording                older than a policy's max_age
       |  `- MissingCall                   a call that the recording does not hold
       |- ContractMismatch                 our figure differs from the contract's where that is fatal
       |  `- NonstandardDebtToken          a debt token that does not count as its family does
       |- FallbackUsed                     read in a second-best way, under --strict
       |- ClusterFailed                    a cluster's workers are lost, or it is not there
       `- IncompleteRecording              a recording that would lack what a check needs

Each class has a stable ``code``; each instance a message for people and, where there is one, a
``hint`` that says what to do. No message ever holds more of an endpoint's URL than its host.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self


class DefiriskError(Exception):
    """The root. ``code`` is stable, ``exit_code`` is the command line's, ``hint`` says what to do."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as it is, whatever its class is made from: a worker's error must reach who waits for it."""
        return self._restored, (self.args, self.__dict__)

    @classmethod
    def _restored(cls, args: tuple[Any, ...], state: dict[str, Any]) -> Self:
        error = cls.__new__(cls, *args)
        error.__dict__.update(state)
        return error


class InputError(DefiriskError):
    """What was asked for makes no sense, whatever the chain says."""

    code = "input"
    exit_code = 2


class ReadError(DefiriskError):
    """The chain, or the recording of one, could not be read in full."""

    code = "read"
    exit_code = 3


class InvalidAddress(InputError):
    """Not an address, or one with a wrong checksum."""

    code = "invalid-address"


class NameNotFound(InputError):
    """An ENS name that resolves to nothing, or a chain without ENS."""

    code = "name-not-found"


class UnknownChain(InputError):
    """A chain name that the registry does not hold."""

    code = "unknown-chain"


class UnknownMarket(InputError):
    """A market name that the registry does not hold."""

    code = "unknown-market"


class UnknownAsset(InputError):
    """A scenario names an asset that no market asked for knows."""

    code = "unknown-asset"


class AmbiguousAsset(InputError):
    """A symbol that several assets of a market carry."""

    code = "ambiguous-asset"


class UnknownScenario(InputError):
    """A scenario that is neither a preset nor a file."""

    code = "unknown-scenario"


class UnknownLiquidator(InputError):
    """A liquidator order that does not exist."""

    code = "unknown-liquidator"


class UnknownEngine(InputError):
    """A replay engine that does not exist, or that cannot be had here."""

    code = "unknown-engine"


class NotAMarket(InputError):
    """A contract that does not answer as the protocol named in ``--market PROTOCOL@0x...`` would."""

    code = "not-a-market"


class NotDeployed(NotAMarket):
    """Nothing answers at a market's entry at that block: not deployed yet, or no contract at all."""

    code = "not-deployed"


class WrongChain(InputError):
    """An endpoint or recording of another chain than the one asserted."""

    code = "wrong-chain"

    def __init__(self, expected: int, got: int, *, hint: str | None = None) -> None:
        super().__init__(f"expected chain id {expected}, but the source is of chain id {got}", hint=hint)
        self.expected = expected
        self.got = got


class BadMove(InputError):
    """A price move that cannot be: not a number, a fall of 100 % or more, or one that makes a price 0."""

    code = "bad-move"


class BadFile(InputError):
    """A scenario or policy file that does not parse or does not fit its shape."""

    code = "bad-file"


class BadParameter(InputError):
    """A what-if that names no parameter of its protocol, or a value that the protocol cannot keep."""

    code = "bad-parameter"


class ChangeRefused(InputError):
    """A what-if that the contract would refuse: the act is left out."""

    code = "change-refused"


class NotChangeable(InputError):
    """A what-if in a market whose rule family knows nothing of changes."""

    code = "not-changeable"


class BadPolicy(BadFile):
    """A policy file of the wrong shape, or that contradicts itself. ``line`` is ``None`` where it is of no one line."""

    code = "bad-policy"

    def __init__(self, message: str, *, file: str, line: int | None = None, hint: str | None = None) -> None:
        place = f"{file}, line {line}" if line else file
        super().__init__(f"{place}: {message}", hint=hint)
        self.file = file
        self.line = line


class ExpiredWaiver(InputError):
    """A waiver whose last day is over: what it waived is a breach again, and the file is to be put in order."""

    code = "expired-waiver"


class BadBaseline(InputError):
    """A baseline that is no earlier result of the same chain, markets and schema version."""

    code = "bad-baseline"


class UnwritableOutput(InputError):
    """A path that cannot be written."""

    code = "unwritable-output"


class BadList(InputError):
    """A list of wallets that is empty, binary, without a column `address`, or not clean under ``--strict``."""

    code = "bad-list"


class RunInProgress(InputError):
    """Another run is at work on the same state."""

    code = "run-in-progress"


class StateExists(InputError):
    """The state of an interrupted run lies where a new one would put its own."""

    code = "state-exists"


class StateUnusable(InputError):
    """``--resume`` with another list or other options than the run began with, or a state that cannot be read."""

    code = "state-unusable"


class WorkerDied(DefiriskError):
    """A worker process was ended from outside; what it was about is not done."""

    code = "worker-died"


class EndpointUnreachable(ReadError):
    """No answer: refused, reset, timed out, or the name does not resolve."""

    code = "endpoint-unreachable"


class EndpointRefused(ReadError):
    """The endpoint answered with an HTTP or JSON-RPC error."""

    code = "endpoint-refused"


class CallRefused(EndpointRefused):
    """Calls that no endpoint answers even by themselves: ``missing`` is every one of them as (to, data) in 0x hex."""

    code = "call-refused"

    def __init__(self, message: str, *, missing: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.missing = missing


class BlockUnavailable(ReadError):
    """The endpoint does not have the block, or answered with another one."""

    code = "block-unavailable"


class StaleBlock(ReadError):
    """An endpoint that lags, or an old fork: its block is further from the clock than a policy's ``max_block_age``."""

    code = "stale-block"


class BlockReorganised(BlockUnavailable):
    """The pinned block was replaced by another while it was read: what was read may mix two histories."""

    code = "block-reorganised"


class StateUnavailable(ReadError):
    """The block is known but its state is pruned: an archive node is needed."""

    code = "state-unavailable"


class MalformedAnswer(ReadError):
    """An answer that does not decode as what was asked for."""

    code = "malformed-answer"


class CallReverted(ReadError):
    """A call that must answer, and reverted."""

    code = "call-reverted"


class UnsupportedRules(ReadError):
    """A protocol revision that we have no rules for; refused rather than guessed."""

    code = "unsupported-rules"


class FixtureError(ReadError):
    """A recording that is truncated, malformed, or no longer fits its digest."""

    code = "bad-fixture"


class DigestMismatch(FixtureError):
    """A recording whose contents do not fit the digest that was written into it."""

    code = "digest-mismatch"


class StaleRecording(FixtureError):
    """A recording that is older than the policy's ``max_age`` allows."""

    code = "stale-recording"


class BadSnapshot(FixtureError):
    """A snapshot of positions that is truncated, or not what was written."""

    code = "bad-snapshot"


class ClusterFailed(ReadError):
    """A cluster that cannot be reached, or whose workers were lost again and again."""

    code = "cluster-failed"


class MissingExtra(InputError):
    """An optional package that is not installed; the hint says how to install it."""

    code = "missing-extra"


class MissingCall(FixtureError):
    """Calls that the recording does not hold: ``missing`` is every one of them as (to, data) in 0x hex."""

    code = "missing-call"

    def __init__(self, message: str, *, missing: tuple[tuple[str, str], ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.missing = missing


class ContractMismatch(ReadError):
    """Our figure differs from the contract's own where going on would be a guess."""

    code = "contract-mismatch"


class NonstandardDebtToken(ContractMismatch):
    """A debt token whose own balance is not shares times index (GHO's discount before Aave V3.4)."""

    code = "nonstandard-debt-token"


class FallbackUsed(ReadError):
    """``--strict`` was asked for, and something could only be read in a second-best way."""

    code = "fallback-used"


class IncompleteRecording(ReadError):
    """A recording that would lack what a check needs; it is not written."""

    code = "incomplete-recording"
