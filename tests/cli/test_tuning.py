"""``raylab doctor --tune``: what it measures is kept, shown, and what auto means from then on."""

from raylab.cli import main
from raylab.rl import tuning


def test_doctor_tunes_the_machine_and_shows_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("RAYLAB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("raylab.cli.tuning._SECONDS", 0.1)
    monkeypatch.setattr("raylab.rl.tuning.KINDS", ("vectors",))  # the others take their time
    monkeypatch.setattr("raylab.runtime.cluster.cluster_of_this_machine", lambda: None)

    main(["doctor", "--tune", "--runs-dir", str(tmp_path / "runs")])

    text = capsys.readouterr().out
    best = tuning.best("vectors")
    assert best is not None
    assert text.count(" chosen") == 1
    assert f"vectors {best.threads} thread(s) in float32 (measured " in text


def test_doctor_tells_how_to_tune(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("RAYLAB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("raylab.runtime.cluster.cluster_of_this_machine", lambda: None)

    main(["doctor", "--runs-dir", str(tmp_path / "runs")])

    assert "raylab doctor --tune" in capsys.readouterr().out
