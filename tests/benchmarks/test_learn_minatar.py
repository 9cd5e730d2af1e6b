"""What the comparison on MinAtar gives to a peer, and how a peer's training gets into a report."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.minatar.contenders import ENV, PEER, RAYLAB, peer_settings
from benchmarks.minatar.foreign import is_finished, write_foreign_run
from raylab.analysis.report import make_report
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO

CONTENT = {
    "agent_steps": 300,
    "updates": [{"update": u, "agent_steps": 100 * u, "wall_time_s": 2.0 * u} for u in (1, 2, 3)],
    "episodes": [
        {
            "update": update,
            "agent_steps": 100 * update,
            "episode_return": value,
            "row": 0,
            "length_steps": 50,
            "length_frames": 50,
        }
        for update, value in ((1, 1.0), (2, 3.0), (3, 5.0))
    ],
    "evaluation": {"returns": [4.0, 8.0], "lengths_steps": [40, 60]},
}


def test_report_shows_a_peer_beside_other_runs(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_foreign_run(
            tmp_path / "sb3-ppo" / str(seed),
            CONTENT,
            env=ENV,
            algorithm={"kind": "Stable-Baselines3 PPO"},
            versions={"torch": "2.13.0"},
            evaluation_seed=7,
        )

    report = make_report([tmp_path / "sb3-ppo"])

    (experiment,) = report.experiments
    assert report.problems == ()
    assert experiment.algorithm == "Stable-Baselines3 PPO"
    assert experiment.environment == "MinAtar breakout"
    assert [seed.run.state for seed in experiment.seeds] == ["finished", "finished"]
    assert experiment.last_return.value == 3.0
    assert experiment.evaluation.value == 6.0
    assert experiment.steps_per_s == 50.0
    assert "| algorithm | Stable-Baselines3 PPO |" in report.table.read_text()


def test_only_an_ended_run_is_finished(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text('{"state": "running"}')

    assert not is_finished(tmp_path)
    assert not is_finished(tmp_path / "nowhere")


def test_peer_learns_from_as_much_data_as_often() -> None:
    config = PPO(num_envs=4, unroll_length=32, minibatches=8, epochs=3, value_coefficient=0.5)
    settings = peer_settings(config, 1000)

    assert settings["n_steps"] * config.num_envs // settings["batch_size"] == 8
    assert settings["n_epochs"] == 3
    assert settings["vf_coef"] == 0.25  # of the whole squared error

    settings = peer_settings(DQN(num_envs=8, train_every=4, exploration_steps=500), 1000)

    assert settings["gradient_steps"] == 2  # after each step of 8 environments
    assert settings["exploration_fraction"] == 0.5


@pytest.mark.parametrize("algorithm", PEER)
def test_peer_is_asked_for_nothing_that_it_has_not(algorithm: str) -> None:
    config = RAYLAB[algorithm].algorithm

    assert isinstance(config, PPO | DQN)
    assert isinstance(config, PPO) or config == replace(config, double=False, dueling=False)
