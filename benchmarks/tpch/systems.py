"""How each system answers a query: what is timed, and how the answer becomes a pandas frame.

Modules are imported when a system is chosen: Modin lives in an environment without Polars.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pyarrow.parquet as pq

from benchmarks.tpch.data import TABLE_NAMES, Tables

NUMBERS = tuple(range(1, 23))
RAY_CPUS = 2
OBJECT_STORE_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class System:
    """One way to answer the queries.

    Attributes:
        run: query number and tables -> the finished answer; this is what is timed.
        to_pandas: the answer as a pandas frame, for the check.
    """

    run: Callable[[int, Tables], Any]
    to_pandas: Callable[[Any], Any]


def pandas_query(number: int) -> Callable[[Any, Tables], Any]:
    """The pandas text of a query: a function of the module ``pd`` and the tables."""
    part = "pandas_q01_q11" if number <= 11 else "pandas_q12_q22"
    module = importlib.import_module(f"benchmarks.tpch.{part}")
    query: Callable[[Any, Tables], Any] = getattr(module, f"q{number:02d}")
    return query


def needed_columns(number: int, tables: Tables) -> dict[str, list[str]]:
    """Table -> the columns that a query's pandas text names (TPC-H names are unique)."""
    named = set(re.findall(r'"(\w+)"', inspect.getsource(pandas_query(number))))
    return {
        table: [c for c in pq.read_schema(tables.path(table)).names if c in named]
        for table in TABLE_NAMES
    }


def _identity(answer: Any) -> Any:
    return answer


def _pandas() -> System:
    pd = importlib.import_module("pandas")
    return System(lambda number, tables: pandas_query(number)(pd, tables), _identity)


def _pandas_columns() -> System:
    pd = importlib.import_module("pandas")

    def run(number: int, tables: Tables) -> Any:
        pruned = replace(tables, columns=needed_columns(number, tables))
        return pandas_query(number)(pd, pruned)

    return System(run, _identity)


def _raylab() -> System:
    pd = importlib.import_module("raylab.frame")
    pd.set_option("raylab.execution", "local")
    return System(lambda number, tables: pandas_query(number)(pd, tables).to_pandas(), _identity)


def _raylab_on_ray() -> System:
    start_ray()
    pd = importlib.import_module("raylab.frame")
    pd.set_option("raylab.execution", "ray")
    pd.set_option("raylab.npartitions", RAY_CPUS)
    return System(lambda number, tables: pandas_query(number)(pd, tables).to_pandas(), _identity)


def _modin() -> System:
    start_ray()
    importlib.import_module("modin.config").Engine.put("ray")
    pd = importlib.import_module("modin.pandas")
    return System(lambda number, tables: pandas_query(number)(pd, tables)._to_pandas(), _identity)


def _polars() -> System:
    queries = importlib.import_module("benchmarks.tpch.queries")
    pd = importlib.import_module("pandas")
    return System(queries.run_polars, lambda frame: pd.DataFrame(frame.to_dict(as_series=False)))


def _duckdb() -> System:
    queries = importlib.import_module("benchmarks.tpch.queries")
    connections: dict[Tables, Any] = {}

    def run(number: int, tables: Tables) -> Any:
        if tables not in connections:
            connections[tables] = queries.connect_duckdb(tables)
        return queries.run_duckdb(number, connections[tables], tables)

    return System(run, _identity)


def start_ray() -> None:
    """Start Ray on this machine with two one-CPU workers."""
    ray = importlib.import_module("ray")
    ray.init(
        address="local",
        num_cpus=RAY_CPUS,
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
    )


SYSTEMS: dict[str, Callable[[], System]] = {
    "raylab": _raylab,
    "raylab on ray": _raylab_on_ray,
    "polars": _polars,
    "duckdb": _duckdb,
    "pandas": _pandas,
    "pandas, columns named": _pandas_columns,
    "modin on ray": _modin,
}
