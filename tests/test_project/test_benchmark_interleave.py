"""Interleaved runs: order, foreign CPU time, discarded pairs and left-over processes."""

import os
import sys
import textwrap
import time
from pathlib import Path

import pytest

from benchmarks import interleave as module
from benchmarks.interleave import Comparison, Program, ProgramError, Run, interleave, run_once


def program(code: str, system: str = "a", **options) -> Program:
    command = (sys.executable, "-c", textwrap.dedent(code))
    return Program(system=system, command=command, **options)


BURN = """
    import time, json
    end = time.process_time() + {seconds}
    while time.process_time() < end: pass
    print(json.dumps({{"rate": 1.0}}))
"""


def running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"  # killed, only not collected by init yet


def a_run(rate: float, foreign_share: float = 0.0) -> Run:
    return Run({"rate": rate}, 1.0, foreign_share, foreign_share)


def test_the_last_line_is_the_result():
    run = run_once(program("print('warming up'); print('{\"rate\": 3, \"n\": 2}')"))

    assert run.metrics == {"rate": 3.0, "n": 2.0}


def test_programs_run_in_turn(tmp_path):
    log = tmp_path / "log"
    code = f"open({str(log)!r}, 'a').write('%s'); print('{{\"rate\": 1}}')"
    programs = [program(code % name, name) for name in "abc"]

    comparison = interleave(programs, pairs=2, max_foreign_share=1.0)

    assert log.read_text() == "abcabc"
    assert len(comparison.pairs("a", "c")) == 2


def test_own_cpu_time_is_not_foreign(monkeypatch):
    # /proc/stat is replaced by what the run itself used: a busy machine cannot disturb the test.
    monkeypatch.setattr(module, "busy_s", module.own_s)

    run = run_once(program(BURN.format(seconds=0.5)))

    assert run.foreign_cpu_s < 0.05


def test_foreign_cpu_time_is_seen(monkeypatch):
    started = time.monotonic()
    # Somebody else keeps exactly one core busy for the whole run.
    monkeypatch.setattr(module, "busy_s", lambda: module.own_s() + time.monotonic() - started)

    run = run_once(program(BURN.format(seconds=0.3)))

    assert run.foreign_cpu_s == pytest.approx(run.elapsed_s, rel=0.2)
    assert run.foreign_share == pytest.approx(1 / os.cpu_count(), rel=0.2)
    assert run.disturbed(0.5 / os.cpu_count())


def test_a_daemon_without_parent_belongs_to_the_run_and_is_ended(tmp_path):
    # The child starts a session of its own and is orphaned, as Ray's daemons are; it never ends.
    pid_file = tmp_path / "pid"
    code = f"""
        import subprocess, sys, time
        child = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        open({str(pid_file)!r}, "w").write(str(child.pid))
        time.sleep(0.6)
        print('{{"rate": 1}}', flush=True)
    """

    run_once(program(code), patience_s=0.5)

    assert not running(int(pid_file.read_text()))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit('no such game')", "(?s)ended with 1.*no such game"),
        ("print('done')", "printed no JSON object"),
        ("print('[1]')", "printed no JSON object"),
        ("pass", "printed no JSON object"),
    ],
    ids=["fails", "text", "list", "silent"],
)
def test_a_program_that_fails_is_named(code, message):
    with pytest.raises(ProgramError, match="^a ") as error:
        run_once(program(code))

    assert error.match(message)


def test_a_program_that_hangs_is_ended():
    with pytest.raises(ProgramError, match=r"a took more than 0\.5 s"):
        run_once(program("import time; time.sleep(600)", timeout_s=0.5))


def test_disturbed_pairs_are_discarded_and_counted():
    rounds = (
        {"raylab": a_run(30), "peer": a_run(10)},
        {"raylab": a_run(99, foreign_share=0.2), "peer": a_run(11)},
        {"raylab": a_run(28), "peer": a_run(1, foreign_share=0.2)},
        {"raylab": a_run(22), "peer": a_run(11)},
        {"raylab": a_run(25), "peer": a_run(10)},
    )
    comparison = Comparison(rounds, max_foreign_share=0.03)

    assert comparison.discarded("raylab", "peer") == 2
    assert comparison.median_ratio("raylab", "peer", "rate") == 2.5  # of 3, 2, 2.5
    assert comparison.median("raylab", "rate") == 26.5  # of 30, 28, 22, 25
    assert comparison.median("peer", "rate") == 10.5  # of 10, 11, 11, 10


def test_a_ratio_of_nothing_says_so():
    rounds = ({"raylab": a_run(30, foreign_share=0.2), "peer": a_run(10)},)

    with pytest.raises(ProgramError, match="quiet machine"):
        Comparison(rounds, 0.03).median_ratio("raylab", "peer", "rate")
    with pytest.raises(ProgramError, match="quiet machine"):
        Comparison(rounds, 0.03).median("raylab", "rate")


def test_disturbed_rounds_are_repeated_up_to_the_limit(monkeypatch):
    shares = iter([0.0, 0.5, 0.0, 0.0, 0.0, 0.0])  # the first round's second half is disturbed
    monkeypatch.setattr(module, "run_once", lambda _: a_run(1, next(shares)))

    comparison = interleave([program("", "a"), program("", "b")], pairs=2)

    assert len(comparison.rounds) == 3
    assert comparison.discarded("a", "b") == 1


def test_interleaving_gives_up_after_max_rounds(monkeypatch):
    monkeypatch.setattr(module, "run_once", lambda _: a_run(1, foreign_share=0.5))

    comparison = interleave([program("", "a"), program("", "b")], pairs=2, max_rounds=3)

    assert (len(comparison.rounds), comparison.pairs("a", "b")) == (3, [])


def test_two_programs_of_one_name_are_refused():
    with pytest.raises(ValueError, match="share a name"):
        interleave([program("", "a"), program("", "a")], pairs=1)


def test_a_daemon_that_keeps_the_output_open_blocks_nobody():
    code = """
        import subprocess, sys
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
        print('{"rate": 1}')
    """
    run = run_once(program(code))

    assert run.metrics == {"rate": 1.0}
    assert run.elapsed_s < 30
