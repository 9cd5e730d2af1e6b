"""The pytest plugin inside a conformance run: sets options, counts fallbacks, records outcomes.

Loaded with ``-p tests.conformance.plugin`` and configured by one JSON object in the environment
variable ``CONFORMANCE``: ``module``, ``options`` (name -> value), ``every`` (of the parameter sets of
a test function one in so many is run, the first among them) and ``log``, the file that gets one JSON
object per line: ``{"start": id}`` before a test and its record after it. A test that the log knows
already is not run again, so that a run goes on after a crash.
"""

from __future__ import annotations

import importlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas import _testing

from tests.conformance import late
from tests.conformance.causes import cause_of

VARIABLE = "CONFORMANCE"
_SHARED = ("pandas.tests.indexing.test_floats",)
"""Test modules of pandas with helpers for others that ask whether a class *is* pandas' own."""


def pytest_configure(config: pytest.Config) -> None:
    """Set the module's options and register the recorder."""
    if VARIABLE not in os.environ:
        return
    settings = json.loads(os.environ[VARIABLE])
    log, every = Path(settings["log"]), int(settings.get("every", 1))
    config.pluginmanager.register(Recorder(log, _prepare(settings), every))


def _prepare(settings: dict[str, Any]) -> Callable[[], list[str]]:
    """Set the options of the module under test; returns what takes the fallbacks counted."""
    module = importlib.import_module(settings["module"])
    for name, value in settings["options"].items():
        module.set_option(f"raylab.{name}", value)
    if settings["module"] != "raylab.frame":
        return list
    _testing.get_obj = _frame_or_column
    for shared in _SHARED:
        vars(importlib.import_module(shared))["pd"] = module
    late.watch()
    return _take_fallbacks


def _frame_or_column(frame: Any, klass: type) -> Any:
    """pandas' helper asks whether the class *is* pandas' own: it would test a column twice."""
    return frame if issubclass(klass, pd.DataFrame) else frame._ixs(0, axis=1)


def _take_fallbacks() -> list[str]:
    """The operations that fell back since the last call."""
    support = importlib.import_module("raylab.frame.support")
    operations = sorted({fallback.operation for fallback in support.fallbacks()})
    support.clear_fallbacks()
    return operations


class Recorder:
    """Writes one line per test."""

    def __init__(self, log: Path, take_fallbacks: Callable[[], list[str]], every: int) -> None:
        self._take_fallbacks = take_fallbacks
        self._every = every
        known = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        records = (json.loads(line) for line in known)
        self._done = {record["id"] for record in records if "id" in record}
        self._log = log.open("a", encoding="utf-8", buffering=1)
        self._record: dict[str, Any] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is not in the sample, and what an earlier, crashed process has finished."""
        seen: Counter[str] = Counter()
        kept = []
        for item in items:
            function = item.nodeid.partition("[")[0]
            if seen[function] % self._every == 0 and item.nodeid not in self._done:
                kept.append(item)
            seen[function] += 1
        items[:] = kept

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Record a file that cannot be imported as one failed test."""
        if report.failed:
            error = str(report.longrepr)[-400:]
            record = {"id": report.nodeid, "outcome": "failed", "cause": "collection"}
            self._write({**record, "error": error, "fallbacks": []})

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Record one test with the fallbacks that happened in it."""
        self._write({"start": item.nodeid})
        self._record = {"id": item.nodeid, "outcome": "passed"}
        late.take_late_errors()
        self._take_fallbacks()  # what happened between two tests belongs to neither
        result = yield
        self._write({**self._record, "fallbacks": self._take_fallbacks()})
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Note a skip, or a failure with its cause."""
        report: Any = yield
        if report.skipped and self._record["outcome"] == "passed":
            self._record["outcome"] = "skipped"
        if report.failed:
            self._record["outcome"] = "failed"
            self._record |= _describe(report, call)
        return report

    def _write(self, record: dict[str, Any]) -> None:
        self._log.write(json.dumps(record) + "\n")


def _describe(report: Any, call: pytest.CallInfo[None]) -> dict[str, str]:
    """Cause, message and the line of the test that failed."""
    if call.excinfo is None:  # a strict xfail that passed
        return {"cause": "unexpected pass", "error": str(report.longrepr)[:400]}
    suite = str(Path.cwd())
    inside = [entry for entry in call.excinfo.traceback if str(entry.path).startswith(suite)]
    statement = _statement(inside[-1]) if inside else ""
    innermost = _statement(call.excinfo.traceback[-1])
    came_late = bool(late.take_late_errors())
    kind, message = call.excinfo.typename, str(call.excinfo.value) or innermost
    return {
        "cause": cause_of(kind, message, statement, late=came_late),
        "error": f"{kind}: {message[:400]}",
        "statement": statement[:200],
    }


def _statement(entry: Any) -> str:
    """The line of a traceback's entry; nothing where compiled code has none."""
    try:
        return str(entry.statement).strip()
    except AssertionError:  # pytest asserts that there is a source
        return ""
