"""Where keys stand: every path that tomllib finds has its line, and the line holds it."""

from __future__ import annotations

import tomllib
from typing import Any

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from defirisk.policy.lines import line_of, lines_of

TRICKY = '''# a comment with [brackets] and "quotes"
title = "a # in a text, and \\" a quote"   # comment
"quoted key" = 'literal \\'
multi = """
first [not.a.table]
key = "not a key" ""
"""
lit = \'\'\'
[[nor.this]]\'\'\'
after.dotted . "and quoted" = 1
list = [ "a", # one
  "]", [
    1, 2 ],
  { deep = "x", more.deep = [3] },
]
when = 1979-05-27 07:32:00
[table.sub]  # here
x = {}
[[wallet]]
a = 1
[wallet.policy]
b = 2
[[wallet]]
a = 3
policy = { c = 4 }
[[wallet.inner]]
d = 5
[[wallet.inner]]
d = 6
'''


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, one in inner:
        found += paths(one, (*path, key))
    return found


def test_every_key_of_a_tricky_document_has_its_line() -> None:
    lines = lines_of(TRICKY)
    assert set(lines) == set(paths(tomllib.loads(TRICKY)))
    text = TRICKY.splitlines()
    assert text[lines["after", "dotted", "and quoted"] - 1].startswith("after.dotted")
    assert text[lines["list", 2, 1] - 1] == "    1, 2 ],"
    assert text[lines["list", 3, "more", "deep"] - 1].startswith("  { deep")
    assert text[lines["wallet", 1, "policy", "c"] - 1] == "policy = { c = 4 }"
    assert text[lines["wallet", 0, "policy", "b"] - 1] == "b = 2"
    assert text[lines["wallet", 1, "inner", 1, "d"] - 1] == "d = 6"
    assert text[lines["when",] - 1].startswith("when")


def test_windows_line_ends_count_once() -> None:
    assert lines_of("a = 1\r\nb = 2\r\n") == {("a",): 1, ("b",): 2}


def test_what_is_not_there_is_where_its_table_is() -> None:
    lines = lines_of("[policy]\n\nx = 1\n")
    assert line_of(lines, ("policy", "x", 3, "y")) == 3
    assert line_of(lines, ("policy", "z")) == 1
    assert line_of(lines, ("nothing",)) is None


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
SCALARS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats(), TEXTS, st.dates(), st.times())
VALUES = st.recursive(
    SCALARS, lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(TEXTS, v, max_size=3)), max_leaves=8
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_the_lines_are_those_of_all_paths(document: dict[str, Any]) -> None:
    text = tomlkit.dumps(document)
    parsed = tomllib.loads(text)
    lines = lines_of(text)
    assert set(lines) == set(paths(parsed))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())
