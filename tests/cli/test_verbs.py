"""The verbs on run folders: report, runs, doctor, train and what leads to them."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

import pytest

from raylab.cli import main
from raylab.cli.doctor import _holds, store_findings
from raylab.cli.train import load_experiment
from raylab.errors import ConfigError, RunError
from raylab.experiment import Experiment
from raylab.rl.envs import Gymnasium
from raylab.runtime import Room
from tests.synthetic_runs import write_json, write_run

FILE = """
from raylab.experiment import Experiment
from raylab.rl.envs import Gymnasium
experiment = Experiment(name="test", env=Gymnasium(id="CartPole-v1"))
"""


def test_report_prints_a_table_and_where_the_files_are(tmp_path: Path, capsys) -> None:
    folder = write_run(tmp_path / "breakout-12345678" / "1", updates=40)
    (folder / "videos").mkdir()
    (folder / "videos" / "film.mp4").write_bytes(b"film")

    assert main(["report", str(folder), "--out", str(tmp_path / "out")]) == 0

    text = capsys.readouterr().out
    assert "breakout-12345678" in text
    assert "machado: sticky 0.25" in text
    assert f"report   {tmp_path / 'out' / 'report.html'}\n" in text
    assert f"plot     {tmp_path / 'out' / 'learning-curve-agent-steps.png'}\n" in text
    assert f"video    {folder / 'videos' / 'film.mp4'}\n" in text


def test_report_warns_of_a_corrupt_part_and_goes_on(tmp_path: Path, capsys) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=40)
    part = folder / "episodes" / "part-0001-00000021.parquet"
    part.write_bytes(b"PAR1")

    assert main(["report", str(folder)]) == 0

    assert f"warning  {part} is corrupt" in capsys.readouterr().out


def test_report_of_a_wrong_path_is_one_message(tmp_path: Path, capsys) -> None:
    assert main(["report", str(tmp_path / "nowhere")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_runs_lists_the_newest_first(tmp_path: Path, capsys) -> None:
    now = time.time()
    for seed, age_s in (("1", 500.0), ("2", 100.0), ("3", 9000.0)):
        folder = write_run(tmp_path / "breakout-0" / seed, updates=2, state="failed")
        status = json.loads((folder / "status.json").read_text())
        write_json(folder / "status.json", {**status, "updated_at": now - age_s})

    assert main(["runs", "--runs-dir", str(tmp_path)]) == 0

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[1] for row in rows[1:]] == ["2", "1", "3"]
    assert rows[1][:5] == ["breakout-0", "2", "failed", "2", "k"]
    assert " ".join(rows[1][5:]) == "20.0 1 min 40 s"


def test_runs_can_be_limited_to_a_state(tmp_path: Path, capsys) -> None:
    write_run(tmp_path / "a-0" / "1", updates=1, state="failed")
    write_run(tmp_path / "b-0" / "1", updates=1, state="finished")

    assert main(["runs", "--runs-dir", str(tmp_path), "--state", "failed"]) == 0

    text = capsys.readouterr().out
    assert "a-0" in text
    assert "b-0" not in text


def test_runs_survives_garbage_and_names_what_is_damaged(tmp_path: Path, capsys) -> None:
    write_run(tmp_path / "good-0" / "1", updates=1)
    broken = write_run(tmp_path / "broken-0" / "1", updates=1)
    (broken / "status.json").write_text('{"state": "finis')
    unreadable = write_run(tmp_path / "broken-0" / "2", updates=1)
    (unreadable / "config.json").unlink()
    (tmp_path / "file.txt").write_text("no run")
    (tmp_path / "empty").mkdir()
    (tmp_path / "good-0" / "report").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)

    assert main(["runs", "--runs-dir", str(tmp_path)]) == 0

    text = capsys.readouterr().out
    assert text.count(" damaged ") == 2
    assert f"damaged  {broken / 'status.json'} cannot be read" in text
    assert f"damaged  {unreadable / 'config.json'} is missing" in text
    assert "good-0" in text


def test_runs_without_a_folder_says_how_to_make_one(tmp_path: Path, capsys) -> None:
    assert main(["runs", "--runs-dir", str(tmp_path / "runs")]) == 0
    assert "raylab train" in capsys.readouterr().out


def test_run_whose_process_is_gone_is_interrupted(tmp_path: Path, capsys) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=1)
    status = json.loads((folder / "status.json").read_text())
    gone = {"host": os.uname().nodename, "pid": 2**22 + 1, "started": 1}
    write_json(folder / "status.json", {**status, "state": "running", "process": gone})

    assert main(["runs", "--runs-dir", str(tmp_path)]) == 0
    assert "interrupted" in capsys.readouterr().out


def test_doctor_says_what_is_there_and_what_it_would_choose(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAYLAB_CACHE_DIR", str(tmp_path))  # not tuned
    monkeypatch.setattr("raylab.runtime.cluster.cluster_of_this_machine", lambda: None)

    assert main(["doctor", "--runs-dir", str(tmp_path / "runs")]) == 0

    text = capsys.readouterr().out
    for expected in ("processor", "cores", "bfloat16", "GPU", "cluster", "pandas", "placement"):
        assert expected in text
    assert "APPO: " in text
    assert re.search(r"vectors +1 thread\(s\) inline, float32", text)
    assert "Raylab can train here." in text
    assert not (tmp_path / "runs").exists()


def test_doctor_names_a_cluster_that_does_not_answer(tmp_path, capsys, monkeypatch) -> None:
    from raylab.errors import ClusterError

    def refuse(address: str) -> None:
        raise ClusterError(f"cannot reach the cluster at {address}: refused.")

    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr("raylab.runtime.cluster.connect", refuse)

    assert main(["doctor", "--runs-dir", str(tmp_path)]) == 1

    text = capsys.readouterr().out
    assert "127.0.0.1:1 does not answer" in text
    assert "To be mended: cluster." in text


def test_doctor_places_what_the_command_line_says(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("raylab.runtime.cluster.cluster_of_this_machine", lambda: None)
    monkeypatch.setattr(sys, "argv", ["raylab"])  # put back afterwards
    file = tmp_path / "cartpole_test.py"
    file.write_text(FILE)
    doctor = ["doctor", str(file), "--runs-dir", str(tmp_path), "--placement.kind", "sync"]
    workers = ["--placement.workers", "2", "--placement.worker-cores", "0.25"]

    assert main([*doctor, *workers]) == 0
    assert "this machine: 1 learner, 2 rollout workers" in capsys.readouterr().out
    assert main([*doctor, *workers, "--placement.workers-on.resources", "lidar", "1"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "cannot hold it: no node is left for 0.25 CPU, 1 lidar (there are this machine" in said
    with pytest.raises(SystemExit):
        main(["doctor", "--placement.workers=2"])


def test_doctor_shows_resources_and_labels_of_nodes() -> None:
    room = Room("big", {"CPU": 2.0, "lidar": 1.0, "node:1.2.3.4": 1.0}, {"pool": "big"})

    assert _holds(room).startswith("2 cores, 0 GPUs, 1 lidar, pool=big: up to 2 trainer(s)")


def test_doctor_names_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()

    findings = list(store_findings(blocked / "runs"))

    assert findings[0].is_fault
    assert "cannot be written" in findings[0].seen


def test_train_hands_the_overrides_to_the_experiment(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "cartpole_test.py"
    file.write_text(FILE)
    calls = []
    monkeypatch.setattr(sys, "argv", ["raylab"])  # put back afterwards
    monkeypatch.setattr(
        "raylab.experiment.command.run",
        lambda experiment, argv, *, prog: calls.append((experiment.name, argv, prog)),
    )

    assert main(["train", str(file), "--seeds", "1", "2"]) == 0
    assert calls == [("test", ["--seeds", "1", "2"], f"raylab train {file}")]
    assert sys.argv[0] == str(file)  # its folder is what Ray's workers get on their path


def test_debug_shows_the_traceback_of_a_training(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "cartpole_test.py"
    file.write_text(FILE)
    monkeypatch.setattr(sys, "argv", ["raylab"])
    monkeypatch.setenv("RAYLAB_DEBUG", "0")

    def fail(experiment: Experiment, *, new: bool) -> None:
        raise RunError("deep")

    monkeypatch.setattr("raylab.experiment.runner.train", fail)
    with pytest.raises(RunError, match="deep"):
        main(["--debug", "train", str(file)])


def test_experiment_of_a_run_is_loaded_from_its_json(tmp_path: Path) -> None:
    experiment = Experiment(name="test", env=Gymnasium(id="CartPole-v1"), seeds=(5,))
    file = tmp_path / "config.json"
    write_json(file, experiment.to_json())

    assert load_experiment(file) == experiment


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.py", "", "defines no experiment"),
        ("other.py", "experiment = 3", "defines no experiment"),
        ("broken.py", "import raylab.nothing", "cannot be imported: ModuleNotFoundError"),
        ("syntax.py", "experiment = (", "cannot be imported: SyntaxError"),
        ("notes.txt", "hello", "neither an experiment file"),
    ],
    ids=["empty", "no experiment", "wrong import", "syntax", "text"],
)
def test_file_that_is_no_experiment_is_named(tmp_path, name, content, message) -> None:
    file = tmp_path / name
    file.write_text(content)

    with pytest.raises(ConfigError, match=message):
        load_experiment(file)


def test_missing_experiment_file_gets_a_near_match(tmp_path: Path) -> None:
    (tmp_path / "cartpole_ppo.py").write_text(FILE)

    with pytest.raises(ConfigError, match=r"did you mean .*cartpole_ppo\.py"):
        load_experiment(tmp_path / "cartpole_pp.py")


def test_run_given_to_train_points_to_resume(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=1)

    with pytest.raises(ConfigError, match=f"raylab resume {folder}"):
        load_experiment(folder)


def test_resume_and_evaluate_of_nothing_are_one_message(tmp_path: Path, capsys) -> None:
    assert main(["resume", str(tmp_path / "nowhere")]) == 2
    assert main(["evaluate", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("raylab: ") == 2
