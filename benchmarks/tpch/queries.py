"""The 22 queries of each dialect by number, and DuckDB's answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl

from benchmarks.tpch import pandas_q01_q11, pandas_q12_q22, polars_q01_q11, polars_q12_q22
from benchmarks.tpch.data import TABLE_NAMES, Tables

NUMBERS = tuple(range(1, 23))

PANDAS: dict[int, Callable[[Any, Tables], Any]] = {
    n: getattr(pandas_q01_q11 if n <= 11 else pandas_q12_q22, f"q{n:02d}") for n in NUMBERS
}
POLARS: dict[int, Callable[[Tables], pl.LazyFrame]] = {
    n: getattr(polars_q01_q11 if n <= 11 else polars_q12_q22, f"q{n:02d}") for n in NUMBERS
}
SQL: dict[int, str] = {
    n: (Path(__file__).parent / "sql" / f"q{n:02d}.sql").read_text() for n in NUMBERS
}


def run_polars(number: int, tables: Tables) -> pl.DataFrame:
    """A query's answer from Polars' streaming engine."""
    return POLARS[number](tables).collect(engine="streaming")


def connect_duckdb(tables: Tables) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with a view on each table's Parquet file."""
    connection = duckdb.connect()
    for name in TABLE_NAMES:
        path = tables.path(name).replace("'", "''")
        connection.execute(f"create view {name} as select * from read_parquet('{path}')")
    return connection


def run_duckdb(number: int, connection: duckdb.DuckDBPyConnection, tables: Tables) -> pd.DataFrame:
    """A query's answer from DuckDB."""
    parameters = {"scale_factor": tables.scale_factor} if "$scale_factor" in SQL[number] else {}
    return connection.execute(SQL[number], parameters).df()
