"""``.dt``, ``to_datetime`` and arithmetic of moments against pandas."""

from __future__ import annotations

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frame.agreement import Operation, check, frames

FIELDS = (
    *("year", "month", "day", "hour", "minute", "second", "microsecond", "nanosecond"),
    *("day_of_week", "day_of_year", "quarter", "days_in_month", "is_month_start"),
    *("is_month_end", "is_quarter_start", "is_quarter_end", "is_year_start", "is_year_end"),
    *("is_leap_year", "unit"),
)
PARTS = ("days", "seconds", "microseconds", "nanoseconds", "components", "unit")


def _field(column: str, name: str) -> Operation:
    return lambda p, d: getattr(d[column].dt, name)


def _call(column: str, name: str, *args: object, **kwargs: object) -> Operation:
    return lambda p, d: getattr(d[column].dt, name)(*args, **kwargs)


OPERATIONS: dict[str, Operation] = {
    **{f"{c} {name}": _field(c, name) for c in "tz" for name in FIELDS},
    **{f"d {name}": _field("d", name) for name in PARTS},
    **{f"t {m} {f}": _call("t", m, f) for m in ("floor", "ceil", "round") for f in ("h", "D", "7s")},
    **{f"z {m}": _call("z", m, "h", ambiguous="NaT") for m in ("floor", "ceil", "round")},
    **{f"strftime {f}": _call("t", "strftime", f) for f in ("%Y-%m-%d", "%H:%M:%S %j", "%A %b %f", "%%")},
    "strftime zone": lambda p, d: d.z.dt.strftime("%Y-%m-%d %H:%M"),
    "normalize": lambda p, d: d.z.dt.normalize(),
    "day_name": lambda p, d: d.t.dt.day_name(),
    "month_name": lambda p, d: d.t.dt.month_name(),
    "as_unit": lambda p, d: d.t.dt.as_unit("ns"),
    "tz_localize": lambda p, d: d.t.dt.tz_localize("Europe/Berlin", ambiguous="NaT", nonexistent="NaT"),
    "tz_localize none": lambda p, d: d.z.dt.tz_localize(None),
    "tz_convert": lambda p, d: d.z.dt.tz_convert("Asia/Tokyo"),
    "tz_convert naive": lambda p, d: d.t.dt.tz_convert("Asia/Tokyo"),
    "not a frequency": lambda p, d: d.t.dt.floor("ME"),
    "total_seconds": lambda p, d: d.d.dt.total_seconds(),
    "span floor": lambda p, d: d.d.dt.floor("h"),
    "plus span": lambda p, d: d.t + d.d,
    "plus hour": lambda p, d: d.t + p.Timedelta("1h"),
    "minus hour": lambda p, d: d.t - p.Timedelta("1h"),
    "difference": lambda p, d: d.t - p.Timestamp("2023-01-01"),
    "difference of other unit": lambda p, d: d.t.dt.as_unit("ns") - d.t,
    "finer span": lambda p, d: d.t + p.Timedelta(1, "ns"),
    "span times": lambda p, d: d.d * 2,
    "span divided": lambda p, d: d.d / p.Timedelta("1h"),
    "span floor divided": lambda p, d: d.d // p.Timedelta("1h"),
    "compare finer": lambda p, d: d.t >= p.Timestamp("2024-02-29 12:00:00.000000001"),
    "compare span": lambda p, d: d.d > p.Timedelta("1h"),
    "compare text": lambda p, d: d.t < "2024-03",
    "group by floor": lambda p, d: d.groupby(d.t.dt.floor("D")).k.sum(),
    "in a mask": lambda p, d: d[d.t.dt.is_month_start | (d.t.dt.day_name() == "Monday")],
}  # fmt: skip

TEXTS = pandas.DataFrame(
    {
        "iso": ["2020-01-02", "2021-12-31", None, "1999-03-04"],
        "full": ["2020-01-02 03:04:05", "1999-12-31 23:59:59"] * 2,
        "european": ["13/02/2021", "01/02/2020"] * 2,
        "bad": ["2020-01-02", "bad"] * 2,
        "zone": ["2020-01-02T00:00:00Z"] * 4,
        "fine": ["2020-01-02 03:04:05.5", "2020-01-02 03:04:05.25"] * 2,
        "whole": [1, 2, 3, 4],
    }
)
PARSING: dict[str, Operation] = {
    "iso": lambda p, d: p.to_datetime(d.iso),
    "iso year": lambda p, d: p.to_datetime(d.iso).dt.year,
    "full": lambda p, d: p.to_datetime(d.full),
    "european": lambda p, d: p.to_datetime(d.european, format="%d/%m/%Y"),
    "bad": lambda p, d: p.to_datetime(d.bad),
    "coerced": lambda p, d: p.to_datetime(d.bad, errors="coerce"),
    "numbers": lambda p, d: p.to_numeric(d.whole),
}
FALLING_BACK: dict[str, Operation] = {
    "zone": lambda p, d: p.to_datetime(d.zone),
    "fine": lambda p, d: p.to_datetime(d.fine),
    "date": lambda p, d: p.to_datetime(d.iso).dt.date,
    "isocalendar": lambda p, d: p.to_datetime(d.iso).dt.isocalendar(),
    "numbers of text": lambda p, d: p.to_numeric(d.iso, errors="coerce"),
}


@settings(deadline=None, max_examples=120)
@given(frames(), st.sampled_from(sorted(OPERATIONS)))
def test_moments_agree_on_random_frames(table: pandas.DataFrame, name: str) -> None:
    check(OPERATIONS[name], table)


@pytest.mark.parametrize("name", PARSING)
def test_parsing_is_native_and_exact(name: str) -> None:
    check(PARSING[name], TEXTS)


@pytest.mark.parametrize("name", FALLING_BACK)
def test_other_parsing_falls_back(name: str) -> None:
    check(FALLING_BACK[name], TEXTS, native=False)


@pytest.mark.parametrize("ambiguous", ["infer", "array", "list", "NaT", True])
def test_hours_that_come_twice(ambiguous: object) -> None:
    table = pandas.DataFrame(
        {"t": pandas.to_datetime(["2024-10-27 02:30", "2024-10-27 02:30", "2024-10-27 04:00"])}
    )
    summer = {"array": np.array([True, False, False]), "list": [True, False, False]}
    given = summer.get(str(ambiguous), ambiguous)

    check(_call("t", "tz_localize", "Europe/Berlin", ambiguous=given), table, native=False)
