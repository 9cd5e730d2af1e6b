"""The recorder alone: attempts, what a killed writer leaves, a writer that was overtaken."""

from dataclasses import replace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.compat.proto.event_pb2 import SessionLog

from raylab.errors import RunExistsError, RunNotFoundError
from raylab.experiment import Checkpointing, Experiment, Run, files, list_runs
from raylab.experiment.recorder import RunRecorder
from raylab.rl.envs import Episode, MinAtar
from raylab.rl.schedule import Progress, Tracker
from raylab.rl.trajectory import State, UpdateResult
from raylab.runtime.machine import ProcessId

ENVIRONMENT = {"exactness": {"threads": 1, "torch": "2"}}


@pytest.fixture
def path(tmp_path):
    experiment = Experiment(
        name="exp", env=MinAtar(game="breakout"), checkpointing=Checkpointing(keep=2)
    )
    path = tmp_path / experiment.experiment_id / "1"
    path.mkdir(parents=True)
    files.write_json(path / "config.json", experiment.to_json())
    return path


def begin(path, environment=ENVIRONMENT, differences=()):
    """Return a recorder whose attempt has begun, its start, its tracker, why it is not exact."""
    recorder = RunRecorder(path, "192.0.2.1:1")
    start = recorder.begin()
    tracker = Tracker(recorder._experiment.until, start.progress, start.simulated_agent_steps)
    reasons = recorder.describe(environment, differences)
    return recorder, start, tracker, reasons


def update(recorder, tracker, number):
    result = UpdateResult(number, number * 10, number * 10, {"loss": 0.5}, (Episode(0, 1.0, 3, 3),))
    tracker.add(result)
    recorder.record(result, tracker)


def save(recorder, tracker):
    weights = {"w": np.full(3, tracker.update, np.float32)}
    recorder.checkpoint(State({"weights": weights}, {}), f"hash{tracker.update}", tracker)


def progress(tracker, state="running", cause=""):
    return Progress(
        run="exp/1",
        state=state,
        cause=cause,
        agent_steps=tracker.agent_steps,
        update=tracker.update,
    )


def test_rows_before_a_checkpoint_are_safe_and_later_ones_rolled_back(path):
    recorder, start, tracker, _ = begin(path)
    for number in (1, 2):
        update(recorder, tracker, number)
    save(recorder, tracker)
    update(recorder, tracker, 3)
    recorder._flush()
    recorder.beat(progress(tracker))
    # Here the process is killed; another one begins.
    recorder, again, tracker, reasons = begin(path)
    update(recorder, tracker, 3)
    recorder.finish(progress(tracker, "finished", "done"))

    run = Run(path)
    assert (start.attempt, start.state) == (1, None)
    assert again.attempt == 2
    assert again.state.parts["weights"]["w"].tolist() == [2.0, 2.0, 2.0]
    assert again.simulated_agent_steps == 30
    assert reasons == []
    metrics = run.metrics()
    assert list(metrics["update"]) == [1, 2, 3]
    assert list(metrics["attempt"]) == [1, 1, 2]
    assert list(metrics["simulated_agent_steps"]) == [10, 20, 40]
    assert list(run.episodes()["attempt"]) == [1, 1, 2]
    assert run.status["simulated_agent_steps"] == 40


def test_simulated_steps_stay_counted_when_one_process_begins_again(path):
    recorder, _, tracker, _ = begin(path)
    update(recorder, tracker, 1)
    save(recorder, tracker)
    recorder.beat(progress(tracker))
    for number in (2, 3):
        update(recorder, tracker, number)
    recorder.beat(progress(tracker))  # too early to renew the status

    again = recorder.begin()

    assert Run(path).status["simulated_agent_steps"] == 10
    assert again.simulated_agent_steps == 30


def test_what_differs_makes_a_run_not_exact_for_good(path):
    recorder, _, tracker, _ = begin(path)
    update(recorder, tracker, 1)
    save(recorder, tracker)
    recorder, _, tracker, reasons = begin(path, {"exactness": {"threads": 2, "torch": "2"}}, ["x"])
    update(recorder, tracker, 2)
    save(recorder, tracker)
    _, _, _, later = begin(path, {"exactness": {"threads": 2, "torch": "2"}})

    assert reasons == ["x", "threads: 2, was 1"]
    assert later == []
    assert Run(path).latest_checkpoint().record["exact"] is False


def test_a_writer_that_was_overtaken_stops_and_writes_nothing_more(path):
    recorder, _, tracker, _ = begin(path)
    update(recorder, tracker, 1)
    second, _, other, _ = begin(path)
    update(second, other, 1)
    second.finish(progress(other, "finished", "by the second"))

    for call in (
        lambda: recorder.beat(progress(tracker)),
        lambda: save(recorder, tracker),
        lambda: recorder.finish(progress(tracker, "failed", "by the first")),
    ):
        with pytest.raises(RunExistsError, match="attempt 2 has taken over"):
            call()
    assert Run(path).status["cause"] == "by the second"
    assert list(Run(path).metrics()["attempt"]) == [2]


def written_as(file):
    """Return the number of an event file, the last part of its name, in its process."""
    return int(file.suffix.removeprefix("."))


def test_tensorboard_forgets_what_was_rolled_back(path):
    recorder, _, tracker, _ = begin(path)
    update(recorder, tracker, 1)
    save(recorder, tracker)
    update(recorder, tracker, 2)
    recorder._flush()
    begin(path)

    first, second = [
        list(LegacyEventFileLoader(str(file)).Load())
        for file in sorted((path / "tensorboard").iterdir(), key=written_as)
    ]
    values = {(event.step, value.tag) for event in first for value in event.summary.value}
    assert values == {(s, tag) for s in (10, 20) for tag in ("loss", "episode_return_mean")}
    assert second[1].session_log.status == SessionLog.START
    assert second[1].step == 10


def test_old_checkpoints_go(path):
    recorder, _, tracker, _ = begin(path)
    for number in range(1, 6):
        update(recorder, tracker, number)
        save(recorder, tracker)

    assert [int(p.name) for p in Run(path).checkpoints] == [40, 50]
    manifest = files.read_json(Run(path).checkpoints[-1] / "manifest.json", "")
    assert {entry["folder"] for entry in manifest["covers"]} == {"metrics", "episodes"}


def test_the_state_of_a_run_is_what_is_true_and_not_what_it_says(path):
    run = Run(path)
    recorder, _, tracker, _ = begin(path)

    assert run.state == "interrupted"  # it has given no sign of life yet
    recorder.beat(progress(tracker))
    assert run.state == "running"
    assert run.is_alive

    status = run.status
    dead = replace(ProcessId(**status["process"]), started=1)
    files.write_json(path / "status.json", {**status, "process": vars(dead)})

    assert run.state == "interrupted"

    far = replace(dead, host="elsewhere.invalid")
    files.write_json(path / "status.json", {**status, "process": vars(far)})

    assert run.state == "running"  # its host was heard of a moment ago

    silent = {**status, "process": vars(far), "updated_at": status["updated_at"] - 3600}
    files.write_json(path / "status.json", silent)

    assert run.state == "interrupted"


def test_runs_are_found_by_their_folder_or_the_near_match_is_named(path):
    experiment = path.parent

    assert Run.open(path).id == f"{experiment.name}/1"
    assert Run.open(experiment) == Run(path)
    assert list_runs(experiment.parent) == list_runs(experiment) == [Run(path)]
    with pytest.raises(RunNotFoundError, match=f"did you mean .*{experiment.name}"):
        Run.open(experiment.parent / experiment.name[:-2])
    with pytest.raises(RunNotFoundError, match="has no checkpoint yet; `raylab resume"):
        Run(path).latest_checkpoint()
    assert list(Run(path).metrics()["update"]) == []


def test_a_damaged_status_is_as_none_and_written_again(path):
    recorder, _, tracker, _ = begin(path)
    (path / "status.json").write_text("{")

    assert Run(path).state == "interrupted"

    recorder.beat(progress(tracker))

    assert Run(path).state == "running"
