"""Random frames and pipelines: pandas and raylab agree, in any number of partitions."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

import raylab.frame as pd

PARTITIONS = (1, 2, 3, 7)


@st.composite
def frames(draw: st.DrawFn) -> pandas.DataFrame:
    """Up to 30 rows of numbers, text, bools, moments, and nullable and Arrow dtypes of them."""
    rows = draw(st.integers(0, 30))

    def values(strategy: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(strategy, min_size=rows, max_size=rows))

    floats = st.sampled_from([0.0, -0.0, 1.5, -2.25, 1e300, float("inf"), float("nan"), 0.1, 3.0])
    texts = st.one_of(st.none(), st.sampled_from(["", "a", "b", "ab", "\u00e9", "B"]))
    days = st.one_of(st.none(), st.integers(-400, 400))
    small = st.one_of(st.none(), st.integers(-3, 3))
    seconds = pandas.Series(values(small), dtype="float64")
    zoned = pandas.Timestamp("2024-03-31 01:59:59.999").as_unit("ms") + pandas.to_timedelta(
        seconds, unit="s"
    ).astype("timedelta64[ms]")
    cents = [None if x is None else decimal.Decimal(x).scaleb(-2) for x in values(small)]
    dates = [None if x is None else dt.date(1970, 1, 2) + dt.timedelta(x) for x in values(small)]
    return pandas.DataFrame(
        {
            "k": np.array(values(st.integers(-2, 3)), dtype="int64"),
            "i": np.array(values(st.integers(-(2**40), 2**40)), dtype="int64"),
            "f": np.array(values(floats), dtype="float64"),
            "g": np.array(values(floats), dtype="float64"),
            "s": pandas.Series(values(texts), dtype="str"),
            "b": np.array(values(st.booleans()), dtype="bool"),
            "n": pandas.array(values(small), dtype="Int64"),
            "x": pandas.array(values(st.one_of(st.none(), floats)), dtype="Float64"),
            "o": pandas.array(values(st.one_of(st.none(), st.booleans())), dtype="boolean"),
            "w": pandas.array(values(texts), dtype="string"),
            "d": pandas.array(dates, dtype=pandas.ArrowDtype(pa.date32())),
            "m": pandas.array(cents, dtype=pandas.ArrowDtype(pa.decimal128(9, 2))),
            "c": pandas.Categorical(values(texts), categories=["b", "a", "ab", "", "B", "\u00e9"]),
            "z": zoned.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
            "p": pandas.to_timedelta(
                pandas.Series(values(small), dtype="float64"), unit="s"
            ).astype("m8[ns]"),
            "t": pandas.Timestamp("2024-02-29").as_unit("us")
            + pandas.to_timedelta(pandas.Series(values(days), dtype="float64"), unit="D"),
        }
    ).astype({"t": "datetime64[us]"})


TOGETHER = ["f>g", "f<=g", "f==g", "f!=g", "i>k", "s=='a'", "s<'b'", "b", "not b", "f isna", "n>0", "n!=k", "x<f", "o", "not o", "o or n>0", "o and b", "w=='a'", "z<t", "n isin"]  # fmt: skip
MASKS = st.sampled_from(TOGETHER)
COMPARISONS = st.sampled_from([*TOGETHER, "d>1970-01-01", "m<0.01"])
"""Those of Arrow columns are not combined with others: pandas itself cannot."""


def mask(d: Any, name: str) -> Any:
    """A mask by its name."""
    match name:
        case "b":
            return d.b
        case "not b":
            return ~d.b
        case "f isna":
            return d.f.isna()
        case "s=='a'":
            return d.s == "a"
        case "s<'b'":
            return d.s < "b"
        case "i>k":
            return d.i > d.k
        case "n>0":
            return d.n > 0
        case "n!=k":
            return d.n != d.k
        case "x<f":
            return d.x < d.f
        case "o":
            return d.o
        case "not o":
            return ~d.o
        case "o or n>0":
            return d.o | (d.n > 0)
        case "o and b":
            return d.o & d.b
        case "w=='a'":
            return d.w == "a"
        case "d>1970-01-01":
            return d.d > dt.date(1970, 1, 1)
        case "m<0.01":
            return d.m < decimal.Decimal("0.01")
        case "z<t":
            return d.z < pandas.Timestamp("2024-03-31 03:00", tz="Europe/Berlin")
        case "n isin":
            return d.n.isin([1, -2])
        case "f>g":
            return d.f > d.g
        case "f<=g":
            return d.f <= d.g
        case "f==g":
            return d.f == d.g
        case _:
            return d.f != d.g


STEPS = st.one_of(
    st.tuples(st.just("filter"), COMPARISONS),
    st.tuples(st.just("filter both"), st.tuples(MASKS, MASKS)),
    st.tuples(st.just("filter neither"), st.tuples(MASKS, MASKS)),
    st.tuples(st.just("assign"), st.sampled_from(["i+k", "f*g", "f-g", "i/k", "f/g", "i//7", "i%5", "fillna", "n+n", "n*k", "x/x", "fill n", "fill w", "m+m", "n to x", "p+p"])),
    st.tuples(st.just("sort"), st.lists(st.sampled_from("kifsbtnxowdmczp"), min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("sort down"), st.sampled_from("kfstnxwdmczp")),
    st.tuples(st.just("head"), st.integers(0, 12)),
    st.tuples(st.just("tail"), st.integers(0, 12)),
    st.tuples(st.just("distinct"), st.lists(st.sampled_from("kfsbtnxowdmczp"), min_size=1, max_size=2, unique=True)),
    st.tuples(st.just("concat"), COMPARISONS),
    st.tuples(st.just("isin"), COMPARISONS),
    st.tuples(st.just("reset"), st.none()),
    st.tuples(st.just("beside itself"), st.sampled_from(["numbered", "by k"])),
)  # fmt: skip

LAST = st.one_of(
    st.tuples(st.just("nothing"), st.none()),
    st.tuples(st.just("group"), st.lists(st.sampled_from("kfsbtnxowdmzp"), min_size=1, max_size=2, unique=True)),
    st.tuples(st.just("group as found"), st.sampled_from("kfsbtnxowdmzp")),
    st.tuples(st.just("group with missing"), st.sampled_from("fstnxowdmzp")),
    st.tuples(st.just("merge"), st.tuples(st.sampled_from(["inner", "left", "right", "outer"]), st.sampled_from("kfsnxowdmctzp"))),
)  # fmt: skip


def apply(p: Any, d: Any, step: tuple[str, Any]) -> Any:
    """One step of a pipeline, in pandas' words."""
    name, x = step
    match name:
        case "filter":
            return d[mask(d, x)]
        case "filter both":
            return d[mask(d, x[0]) & mask(d, x[1])]
        case "filter neither":
            return d[~(mask(d, x[0]) | mask(d, x[1]))]
        case "assign":
            return d.assign(**assigned(d, x))
        case "sort":
            return d.sort_values(x, kind="stable")
        case "sort down":
            return d.sort_values(x, kind="stable", ascending=False)
        case "head":
            return d.head(x)
        case "tail":
            return d.tail(x)
        case "distinct":
            return d.drop_duplicates(x)
        case "concat":
            return p.concat([d, d[mask(d, x)]])
        case "isin":
            return d[d.k.isin(d[mask(d, x)].k)]
        case "reset":
            return d.reset_index(drop=True)
        case "beside itself":
            return beside_itself(d, x)
        case "group":
            return grouped(d.groupby(x))
        case "group as found":
            return grouped(d.groupby(x, sort=False))
        case "group with missing":
            return grouped(d.groupby(x, dropna=False))
        case "merge":
            how, key = x
            left = list(dict.fromkeys(["k", "f", "s", "i", key]))
            right = list(dict.fromkeys(["k", "f", "s", "t", key]))
            return d[left].merge(d[d.b][right].head(8), on=key, how=how)
        case _:
            return d


def beside_itself(d: Any, labels: str) -> Any:
    """Columns replaced by the same ones under other labels, which are matched."""
    if labels == "numbered":
        other = d.reset_index(drop=True)
    else:
        d = d.drop_duplicates("k")
        other = d.set_index("k")
    return d.assign(f=other.f, s=other.s)


def assigned(d: Any, name: str) -> dict[str, Any]:
    """A new or changed column by its name."""
    return {
        "i+k": lambda: {"i": d.i + d.k},
        "f*g": lambda: {"f": d.f * d.g},
        "f-g": lambda: {"n": d.f - d.g},
        "i/k": lambda: {"g": d.i / d.k},
        "f/g": lambda: {"f": d.f / d.g},
        "i//7": lambda: {"i": d.i // 7},
        "i%5": lambda: {"k": d.i % 5},
        "fillna": lambda: {"f": d.f.fillna(-1.0)},
        "n+n": lambda: {"n": d.n + d.n},
        "n*k": lambda: {"n": d.n * d.k},
        "x/x": lambda: {"x": d.x / d.x},
        "fill n": lambda: {"n": d.n.fillna(7)},
        "fill w": lambda: {"w": d.w.fillna("?")},
        "m+m": lambda: {"r": d.m + d.m},
        "n to x": lambda: {"x": d.n.astype("Float64")},
        "p+p": lambda: {"p": d.p + d.p},
    }[name]()


def grouped(groups: Any) -> Any:
    """Aggregations of groups that do not depend on the order of floats."""
    return groups.agg(
        total=("i", "sum"), low=("f", "min"), high=("f", "max"), present=("f", "count"), rows=("i", "size"),
        sums=("n", "sum"), most=("n", "max"), least=("x", "min"), known=("d", "count"), cents=("m", "sum"), end=("d", "last"),
        texts=("s", "nunique"), first=("s", "first"), last=("t", "last"), any=("b", "max"), mean=("i", "mean"),
    )  # fmt: skip


@given(frame=frames(), steps=st.lists(STEPS, max_size=5), last=LAST)
def test_pipelines_give_what_pandas_gives(
    frame: pandas.DataFrame, steps: list[tuple[str, Any]], last: tuple[str, Any]
) -> None:
    expected = run(pandas, frame, [*steps, last])

    for partitions in PARTITIONS:
        options = (
            "raylab.lazy_threshold_rows",
            0,
            "raylab.npartitions",
            partitions,
            "raylab.target_partition_bytes",
            1 if partitions > 2 else 128 << 20,  # rows move by hash and range, or to one task
            "raylab.fallback",
            "silent",
        )
        with pd.option_context(*options):
            result = run(pd, pd.from_pandas(frame), [*steps, last]).to_pandas()
        pandas.testing.assert_frame_equal(result, expected, rtol=1e-12)


def run(p: Any, d: Any, steps: list[tuple[str, Any]]) -> Any:
    """A whole pipeline."""
    with np.errstate(all="ignore"):
        for step in steps:
            d = apply(p, d, step)
    return d
