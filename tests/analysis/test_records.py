"""Reading run folders: attempts, gaps, corruption and emptiness."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import raylab.frame as pd
from raylab.analysis.folders import find_runs
from raylab.analysis.records import load_run, resolve_attempts
from raylab.errors import RunNotFoundError
from raylab.experiment import tables
from tests.synthetic_runs import write_json, write_run


def rows(*pairs: tuple[int, int]) -> pd.DataFrame:
    """Make rows of (attempt, update)."""
    return pd.DataFrame({"attempt": [a for a, _ in pairs], "update": [u for _, u in pairs]})


def pairs(frame: pd.DataFrame) -> list[tuple[int, int]]:
    return list(zip(frame["attempt"].tolist(), frame["update"].tolist(), strict=True))


def test_later_attempt_voids_what_earlier_ones_did_from_its_first_update_on() -> None:
    metrics = rows((1, 1), (1, 2), (1, 3), (1, 4), (2, 3))

    metrics, _ = resolve_attempts(metrics, rows())

    assert pairs(metrics) == [(1, 1), (1, 2), (2, 3)]  # also 4, which attempt 2 did not reach


def test_attempt_that_goes_back_further_voids_two_attempts() -> None:
    metrics = rows((1, 1), (1, 2), (2, 3), (3, 2))

    metrics, _ = resolve_attempts(metrics, rows())

    assert pairs(metrics) == [(1, 1), (3, 2)]


def test_episode_of_a_rolled_back_update_goes_although_the_new_attempt_ended_none_there() -> None:
    metrics = rows((1, 1), (1, 2), (2, 2), (2, 3))
    episodes = rows((1, 1), (1, 2), (1, 2), (2, 3))

    _, episodes = resolve_attempts(metrics, episodes)

    assert pairs(episodes) == [(1, 1), (2, 3)]


def test_load_run_reads_every_table_and_record(tmp_path: Path) -> None:
    run = load_run(write_run(tmp_path / "pong-00000000" / "3", updates=50))

    assert run.experiment_id == "pong-00000000"
    assert (run.seed, run.state) == ("3", "finished")
    assert run.metrics["update"].tolist() == list(range(1, 51))
    assert len(run.episodes) == 150
    assert [e.agent_steps for e in run.evaluations] == [0, 25_000, 50_000]
    assert run.problems == ()


def test_resumed_run_has_no_update_twice(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=50)
    write_run(folder, updates=30, attempt=2, first_update=31)

    run = load_run(folder)

    assert run.metrics["update"].tolist() == list(range(1, 61))
    assert run.metrics["attempt"].tolist() == [1] * 30 + [2] * 30
    assert len(run.episodes) == 180


def test_parts_with_different_columns_are_all_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=40)
    part = folder / "metrics" / "part-0001-00000021.parquet"
    pl.read_parquet(part).with_columns(new_metric=pl.lit(2.5)).write_parquet(part)

    run = load_run(folder)

    assert len(run.metrics) == 40
    assert run.metrics["new_metric"].count() == 20


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[: len(content) // 2], id="cut short"),
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: b"not parquet at all" * 9, id="foreign"),
    ],
)
def test_corrupt_part_is_named_and_the_rest_is_read(tmp_path: Path, damage) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=60)
    part = folder / "metrics" / "part-0001-00000021.parquet"
    part.write_bytes(damage(part.read_bytes()))

    run = load_run(folder)

    assert run.metrics["update"].tolist() == [*range(1, 21), *range(41, 61)]
    assert len(run.problems) == 1
    assert str(part) in run.problems[0]
    assert "restore it" in run.problems[0]


def test_part_of_another_program_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=20)
    part = folder / "metrics" / "part-0001-00000099.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(part)

    run = load_run(folder)

    assert len(run.metrics) == 20
    assert "lacks the columns attempt, update" in run.problems[0]


def test_unfinished_writes_and_foreign_files_are_ignored(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=20)
    (folder / "metrics" / ".part-0001-00000021.parquet.17.tmp").write_bytes(b"half")
    (folder / "notes.txt").write_text("mine")

    run = load_run(folder)

    assert len(run.metrics) == 20
    assert run.problems == ()


@pytest.mark.parametrize("name", ["config.json", "environment.json", "status.json"])
@pytest.mark.parametrize("content", ["{", "[1]", "\udce4"], ids=["cut", "list", "bytes"])
def test_broken_record_is_named(tmp_path: Path, name: str, content: str) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=20)
    (folder / name).write_bytes(content.encode(errors="surrogateescape"))

    run = load_run(folder)

    assert [name in problem for problem in run.problems] == [True]
    assert len(run.metrics) == 20


def test_run_that_was_killed_before_its_first_update_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "x-0" / "1"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")

    run = load_run(folder)

    assert run.metrics.empty
    assert run.state == "interrupted"
    assert any("no metrics yet" in problem for problem in run.problems)


def test_file_that_is_no_evaluation_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=20)
    wrong = folder / "evaluations" / "000000000001-greedy.json"
    write_json(wrong, {"agent_steps": 1, "policy": "greedy", "mean": "high"})

    run = load_run(folder)

    assert len(run.evaluations) == 3
    assert [str(wrong) in problem for problem in run.problems] == [True]


def test_parts_that_are_compacted_while_they_are_read_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=40)
    listed = tables.list_parts(folder / "metrics")
    tables.compact(folder / "metrics", folder / "episodes", 1)
    lists = iter([listed])
    list_parts = tables.list_parts
    monkeypatch.setattr(tables, "list_parts", lambda path: next(lists, None) or list_parts(path))

    run = load_run(folder)

    assert len(run.metrics) == 40
    assert run.problems == ()


def test_find_runs_takes_runs_experiments_and_roots_once_each(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a-0" / seed, updates=1) for seed in ("2", "10")]
    other = write_run(tmp_path / "b-0" / "1", updates=1)
    (tmp_path / "a-0" / "report").mkdir()
    (tmp_path / "stray.txt").touch()

    assert find_runs([tmp_path / "a-0"]) == runs
    assert find_runs([runs[0], tmp_path / "a-0"]) == runs
    assert find_runs([tmp_path]) == [*runs, other]


def test_wrong_path_gets_a_near_match(tmp_path: Path) -> None:
    write_run(tmp_path / "pong-12345678" / "1", updates=1)

    with pytest.raises(RunNotFoundError, match="Did you mean .*pong-12345678"):
        find_runs([tmp_path / "pong-1234567"])


def test_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="no run in"):
        find_runs([tmp_path])
