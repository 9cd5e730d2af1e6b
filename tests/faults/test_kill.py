"""Whatever is killed, a run ends with the weights of the run that nobody killed."""

import os
import random
import signal
import threading
from dataclasses import replace

import pytest

from raylab.errors import RaylabError
from raylab.experiment import Run, files, resume, train
from tests.faults.scenario import (
    CARTPOLE,
    CARTPOLE_DQN,
    LIMIT_S,
    PONG,
    assert_same_run,
    drive,
    kill,
    wait_for,
    wait_for_checkpoints,
)


class Training(threading.Thread):
    """`train` beside the test."""

    def __init__(self, experiment, display):
        super().__init__(daemon=True)
        self._experiment = experiment
        self._display = display
        self.path = run_path(experiment)
        self.error = None
        self.start()

    def run(self):
        try:
            train(self._experiment, display=self._display)
        except RaylabError as error:
            self.error = error

    def finish(self):
        self.join(timeout=LIMIT_S)
        assert not self.is_alive()
        if self.error:
            raise self.error
        return Run(self.path)


def run_path(experiment):
    return experiment.folder / str(experiment.seeds[0])


def read(path):
    return files.read_json(path, "")


@pytest.mark.parametrize(
    "experiment",
    [PONG, *(pytest.param(other, marks=pytest.mark.slow) for other in (CARTPOLE, CARTPOLE_DQN))],
    ids=lambda e: e.name,
)
def test_killed_trainer(experiment, cluster, uninterrupted, quiet, tmp_path):
    training = Training(replace(experiment, runs_dir=str(tmp_path)), quiet)
    wait_for_checkpoints(training.path, random.Random(experiment.name).randint(1, 3))

    kill(read(training.path / "environment.json")["process"]["pid"])
    run = training.finish()

    assert run.status["attempt"] == 2
    assert "died during update" in (run.path / "log.txt").read_text()
    assert_same_run(run, uninterrupted(experiment))


@pytest.mark.slow  # a schedule of test_schedules.py kills one, too
def test_killed_supervisor(cluster, uninterrupted, quiet, tmp_path):
    training = Training(replace(CARTPOLE, runs_dir=str(tmp_path)), quiet)
    wait_for_checkpoints(training.path, 2)

    kill(read(training.path / "status.json")["process"]["pid"])
    run = training.finish()

    assert run.status["attempt"] == 2
    assert_same_run(run, uninterrupted(CARTPOLE))


@pytest.mark.slow
def test_killed_driver_of_a_cluster_that_goes_on(cluster, uninterrupted, quiet, tmp_path):
    experiment = replace(
        CARTPOLE,
        runs_dir=str(tmp_path),
        placement=replace(CARTPOLE.placement, address=cluster.address),
    )
    path = run_path(experiment)
    with drive(experiment, new_session=True) as driver:
        wait_for_checkpoints(path, 1)
        kill(driver.pid)
        driver.communicate(timeout=LIMIT_S)

    [run] = train(experiment, display=quiet)  # attaches, or finds that it has finished

    assert run.state == "finished"
    assert run.status["attempt"] == 1
    assert_same_run(run, uninterrupted(CARTPOLE))


@pytest.mark.parametrize(
    "experiment",
    [CARTPOLE, pytest.param(PONG, marks=pytest.mark.slow)],
    ids=lambda e: e.name,
)
@pytest.mark.timeout(300)
def test_ctrl_c_then_killed_driver(experiment, uninterrupted, quiet, tmp_path):
    experiment = replace(
        experiment,
        runs_dir=str(tmp_path),
        placement=replace(experiment.placement, address="local"),
    )
    path = run_path(experiment)
    with drive(experiment, new_session=True) as driver:
        wait_for_checkpoints(path, 1)
        os.killpg(driver.pid, signal.SIGINT)  # what a terminal sends: to all of its processes
        said = driver.communicate(timeout=LIMIT_S)[1]

    assert driver.returncode == 130, said
    assert "raylab resume" in said
    assert Run(path).state == "interrupted"
    stopped_at = Run(path).status["agent_steps"]
    assert Run(path).latest_checkpoint().record["agent_steps"] == stopped_at

    with drive(experiment, new_session=True) as driver:
        wait_for(
            lambda: Run(path).status["attempt"] == 2 and Run(path).status["state"] == "running",
            "the second attempt",
        )
        kill(driver.pid)
        driver.communicate(timeout=LIMIT_S)
    wait_for(lambda: Run(path).state == "interrupted", "the end of the driver's cluster")

    [run] = resume(path, placement=replace(experiment.placement, address=None), display=quiet)

    assert run.state == "finished"
    # The dying cluster takes the trainer a second before its supervisor, which tries once more;
    # but it claims no attempt before a new trainer stands.
    assert run.status["attempt"] == 3
    assert_same_run(run, uninterrupted(experiment))
