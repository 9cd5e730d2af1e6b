"""Counting: when a run stops, saves, evaluates; how fast it is."""

from dataclasses import replace

import pytest

from raylab.errors import ConfigError
from raylab.rl.envs import Episode
from raylab.rl.schedule import Checkpointing, Evaluating, Progress, Tracker, Until, crossed
from raylab.rl.trajectory import UpdateResult


class Clock:
    """Seconds that the test sets."""

    now = 100.0

    def __call__(self):
        return self.now


def result(update, agent_steps, *returns):
    episodes = tuple(Episode(0, value, 10, 40) for value in returns)
    return UpdateResult(update, agent_steps, agent_steps, {}, episodes)


def test_crossed_looks_at_the_interval_that_is_open_on_the_left():
    assert crossed(100, 90, 100)
    assert crossed(100, 90, 250)
    assert not crossed(100, 100, 199)
    assert not crossed(None, 0, 10**9)


def test_agent_steps_end_a_run_at_the_first_update_that_reaches_them():
    tracker = Tracker(Until(agent_steps=100))
    tracker.add(result(1, 96))

    assert tracker.reached() is None

    tracker.add(result(2, 192))

    assert tracker.reached() == "trained 192 agent steps"


def test_wall_time_counts_over_all_attempts_from_the_start_of_training():
    clock = Clock()
    saved = {"agent_steps": 10, "update": 1, "wall_time_s": 50.0}
    tracker = Tracker(Until(wall_time_s=60.0), saved, clock=clock)
    clock.now += 1000.0  # waiting for cores, restoring
    tracker.start()
    clock.now += 9.0
    tracker.add(result(2, 20))

    assert tracker.wall_time_s == 59.0
    assert tracker.reached() is None

    clock.now += 1.0
    tracker.add(result(3, 30))

    assert tracker.reached() == "trained for 60 s"


def test_a_mean_return_ends_a_run_once_there_are_a_hundred_episodes():
    tracker = Tracker(Until(episode_return=5.0))
    tracker.add(result(1, 10, *[9.0] * 99))

    assert tracker.reached() is None

    tracker.add(result(2, 20, *[0.0] * 10))

    assert tracker.episode_return == 9.0 * 90 / 100
    assert tracker.reached() == "reached a mean return of 8.1"


def test_a_restored_tracker_goes_on_as_if_nothing_had_happened():
    until = Until(episode_return=1e9)
    whole = Tracker(until)
    first = Tracker(until)
    for tracker in (whole, first):
        tracker.add(result(1, 10, 1.0, 2.0))
    second = Tracker(until, first.saved())
    for tracker in (whole, second):
        tracker.add(result(2, 20, 6.0))

    assert second.episode_return == whole.episode_return == 3.0
    assert second.episodes == whole.episodes == 3


def test_simulated_steps_never_roll_back():
    saved = {"agent_steps": 100, "update": 10}
    tracker = Tracker(Until(), saved, simulated_agent_steps=150)  # 50 were lost with the process
    tracker.add(result(11, 110))

    assert tracker.agent_steps == 110
    assert tracker.simulated_agent_steps == 160
    assert Tracker(Until(), tracker.saved(), 160).simulated_agent_steps == 160


def test_speed_is_that_of_the_last_seconds_and_says_how_long_it_takes():
    clock = Clock()
    tracker = Tracker(Until(agent_steps=10_000), clock=clock)
    tracker.start()

    assert tracker.steps_per_s == 0.0
    assert tracker.time_left_s is None

    for update in range(1, 61):  # 10 a second for half a minute, then 20
        clock.now += 1.0
        tracker.add(result(update, 10 * update + 10 * max(0, update - 30)))

    assert tracker.steps_per_s == 20.0
    assert tracker.time_left_s == (10_000 - 900) / 20.0
    assert Tracker(Until(wall_time_s=7.0), clock=clock).time_left_s == 7.0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Until(agent_steps=0), "until.agent_steps=0"),
        (lambda: Until(wall_time_s=-1.0), "until.wall_time_s=-1.0"),
        (lambda: Checkpointing(every_agent_steps=0), "checkpointing.every_agent_steps=0"),
        (lambda: Evaluating(every_agent_steps=0), "evaluation.every_agent_steps=0"),
        (lambda: Evaluating(random_baseline_episodes=-1), "random_baseline_episodes=-1"),
    ],
    ids=["steps", "time", "checkpoint", "evaluation", "baseline"],
)
def test_values_that_make_no_sense_are_named(make, says):
    with pytest.raises(ConfigError, match=says):
        make()


def test_progress_is_a_fraction_of_what_ends_the_run_and_never_exceeds_one():
    progress = Progress(run="a/1", state="running", agent_steps=1, until_agent_steps=4)

    assert Progress(run="a/1", state="running").fraction == 0
    assert progress.fraction == 0.25
    assert replace(progress, wall_time_s=3.0, until_wall_time_s=6.0).fraction == 0.5
    assert replace(progress, agent_steps=5).fraction == 1


def test_replay_goes_into_a_checkpoint_where_disk_and_size_allow():
    auto, always, never = (Checkpointing(replay=r, keep=3) for r in ("auto", "always", "never"))

    # Room for four checkpoints twice, up to a gigabyte each.
    assert auto.replay_limit_bytes(free_bytes=8_000) == 1_000
    assert auto.replay_limit_bytes(free_bytes=10**15) == 2**30
    assert always.replay_limit_bytes(free_bytes=0) == float("inf")
    assert never.replay_limit_bytes(free_bytes=10**15) == 0
