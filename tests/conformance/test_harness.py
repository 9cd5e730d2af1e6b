"""The harness itself: imports rewritten, causes told apart, crashes survived, numbers right."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.conformance import report, runs
from tests.conformance.causes import cause_of
from tests.conformance.suite import rewrite_imports


def test_only_imports_of_pandas_itself_are_rewritten() -> None:
    source = (
        "import pandas as pd\n"
        "from pandas import (\n    DataFrame,\n)\n"
        "import pandas._testing as tm\n"
        "from pandas.core.frame import X\n"
        "    import pandas as pd\n"
        "text = 'from pandas import x'\n"
    )

    rewritten = rewrite_imports(source, "raylab.frame")

    assert rewritten == (
        "import raylab.frame as pd\n"
        "from raylab.frame import (\n    DataFrame,\n)\n"
        "import pandas._testing as tm\n"
        "from pandas.core.frame import X\n"
        "    import raylab.frame as pd\n"
        "text = 'from pandas import x'\n"
    )


@pytest.mark.parametrize(
    ("kind", "message", "statement", "cause"),
    [
        (
            "AssertionError",
            "Series are different\n\nSeries values are different (50 %)",
            "",
            "value",
        ),
        ("AssertionError", "assert 3 == 4", "assert result == expected", "value"),
        ("AssertionError", "assert 1 is True", "assert result is True", "value"),
        (
            "AssertionError",
            'Attributes of Series are different\n\nAttribute "dtype"',
            "",
            "attribute",
        ),
        ("AssertionError", 'Attribute "dtype" are different: StringDtype()', "", "attribute"),
        ("AssertionError", "Series classes are different", "", "type"),
        ("AssertionError", "assert isinstance(left, type(right))", "tm.assert(...)", "type"),
        ("AssertionError", "assert False", "assert np.shares_memory(a, b)", "identity"),
        ("AssertionError", "assert 1 == 2", "assert df._mgr.nblocks == 2", "introspection"),
        ("AssertionError", "Regex pattern did not match.", "with x:", "error message"),
        ("Failed", "DID NOT RAISE <class 'KeyError'>", "with x:", "error not raised"),
        ("Failed", "Timeout (>120.0s) from pytest-timeout.", "", "timeout"),
        ("KeyError", "'a'", "df['a']", "exception KeyError"),
        ("FutureWarning", "old", "df.x()", "warning"),
    ],
)
def test_causes_are_told_apart(kind: str, message: str, statement: str, cause: str) -> None:
    found = cause_of(kind, message, statement)

    assert found == cause


def test_an_error_that_comes_when_the_result_is_computed_is_told_apart() -> None:
    message = "DID NOT RAISE <class 'ValueError'>"

    found = [cause_of("Failed", message, "with x:", late=late) for late in (False, True)]

    assert found == ["error not raised", "error raised when computed"]


@pytest.mark.timeout(300)
def test_every_outcome_is_recorded_and_a_crash_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_file(target: Path, module: str, folders: list[str]) -> None:
        (target / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = ""\n')
        (target / "conftest.py").write_text(
            "def pytest_addoption(parser):\n"
            "    parser.addoption('--no-strict-data-files', action='store_true')\n"
        )
        (target / "frame").mkdir()
        (target / "frame" / "test_it.py").write_text(
            "import os, pytest\n"
            "def test_passes(): pass\n"
            "def test_crashes(): os._exit(7)\n"
            "def test_fails(): assert 1 == 2\n"
            "@pytest.mark.xfail\ndef test_xfails(): assert False\n"
        )

    monkeypatch.setattr(runs, "copy_suite", one_file)

    records = runs.run_suite(runs.PANDAS, [["frame"]])

    outcomes = {test.partition("::")[2]: r["outcome"] for test, r in records.items()}
    assert outcomes == {
        "test_passes": "passed",
        "test_crashes": "failed",
        "test_fails": "failed",
        "test_xfails": "skipped",
    }
    assert records["frame/test_it.py::test_crashes"]["cause"] == "crash"
    assert records["frame/test_it.py::test_fails"]["cause"] == "value"


@pytest.mark.timeout(300)
def test_a_sample_has_every_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_file(target: Path, module: str, folders: list[str]) -> None:
        (target / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = ""\n')
        (target / "conftest.py").write_text(
            "def pytest_addoption(parser):\n"
            "    parser.addoption('--no-strict-data-files', action='store_true')\n"
        )
        (target / "frame").mkdir()
        (target / "frame" / "test_it.py").write_text(
            "import pytest\n"
            "@pytest.mark.parametrize('n', range(5))\ndef test_many(n): pass\n"
            "def test_one(): pass\n"
        )

    monkeypatch.setattr(runs, "copy_suite", one_file)

    records = runs.run_suite(replace(runs.PANDAS, every=2), [["frame"]])

    names = [test.partition("::")[2] for test in records]
    assert names == ["test_many[0]", "test_many[2]", "test_many[4]", "test_one"]


def test_counts_are_relative_to_what_pandas_passes() -> None:
    passed = {"outcome": "passed", "fallbacks": []}
    baseline = {f"frame/t.py::{n}": passed for n in "abcd"}
    baseline["frame/t.py::e"] = {"outcome": "skipped", "fallbacks": []}
    records = {
        "frame/t.py::a": passed,
        "frame/t.py::b": {"outcome": "passed", "fallbacks": ["DataFrame.stack"]},
        "frame/t.py::c": {"outcome": "failed", "cause": "value", "error": "", "fallbacks": []},
        "frame/t.py::e": passed,
    }

    counts = report.count(baseline, records)

    assert counts["total"] == report.Count(
        pandas_passes=4, native=1, fallback=1, failed=2, skipped=0
    )
    causes = [failure["cause"] for failure in report.failures(baseline, records)]
    assert causes == ["value", "missing"]


def test_folders_that_were_not_run_are_said_and_not_counted() -> None:
    passed = {"outcome": "passed", "fallbacks": []}
    baseline = {"frame/t.py::a": passed, "series/t.py::b": passed}

    counts = report.count(baseline, {"frame/t.py::a": passed})
    text = report.to_markdown({}, baseline, {"default": {"frame/t.py::a": passed}})

    assert list(counts) == ["frame", "total"]
    assert "Not run in this mode: series, groupby," in text
    assert "## threshold 0, 3 partitions\n\nNot run as a whole yet" in text
