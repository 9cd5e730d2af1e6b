"""Reports of whole run folders: what they say, what they write, and how they fail."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from raylab.analysis.records import load_run
from raylab.analysis.report import _learning_plots, make_report
from raylab.analysis.summary import describe_environment, describe_protocol, summarise
from raylab.analysis.tables import experiment_rows, seed_rows
from raylab.errors import RunError, SourceChangedError
from tests.synthetic_runs import PROTOCOL, write_run

CARTPOLE = {"backend": "gymnasium", "id": "CartPole-v1", "max_episode_steps": 500}


class Tags(HTMLParser):
    """Collects the tags of a page, and those left open."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parse(page: Path) -> Tags:
    tags = Tags()
    tags.feed(page.read_text(encoding="utf-8"))
    tags.close()
    return tags


def test_summary_of_an_experiment(tmp_path: Path) -> None:
    runs = [
        load_run(write_run(tmp_path / "breakout-0" / str(seed), updates=150, speed=500.0))
        for seed in (1, 2, 3)
    ]

    (experiment,) = summarise(runs)

    assert experiment.name == "breakout"
    assert experiment.environment == "Atari breakout"
    assert experiment.last_return is not None
    assert experiment.last_return.n == 3
    assert 19 < experiment.last_return.low <= experiment.last_return.value < 23
    assert experiment.random_baseline == pytest.approx(1.5, abs=0.2)
    assert experiment.steps_per_s == pytest.approx(500, rel=0.01)
    assert experiment.seeds[0].agent_steps == 150_000
    assert experiment.seeds[0].frames == 600_000
    assert [e.agent_steps for e in experiment.seeds[0].evaluations] == [75_000, 150_000]
    rows = experiment_rows(experiment)
    assert rows["seeds"] == "3 (finished)"
    assert rows["agent steps"] == "150 k"
    assert rows["protocol"] == "machado: sticky 0.25, 4 frames a step, full action set"
    assert re.fullmatch(r"2\d\.\d \[2\d\.\d, 2\d\.\d\] \(greedy, 60 episodes\)", rows["evaluation"])


def test_summary_of_different_seeds_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "x-0"
    runs = [
        load_run(write_run(folder / "1", updates=20, state="finished")),
        load_run(write_run(folder / "2", updates=40, state="failed", evaluations=False)),
    ]

    (experiment,) = summarise(runs)

    rows = experiment_rows(experiment)
    assert rows["seeds"] == "2 (1 finished, 1 failed)"
    assert rows["agent steps"] == "20 k to 40 k"
    assert rows["evaluation"].endswith("(greedy, 20)")
    assert seed_rows(experiment.seeds[1])["evaluation"] == "-"


def test_experiments_keep_the_order_in_which_they_are_given(tmp_path: Path) -> None:
    runs = [
        load_run(write_run(tmp_path / experiment / seed, updates=2))
        for experiment, seed in (("b-0", "1"), ("a-0", "1"), ("b-0", "2"))
    ]

    experiments = summarise(runs)

    assert [e.experiment_id for e in experiments] == ["b-0", "a-0"]
    assert [seed.run.seed for seed in experiments[0].seeds] == ["1", "2"]


@pytest.mark.parametrize(
    ("record", "name", "protocol"),
    [
        pytest.param(CARTPOLE, "CartPole-v1", "at most 500 steps", id="gymnasium"),
        pytest.param(
            {"backend": "minatar", "game": "breakout", "sticky_actions": 0.1, "frames_per_step": 1},
            "MinAtar breakout",
            "sticky 0.1, 1 frame a step",
            id="minatar",
        ),
        pytest.param(
            {
                "backend": "atari",
                "game": "pong",
                "protocol": "classic",
                "departures": ["noop_max"],
                "sticky_actions": 0.0,
                "life_loss_terminates": True,
            },
            "Atari pong",
            "classic except noop max: no sticky actions, life loss ends the return",
            id="changed protocol",
        ),
        pytest.param({}, "unknown environment", "as registered", id="nothing known"),
    ],
)
def test_protocol_is_said(record: dict[str, object], name: str, protocol: str) -> None:
    assert describe_environment(record) == name
    assert describe_protocol(record) == protocol


def test_report_writes_plots_and_a_self_contained_page(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "breakout-0" / "1", updates=120)
    (folder / "videos").mkdir()
    (folder / "videos" / "000000120000.mp4").write_bytes(b"small film")

    report = make_report([folder])

    assert report.page == folder / "report" / "report.html"
    lines = report.table.read_text().splitlines()
    assert lines[:3] == ["|  | breakout-0 |", "|---|---|", "| environment | Atari breakout |"]
    assert {plot.name for plot in report.plots} == {
        "learning-curve-agent-steps.png",
        "learning-curve-frames.png",
        "learning-curve-wall-time.png",
        "throughput.png",
        "diagnostics.png",
    }
    assert all(plot.read_bytes().startswith(b"\x89PNG") for plot in report.plots)
    tags = parse(report.page)
    assert tags.open == []
    sources = [attrs["src"] for _, attrs in tags.seen if "src" in attrs]
    assert len(sources) == 6
    assert all(source.startswith("data:") for source in sources)
    video = next(attrs["src"] for tag, attrs in tags.seen if tag == "video")
    assert base64.b64decode(video.partition(",")[2]) == b"small film"
    assert "http" not in re.sub(r"base64,[\w+/=]+", "", report.page.read_text())
    assert report.problems == ()


def test_large_video_is_linked_relative_to_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raylab.analysis.page.EMBED_VIDEO_BYTES", 3)
    folder = write_run(tmp_path / "breakout-0" / "1", updates=10)
    (folder / "videos").mkdir()
    (folder / "videos" / "film.mp4").write_bytes(b"large film")

    report = make_report([folder], tmp_path / "out")

    (href,) = [attrs["href"] for tag, attrs in parse(report.page).seen if tag == "a"]
    assert href == "../breakout-0/1/videos/film.mp4"
    assert (report.page.parent / href).is_file()


def test_environments_get_their_own_learning_curves(tmp_path: Path) -> None:
    atari = write_run(tmp_path / "breakout-0" / "1", updates=10)
    cartpole = write_run(tmp_path / "cartpole-0" / "1", updates=10, env=CARTPOLE)

    report = make_report([atari, cartpole], tmp_path / "out")

    names = {plot.name for plot in report.plots}
    assert "learning-curve-agent-steps-atari-breakout.png" in names
    assert "learning-curve-agent-steps-cartpole-v1.png" in names


def test_protocols_are_not_mixed_in_one_figure(tmp_path: Path) -> None:
    classic = {**PROTOCOL, "protocol": "classic", "sticky_actions": 0.0}
    experiments = summarise(
        [
            load_run(write_run(tmp_path / "a-0" / "1", updates=2)),
            load_run(write_run(tmp_path / "b-0" / "1", updates=2, env=classic)),
            load_run(write_run(tmp_path / "c-0" / "1", updates=2)),
        ]
    )

    groups = _learning_plots(experiments)

    assert [title.partition(":")[0] for title in groups] == [
        "Atari breakout (machado",
        "Atari breakout (classic",
    ]
    assert len({plot.name for group in groups.values() for plot in group}) == 6


def test_report_begins_again_when_a_run_ends_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=5)
    outcomes = iter([SourceChangedError("part-0001 was removed")])

    def summarise_once_changed(runs, labels):
        for error in outcomes:
            raise error
        return summarise(runs, labels)

    monkeypatch.setattr("raylab.analysis.report.summarise", summarise_once_changed)

    assert make_report([folder]).page.is_file()


def test_text_from_files_cannot_break_the_page(tmp_path: Path) -> None:
    env = {"backend": "gymnasium", "id": "<script>alert(1)</script>"}
    folder = write_run(tmp_path / "a&b-0" / "1", updates=5, env=env)

    report = make_report([folder])

    assert "script" not in {tag for tag, _ in parse(report.page).seen}


def test_sound_runs_are_reported_beside_broken_ones(tmp_path: Path) -> None:
    write_run(tmp_path / "x-0" / "1", updates=30)
    killed = write_run(tmp_path / "x-0" / "2", updates=0, evaluations=False, state="failed")
    corrupt = write_run(tmp_path / "x-0" / "3", updates=40, state="interrupted")
    part = corrupt / "metrics" / "part-0001-00000021.parquet"
    part.write_bytes(part.read_bytes()[:100])

    report = make_report([tmp_path / "x-0"])

    assert [seed.agent_steps for seed in report.experiments[0].seeds] == [30_000, 0, 20_000]
    assert any(str(part) in problem for problem in report.problems)
    assert any(f"{killed} has no metrics yet" in problem for problem in report.problems)
    assert "part-0001-00000021.parquet is corrupt" in report.page.read_text()


def test_run_without_episodes_is_reported_without_a_curve(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=10, evaluations=False)
    for part in (folder / "episodes").iterdir():
        part.unlink()

    report = make_report([folder])

    assert {plot.name for plot in report.plots} == {"throughput.png", "diagnostics.png"}
    assert experiment_rows(report.experiments[0])["return, last 100"] == "-"


def test_one_update_is_enough_for_a_report(tmp_path: Path) -> None:
    report = make_report([write_run(tmp_path / "x-0" / "1", updates=1)])

    assert "learning-curve-agent-steps.png" in {plot.name for plot in report.plots}
    assert experiment_rows(report.experiments[0])["agent steps/s"] == "-"


def test_nothing_to_report_names_what_is_missing(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=0, evaluations=False)

    with pytest.raises(RunError, match=r"nothing to report[\s\S]*raylab resume"):
        make_report([folder])


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=5)
    blocked = tmp_path / "file"
    blocked.touch()

    with pytest.raises(RunError, match="cannot write the report to .*--out"):
        make_report([folder], blocked / "report")


def test_the_same_runs_give_the_same_page(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "x-0" / "1", updates=30)

    pages = [make_report([folder]).page.read_text() for _ in range(2)]

    first, second = (re.sub(r"<p class=soft>raylab .*?</p>", "", page) for page in pages)
    assert first == second
