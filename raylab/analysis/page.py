"""The report as one self-contained HTML page: no script, no network, nothing beside the file."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from math import isfinite
from pathlib import Path

from raylab.analysis.curves import WINDOW_EPISODES
from raylab.analysis.formats import MISSING, against_random, count, duration, score
from raylab.analysis.plots import Plot
from raylab.analysis.summary import ExperimentSummary
from raylab.analysis.tables import evaluation_rows, experiment_rows, quarter_rows, seed_rows

EMBED_VIDEO_BYTES = 4_000_000
"""A larger video is linked instead of embedded."""

_TEXT_COLUMNS = frozenset(
    {"experiment", "environment", "protocol", "algorithm", "state", "policy", "file"}
)


@dataclass(frozen=True)
class Page:
    """What the page shows besides the tables, which come from the summaries."""

    title: str
    made: str  # when, by which version
    experiments: Sequence[ExperimentSummary]
    learning: Mapping[str, Sequence[Plot]]  # by environment: agent steps, frames, wall time
    others: Sequence[Plot]  # throughput, diagnostics
    problems: Sequence[str]
    folder: Path  # where the page is written; links are relative to it


def render(page: Page) -> str:
    """Return the HTML text of the page."""
    css = files("raylab.analysis").joinpath("page.css").read_text(encoding="utf-8")
    body = [
        f"<header><h1>{escape(page.title)}</h1><p class=soft>{escape(page.made)}</p></header>",
        _problems(page.problems),
        _cards(page.experiments[0]) if len(page.experiments) == 1 else "",
        _section("Summary", _summary(page.experiments)),
        *(_section(name, _learning(group)) for name, group in page.learning.items()),
        *(_section(plot.title, _figure(plot)) for plot in page.others),
        *(_experiment(experiment, page.folder) for experiment in page.experiments),
        _section("How to read this", _METHOD),
    ]
    return (
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
        '<meta name=viewport content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(page.title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )


_METHOD = f"""
<p>Returns are raw: unclipped, of whole episodes. A seed's curve is the mean of its last
{WINDOW_EPISODES} episodes. Over several seeds, each is a thin line, the thick line is their
interquartile mean, drawn where all of them have data, and the band and the brackets are 95 %
percentile intervals of a bootstrap that resamples seeds, stratified by task (Agarwal et al. 2021).
A single seed has no interval. Diamonds are evaluations in environments of their own; the dotted
line is the random policy.</p>
<p class=soft>An agent step is one action; during it several frames of the game may pass. Wall time
is that of training over all attempts, without what was rolled back. Agent steps per second is the
median over seeds. Rows that a resumed run trained again count once.</p>
"""


def _problems(problems: Sequence[str]) -> str:
    if not problems:
        return ""
    items = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    return (
        f"<section class=problems><h2>Not everything could be read</h2><ul>{items}</ul></section>"
    )


def _cards(experiment: ExperimentSummary) -> str:
    last = experiment.last_return
    interval = (
        f"<br>95 % CI {escape(score(last.low))} to {escape(score(last.high))}"
        if last and isfinite(last.low)
        else ""
    )
    furthest = max(experiment.seeds, key=lambda seed: seed.agent_steps)
    cards = (
        (score(last.value) if last else MISSING, f"return, last {WINDOW_EPISODES}{interval}"),
        (against_random(last, experiment.random_baseline), "against the random policy"),
        (count(furthest.agent_steps), f"agent steps<br>{count(furthest.frames)} frames"),
        (score(experiment.steps_per_s), "agent steps per second"),
        (
            duration(furthest.wall_time_s),
            "wall time" + " of the longest seed" * (len(experiment.seeds) > 1),
        ),
    )
    inner = "".join(
        f"<div class=card><b>{escape(value)}</b><span class=soft>{label}</span></div>"
        for value, label in cards
    )
    return f"<div class=cards>{inner}</div>"


def _summary(experiments: Sequence[ExperimentSummary]) -> str:
    rows = [{"experiment": e.label, **experiment_rows(e)} for e in experiments]
    names = list(rows[0])
    inner = "".join(
        f"<tr><th>{escape(name)}</th>"
        + "".join(f"<td>{escape(row[name])}</td>" for row in rows)
        + "</tr>"
        for name in names
    )
    return f"<div class=scroll><table>{inner}</table></div>"


def _learning(group: Sequence[Plot]) -> str:
    first, *rest = group
    pair = "".join(_figure(plot) for plot in rest)
    return _figure(first) + (f"<div class=pair>{pair}</div>" if pair else "")


def _experiment(experiment: ExperimentSummary, folder: Path) -> str:
    parts = [
        f"<p class=soft>{escape(experiment.environment)} · {escape(experiment.protocol)}</p>",
        "<h3>Seeds</h3>" + _table([seed_rows(seed) for seed in experiment.seeds]),
    ]
    if quarters := quarter_rows(experiment):
        parts.append("<h3>Mean return by quarter of the training</h3>" + _table(quarters))
    if evaluations := evaluation_rows(experiment):
        parts.append("<h3>Evaluations</h3>" + _table(evaluations))
    parts.append(_videos(experiment, folder))
    run = experiment.runs[0]
    parts.append(_json_details("Configuration", run.config))
    parts.append(_json_details("Environment record", run.environment))
    return _section(experiment.label, "".join(parts))


def _videos(experiment: ExperimentSummary, folder: Path) -> str:
    """Embed the newest video of the first seed that has a small one; link all others."""
    embedded, links = "", []
    for run in experiment.runs:
        for video in reversed(run.videos):
            if not embedded and video.stat().st_size <= EMBED_VIDEO_BYTES:
                data = base64.b64encode(video.read_bytes()).decode("ascii")
                embedded = (
                    f"<figure><video controls loop muted src='data:video/mp4;base64,{data}'></video>"
                    f"<figcaption>seed {escape(run.seed)}: {escape(video.name)}</figcaption></figure>"
                )
            else:
                href = escape(_relative(video, folder), quote=True)
                links.append(f'<a href="{href}">seed {escape(run.seed)}: {escape(video.name)}</a>')
    if not embedded and not links:
        return ""
    listed = f"<p class=soft>{' · '.join(links)}</p>" if links else ""
    return f"<h3>Video</h3>{embedded}{listed}"


def _relative(path: Path, folder: Path) -> str:
    return Path(*_steps(path.resolve(), folder.resolve())).as_posix()


def _steps(path: Path, folder: Path) -> Iterable[str]:
    shared = next(parent for parent in [folder, *folder.parents] if path.is_relative_to(parent))
    up = len(folder.relative_to(shared).parts)
    return [*[".."] * up, *path.relative_to(shared).parts]


def _json_details(title: str, content: Mapping[str, object]) -> str:
    if not content:
        return ""
    text = escape(json.dumps(content, indent=2, sort_keys=False, default=str))
    return f"<details><summary>{title}</summary><pre><code>{text}</code></pre></details>"


def _section(title: str, inner: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inner}</section>"


def _figure(plot: Plot) -> str:
    title = escape(plot.title, quote=True)
    return f'<figure><img src="{plot.data_uri}" alt="{title}"><figcaption>{title}</figcaption></figure>'


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th{_align(name)}>{escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>"
        + "".join(f"<td{_align(name)}>{escape(row.get(name, ''))}</td>" for name in names)
        + "</tr>"
        for row in rows
    )
    return f"<div class=scroll><table><tr>{head}</tr>{body}</table></div>"


def _align(name: str) -> str:
    return "" if name in _TEXT_COLUMNS else " class=number"
