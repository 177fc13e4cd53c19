"""The plugin as pytest finds it, in runs of their own."""

from __future__ import annotations

import gzip
import json
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]
DEMO = ROOT / "fixtures" / "aave-v3-demo.json.gz"
ALL = ROOT / "fixtures" / "demo.json.gz"
WITH_DEMO = f"--defirisk-fixture={DEMO}"  # in one word: pytest takes a path on its own for a place to look for its root
USES = """
    def test_it(defirisk_chain):
        assert len(defirisk_chain.wallets) == {wallets}
"""


@pytest.fixture
def sub(pytester: pytest.Pytester):
    """Run pytest in a process of its own, every warning an error, with the terminal at its plainest."""
    found = {one.value for one in entry_points(group="pytest11", name="defirisk")}
    assert found == {"defirisk.pytest_plugin"}, "install defirisk again: pip install -e ."

    def run(*args: str):
        return pytester.runpytest_subprocess(
            "-W", "error", "-o", "asyncio_default_fixture_loop_scope=function", "--strict-markers", *args
        )

    return run


def test_off_until_it_is_used(sub, pytester: pytest.Pytester) -> None:
    """Loaded by its entry point, it imports nothing of the rest."""
    pytester.makepyfile("""
        import sys

        def test_it():
            assert "defirisk.pytest_plugin" in sys.modules
            ours = {name for name in sys.modules if name.startswith("defirisk")}
            assert ours == {"defirisk", "defirisk.pytest_plugin"}
            assert not {"pandas", "web3", "numpy", "aiohttp", "click", "rich"} & set(sys.modules)
    """)
    sub("-p", "no:hypothesispytest").assert_outcomes(passed=1)


def test_the_marker_the_option_and_the_ini_file(sub, pytester: pytest.Pytester) -> None:
    pytester.makeini(f"[pytest]\ndefirisk_fixture = {ALL}\n")
    pytester.makepyfile(
        test_ini=USES.format(wallets=9),
        test_marked=f"""
            import pytest
            pytestmark = pytest.mark.defirisk({str(DEMO)!r})

            def test_of_the_module(defirisk_chain):
                assert defirisk_chain.source == "aave-v3-demo.json.gz"

            @pytest.mark.defirisk({str(ALL)!r})
            def test_of_its_own(defirisk_chain):
                assert defirisk_chain.source == "demo.json.gz"
        """,
    )
    sub().assert_outcomes(passed=3)
    pytester.makepyfile(test_ini=USES.format(wallets=8))
    sub(WITH_DEMO).assert_outcomes(passed=3)


def test_where_files_are_looked_for(sub, pytester: pytest.Pytester) -> None:
    """The marker's beside the test, else under the root; the option's where pytest was called; the ini's beside it."""
    below = pytester.mkdir("below")
    (below / "beside.json.gz").write_bytes(DEMO.read_bytes())
    (pytester.path / "root.json.gz").write_bytes(ALL.read_bytes())
    pytester.makeini("[pytest]\ndefirisk_fixture = below/beside.json.gz\n")
    (below / "test_places.py").write_text(
        "import pytest\n"
        "@pytest.mark.defirisk('beside.json.gz')\ndef test_a(defirisk_chain): assert len(defirisk_chain.wallets) == 8\n"
        "@pytest.mark.defirisk('root.json.gz')\ndef test_b(defirisk_chain): assert len(defirisk_chain.wallets) == 9\n"
        "def test_c(defirisk_chain): assert len(defirisk_chain.wallets) == 8\n"
    )
    sub("below").assert_outcomes(passed=3)
    result = sub("below", "--defirisk-fixture=root.json.gz")
    result.assert_outcomes(passed=2, failed=1)


def test_a_failure_shows_position_scenario_and_replay(sub, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from defirisk.testing import assert_survives

        def test_treasury(defirisk_chain):
            result = defirisk_chain.check("0x2222222222222222222222222222222222222222", scenarios=["-40%"])
            assert_survives(result, "-40%")
    """)
    result = sub(WITH_DEMO)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        '>       assert_survives(result, "-40%")',
        "E       AssertionError: 0x2222222222222222222222222222222222222222 in aave-v3@0x*42 does not survive -40%: it is liquidatable at a health factor of 0.6063",
        "E         The position: 0x2222222222222222222222222222222222222222 in aave-v3@0x*42, rules 3.6",
        "E           health factor 1.0106 (below 1: liquidatable)",
        "E           supplied 1.39578 WBTC at $43,012.77 = $60,036.39, LT 78 %, bonus 6.25 %",
        "E           owed 46,315.3 USDT at $1.00042 = $46,334.74",
        "E         The scenario: -40%",
        "E           WBTC $43,012.77 -> $25,807.66 (-40.00 %)",
        "E           health factor 1.0106 -> 0.6063: liquidatable",
        "E         The replay (liquidator: largest):",
        "E           1. repaid 33,888.7 USDT, seized 1.38757 WBTC (and 0.00821046 for the protocol): the debt that is left is written off",
        "E           ended: nothing is left to seize *nothing-to-seize*",
        "E           bad debt 12,426.6 USDT = $12,431.84, borne by the protocol and its lenders, as a deficit",
        "E           the owner loses $13,701.64",
        "test_a_failure_shows_position_scenario_and_replay.py:5: AssertionError",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*telling.py*")
    result.stdout.no_fnmatch_line("*assertions.py*")


ASYNC = """
    import pytest
    from defirisk.testing import assert_no_bad_debt
    {mark}
    async def test_awaited(defirisk_chain):
        result = await defirisk_chain.check_async(scenarios=["-1%"], markets=defirisk_chain.check().markets)
        assert_no_bad_debt(result.accounts[0])

    {mark}
    async def test_called(defirisk_chain):
        assert_no_bad_debt(defirisk_chain.check("0x2222222222222222222222222222222222222222", scenarios=["-1%"]))

    def test_plain(defirisk_chain):
        assert defirisk_chain.check().complete
"""


@pytest.mark.parametrize(("mode", "mark"), [("auto", ""), ("strict", "@pytest.mark.asyncio")])
def test_with_pytest_asyncio(sub, pytester: pytest.Pytester, mode: str, mark: str) -> None:
    pytester.makepyfile(ASYNC.format(mark=mark))
    sub(WITH_DEMO, f"--asyncio-mode={mode}").assert_outcomes(passed=3)


def test_other_plugins_may_be_off(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(USES.format(wallets=8))
    off = [
        part
        for name in ("asyncio", "cacheprovider", "hypothesispytest", "doctest", "junitxml")
        for part in ("-p", f"no:{name}")
    ]
    pytester.runpytest_subprocess("-W", "error", WITH_DEMO, *off).assert_outcomes(passed=1)


def test_it_may_itself_be_off(sub, pytester: pytest.Pytester) -> None:
    """The assertions are plain functions, and stay."""
    pytester.makepyfile(f"""
        import defirisk
        from defirisk.testing import assert_health_factor

        def test_without():
            assert_health_factor(defirisk.check("0x2222222222222222222222222222222222222222", fixture={str(DEMO)!r}), at_least=1)

        def test_with(defirisk_chain):
            pass
    """)
    result = sub("-p", "no:defirisk")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines("*fixture 'defirisk_chain' not found*")


def edited(tmp: Path, **changes) -> Path:
    from defirisk.chain.fixture import encode_fixture
    from defirisk.chain.recording import load_fixture

    document = json.loads(encode_fixture(load_fixture(DEMO).fixture))
    place = tmp / "edited.json"
    place.write_text(json.dumps(document | changes))
    return place


def test_what_is_wrong_is_said_without_a_traceback(sub, pytester: pytest.Pytester, tmp_path: Path) -> None:
    cases = {
        "pass": "defirisk_chain: no recording was named: @pytest.mark.defirisk*--defirisk-fixture FILE*",
        "'none.json.gz'": "defirisk_chain: *none.json.gz cannot be read: No such file or directory",
        "'.'": "*cannot be read: Is a directory*",
        "": "defirisk_chain: the marker takes the recording's file and nothing else*",
        "'a', 'b'": "defirisk_chain: the marker takes*",
        "file='a'": "defirisk_chain: the marker takes*",
        "7": "defirisk_chain: the marker takes*",
        repr(
            str(edited(tmp_path, block_number=5))
        ): "defirisk_chain: edited.json does not fit its digest*digest-mismatch*",
    }
    lines = ["import pytest"]
    for number, arguments in enumerate(cases):
        lines += [] if arguments == "pass" else [f"@pytest.mark.defirisk({arguments})"]
        lines += [f"def test_{number}(defirisk_chain): pass"]
    pytester.makepyfile("\n".join(lines))
    result = sub()
    result.assert_outcomes(errors=len(cases))
    for said in cases.values():
        result.stdout.fnmatch_lines(said)
    result.stdout.fnmatch_lines("hint: record it again*")
    result.stdout.no_fnmatch_line("*Traceback*")


def test_two_recordings_in_the_ini_file(sub, pytester: pytest.Pytester) -> None:
    pytester.makeini(f"[pytest]\ndefirisk_fixture = {DEMO} {ALL}\n")
    pytester.makepyfile(USES.format(wallets=8))
    sub().stdout.fnmatch_lines("*defirisk_fixture names 2 recordings: name one*")


def test_a_recording_is_read_once_a_session(sub, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        seen = []

        def test_first(defirisk_chain): seen.append(defirisk_chain)
        def test_second(defirisk_chain): assert seen == [defirisk_chain]
    """)
    sub(WITH_DEMO).assert_outcomes(passed=2)


def test_an_unsealed_recording_is_said_to_be(pytester: pytest.Pytester) -> None:
    """Once, and where warnings are errors it is none to test with."""
    document = json.loads(gzip.decompress(DEMO.read_bytes()))
    del document["digest"]
    path = pytester.path / "edited.json"
    path.write_text(json.dumps(document))
    pytester.makepyfile(test_a=USES.format(wallets=8), test_b=USES.format(wallets=8))
    plain = ("-o", "asyncio_default_fixture_loop_scope=function", f"--defirisk-fixture={path}")
    done = pytester.runpytest_subprocess(*plain)
    done.assert_outcomes(passed=2, warnings=1)
    done.stdout.fnmatch_lines(
        ["*PytestWarning: defirisk_chain: edited.json carries no digest: nobody vouches for its contents"]
    )
    pytester.runpytest_subprocess("-W", "error", *plain).assert_outcomes(errors=2)


def test_it_is_in_the_help(sub) -> None:
    result = sub("--help")
    result.stdout.fnmatch_lines(["recorded chains:", "*--defirisk-fixture=FILE*", "*defirisk_fixture (paths):*"])
    sub("--markers").stdout.fnmatch_lines("@pytest.mark.defirisk(file): the recording*")


def test_the_hint_of_a_misuse_is_shown(sub, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from defirisk.testing import assert_survives

        def test_it(defirisk_chain):
            assert_survives(defirisk_chain.check(scenarios=["-10%"]), "-20%")
    """)
    sub(WITH_DEMO).stdout.fnmatch_lines([
        "E*defirisk.errors.InputError: the scenario -20% was not asked for",
        "E*hint: check(..., scenarios=*'-20%'*); what was asked for: -10%",
    ])  # fmt: skip
