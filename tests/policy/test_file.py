"""The policy file: every key is checked, and what is wrong is said with its line, its key, and what was expected."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from defirisk.errors import BadFile, BadPolicy, DefiriskError
from defirisk.policy.load import find_policy, for_wallets, load_policy
from defirisk.policy.parse import parse_policy
from defirisk.policy.terms import Policy
from defirisk.risk.scenario_files import load_scenarios

from .conftest import ALL_FOUR, CLOSE, SAFE, waiver, wallet

HEAD = 'scenarios = ["-40%"]'
ONE = wallet(SAFE, "treasury")
RULES = "[policy]\nmin_health_factor = 1.2\n"


def parsed(text: str, folder: Path = Path()) -> Policy:
    return parse_policy(text, "defirisk.toml", folder)


ISSUE = f"""
markets = ["aave-v3-ethereum", "compound-v3@{SAFE}"]
scenarios = ["-40%", "black-thursday-2020"]
[[wallet]]
address = "{SAFE}"
label = "treasury"
policy = {{ min_health_factor = 1.5 }}       # overrides, optional
[policy]
min_health_factor = 1.2
survives = ["-30%"]                         # not liquidatable in these
max_bad_debt = 0                            # in the market's unit, in every scenario
max_oracle_age = "3h"
[[waiver]]
wallet = "treasury"
rule = "survives"
reason = "unwinding until month's end"
expires = 2026-12-31
"""


def test_the_shape_of_the_issue() -> None:
    policy = parsed(ISSUE)
    [treasury], [waived] = policy.wallets, policy.waivers
    assert policy.markets == ("aave-v3-ethereum", f"compound-v3@{SAFE}")
    assert policy.listed == ("-40%", "black-thursday-2020")
    assert [scenario.name for scenario in policy.scenarios] == ["-40%", "black-thursday-2020", "-30%"]
    assert policy.scenarios_for(treasury) == ("-40%", "black-thursday-2020", "-30%")
    limits = {name: (clause.limit, clause.line) for name, clause in treasury.clauses.items()}
    assert limits == {
        "min_health_factor": (15 * 10**17, 7),
        "survives": (("-30%",), 10),
        "max_bad_debt": (Decimal(0), 11),
        "max_oracle_age": (10800, 12),
    }
    assert policy.clauses["min_health_factor"].limit == 12 * 10**17
    assert (waived.wallet, waived.rule, waived.expires, waived.line) == (SAFE, "survives", date(2026, 12, 31), 13)


@pytest.mark.parametrize(
    ("written", "wad"),
    [
        ("1.1", 1_100_000_000_000_000_000),
        ("1.000000000000000001", 10**18 + 1),
        ("1.100000000000000088", 1_100_000_000_000_000_088),  # what 1.1 is as a binary float, to 18 digits
        ("2", 2 * 10**18),
        ("1.5e0", 15 * 10**17),
    ],
)
def test_a_limit_is_read_exactly(written: str, wad: int) -> None:
    policy = parsed(f"{HEAD}\n{ONE}[policy]\nmin_health_factor = {written}\n")
    assert policy.clauses["min_health_factor"].limit == wad


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("3h", 10800), ("90min", 5400), ("90 m", 5400), ("1d 12h", 129600), ("2w", 1209600), ("5s", 5)],
)
def test_times(written: str, seconds: int) -> None:
    assert parsed(f'{ONE}[policy]\nmax_oracle_age = "{written}"\n').clauses["max_oracle_age"].limit == seconds


def test_scenarios_are_files_beside_the_policy_too(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text('[[scenario]]\nname = "eth-crash"\n[scenario.oracle]\nWETH = "-55%"\n')
    policy = parsed(f'scenarios = ["ours.toml", "WETH=-40%"]\n{ONE}[policy]\nsurvives = ["eth-crash"]\n', tmp_path)
    assert [scenario.name for scenario in policy.scenarios] == ["eth-crash", "WETH=-40%"]


BAD = [
    ("wrong = 1\n" + ONE + RULES, 1, "wrong: unknown key", "known: "),
    ("market = []\n" + ONE + RULES, 1, "market: unknown key", "did you mean markets?"),
    (ONE + "[policy]\nmin_health_facto = 1\n", 5, "policy.min_health_facto: unknown key", "mean min_health_factor?"),
    (ONE + "lable = 1\n" + RULES, 4, "wallet[1].lable: unknown key", "did you mean label?"),
    (ONE + '[policy]\nmin_health_factor = "1.2"\n', 5, "expected a health factor such as 1.2, found the text '1.2'", ""),
    (ONE + "[policy]\nmin_health_factor = true\n", 5, "expected a health factor such as 1.2, found true", ""),
    (ONE + "[policy]\nmin_health_factor = -1.2\n", 5, "policy.min_health_factor: -1.2 is negative", ""),
    (ONE + "[policy]\nmin_health_factor = 0\n", 5, "a minimum of 0 would hold for everyone", ""),
    (ONE + "[policy]\nmin_health_factor = nan\n", 5, "found the number NaN", ""),
    (ONE + "[policy]\nmin_health_factor = inf\n", 5, "found the number Infinity", ""),
    (ONE + "[policy]\nmin_health_factor = 1e999\n", 5, "found the number 1E+999", ""),
    (ONE + "[policy]\nmin_health_factor = 1.0000000000000000001\n", 5, "finer than can be counted", "at most 18 digits"),
    (ONE + "[policy]\nmax_bad_debt = -1\n", 5, "policy.max_bad_debt: -1 is negative", ""),
    (ONE + "[policy]\nmax_bad_debt = []\n", 5, "expected an amount in the market's unit such as 0, found an empty list", ""),
    (ONE + "[policy]\nmax_oracle_age = 3\n", 5, 'expected a time such as "3h", found the number 3', "s, min, h, d or w"),
    (ONE + '[policy]\nmax_oracle_age = "3 fortnights"\n', 5, "found the text '3 fortnights'", ""),
    (ONE + '[policy]\nmax_oracle_age = "0h"\n', 5, 'expected a time above 0 such as "3h"', ""),
    (ONE + '[policy]\nsurvives = "-30%"\n', 5, 'expected a list of scenarios such as ["-30%"], found the text', ""),
    (ONE + "[policy]\nsurvives = []\n", 5, "policy.survives: an empty list judges nothing", ""),
    (ONE + '[policy]\nsurvives = [\n  "-30%",\n  "no-such",\n]\n', 7, "policy.survives[2]: no scenario is named 'no-such'", ""),
    (ONE + '[policy]\nsurvives = ["-30%", "-30.0%"]\n', 5, "the scenario '-30%' is listed twice", ""),
    (ONE + '[policy]\nsurvives = ["-130%"]\n', 5, "policy.survives[1]: '130%' is a fall of 100 % or more", ""),
    ('scenarios = ["black-thursday"]\n' + ONE + RULES, 1, "no scenario is named 'black-thursday'", "mean black-thursday-2020?"),
    ('scenarios = ["mine.toml"]\n' + ONE + RULES, 1, "'mine.toml', and there is no such file", "relative to this one"),
    ('scenarios = ["-40%", "-40.0%"]\n' + ONE + RULES, 1, "scenarios[2]: the scenario '-40%' is listed twice", ""),
    ("scenarios = [40]\n" + ONE + RULES, 1, 'scenarios[1]: expected a scenario such as "-40%", found the number 40', ""),
    ('scenarios = ["WETH=40%"]\n' + ONE + RULES, 1, "does not say which way", ""),
    ('markets = ["aave-v3-etherum"]\n' + ONE + RULES, 1, "no market is known as 'aave-v3-etherum'", "mean aave-v3-ethereum?"),
    ('markets = ["aave-v9@' + SAFE + '"]\n' + ONE + RULES, 1, "'aave-v9' is no protocol", "did you mean aave-v"),
    ('markets = ["aave-v3@0x12"]\n' + ONE + RULES, 1, "'0x12' is not an address", ""),
    ("markets = []\n" + ONE + RULES, 1, "markets: an empty list reads nothing", ""),
    ('liquidator = "large"\n' + ONE + RULES, 1, "found the text 'large'", "did you mean largest?"),
    ('families = { stETH = "ETHER" }\n' + ONE + RULES, 1, "families.stETH:", ""),
    ("families = [1]\n" + ONE + RULES, 1, "families: expected a table", ""),
    ('chain = "etherium"\n' + ONE + RULES, 1, "no chain is known as 'etherium'", "did you mean ethereum"),
    ("block = -1\n" + ONE + RULES, 1, "expected a block number such as 23000000, found the number -1", ""),
    ('max_age = "soon"\n' + ONE + RULES, 1, 'max_age: expected a time such as "7d"', ""),
    ("max_block_age = 600\n" + ONE + RULES, 1, 'max_block_age: expected a time such as "10m", found the number 600', ""),
    ('block = 5\nmax_block_age = "10m"\n' + ONE + RULES, 2, "max_block_age: contradicts block", "leave one out"),
    ('fixture = "a.gz"\nrpc_env = "MY_RPC"\n' + ONE + RULES, 2, "rpc_env: contradicts fixture", ""),
    ("wallet = 1\n" + RULES, 1, "wallet: expected an array of tables, [[wallet]], found the number 1", ""),
    ('[[wallet]]\nlabel = "x"\n' + RULES, 1, 'wallet[1]: the key "address" is missing', ""),
    ("[[wallet]]\naddress = 0x12\n" + RULES, 2, "wallet[1].address: expected an address", "in quotes"),
    ('[[wallet]]\naddress = "0x12"\n' + RULES, 2, "'0x12' is not an address", ""),
    ('[[wallet]]\naddress = "' + ALL_FOUR.replace("87FB", "87Fb") + '"\n' + RULES, 2, "wrong checksum", ""),
    (ONE + wallet(SAFE) + RULES, 5, f"wallet[2].address: {SAFE} is listed twice, first as wallet[1]", ""),
    (ONE + wallet(CLOSE, "treasury") + RULES, 6, "wallet[2].label: two wallets are labelled 'treasury'", ""),
    (wallet(SAFE, policy="{ survive = [] }") + RULES, 3, "wallet[1].policy.survive: unknown key", "did you mean survives?"),
    (ONE, 2, "no rule is set for treasury", "min_health_factor"),
    (ONE + "[policy]\nmax_bad_debt = 0\n", 5, "max_bad_debt would judge nothing of treasury", "name scenarios"),
    (ONE + "[policy]\nmax_bad_debt = 0\nmin_health_factor = 1.2\n", 5, "max_bad_debt is judged in every scenario, and", ""),
    (wallet(SAFE, policy="{ survives = [] }") + '[policy]\nsurvives = ["-30%"]\n', 3, "survives would judge nothing", ""),
    (ONE + RULES + waiver("treasurer", "survives"), 7, "waiver[1].wallet: no wallet is called 'treasurer'", "mean treasury?"),
    (ONE + RULES + waiver("treasury", "survive"), 8, "waiver[1].rule: expected a rule, found the text 'survive'", "survives?"),
    (ONE + RULES + waiver("treasury", "survives"), 8, "survives is not set for treasury", "min_health_factor"),
    (ONE + RULES + waiver("treasury", "min_health_factor", '"2026-12-31"'), 10, "expected a date such as 2026-12-31", "quotes"),
    (ONE + RULES + waiver("treasury", "min_health_factor", "2026-12-31T00:00:00Z"), 10, "found the time", ""),
    (ONE + RULES + waiver("treasury", "min_health_factor", scenario="-30%"), 11, "is not judged by scenario", ""),
    (ONE + RULES + waiver("treasury", "min_health_factor", asset="WETH"), 11, "is not judged by asset", ""),
    (ONE + RULES + waiver("treasury", "min_health_factor") * 2, 11, "waives what waiver[1] waives already", ""),
    (ONE + RULES + '[[waiver]]\nwallet = "treasury"\nrule = "min_health_factor"\nexpires = 2026-12-31\n', 6,
     'waiver[1]: the key "reason" is missing', ""),
    (ONE + '[policy]\nsurvives = ["-30%"]\n' + waiver("treasury", "survives", scenario="-20%"), 11,
     "survives is not judged in '-20%' for treasury", "did you mean -30%?"),
    # a table too high, or too deep
    ("min_health_factor = 1.2\n" + ONE, 1, "min_health_factor: unknown key", "a rule stands under [policy]"),
    (f'address = "{SAFE}"\n' + RULES, 1, "address: unknown key", "it stands under [[wallet]]"),
    (ONE + "min_health_factor = 1.2\n", 4, "wallet[1].min_health_factor: unknown key", "a rule stands under [policy]"),
    (ONE + RULES + 'scenarios = ["-40%"]\n', 6, "policy.scenarios: unknown key", "at the top of the file, before the first"),
    (f"[tool.defirisk]\n{HEAD}\n", 1, "tool: unknown key", "[tool.defirisk] is of pyproject.toml"),
    # what looks like a fall
    (ONE + '[policy]\nsurvives = ["30%"]\n', 5, "no scenario is named '30%'", 'a fall is written "-30%"'),
    ('scenarios = ["- 12.5 %"]\n' + ONE + RULES, 1, "no scenario is named '- 12.5 %'", 'a fall is written "-12.5%"'),
    # texts that are none
    (f'[[wallet]]\naddress = "{SAFE}"\nlabel = " "\n' + RULES, 3, 'expected a label such as "treasury", found the text', "it is blank"),
    (f'[[wallet]]\naddress = "{SAFE}"\nlabel = "a\\u001b[2Jb"\n' + RULES, 3, r"found the text 'a\x1b[2Jb'", "cannot be shown"),
    (f'[[wallet]]\naddress = "{SAFE}"\nlabel = "{"x" * 201}"\n' + RULES, 3, "xxx...'", "it is longer than 200 characters"),
    ('markets = ["aave-v3"]\n' + ONE + RULES, 1, "no market is known as 'aave-v3'", "such as aave-v3-arbitrum; `defirisk markets`"),
    (ONE + "[policy]\nmax_oracle_age = 03:00:00\n", 5, "found the time 03:00:00", ""),
    # no TOML
    ("a = 1\nb = \n", 2, "not TOML: Invalid value (column 5)", ""),
    (ONE + RULES + "min_health_factor = 1.3\n", 6, "not TOML: Cannot overwrite a value", "for the second time"),
    (ONE + RULES + RULES, 6, "not TOML: Cannot declare ('policy',) twice", "for the second time"),
    (ONE + "[policy]\nmin_health_factor = 120%\n", 5, "not TOML: Expected newline", ""),
    (ONE + RULES + waiver("treasury", "min_health_factor", "2026-02-30"), 10, "not TOML: Invalid date or datetime", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "said", "hint"), BAD, ids=range(len(BAD)))
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, said: str, hint: str) -> None:
    with pytest.raises(BadPolicy) as caught:
        parsed(text)
    assert caught.value.message.startswith(f"defirisk.toml, line {line}: "), caught.value.message
    assert said in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * 100_000, "not TOML: it is nested too deeply"),
        ("a = " + "9" * 5000, "not TOML: it holds a number of thousands of digits"),
    ],
    ids=["deep", "digits"],
)
def test_what_no_parser_takes(text: str, said: str) -> None:
    with pytest.raises(BadPolicy) as caught:
        parsed(text)
    assert caught.value.message == f"defirisk.toml: {said}"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_from_any_editor(tmp_path: Path, mark: str, end: str) -> None:
    """With a byte order mark or not, lines ended either way; its lines are still counted right."""
    text = f"{mark}{HEAD}\n{ONE}{RULES}".replace("\n", end)
    tool = text.replace(HEAD, f"[tool.defirisk]{end}{HEAD}").replace("[[wallet", "[[tool.defirisk.wallet")
    bodies = {"defirisk.toml": (text, 6), "pyproject.toml": (tool.replace("[policy]", "[tool.defirisk.policy]"), 7)}
    for name, (body, line) in bodies.items():
        (tmp_path / name).write_bytes(body.encode())
        assert load_policy(tmp_path / name).clauses["min_health_factor"].line == line
        assert find_policy(tmp_path) == tmp_path / name
        (tmp_path / name).unlink()
    (tmp_path / "ours.toml").write_bytes(
        f'{mark}[[scenario]]{end}name = "x"{end}oracle = {{ WETH = "-5%" }}{end}'.encode()
    )
    assert [one.name for one in parsed(f'scenarios = ["ours.toml"]\n{ONE}{RULES}', tmp_path).scenarios] == ["x"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"#" * 1_000_001, "is larger than 1,000,000 bytes, too large for"),
        ("a = 1\nb = 'caf\u00e9'\n".encode("latin-1"), "line 2: not a text in UTF-8, so not TOML"),
        ("a = 1\n".encode("utf-16"), "line 1: not a text in UTF-8, so not TOML"),
        (None, "cannot be read: Is a directory"),
    ],
    ids=["large", "latin", "utf-16", "folder"],
)
def test_what_is_no_text_of_a_sensible_size(tmp_path: Path, content: bytes | None, said: str) -> None:
    """As a policy, and as a scenario file: one reader of both."""
    path = tmp_path / "ours.toml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    for read in (load_policy, lambda at: load_scenarios(str(at))):
        with pytest.raises(BadFile) as caught:
            read(path)
        assert said in caught.value.message, caught.value.message
        assert path.name in caught.value.message


SECRET = "https://user:pa55@node.example/v3/0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "text", [f'"{SECRET}" = 1', f'[families]\n"{SECRET}" = 1', f'["{SECRET}"]\n["{SECRET}"]', f'[a."{SECRET}"]\na = 1']
)
def test_a_url_as_a_key_is_not_repeated_either(text: str) -> None:
    with pytest.raises(BadPolicy) as caught:
        parsed(text)
    said = f"{caught.value} {caught.value.hint}"
    assert "pa55" not in said
    assert "0123456789abcdef" not in said


@pytest.mark.parametrize(
    "key", ["rpc", "rpc_env", "rpc_url", "fixture", "chain", "liquidator", "block", "max_age", "endpoint"]
)
def test_an_endpoint_never_stands_in_the_file_and_is_never_shown(key: str) -> None:
    with pytest.raises(DefiriskError) as caught:
        parsed(f'{key} = "{SECRET}"\n{ONE}{RULES}')
    told = f"{caught.value} {caught.value.hint}"
    assert key in told
    assert not any(part in told for part in ("pa55", "0123456789abcdef", "node.example"))


@pytest.mark.parametrize("key", ["markets", "scenarios"])
def test_nor_in_a_list(key: str) -> None:
    with pytest.raises(DefiriskError) as caught:
        parsed(f'{key} = ["{SECRET}"]\n{ONE}{RULES}')
    assert "pa55" not in f"{caught.value} {caught.value.hint}"


# --- where it is looked for -----------------------------------------------------------------------------------------


def test_it_is_found_here_and_up_to_the_repositorys_root(tmp_path: Path) -> None:
    (tmp_path / "defirisk.toml").write_text("outside = 1")
    root = tmp_path / "repository"
    deep = root / "a" / "b"
    deep.mkdir(parents=True)
    assert find_policy(tmp_path) == tmp_path / "defirisk.toml"
    assert find_policy(deep) is None  # no repository: only the folder itself
    (root / ".git").mkdir()
    assert find_policy(deep) is None
    (root / "pyproject.toml").write_text(
        f'[tool.defirisk]\nscenarios = ["-40%"]\n[[tool.defirisk.wallet]]\naddress = "{SAFE}"\n'
    )
    assert find_policy(deep) == root / "pyproject.toml"
    (root / "defirisk.toml").write_text(HEAD)
    assert find_policy(deep) == root / "defirisk.toml"
    (root / "a" / "pyproject.toml").write_text("[tool.other]\nname = 'tool.defirisk'\n")
    assert find_policy(deep) == root / "defirisk.toml"


def test_pyproject_says_its_own_lines(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    text = (
        f'[project]\nname = "x"\n[tool.defirisk]\nscenarios = ["-40%"]\n[[tool.defirisk.wallet]]\naddress = "{SAFE}"\n'
    )
    path.write_text(text + "[tool.defirisk.policy]\nmin_health_factor = 1.2\n")
    policy = load_policy(path)
    assert policy.clauses["min_health_factor"].line == 8
    path.write_text(text + "[tool.defirisk.policy]\nmin_health = 1.2\n")
    with pytest.raises(BadPolicy, match=r"pyproject\.toml, line 8: policy\.min_health: unknown key"):
        load_policy(path)


@pytest.mark.parametrize("text", ["", "tool = 1\n", "[tool.other]\nx = 1\n"])
def test_a_pyproject_without_the_table_is_no_policy(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert find_policy(tmp_path) is None
    with pytest.raises(BadPolicy, match=r"it holds no \[tool\.defirisk\]"):
        load_policy(tmp_path / "pyproject.toml")


def test_a_broken_pyproject_is_an_error_only_if_it_is_meant(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    assert find_policy(tmp_path) is None
    (tmp_path / "pyproject.toml").write_text("[tool.defirisk]\nx = \n")
    with pytest.raises(BadPolicy, match="not TOML"):
        find_policy(tmp_path)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DefiriskError, match=r"no\.toml cannot be read: No such file"):
        load_policy(tmp_path / "no.toml")


def test_given_wallets_replace_those_of_the_file() -> None:
    policy = parsed(HEAD + "\n" + wallet(SAFE, "treasury", policy="{ min_health_factor = 2 }") + RULES)
    chosen = for_wallets(policy, ["TREASURY", CLOSE.lower(), CLOSE, "some.eth"])
    assert [(one.address, one.label) for one in chosen.wallets] == [
        (SAFE, "treasury"),
        (CLOSE, None),
        ("some.eth", None),
    ]
    assert [one.clauses["min_health_factor"].limit for one in chosen.wallets] == [2 * 10**18, 12 * 10**17, 12 * 10**17]
    with pytest.raises(BadPolicy, match="no wallet is named"):
        for_wallets(parsed(f"{HEAD}\n{RULES}"), [])


@pytest.mark.parametrize("address", [SAFE, "desk.eth"])
def test_a_label_is_found_for_one_wallet_only(address: str) -> None:
    """A waiver names a wallet by label or address: one that is called as another is addressed would take its waiver."""
    pair = (wallet(CLOSE, address.lower()), wallet(address, "other"))
    for first, second in (pair, pair[::-1]):
        with pytest.raises(BadPolicy, match="is one wallet's label and another's address"):
            parsed(f"{first}{second}{RULES}")
    with pytest.raises(BadPolicy, match="two wallets are labelled"):
        parsed(f"{wallet(CLOSE, 'desk')}{wallet(SAFE, 'Desk')}{RULES}")
    assert parsed(f"{wallet(CLOSE, 'desk.eth')}{wallet(SAFE)}{RULES}").wallets[0].name == "desk.eth"
