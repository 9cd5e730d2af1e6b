"""What pandas raises for values comes as pandas' own exception, wherever it is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest

import raylab.frame as pd
from raylab.errors import FrameError

Made = Callable[[Any, Any], Any]

MADE: dict[str, Made] = {
    "to_datetime": lambda p, d: p.to_datetime(d["s"]),
    "to_datetime format": lambda p, d: p.to_datetime(d["s"], format="%Y-%m-%d"),
    "to_numeric": lambda p, d: p.to_numeric(d["s"]),
    "text as int": lambda p, d: d["s"].astype("int64"),
    "text as float": lambda p, d: d["s"].astype("float64"),
    "text as moments": lambda p, d: d["s"].astype("datetime64[ns]"),
    "missing as int": lambda p, d: d["x"].astype("int64"),
    "too large": lambda p, d: d["t"].dt.as_unit("ns"),
    "summer time": lambda p, d: d["t"].dt.tz_localize("Europe/Berlin"),
    "index of text": lambda p, d: d["s"].str.index("2"),
}
USED: dict[str, Callable[[Any, Any], Any]] = {
    "values": lambda d, made: made.tolist(),
    "filter": lambda d, made: len(d[made.notna()]),
    "comparison": lambda d, made: d[made != d["s"].shift(1)].to_numpy(),
    "groups": lambda d, made: d.assign(m=made).groupby("m")["x"].sum().to_dict(),
    "sort": lambda d, made: d.assign(m=made).sort_values("m")["x"].tolist(),
    "merge": lambda d, made: d.assign(m=made).merge(d.assign(m=made), on="m").to_numpy(),
}


@pytest.fixture
def frame() -> pandas.DataFrame:
    moments = pandas.to_datetime(
        ["2024-01-01"] * 9 + ["2024-03-31 02:30", "3000-01-01"], format="mixed"
    )
    return pandas.DataFrame(
        {"s": ["2024-01-01"] * 10 + ["bad"], "x": [1.0] * 10 + [None], "t": moments.as_unit("us")}
    )


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("made", MADE)
def test_the_class_is_that_of_pandas(
    made: str, partitions: int, frame: pandas.DataFrame, tmp_path: Path
) -> None:
    frame.to_parquet(tmp_path / "frame.parquet")
    lazy = pd.read_parquet(tmp_path / "frame.parquet")
    pd.set_option("raylab.npartitions", partitions)
    with pytest.raises(ValueError, match=".") as expected:
        MADE[made](pandas, frame)

    for use in USED.values():
        with pytest.raises(expected.type) as raised:
            use(lazy, MADE[made](pd, lazy))

        assert not isinstance(raised.value, FrameError)
        assert "expression" not in str(raised.value)  # the engine's additions are left out


def test_the_note_names_the_line_that_wrote_it(frame: pandas.DataFrame, lazy: None) -> None:
    df = pd.DataFrame(frame)
    df["m"] = df["s"].str.index("2")
    df["n"] = df["s"].astype("int64")

    with pytest.raises(ValueError, match="invalid literal") as raised:
        df["n"].tolist()

    (note,) = raised.value.__notes__
    assert f"Series.astype at {__file__}:" in note
    assert "index at" not in note


def test_the_first_error_of_several_partitions_is_raised(lazy: None) -> None:
    pd.set_option("raylab.npartitions", 3)
    df = pd.DataFrame({"s": ["1"] + ["x"] * 300})

    with pytest.raises(ValueError, match="invalid literal") as raised:
        df["s"].astype("int64").tolist()

    assert raised.value.args == ("invalid literal for int() with base 10: 'x'",)
