"""Libraries that take pandas frames take lazy ones; looking at a frame asks for little."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import duckdb
import matplotlib as mpl
import narwhals as nw
import numpy as np
import pandas
import polars as pl
import pyarrow as pa
import pytest
import seaborn as sns
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

import raylab.frame as pd
from raylab.frame.execution import engine

mpl.use("Agg")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("people") / "points.parquet"
    columns = {"x": rng.normal(size=500), "kind": pandas.Series(["a", "b"] * 250, dtype="str")}
    frame = pandas.DataFrame(columns)
    frame["y"] = 2 * frame["x"] + 1
    frame.to_parquet(path)
    return path


def _lazy(file: Path) -> Any:
    frame = pd.read_parquet(file)
    return frame[frame["x"] > 0]


@pytest.fixture
def expected(file: Path) -> pandas.DataFrame:
    frame = pandas.read_parquet(file)
    return frame[frame["x"] > 0]


def test_narwhals_takes_the_frame(file: Path, expected: pandas.DataFrame) -> None:
    narwhal = nw.from_native(_lazy(file))

    means = narwhal.group_by("kind").agg(nw.col("y").mean()).sort("kind").to_native()

    wanted = expected.groupby("kind")["y"].mean()
    np.testing.assert_allclose(np.asarray(means["y"]), wanted.to_numpy(), rtol=1e-12)


def test_scikit_learn_fits_on_the_frame(file: Path) -> None:
    frame = _lazy(file)

    model = LinearRegression().fit(frame[["x"]], frame["y"])
    scaled = StandardScaler().set_output(transform="pandas").fit_transform(frame[["x"]])

    assert model.coef_[0] == pytest.approx(2.0)
    assert list(model.feature_names_in_) == ["x"]
    assert list(scaled.columns) == ["x"]


def test_seaborn_draws_the_frame(file: Path, expected: pandas.DataFrame) -> None:
    axes = sns.scatterplot(data=_lazy(file), x="x", y="y", hue="kind")

    assert len(axes.collections[0].get_offsets()) == len(expected)
    mpl.pyplot.close(axes.figure)


def test_matplotlib_and_plot_draw_columns(file: Path, expected: pandas.DataFrame) -> None:
    frame = _lazy(file)

    figure, axes = mpl.pyplot.subplots()
    (line,) = axes.plot(frame["x"], frame["y"])
    plotted = frame.plot(x="x", y="y", ax=axes)

    assert len(line.get_xdata()) == len(expected)
    np.testing.assert_array_equal(plotted.lines[-1].get_ydata(), expected["y"])
    mpl.pyplot.close(figure)


def test_duckdb_queries_the_frame(file: Path, expected: pandas.DataFrame) -> None:
    frame = _lazy(file)  # noqa: F841  DuckDB finds it by its name

    ((count, total),) = duckdb.sql("select count(*), sum(y) from frame").fetchall()

    assert count == len(expected)
    assert total == pytest.approx(expected["y"].sum())


def test_polars_and_arrow_take_the_frame(file: Path, expected: pandas.DataFrame) -> None:
    frame = _lazy(file)

    polars = pl.DataFrame(frame)
    arrow = pa.table(frame)

    assert polars["y"].to_list() == expected["y"].to_list()
    assert arrow["kind"].to_pylist() == expected["kind"].to_list()


@pytest.fixture
def heights(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Notes how many rows each run of the engine gives."""
    noted: list[int] = []
    run: Any = engine.run

    def noting(node: Any, *, ordered: bool) -> pl.DataFrame:
        result: pl.DataFrame = run(node, ordered=ordered)
        noted.append(result.height)
        return result

    monkeypatch.setattr(engine, "run", noting)
    return noted


@pytest.mark.parametrize("show", [repr, lambda frame: frame._repr_html_()], ids=["text", "html"])
def test_repr_of_computed_columns_takes_head_and_tail(
    file: Path, heights: list[int], show: Any
) -> None:
    frame, expected = pd.read_parquet(file), pandas.read_parquet(file)
    frame["z"] = frame["x"] * 2
    expected["z"] = expected["x"] * 2

    first, again = show(frame), show(frame)

    assert first == again == show(expected)
    assert sum(heights) <= pandas.get_option("display.max_rows") + 2


def test_repr_of_a_filter_computes_it_once(
    file: Path, heights: list[int], expected: pandas.DataFrame
) -> None:
    frame = _lazy(file)

    first, again = repr(frame), repr(frame)

    assert first == again == repr(expected)
    assert heights.count(len(expected)) == 1


def test_info_and_memory_usage_are_those_of_pandas(file: Path, expected: pandas.DataFrame) -> None:
    ours, theirs = io.StringIO(), io.StringIO()

    _lazy(file).info(buf=ours)
    expected.info(buf=theirs)

    assert ours.getvalue().splitlines()[1:-1] == theirs.getvalue().splitlines()[1:-1]
    usage = _lazy(file).memory_usage()
    assert usage["x"] == expected.memory_usage()["x"]
