"""``read_sql``: pandas' own, with an extra keyword that reads ranges of a column side by side."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pandas as pd
from pandas.io.sql import _wrap_result

from raylab.frame import settings
from raylab.frame.facade.adoption import adopt
from raylab.runtime import machine

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

_TAKEN = {"index_col", "coerce_float", "parse_dates", "dtype"}


@functools.wraps(pd.read_sql)
def read_sql(sql: Any, con: Any, *args: Any, partition_on: str | None = None, **kwargs: Any) -> Any:
    """As ``pandas.read_sql``; ``partition_on`` reads the rows of a query in ranges of a column.

    The column must hold numbers. Each range has a connection of its own, and they are read side by
    side; so the rows come range by range, those without a value last, and no transaction holds the
    ranges together. The number of ranges is ``pd.options.raylab.npartitions``, else that of the
    cores. Dtypes are inferred from all rows, as without it.

    Raises:
        TypeError: with ``partition_on``, the connection is no URL and no SQLAlchemy engine, the
            query is no text, or an argument is given that ranges do not allow.
    """
    if partition_on is None:
        return adopt(pd.read_sql(sql, con, *args, **kwargs))
    return _by_ranges("read_sql", sql, con, partition_on, args, kwargs)


@functools.wraps(pd.read_sql_query)
def read_sql_query(
    sql: Any, con: Any, *args: Any, partition_on: str | None = None, **kwargs: Any
) -> Any:
    """As ``pandas.read_sql_query``; ``partition_on`` as in ``read_sql``."""
    if partition_on is None:
        return adopt(pd.read_sql_query(sql, con, *args, **kwargs))
    return _by_ranges("read_sql_query", sql, con, partition_on, args, kwargs)


def _by_ranges(
    name: str, sql: Any, con: Any, column: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    refused = sorted(k for k, v in kwargs.items() if k not in _TAKEN and v is not None)
    if args or refused or not isinstance(sql, str) or " " not in sql.strip():
        raise TypeError(
            f"{name}(partition_on=...) takes a query as text and the keywords "
            f"{', '.join(sorted(_TAKEN))}; got {', '.join(refused) or 'something else'}. "
            f"Name a table by a query of all its rows."
        )
    with _engine(name, con) as engine:
        query = sql.strip().rstrip(";")
        wanted = settings.get("npartitions") or machine.cores(0.0).usable
        conditions = _ranges(engine, query, column, wanted)
        with ThreadPoolExecutor(max_workers=len(conditions)) as pool:
            parts = list(pool.map(lambda c: _rows(engine, _where(query, c)), conditions))
    rows = list(itertools.chain.from_iterable(rows for _, rows in parts))
    given = {k: v for k, v in kwargs.items() if v is not None}
    return adopt(_wrap_result(rows, parts[0][0], **given))


@contextlib.contextmanager
def _engine(name: str, con: Any) -> Iterator[Engine]:
    """The engine of a connection; one that is made here is closed again."""
    import sqlalchemy

    if isinstance(con, sqlalchemy.engine.Engine):
        yield con
        return
    if not isinstance(con, str | sqlalchemy.engine.URL):
        raise TypeError(
            f"{name}(partition_on=...) opens connections of its own: give a URL or an SQLAlchemy "
            f"engine, not {type(con).__name__}."
        )
    engine = sqlalchemy.create_engine(con)
    try:
        yield engine
    finally:
        engine.dispose()


def _ranges(engine: Engine, query: str, column: str, wanted: int) -> list[str]:
    """Conditions that each row of a query fulfils exactly one of."""
    quoted = engine.dialect.identifier_preparer.quote(column)
    bounds = f"SELECT MIN({quoted}), MAX({quoted}) FROM ({query}) AS ranged"  # noqa: S608  the user's query
    _, ((low, high),) = _rows(engine, bounds)
    if low is None:
        return [f"{quoted} IS NULL"]
    try:
        first, end = math.floor(low), math.floor(high) + 1
    except (TypeError, OverflowError, ValueError) as error:
        raise TypeError(f"partition_on={column!r} must be a column of finite numbers.") from error
    count = max(1, min(wanted, end - first))
    edges = [first + (end - first) * number // count for number in range(count + 1)]
    inside = [f"{quoted} >= {a} AND {quoted} < {b}" for a, b in itertools.pairwise(edges)]
    return [*inside, f"{quoted} IS NULL"]


def _where(query: str, condition: str) -> str:
    return f"SELECT * FROM ({query}) AS ranged WHERE {condition}"  # noqa: S608  the user's query


def _rows(engine: Engine, query: str) -> tuple[list[str], list[Any]]:
    """The labels and rows of a query, executed as pandas does it."""
    with engine.connect() as connection:
        result = connection.exec_driver_sql(query)
        return list(result.keys()), list(result.fetchall())
