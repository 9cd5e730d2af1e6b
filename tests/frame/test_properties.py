"""Random frames and pipelines: pandas and raylab agree, in any number of partitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
from hypothesis import given
from hypothesis import strategies as st

import raylab.frame as pd

PARTITIONS = (1, 2, 3, 7)


@st.composite
def frames(draw: st.DrawFn) -> pandas.DataFrame:
    """Up to 30 rows of integers, floats with NaN and infinities, text, bools and dates."""
    rows = draw(st.integers(0, 30))

    def values(strategy: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(strategy, min_size=rows, max_size=rows))

    floats = st.sampled_from([0.0, -0.0, 1.5, -2.25, 1e300, float("inf"), float("nan"), 0.1, 3.0])
    texts = st.one_of(st.none(), st.sampled_from(["", "a", "b", "ab", "\u00e9", "B"]))
    days = st.one_of(st.none(), st.integers(-400, 400))
    return pandas.DataFrame(
        {
            "k": np.array(values(st.integers(-2, 3)), dtype="int64"),
            "i": np.array(values(st.integers(-(2**40), 2**40)), dtype="int64"),
            "f": np.array(values(floats), dtype="float64"),
            "g": np.array(values(floats), dtype="float64"),
            "s": pandas.Series(values(texts), dtype="str"),
            "b": np.array(values(st.booleans()), dtype="bool"),
            "t": pandas.Timestamp("2024-02-29").as_unit("us")
            + pandas.to_timedelta(pandas.Series(values(days), dtype="float64"), unit="D"),
        }
    ).astype({"t": "datetime64[us]"})


COMPARISONS = st.sampled_from(
    ["f>g", "f<=g", "f==g", "f!=g", "i>k", "s=='a'", "s<'b'", "b", "not b", "f isna"]
)


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
    st.tuples(st.just("filter both"), st.tuples(COMPARISONS, COMPARISONS)),
    st.tuples(st.just("filter neither"), st.tuples(COMPARISONS, COMPARISONS)),
    st.tuples(st.just("assign"), st.sampled_from(["i+k", "f*g", "f-g", "i/k", "f/g", "i//7", "i%5", "fillna"])),
    st.tuples(st.just("sort"), st.lists(st.sampled_from("kifsbt"), min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("sort down"), st.sampled_from("kfst")),
    st.tuples(st.just("head"), st.integers(0, 12)),
    st.tuples(st.just("tail"), st.integers(0, 12)),
    st.tuples(st.just("distinct"), st.lists(st.sampled_from("kfsbt"), min_size=1, max_size=2, unique=True)),
    st.tuples(st.just("concat"), COMPARISONS),
    st.tuples(st.just("isin"), COMPARISONS),
    st.tuples(st.just("reset"), st.none()),
)  # fmt: skip

LAST = st.one_of(
    st.tuples(st.just("nothing"), st.none()),
    st.tuples(st.just("group"), st.lists(st.sampled_from("kfsbt"), min_size=1, max_size=2, unique=True)),
    st.tuples(st.just("group as found"), st.sampled_from("kfsbt")),
    st.tuples(st.just("group with missing"), st.sampled_from("fst")),
    st.tuples(st.just("merge"), st.tuples(st.sampled_from(["inner", "left", "right", "outer"]), st.sampled_from("kfs"))),
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
        case "group":
            return grouped(d.groupby(x))
        case "group as found":
            return grouped(d.groupby(x, sort=False))
        case "group with missing":
            return grouped(d.groupby(x, dropna=False))
        case "merge":
            how, key = x
            return d[["k", "f", "s", "i"]].merge(
                d[d.b][["k", "f", "s", "t"]].head(8), on=key, how=how
            )
        case _:
            return d


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
    }[name]()


def grouped(groups: Any) -> Any:
    """Aggregations of groups that do not depend on the order of floats."""
    return groups.agg(
        total=("i", "sum"), low=("f", "min"), high=("f", "max"), present=("f", "count"), rows=("i", "size"),
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
