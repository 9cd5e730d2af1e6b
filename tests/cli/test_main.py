"""The command itself: help, versions, unknown verbs, errors as one message, quick start-up."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time

import pytest

from raylab import __version__
from raylab.cli import VERBS, main
from raylab.errors import ActorError, ConfigError, RaylabError, RunNotFoundError


def test_help_names_every_verb_and_gives_examples(capsys) -> None:
    assert main(["--help"]) == 0

    text = capsys.readouterr().out
    assert all(f"  {verb}" in text for verb in VERBS)
    assert "examples:" in text


def test_no_verb_prints_the_help_and_is_a_mistake(capsys) -> None:
    assert main([]) == 2
    assert "usage: raylab" in capsys.readouterr().out


def test_version(capsys) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"raylab {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(verb: str, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main([verb, "--help"])

    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: raylab {verb}" in text
    assert f"examples:\n  raylab {verb}" in text


@pytest.mark.parametrize(("typed", "meant"), [("rprot", "report"), ("evalute", "evaluate")])
def test_unknown_verb_gets_a_near_match(typed: str, meant: str, capsys) -> None:
    assert main([typed]) == 2
    assert f"did you mean `raylab {meant}`?" in capsys.readouterr().err


def test_verb_that_looks_like_none_gets_the_list(capsys) -> None:
    assert main(["zzz"]) == 2
    assert "there are train, resume" in capsys.readouterr().err


def test_unknown_option_gets_a_near_match(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "runs/x", "--episode", "3"])

    assert end.value.code == 2
    assert "unknown argument '--episode'; did you mean --episodes?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("clip=-1 must be positive."), 2),
        (RunNotFoundError("no run in x."), 2),
        (ActorError("the trainer died."), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=["config", "run", "actor", "interrupt"],
)
def test_errors_print_one_message(error, code: int, capsys, monkeypatch) -> None:
    fail_with(error, monkeypatch)

    assert main(["runs"]) == code

    printed = capsys.readouterr().err
    assert printed == f"raylab: {str(error) or 'interrupted'}\n"


@pytest.mark.parametrize("by", ["option", "variable"])
def test_debug_shows_where_an_error_comes_from(by: str, monkeypatch) -> None:
    fail_with(RaylabError("deep"), monkeypatch)
    monkeypatch.setenv("RAYLAB_DEBUG", "1" if by == "variable" else "0")

    with pytest.raises(RaylabError, match="deep"):
        main(["runs", "--debug"] if by == "option" else ["runs"])
    assert os.environ["RAYLAB_DEBUG"] == "1"  # for what handles its errors itself, like train


def test_a_mistake_of_ours_is_not_hidden(monkeypatch) -> None:
    fail_with(ZeroDivisionError(), monkeypatch)

    with pytest.raises(ZeroDivisionError):
        main(["runs"])


def test_help_of_the_command_loads_nothing_heavy() -> None:
    program = (
        "import sys, raylab.cli; raylab.cli.main(['--help']); "
        "heavy = {'ray', 'torch', 'pandas', 'numpy', 'rich', 'matplotlib'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr


def test_help_of_a_verb_loads_neither_ray_nor_torch() -> None:
    program = (
        "import sys, raylab.cli\n"
        "for verb in raylab.cli.VERBS:\n"
        "    try: raylab.cli.main([verb, '--help'])\n"
        "    except SystemExit: pass\n"
        "heavy = {'ray', 'torch', 'pandas', 'numpy', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr


def test_help_is_there_at_once() -> None:
    command = [sys.executable, "-m", "raylab.cli", "--help"]

    def time_one() -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return time.perf_counter() - start

    assert min(time_one() for _ in range(5)) < 0.3  # the best of five: the machine may be busy


def test_output_that_nobody_reads_ends_quietly() -> None:
    command = f"{sys.executable} -m raylab.cli --help | true"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)

    assert done.stderr == ""


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the verb ``runs`` fail."""

    def run(arguments: object) -> int:
        raise error

    monkeypatch.setattr(importlib.import_module("raylab.cli.runs"), "run", run)
