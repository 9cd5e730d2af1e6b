"""A copy of pandas' shipped tests in which another module stands in pandas' place.

Only the tests' own imports are rewritten: ``import pandas as pd`` and ``from pandas import ...``.
Private modules (``pandas._testing``, ``pandas.core...``) and shared test modules
(``pandas.tests...``) stay pandas' own.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

FOLDERS = (
    "frame",
    "series",
    "groupby",
    "reshape",
    "indexing",
    "strings",
    "window",
    "resample",
)
_PANDAS = Path(pd.__file__).parent
_AS_PD = re.compile(r"^([ \t]*)import pandas as (\w+)[ \t]*$", re.MULTILINE)
_PLAIN = re.compile(r"^([ \t]*)import pandas[ \t]*$", re.MULTILINE)
_FROM = re.compile(r"^([ \t]*)from pandas import\b", re.MULTILINE)


def rewrite_imports(source: str, module: str) -> str:
    """The text of a test file with ``module`` imported where it imports pandas itself."""
    source = _AS_PD.sub(rf"\1import {module} as \2", source)
    source = _PLAIN.sub(rf"\1import {module} as pandas", source)
    return _FROM.sub(rf"\1from {module} import", source)


def test_files(folder: str) -> list[str]:
    """The test files of a folder, as paths below ``pandas/tests``."""
    tests = _PANDAS / "tests"
    return sorted(str(file.relative_to(tests)) for file in (tests / folder).rglob("test_*.py"))


def copy_suite(target: Path, module: str, folders: Sequence[str] = FOLDERS) -> None:
    """Copy pandas' tests, conftest and pytest settings to ``target``, imports rewritten.

    Fixtures are rewritten too: a test whose frame comes from a fixture must meet ``module``'s.
    """
    shutil.copy(_PANDAS / "pyproject.toml", target / "pyproject.toml")
    sources = [_PANDAS / "conftest.py"]
    for folder in folders:
        sources += sorted((_PANDAS / "tests" / folder).rglob("*.py"))
    for source in sources:
        inside = source.relative_to(_PANDAS)
        copy = target / (inside.relative_to("tests") if inside.parts[0] == "tests" else inside)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        if module != "pandas":
            text = rewrite_imports(text, module)
        copy.write_text(text, encoding="utf-8")
