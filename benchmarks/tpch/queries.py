"""The Polars and DuckDB queries by number, and how they are run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl

from benchmarks.tpch import polars_q01_q11, polars_q12_q22
from benchmarks.tpch.data import TABLE_NAMES, Tables


def run_polars(number: int, tables: Tables) -> pl.DataFrame:
    """A query's answer from Polars' streaming engine."""
    module = polars_q01_q11 if number <= 11 else polars_q12_q22
    query: Callable[[Tables], pl.LazyFrame] = getattr(module, f"q{number:02d}")
    return query(tables).collect(engine="streaming")


def connect_duckdb(tables: Tables) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with a view on each table's Parquet file."""
    connection = duckdb.connect()
    for name in TABLE_NAMES:
        path = tables.path(name).replace("'", "''")
        connection.execute(f"create view {name} as select * from read_parquet('{path}')")
    return connection


def run_duckdb(number: int, connection: duckdb.DuckDBPyConnection, tables: Tables) -> pd.DataFrame:
    """A query's answer from DuckDB."""
    text = (Path(__file__).parent / "sql" / f"q{number:02d}.sql").read_text(encoding="utf-8")
    parameters = {"scale_factor": tables.scale_factor} if "$scale_factor" in text else {}
    return connection.execute(text, parameters).df()
