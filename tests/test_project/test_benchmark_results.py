"""The shape of benchmark results, and that every committed result has it."""

import dataclasses
import json
import os

import pytest

from benchmarks.common import RESULTS, Result, ResultError, Row, machine_info, ratio

ROW = Row(system="raylab", metric="agent steps per second", value=1200.0, unit="1/s", n=5)
RESULT = Result(
    name="bench_x",
    date="2026-11-23T07:00:00+00:00",
    commit="0123456789abcdef0123456789abcdef01234567",
    rows=(ROW,),
    ratios={"stable-baselines3": 2.9},
    versions={"python": "3.11.7", "torch": "2.13.0"},
    settings={"precision": "bfloat16", "disturbed_pairs": 1},
)


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_committed_result_has_the_agreed_shape(path):
    result = Result.from_json(path.read_text(encoding="utf-8"))

    assert result.name == path.stem


def test_result_survives_writing_and_reading(tmp_path):
    path = RESULT.write(tmp_path)

    assert path == tmp_path / "bench_x.json"
    assert Result.from_json(path.read_text(encoding="utf-8")) == RESULT
    assert os.listdir(tmp_path) == ["bench_x.json"]


def test_keys_stand_in_the_agreed_order():
    keys = list(json.loads(RESULT.to_json()))

    assert keys == [
        "name",
        "date",
        "commit",
        "machine",
        "versions",
        "settings",
        "rows",
        "ratios",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../x"}, "name="),
        ({"date": "yesterday"}, "is not an ISO date"),
        ({"date": "2026-11-23T07:00:00"}, "no time zone"),
        ({"commit": "abc"}, "commit="),
        ({"machine": {}}, "machine has"),
        ({"versions": {"torch": None}}, r"versions\['torch'\]"),
        ({"rows": ()}, "nothing was measured"),
        ({"ratios": {"sb3": float("nan")}}, "not a finite number"),
        ({"ratios": {"sb3": 0.0}}, "not above 0"),
        ({"ratios": {"sb3": "2.9"}}, "not a finite number"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_field_is_named(change, message):
    with pytest.raises(ResultError, match=message):
        dataclasses.replace(RESULT, **change)


@pytest.mark.parametrize(
    ("field", "value"),
    [("system", ""), ("unit", ""), ("value", float("inf")), ("value", True), ("n", 0), ("n", 1.5)],
)
def test_a_wrong_row_is_refused(field, value):
    with pytest.raises(ResultError, match="rows"):
        dataclasses.replace(ROW, **{field: value})


def test_missing_and_unknown_keys_are_refused():
    data = json.loads(RESULT.to_json())
    missing = {key: value for key, value in data.items() if key != "ratios"}

    with pytest.raises(ResultError, match="has the fields"):
        Result.from_json(json.dumps(missing))
    with pytest.raises(ResultError, match="has the fields"):
        Result.from_json(json.dumps(data | {"comment": "fast"}))


def test_a_failed_write_leaves_the_old_result(tmp_path):
    path = RESULT.write(tmp_path)
    broken = dataclasses.replace(RESULT, settings={"when": object()})

    with pytest.raises(TypeError):
        broken.write(tmp_path)
    assert Result.from_json(path.read_text(encoding="utf-8")) == RESULT
    assert os.listdir(tmp_path) == ["bench_x.json"]


def test_ratio_is_above_one_when_raylab_is_better():
    assert ratio(1200.0, 400.0, more_is_better=True) == 3.0  # steps per second
    assert ratio(2.0, 6.0, more_is_better=False) == 3.0  # seconds


def test_machine_info_describes_this_machine():
    machine = machine_info()

    assert machine["cores"] == len(os.sched_getaffinity(0))
    assert machine["memory_bytes"] > 2**28
    assert machine["cpu"]
