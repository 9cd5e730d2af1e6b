"""Metrics parts: rolled back rows go, damage is named, compaction loses nothing whenever it dies."""

import os
import shutil

import pyarrow.parquet as pq
import pytest

from raylab.errors import CorruptDataError
from raylab.experiment import tables


def rows(attempt, updates, **more):
    return [
        {"attempt": attempt, "update": update, "agent_steps": update * 10, "loss": 0.5, **more}
        for update in updates
    ]


def keys(table):
    return list(zip(table["attempt"].to_pylist(), table["update"].to_pylist(), strict=True))


def current(folder):
    parts = [tables.read_part(path) for path in tables.list_parts(folder)]
    return tables.current_rows(parts, tables.first_updates(parts))


def test_a_part_keeps_types_and_missing_values(tmp_path):
    first, second = rows(1, [1, 2])
    path = tables.write_part(tmp_path, 1, [first, {**second, "loss": float("nan"), "kl": 1.0}])

    table = tables.read_part(path)

    assert path.name == "part-0001-00000001.parquet"
    assert {field.name: str(field.type) for field in table.schema} == {
        "attempt": "int64",
        "update": "int64",
        "agent_steps": "int64",
        "loss": "double",
        "kl": "double",
    }
    assert table["loss"].to_pylist() == [0.5, None]
    assert table["kl"].to_pylist() == [None, 1.0]


def test_rows_that_a_later_attempt_rolled_back_are_left_out(tmp_path):
    tables.write_part(tmp_path, 1, rows(1, [1, 2, 3]))
    tables.write_part(tmp_path, 1, rows(1, [4, 5, 6]))
    tables.write_part(tmp_path, 2, rows(2, [3]))
    tables.write_part(tmp_path, 3, rows(3, [3, 4]))

    # Attempt 3 has come to update 4 only; 5 and 6 of the first attempt are void all the same.
    assert keys(current(tmp_path)) == [(1, 1), (1, 2), (3, 3), (3, 4)]


def test_parts_with_different_columns_fit_together(tmp_path):
    tables.write_part(tmp_path, 1, rows(1, [1]))
    tables.write_part(tmp_path, 1, rows(1, [2], kl=0.1))

    assert current(tmp_path)["kl"].to_pylist() == [None, 0.1]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_part_is_named_with_the_way_out(tmp_path, damage):
    path = tables.write_part(tmp_path, 1, rows(1, range(1, 200)))
    content = bytearray(path.read_bytes())
    content[40] ^= 0xFF
    path.write_bytes({"cut": content[:-9], "flipped": content, "empty": b""}[damage])

    with pytest.raises(CorruptDataError, match=rf"{path.name} is corrupt .*move it away"):
        tables.read_part(path)


def fill(folder):
    metrics, episodes = folder / "metrics", folder / "episodes"
    metrics.mkdir(parents=True)
    episodes.mkdir()
    tables.write_part(metrics, 1, rows(1, [1, 2, 3]))
    tables.write_part(metrics, 1, rows(1, [4, 5]))
    tables.write_part(metrics, 2, rows(2, [4]))
    tables.write_part(metrics, 2, rows(2, [5, 6]))
    # No episode ended in update 4 of attempt 2: the metrics say that update 4 began anew.
    tables.write_part(episodes, 1, rows(1, [2, 2, 4], episode_return=1.0))
    tables.write_part(episodes, 2, rows(2, [5], episode_return=2.0))
    return metrics, episodes


def test_compaction_leaves_one_part_with_the_rows_that_count(tmp_path):
    metrics, episodes = fill(tmp_path)

    tables.compact(metrics, episodes, attempt=2)

    assert [path.name for path in metrics.iterdir()] == ["part-0002-00000006-compact.parquet"]
    assert keys(current(metrics)) == [(1, 1), (1, 2), (1, 3), (2, 4), (2, 5), (2, 6)]
    [part] = tables.list_parts(episodes)
    assert keys(tables.read_part(part)) == [(1, 2), (1, 2), (2, 5)]


def test_a_run_that_goes_on_is_compacted_again(tmp_path):
    metrics, episodes = fill(tmp_path)
    tables.compact(metrics, episodes, attempt=2)
    tables.write_part(metrics, 3, rows(3, [7]))
    tables.write_part(metrics, 3, rows(3, [8]))

    tables.compact(metrics, episodes, attempt=3)

    assert keys(current(metrics))[-2:] == [(3, 7), (3, 8)]
    assert len(list(metrics.iterdir())) == 1


def test_a_compaction_that_was_cut_off_shows_no_row_twice(tmp_path):
    metrics, episodes = fill(tmp_path)
    shutil.copytree(metrics, tmp_path / "before")
    tables.compact(metrics, episodes, attempt=2)
    compacted = current(metrics)
    for path in (tmp_path / "before").iterdir():  # as if it was killed before it removed these
        shutil.copy(path, metrics)

    assert current(metrics).equals(compacted)

    tables.remove_replaced(metrics)

    assert len(list(metrics.iterdir())) == 1


def test_a_damaged_part_stops_compaction_and_nothing_is_lost(tmp_path):
    metrics, episodes = fill(tmp_path)
    damaged = sorted(metrics.iterdir())[1]
    os.truncate(damaged, 20)
    before = {path: path.read_bytes() for path in metrics.iterdir()}

    with pytest.raises(CorruptDataError, match=damaged.name):
        tables.compact(metrics, episodes, attempt=2)

    assert {path: path.read_bytes() for path in metrics.iterdir()} == before


def test_parts_are_ordinary_parquet(tmp_path):
    path = tables.write_part(tmp_path, 1, rows(1, [1]))

    assert pq.read_table(path)["agent_steps"].to_pylist() == [10]


def test_a_folder_that_is_not_there_has_no_parts(tmp_path):
    assert tables.list_parts(tmp_path / "metrics") == []
