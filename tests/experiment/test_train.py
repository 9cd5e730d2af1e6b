"""Training through Ray: identity, a second start, several seeds, what a run's folder holds."""

import json
import threading
from dataclasses import replace

import pytest
from rich.console import Console

from raylab.errors import (
    ActorError,
    ConfigError,
    EnvError,
    RoleDiedError,
    RunError,
    RunExistsError,
    RunNotFoundError,
)
from raylab.experiment import (
    Checkpointing,
    Evaluating,
    Experiment,
    Placement,
    Until,
    files,
    list_runs,
    load_config,
    resume,
    runner,
    train,
)
from raylab.experiment.progress import Display
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium, MinAtar
from raylab.runtime.machine import ProcessId

LIMIT_S = 90.0

TINY = Experiment(
    name="tiny",
    env=MinAtar(game="breakout", max_episode_steps=200),
    algorithm=PPO(num_envs=2, unroll_length=16, minibatches=1, epochs=1),
    until=Until(agent_steps=320),
    checkpointing=Checkpointing(every_agent_steps=100),
    evaluation=Evaluating(episodes=2, random_baseline_episodes=3, every_agent_steps=160),
)


class Dying:
    """A supervisor whose process ends whenever it is asked."""

    def call(self, method, *, timeout_s):
        raise RoleDiedError(f"the supervisor died during {method}: no memory.")


def test_a_supervisor_that_cannot_start_is_the_cause(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "_START_S", 0.0)
    monkeypatch.setattr(runner.runtime, "find", lambda name, role: Dying())
    experiment = replace(TINY, runs_dir=str(tmp_path))

    with pytest.raises(ActorError, match=r"does not start: .* no memory; see .*log.txt") as failed:
        runner._start(experiment, 1, tmp_path / "tiny" / "1", cluster=None)

    assert isinstance(failed.value.__cause__, RoleDiedError)


class Told(Display):
    """Remembers what it was told."""

    def __init__(self):
        super().__init__(Console(quiet=True))
        self.messages = []

    def message(self, text):
        self.messages.append(text)


def in_folder(folder, **changes):
    return replace(TINY, runs_dir=str(folder), **changes)


def shape(path):
    return {p.relative_to(path).parts[0] for p in path.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_resumed_together_every_run_keeps_its_own_end_and_placement(cluster, tmp_path):
    base = in_folder(tmp_path, evaluation=Evaluating(episodes=0))
    for seed, steps, evaluator in ((1, 64, False), (2, 32, True), (3, 64, False)):
        own = replace(
            base,
            seeds=(seed,),
            until=Until(agent_steps=steps),
            placement=Placement(kind="inline", threads=1, evaluator=evaluator),
        )
        path = tmp_path / TINY.experiment_id / str(seed)
        files.make_folder(path)
        files.write_json(path / "config.json", own.to_json())

    runs = resume(tmp_path / TINY.experiment_id, display=Told())

    ends = {run.seed: (run.status["agent_steps"], run.state) for run in runs}
    assert ends == {1: (64, "finished"), 2: (32, "finished"), 3: (64, "finished")}
    placements = {run.seed: run.experiment.placement.evaluator for run in runs}
    assert placements == {1: False, 2: True, 3: False}


def test_runs_of_several_experiments_are_not_resumed_as_one(tmp_path):
    for name in ("a-12345678", "b-12345678"):
        files.make_folder(tmp_path / name / "1")
        files.write_json(tmp_path / name / "1" / "config.json", TINY.to_json())

    with pytest.raises(RunNotFoundError, match="holds 2 experiments; name one of"):
        resume(tmp_path)


def test_a_run_leaves_a_folder_that_tells_everything(cluster, tmp_path):
    [run] = train(in_folder(tmp_path), display=Told())

    assert run.path == (tmp_path / TINY.experiment_id / "1").resolve()
    assert shape(run.path) == {
        "attempts",
        "checkpoints",
        "config.json",
        "environment.json",
        "episodes",
        "evaluations",
        "log.jsonl",
        "log.txt",
        "metrics",
        "status.json",
        "tensorboard",
        "videos",
    }
    assert run.state == "finished"
    assert run.status["cause"] == "trained 320 agent steps"
    metrics = run.metrics()
    assert list(metrics["update"]) == list(range(1, 11))
    assert list(metrics["agent_steps"]) == list(range(32, 321, 32)) == list(metrics["frames"])
    assert {"loss/policy", "loss/value", "entropy", "kl", "wall_time_s"} <= set(metrics.columns)
    assert len(run.episodes()) > 0
    scores = {(e["agent_steps"], e["policy"]): e for e in run.evaluations()}
    assert set(scores) == {(0, "random"), (160, "sampled"), (320, "sampled")}
    assert scores[0, "random"]["episodes"] == 3
    assert scores[320, "sampled"]["weight_hash"] == run.status["weight_hash"]
    assert scores[320, "sampled"]["environment"]["game"] == "breakout"
    assert (run.path / scores[320, "sampled"]["video"]).read_bytes()[4:8] == b"ftyp"
    environment = run.environment
    assert environment["threads"] == run.experiment.placement.threads
    assert {"torch", "numpy", "ray", "MinAtar"} <= set(environment["versions"])
    # 320 is no multiple of 100 times anything here: one for every 100 crossed, the newest three.
    assert [int(path.name) for path in run.checkpoints] == [224, 320] or len(run.checkpoints) == 3
    again = load_config(tmp_path / TINY.experiment_id / "config.json")
    assert again.experiment_id == TINY.experiment_id
    assert again.placement.threads is not None


def test_a_finished_run_is_left_alone_and_can_be_extended(cluster, tmp_path):
    short = in_folder(tmp_path, until=Until(agent_steps=64), evaluation=Evaluating(episodes=0))
    [run] = train(short, display=Told())
    told = Told()
    status = (run.path / "status.json").read_bytes()

    train(short, display=told)

    assert (run.path / "status.json").read_bytes() == status
    assert "is finished (trained 64 agent steps)" in told.messages[0]

    with pytest.raises(ConfigError, match=r"until\.agent_steps=32 would cut .*--new"):
        train(replace(short, until=Until(agent_steps=32)), display=Told())

    told = Told()
    train(replace(short, until=Until(agent_steps=128)), display=told)

    assert run.status["agent_steps"] == 128
    assert run.status["attempt"] == 2
    assert list(run.metrics()["update"]) == [1, 2, 3, 4]
    # The learning rate now falls to zero later: said, and kept.
    assert any("continued, not exact: until.agent_steps: 128, was 64" in m for m in told.messages)
    assert run.status["exact"] is False

    [other] = train(short, new=True, display=Told())

    assert other.path.parent.name == f"{TINY.experiment_id}-2"
    assert other.status["agent_steps"] == 64
    assert [r.id for r in list_runs(tmp_path)] == [
        f"{TINY.experiment_id}/1",
        f"{TINY.experiment_id}-2/1",
    ]


def test_seeds_run_side_by_side(cluster, tmp_path):
    runs = train(
        in_folder(tmp_path, seeds=(1, 2), evaluation=Evaluating(episodes=0)), display=Told()
    )

    assert [run.state for run in runs] == ["finished", "finished"]
    assert [run.experiment.placement.threads for run in runs] == [1, 1]
    hashes = {run.status["weight_hash"] for run in runs}
    assert len(hashes) == 2


@pytest.mark.slow
def test_a_second_start_attaches_to_the_run(cluster, tmp_path):
    slow = in_folder(
        tmp_path,
        algorithm=replace(TINY.algorithm, epochs=20),
        until=Until(agent_steps=32 * 100),
        evaluation=Evaluating(episodes=0),
    )
    drivers = [
        threading.Thread(target=train, args=(slow,), kwargs={"display": Told()}, daemon=True)
        for _ in range(2)
    ]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join(timeout=LIMIT_S)

    [run] = list_runs(tmp_path)
    assert not any(driver.is_alive() for driver in drivers)
    assert run.state == "finished"
    assert len(list((run.path / "attempts").iterdir())) == 1


def test_wall_time_ends_a_run(cluster, tmp_path):
    limited = in_folder(
        tmp_path,
        until=Until(agent_steps=10**9, wall_time_s=0.2),
        evaluation=Evaluating(episodes=0),
    )

    [run] = train(limited, display=Told())

    assert run.state == "finished"
    assert run.status["cause"].startswith("trained for ")


def status_of(process):
    return {
        "state": "running",
        "process": vars(process),
        "cluster": "192.0.2.1:1",
        "updated": "now",
        "updated_at": 0.0,
    }


def test_a_run_that_is_trained_on_another_cluster_says_where(cluster, tmp_path):
    experiment = in_folder(tmp_path)
    path = experiment.folder / "1"
    path.mkdir(parents=True)
    files.write_json(path / "config.json", experiment.to_json())
    files.write_json(path / "status.json", status_of(ProcessId.current()))

    with pytest.raises(RunExistsError, match=rf"process {ProcessId.current().pid} on .*--new"):
        train(experiment, display=Told())


def test_an_environment_that_cannot_be_made_fails_the_run_with_its_reason(cluster, tmp_path):
    broken = in_folder(tmp_path, env=Gymnasium(id="CartPole-v1", kwargs={"no_such": 1}))

    with pytest.raises(EnvError, match="no_such"):
        train(broken, display=Told())

    [run] = list_runs(tmp_path)
    assert run.state == "failed"
    assert "no_such" in run.status["cause"]


def test_a_folder_that_cannot_be_written_is_named_before_anything_starts(tmp_path):
    (tmp_path / "runs").write_text("a file where the folder belongs")

    with pytest.raises(RunError, match=r"cannot write .*runs.*--runs-dir"):
        train(replace(TINY, runs_dir=str(tmp_path / "runs")), display=Told())


def test_more_threads_than_the_cluster_has_are_refused(cluster, tmp_path):
    with pytest.raises(ConfigError, match=r"placement.threads=64 .*--placement.threads 2"):
        train(in_folder(tmp_path, placement=Placement(threads=64)), display=Told())
    assert json.loads("[]") == list_runs(tmp_path)


@pytest.mark.slow
def test_an_evaluator_of_its_own_scores_the_same_policies(cluster, tmp_path):
    placement = Placement(threads=1, evaluator=False)
    [alone] = train(in_folder(tmp_path / "alone", placement=placement), display=Told())
    placement = replace(placement, evaluator=True)
    [beside] = train(in_folder(tmp_path / "beside", placement=placement), display=Told())

    scores = [
        [(e["agent_steps"], e["policy"], e["returns"]) for e in run.evaluations()]
        for run in (alone, beside)
    ]
    assert scores[0] == scores[1]
    assert [steps for steps, policy, _ in scores[0] if policy == "sampled"] == [160, 320]
