"""Settings that hold for every test and doctest: reproducible, no windows, no phone calls."""

import inspect
import os

import pandas
import pytest
from hypothesis import HealthCheck, settings

# Before the first import of matplotlib, pygame or ray, also in the processes that tests start.
os.environ["MPLBACKEND"] = "Agg"
os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["SDL_AUDIODRIVER"] = "dummy"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# The coming default; without it Ray warns in every worker that has no GPU.
os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
# A cluster that happens to run on this machine is none of the tests' business.
os.environ.pop("RAY_ADDRESS", None)
# Neither is what this machine was tuned to.
os.environ["RAYLAB_CACHE_DIR"] = os.devnull

# The same examples on every run: a failure found once is found again, and CI cannot flicker.
settings.register_profile(
    "reproducible",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
# `--hypothesis-profile=search` looks for new examples, in make test-slow.
settings.register_profile(
    "search", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("reproducible")


LONG = ("tests/test_project/test_documents.py", "tests/faults/", "tests/cluster/")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest: no process is left with it at the end, alone.

    The doctests of docstrings that are pandas' own are left out: pandas tests them.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    theirs = [item for item in items if _is_pandas_docstring(item)]
    if theirs:
        items[:] = [item for item in items if item not in theirs]
        config.hook.pytest_deselected(items=theirs)


def _is_pandas_docstring(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.DoctestItem):
        return False
    *_, face, method = ["", "", *item.name.split(".")]
    original = getattr(getattr(pandas, face, pandas), method, None)
    doc = inspect.getdoc(original) if original is not None else None
    return doc is not None and inspect.cleandoc(item.dtest.docstring or "") == doc
