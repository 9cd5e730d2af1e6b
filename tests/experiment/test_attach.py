"""Several drivers of one run: one trains, the others watch."""

import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from raylab import runtime
from raylab.cli import main
from raylab.errors import RunNotFoundError
from raylab.experiment import Run, Until, attach, train
from raylab.experiment.progress import Display
from raylab.experiment.watching import supervisor_name
from tests.faults.scenario import CARTPOLE, LIMIT_S, drive, wait_for_checkpoints

LONG = replace(CARTPOLE, until=Until(agent_steps=64 * 40_000))


class Lines(Display):
    """A display that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def message(self, text):
        self.lines.append(text)

    def show(self, runs):
        pass


def test_of_two_drivers_at_the_same_moment_one_trains(cluster, tmp_path):
    experiment = replace(
        CARTPOLE,
        runs_dir=str(tmp_path),
        placement=replace(CARTPOLE.placement, address=cluster.address),
    )

    drivers = [drive(experiment) for _ in range(2)]
    said = [driver.communicate(timeout=LIMIT_S)[1] for driver in drivers]

    assert [driver.returncode for driver in drivers] == [0, 0], said
    run = Run(experiment.folder / "1")
    assert run.state == "finished"
    assert run.status["attempt"] == 1
    assert len(list((run.path / "attempts").iterdir())) == 1
    assert list(run.metrics()["update"]) == list(range(1, 61))
    assert all("finished" in text for text in said), said


def end(name):
    """End a run whose test failed: it would take its cores from the tests that follow."""
    supervisor = runtime.find(name, "supervisor")
    if supervisor is not None:
        supervisor.kill()


def test_attaching_watches_to_the_end_and_leaving_does_not_stop(cluster, tmp_path, capsys, request):
    experiment = replace(
        LONG,
        runs_dir=str(tmp_path),
        placement=replace(LONG.placement, address=cluster.address),
    )
    path = experiment.folder / "1"
    name = supervisor_name(experiment, path.resolve())
    request.addfinalizer(lambda: end(name))
    with drive(experiment) as driver:
        wait_for_checkpoints(path, 1)
        driver.kill()
        driver.communicate(timeout=LIMIT_S)
    assert Run(path).is_alive

    watching = subprocess.Popen(
        [sys.executable, "-m", "raylab.cli", "attach", str(path)], stderr=subprocess.PIPE, text=True
    )
    assert any("watching" in line for line in watching.stderr)  # or the end of what it says
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=LIMIT_S)
    assert Run(path).is_alive

    assert main(["top", "--once", "--address", cluster.address]) == 0
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if Run(path).id in line]
    assert any("training" in line for line in lines), said
    assert "2 " in said.splitlines()[1]  # the only node, with two cores

    lines = Lines()
    watcher = threading.Thread(target=attach, args=(path,), kwargs={"display": lines})
    watcher.start()
    runtime.find(name, "supervisor").submit("stop", "enough")
    watcher.join(LIMIT_S)

    assert not watcher.is_alive()
    assert any("interrupted, enough" in line for line in lines.lines), lines.lines
    assert Run(path).state == "interrupted"


def test_attaching_to_what_nobody_trains_says_how_it_stands(cluster, tmp_path):
    [run] = train(replace(CARTPOLE, until=Until(agent_steps=64), runs_dir=str(tmp_path)))
    lines = Lines()

    attach(run.path, display=lines)

    assert lines.lines == [f"{run.path} is finished: trained 64 agent steps"]
    with pytest.raises(RunNotFoundError):
        attach(tmp_path / "nothing")
