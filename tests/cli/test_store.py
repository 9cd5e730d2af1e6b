"""`raylab runs` and `raylab report` read runs behind a URL as they read a folder."""

import pytest

from raylab.cli import main
from tests.synthetic_runs import write_run


@pytest.fixture
def url(tmp_path, monkeypatch):
    """A store with two runs, read with an empty cache in an empty folder."""
    for seed in (1, 2):
        write_run(tmp_path / "store" / "pong-0a1b" / str(seed), updates=5)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return f"local://{tmp_path}/store"


def test_runs_lists_a_store(url, capsys):
    assert main(["runs", "--store", url]) == 0

    lines = [line for line in capsys.readouterr().out.splitlines() if "pong-0a1b" in line]
    assert len(lines) == 2


def test_report_of_a_store_is_written_here(url, tmp_path, capsys):
    assert main(["report", "--store", url, "pong-0a1b"]) == 0

    assert (tmp_path / "here" / "report" / "report.html").is_file()
    assert "pong-0a1b" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["runs", "--store", "ftp://host/runs"], "no exclusive create"),
        (["report", "--store", "local:///nowhere/at/all"], "no run in local:///nowhere/at/all"),
    ],
)
def test_a_store_that_will_not_do_is_named(arguments, says, capsys):
    assert main(arguments) == 2

    assert says in capsys.readouterr().err


def test_report_without_runs_asks_for_them(capsys):
    with pytest.raises(SystemExit):
        main(["report"])

    assert "required: run" in capsys.readouterr().err
