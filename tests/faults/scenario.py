"""Experiments that are killed, and the same ones that are not."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from raylab.experiment import Checkpointing, Evaluating, Experiment, Placement, Run, Until, files
from raylab.rl.algorithms.dqn import DQN
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Atari, Gymnasium
from raylab.rl.networks import NetworkConfig

LIMIT_S = 90.0

CARTPOLE = Experiment(
    name="cartpole",
    env=Gymnasium(id="CartPole-v1"),
    # 64 agent steps an update, slow enough by its epochs to be hit between two of them.
    algorithm=PPO(num_envs=4, unroll_length=16, minibatches=2, epochs=30, learning_rate=1e-3),
    until=Until(agent_steps=64 * 60),
    placement=Placement(threads=1),
    checkpointing=Checkpointing(every_agent_steps=64 * 7, keep=3),
    evaluation=Evaluating(episodes=0),
)

CARTPOLE_DQN = replace(
    CARTPOLE,
    name="cartpole-dqn",
    # 64 agent steps and 16 minibatches an update.
    algorithm=DQN(
        num_envs=4,
        unroll_length=16,
        capacity=2_000,
        learning_starts=200,
        train_every=4,
        target_every=100,
        exploration_steps=2_000,
        n_step=3,
        double=True,
        prioritized=True,
    ),
)

PONG = replace(
    CARTPOLE,
    name="pong",
    env=Atari(game="pong", screen_size=84, max_frames=400),  # so that games end, too
    algorithm=PPO(
        num_envs=2, unroll_length=16, minibatches=2, epochs=4, network=NetworkConfig(features=32)
    ),
    until=Until(agent_steps=32 * 60),
    checkpointing=Checkpointing(every_agent_steps=32 * 6, keep=3),
)


def drive(experiment, *, new_session=False):
    """Start a driver in a process of its own, as `python experiments/x.py` does."""
    config = Path(experiment.runs_dir) / "config.json"
    files.write_json(config, experiment.to_json())
    code = (
        "import sys; from pathlib import Path; from raylab.experiment import load_config;"
        "load_config(Path(sys.argv[1])).main([])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(config)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=new_session,
    )


def wait_for(condition, what, limit_s=LIMIT_S):
    """Wait until the condition holds, and return what it gave."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise TimeoutError(what)


def wait_for_checkpoints(path, count):
    """Wait until a run has written so many checkpoints at least."""
    folder = path / "checkpoints"
    limit = f"{count} checkpoints in {path}"
    wait_for(lambda: folder.is_dir() and len(list(folder.glob("0*"))) >= count, limit)


def kill(pid):
    """End a process without warning."""
    os.kill(pid, signal.SIGKILL)


def living(pids):
    """Those of some processes that are there."""
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def assert_same_run(run: Run, reference: Run):
    """The runs learned the same, bit by bit, and their metrics tell it once."""
    assert run.status["weight_hash"] == reference.status["weight_hash"]
    assert run.status["exact"] is True
    metrics, expected = run.metrics(), reference.metrics()
    assert list(metrics["update"]) == list(expected["update"])
    losses = [column for column in expected.columns if column.startswith("loss/")]
    assert losses
    for column in ("agent_steps", *losses):
        assert metrics[column].equals(expected[column]), column
    episodes, expected = run.episodes(), reference.episodes()
    for column in ("update", "row", "episode_return", "length_steps"):
        assert list(episodes[column]) == list(expected[column])
