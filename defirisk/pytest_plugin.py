"""The pytest plugin: a recorded chain as the fixture ``defirisk_chain``. Off until used: nothing is imported before.

Which recording: ``@pytest.mark.defirisk("wallets.json.gz")`` on the test, its class or module (beside the test's file,
else under the root folder); else ``--defirisk-fixture FILE``; else ``defirisk_fixture`` in the ini file. The assertions
that go with it are in :mod:`defirisk.testing`.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from defirisk.testing.chain import RecordedChain

_OPTION: Final = "defirisk_fixture"
_MARKER: Final = "defirisk"
_LOADED: Final = pytest.StashKey[dict[tuple[Path, int, int], "RecordedChain"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--defirisk-fixture`` and the ini option of the same meaning."""
    group = parser.getgroup("defirisk", "recorded chains")
    group.addoption("--defirisk-fixture", metavar="FILE", help="The recording that the fixture defirisk_chain replays.")
    parser.addini(_OPTION, "The recording that the fixture defirisk_chain replays.", type="paths")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", f"{_MARKER}(file): the recording that the fixture defirisk_chain replays in this test."
    )


@pytest.fixture
def defirisk_chain(request: pytest.FixtureRequest) -> RecordedChain:
    """A recorded chain, replayed offline: ``.check(...)``, ``.position(...)``, ``.wallets``; see defirisk.testing."""
    return _loaded(_recording_of(request), request.config)


def _loaded(path: Path, config: pytest.Config) -> RecordedChain:
    """The recording, read once a session as long as its file stays the same; that it is unsealed is a warning."""
    from defirisk.chain.recording import load_fixture  # noqa: PLC0415 - nothing until it is used
    from defirisk.errors import DefiriskError  # noqa: PLC0415 - nothing until it is used
    from defirisk.testing.chain import RecordedChain  # noqa: PLC0415 - nothing until it is used

    held = config.stash.setdefault(_LOADED, {})
    try:
        state = path.stat()
    except OSError as problem:
        _fail(f"{path} cannot be read: {problem.strerror}")
    key = (path, state.st_mtime_ns, state.st_size)
    if key not in held:
        try:
            replay = load_fixture(path)
        except DefiriskError as problem:
            _fail(f"{problem.message} [{problem.code}]" + (f"\nhint: {problem.hint}" if problem.hint else ""))
        for notice in replay.warnings:
            warnings.warn(pytest.PytestWarning(f"defirisk_chain: {notice.text}"), stacklevel=2)
        held[key] = RecordedChain(replay)
    return held[key]


def _recording_of(request: pytest.FixtureRequest) -> Path:
    marker, config = request.node.get_closest_marker(_MARKER), request.config
    if marker is not None:
        return _marked(marker, request.path.parent, config.rootpath)
    given: str | None = config.getoption(_OPTION)
    if given is not None:
        return Path(config.invocation_params.dir, given)
    configured: list[Path] = config.getini(_OPTION)
    if len(configured) > 1:
        _fail(f"{_OPTION} names {len(configured)} recordings: name one, and mark the tests that need another")
    if not configured:
        _fail(
            'no recording was named: @pytest.mark.defirisk("wallets.json.gz"), --defirisk-fixture FILE, '
            f"or {_OPTION} in the ini file; `defirisk record` makes one"
        )
    return configured[0]


def _marked(marker: pytest.Mark, beside: Path, root: Path) -> Path:
    if len(marker.args) != 1 or marker.kwargs or not isinstance(marker.args[0], str | Path):
        _fail('the marker takes the recording\'s file and nothing else: @pytest.mark.defirisk("wallets.json.gz")')
    places = [beside / marker.args[0], root / marker.args[0]]
    return next((place for place in places if place.exists()), places[0])


def _fail(text: str) -> NoReturn:
    pytest.fail(f"defirisk_chain: {text}", pytrace=False)
