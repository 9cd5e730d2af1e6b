"""Learning curves, throughput, diagnostics and quarters against hand-worked numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import raylab.frame as pd
from raylab.analysis.curves import (
    QUARTERS,
    diagnostic_names,
    diagnostics,
    last_return,
    learning_curves,
    returns_by_quarter,
    smoothed_returns,
    throughput,
)
from raylab.analysis.records import RunRecord


def make_run(
    returns: list[tuple[int, float]], updates: int = 4, seed: str = "1", speed: float = 50.0
) -> RunRecord:
    """Make a run of 10 agent steps (40 frames) an update; ``returns`` are (update, return)."""
    numbers = np.arange(1, updates + 1)
    metrics = pd.DataFrame(
        {
            "attempt": 1,
            "update": numbers,
            "agent_steps": numbers * 10,
            "frames": numbers * 40,
            "wall_time_s": numbers * 10 / speed,
            "entropy": 1.0 / numbers,
        }
    )
    episodes = pd.DataFrame(
        {
            "attempt": 1,
            "update": [update for update, _ in returns],
            "agent_steps": [update * 10 for update, _ in returns],
            "episode_return": [float(value) for _, value in returns],
        }
    )
    return RunRecord(
        path=Path("runs/x-0") / seed,
        experiment_id="x-0",
        seed=seed,
        state="finished",
        config={},
        environment={},
        status={},
        metrics=metrics,
        episodes=episodes,
        evaluations=(),
        videos=(),
        problems=(),
    )


def test_returns_are_averaged_over_the_window_after_each_update_with_an_episode() -> None:
    run = make_run([(1, 1.0), (1, 3.0), (2, 5.0), (4, 9.0)])

    table = smoothed_returns(run, window=2)

    assert table["update"].tolist() == [1, 2, 4]
    assert table["mean_return"].tolist() == [2.0, 4.0, 7.0]
    assert table["frames"].tolist() == [40, 80, 160]
    assert table["wall_time_s"].tolist() == [0.2, 0.4, 0.8]


def test_last_return_is_the_mean_of_the_window() -> None:
    run = make_run([(1, 1.0), (1, 3.0), (2, 5.0)])

    assert last_return(run, window=2) == 4.0
    assert last_return(run) == 3.0
    assert np.isnan(last_return(make_run([])))


def test_learning_curve_summarises_where_all_seeds_have_data() -> None:
    first = make_run([(1, 0.0), (4, 6.0)], seed="1")  # means 0 at 10, 3 at 40
    second = make_run([(2, 2.0), (3, 4.0)], seed="2")  # means 2 at 20, 3 at 30

    curves = learning_curves([first, second])["agent_steps"]

    assert curves.seeds["1"][0].tolist() == [10.0, 40.0]
    assert curves.seeds["1"][1].tolist() == [0.0, 3.0]
    assert (curves.summary.x[0], curves.summary.x[-1]) == (20.0, 30.0)
    assert curves.summary.value[0] == pytest.approx((1.0 + 2.0) / 2)
    assert curves.summary.value[-1] == pytest.approx((2.0 + 3.0) / 2)


@pytest.mark.parametrize(("axis", "last"), [("frames", 160.0), ("wall_time_s", 0.8)])
def test_learning_curve_runs_over_other_axes(axis: str, last: float) -> None:
    curves = learning_curves([make_run([(1, 1.0), (4, 2.0)])])[axis]

    assert curves.seeds["1"][0][-1] == last


def test_seed_without_an_episode_is_left_out() -> None:
    curves = learning_curves([make_run([]), make_run([(1, 1.0)], seed="2")])["agent_steps"]

    assert list(curves.seeds) == ["2"]
    assert curves.summary.value.tolist() == [1.0]


def test_no_seed_at_all_gives_empty_curves() -> None:
    curves = learning_curves([make_run([])])["agent_steps"]

    assert curves.seeds == {}
    assert curves.summary.x.size == 0


def test_throughput_is_steps_over_seconds() -> None:
    curves = throughput([make_run([], speed=50.0)])

    assert curves.seeds["1"][0].tolist() == [20.0, 30.0, 40.0]
    assert curves.seeds["1"][1] == pytest.approx([50.0, 50.0, 50.0])


def test_throughput_does_not_count_the_pause_between_attempts() -> None:
    run = make_run([])
    metrics = run.metrics.copy()
    metrics["attempt"] = [1, 1, 2, 2]
    metrics["wall_time_s"] = [0.2, 0.4, 1000.0, 1000.2]

    curves = throughput([replace(run, metrics=metrics)])

    assert curves.seeds["1"][0].tolist() == [20.0, 40.0]
    assert curves.seeds["1"][1] == pytest.approx([50.0, 50.0])


def test_throughput_of_a_bin_is_its_steps_over_its_seconds() -> None:
    run = make_run([], updates=81)  # 40 bins of the 80 stretches: two each
    metrics = run.metrics.copy()
    metrics["wall_time_s"] = np.cumsum([0.0] + [1.0, 3.0] * 40)  # 10 steps in 1 s, 10 in 3 s

    _, y = throughput([replace(run, metrics=metrics)]).seeds["1"]

    assert len(y) == 40
    assert np.median(y) == pytest.approx(20 / 4)  # and not (10 / 1 + 10 / 3) / 2


def test_diagnostics_are_the_columns_that_are_no_counters() -> None:
    assert diagnostic_names([make_run([])]) == ["entropy"]


def test_diagnostic_of_a_short_run_is_not_binned() -> None:
    curves = diagnostics([make_run([])])["entropy"]

    assert curves.seeds["1"][1] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])


def test_diagnostic_of_a_long_run_is_averaged_in_bins_of_equal_width() -> None:
    curves = diagnostics([make_run([], updates=800)])["entropy"]

    x, y = curves.seeds["1"]
    assert len(x) == 80
    assert x[1] == pytest.approx(np.arange(110, 201, 10).mean())
    assert y[1] == pytest.approx(np.mean([1 / update for update in range(11, 21)]))
    assert x[-1] == pytest.approx(np.arange(7910, 8001, 10).mean())


def test_metric_that_one_seed_lacks_is_drawn_for_the_others() -> None:
    first = make_run([])
    second = replace(make_run([], seed="2"), metrics=first.metrics.drop(columns="entropy"))

    assert list(diagnostics([first, second])["entropy"].seeds) == ["1"]


def test_quarters_average_the_episodes_that_ended_in_them() -> None:
    first = make_run([(1, 1.0), (1, 3.0), (3, 5.0), (4, 7.0), (4, 9.0)])
    second = make_run([(2, 4.0)], seed="2")

    table = returns_by_quarter([first, second])

    assert table.index.tolist() == ["1", "2"]
    assert table.columns.tolist() == list(QUARTERS)
    assert table.loc["1"].tolist() == pytest.approx([2.0, np.nan, 5.0, 8.0], nan_ok=True)
    assert table.loc["2"].tolist() == pytest.approx([np.nan, 4.0, np.nan, np.nan], nan_ok=True)


def test_quarters_without_episodes_are_empty() -> None:
    assert returns_by_quarter([make_run([])]).empty
