"""The module has every public name of pandas, and nothing of it is shadowed."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import types
from collections.abc import Callable, Mapping
from inspect import Parameter

import pandas
import pytest
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy

import raylab.frame as pd
from raylab.frame import support


@pytest.mark.parametrize(
    "name", sorted({*pandas.__all__, *(n for n in dir(pandas) if n[0] != "_")})
)
def test_every_public_name_of_pandas_resolves(name: str) -> None:
    value = getattr(pd, name)

    if isinstance(getattr(pandas, name), types.ModuleType | type) and name not in (
        "DataFrame",
        "Series",
    ):
        assert value is getattr(pandas, name)


@pytest.mark.parametrize("name", ["testing", "errors", "io", "arrays", "plotting", "tseries"])
def test_submodules_of_pandas_can_be_imported_from_here(name: str) -> None:
    module = importlib.import_module(f"raylab.frame.{name}")

    assert module is getattr(pandas, name)


def test_types_module_imports_from_here() -> None:
    module = importlib.import_module("raylab.frame.api.types")

    assert module.is_integer_dtype("int64")


def test_classes_are_pandas_classes() -> None:
    assert issubclass(pd.DataFrame, pandas.DataFrame)
    assert issubclass(pd.Series, pandas.Series)


RESULTS: dict[str, Callable[[], object]] = {
    "json_normalize": lambda: pd.json_normalize([{"a": 1}]),
    "concat": lambda: pd.concat([pandas.DataFrame({"a": [1]})]),
    "melt": lambda: pd.melt(pd.DataFrame({"a": [1]})),
    "to_datetime": lambda: pd.to_datetime(pd.Series(["2024-01-01"])),
    "to_frame": lambda: pd.Series([1]).to_frame(),
    "transpose": lambda: pd.DataFrame({"a": [1]}).T,
    "column": lambda: pd.DataFrame({"a": [1]})["a"],
    "row": lambda: pd.DataFrame({"a": [1]}).loc[0],
    "get_dummies": lambda: pd.get_dummies(pandas.Series(["a"])),
}


@pytest.mark.parametrize("name", RESULTS)
def test_functions_give_classes_of_this_module(name: str) -> None:
    assert type(RESULTS[name]()) in (pd.DataFrame, pd.Series)


@pytest.mark.parametrize(
    "owner", [pandas.DataFrame, pandas.Series, DataFrameGroupBy, SeriesGroupBy]
)
def test_methods_have_the_defaults_of_pandas(owner: type) -> None:
    face = getattr(pd, owner.__name__, None)
    forms = [(n, form) for (name, n), form in support.NATIVE.items() if name == owner.__name__]
    forms += [(n, f) for n, f in vars(face or owner).items() if hasattr(f, "__wrapped__")]

    other = [
        (name, argument.name, argument.default, default)
        for name, form in forms
        for argument in _arguments(form).values()
        if (default := _default(getattr(owner, name, None), argument.name)) is not Parameter.empty
        and argument.default is not Parameter.empty
        and (type(argument.default), argument.default) != (type(default), default)
    ]

    assert other == []


def _arguments(function: object) -> Mapping[str, Parameter]:
    if not inspect.isfunction(function):
        return {}
    return inspect.signature(function, follow_wrapped=False).parameters


def _default(function: object, argument: str) -> object:
    if not inspect.isfunction(function):
        return Parameter.empty
    parameter = inspect.signature(function).parameters.get(argument)
    return Parameter.empty if parameter is None else parameter.default


def test_inserting_a_label_that_is_there_is_refused() -> None:
    frame = pd.DataFrame({"a": [1], "b": [2]})

    with pytest.raises(ValueError, match="cannot insert b, already exists"):
        frame.insert(0, "b", frame["a"])

    assert list(frame.columns) == ["a", "b"]


def test_options_stand_in_the_system_of_pandas() -> None:
    with pd.option_context("raylab.npartitions", 3):
        assert pandas.get_option("raylab.npartitions") == 3

    assert pd.options.raylab.npartitions is None
    with pytest.raises(ValueError, match="'loud' is not one of"):
        pd.set_option("raylab.fallback", "loud")


def test_import_does_not_import_ray() -> None:
    code = "import sys, raylab.frame; print('ray' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert run.stdout.strip() == "False", run.stderr
