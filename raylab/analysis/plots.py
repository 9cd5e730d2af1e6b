"""Figures of a report: learning curves, throughput, diagnostics. No global matplotlib state."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from raylab.analysis.curves import (
    AXES,
    WINDOW_EPISODES,
    Curves,
    diagnostics,
    throughput,
)
from raylab.analysis.formats import count
from raylab.analysis.statistics import bootstrap_curve, common_grid
from raylab.analysis.summary import ExperimentSummary

# Okabe and Ito's palette: told apart with the common colour deficiencies, and in print.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6B6B6B")

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": "#374151",
    "axes.edgecolor": "#9ca3af",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e7eb",
    "grid.linewidth": 0.8,
    "xtick.color": "#6b7280",
    "ytick.color": "#6b7280",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "raylab",
}

_DIAGNOSTIC_TITLES = {
    "loss/policy": "policy loss",
    "loss/value": "value loss",
    "loss/total": "total loss",
    "loss/q": "loss of action values",
    "q": "value of the best action",
    "td_error": "mean error of action values",
    "epsilon": "probability of a random action",
    "replay": "transitions in replay",
    "kl": "approximate KL",
    "clip_fraction": "clip fraction",
    "explained_variance": "explained variance",
    "gradient_norm": "gradient norm",
    "learning_rate": "learning rate",
    "time/rollout_s": "time of a rollout (s)",
    "time/learn_s": "time of learning (s)",
}


@dataclass(frozen=True)
class Plot:
    """A drawn figure: PNG for files, SVG (crisp at any zoom) for the page."""

    name: str  # file name without its ending
    title: str
    png: bytes
    svg: bytes

    def write(self, folder: Path) -> Path:
        """Write the PNG and return its path."""
        path = folder / f"{self.name}.png"
        path.write_bytes(self.png)
        return path

    @property
    def data_uri(self) -> str:
        """The SVG as a data URI: as an image its ids cannot clash with another figure's."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode("ascii")


def learning_curve(
    experiments: Sequence[ExperimentSummary],
    curves: Sequence[Curves],
    axis: str,
    *,
    name: str,
    title: str,
) -> Plot | None:
    """Draw episode returns of comparable experiments over ``axis`` (a key of AXES).

    None when no experiment has finished an episode.
    """
    if not any(curve.seeds for curve in curves):
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        _draw_curves(axes, curves, [_label(e) for e in experiments])
        for colour, experiment in zip(_colours(experiments), experiments, strict=True):
            if isfinite(experiment.random_baseline):
                axes.axhline(experiment.random_baseline, color=colour, linestyle=":", linewidth=1.2)
                axes.plot([], [], color="#6b7280", linestyle=":", label="random policy")
            if axis != "wall_time_s":
                _draw_evaluations(axes, experiment, axis, colour)
        axes.set_ylabel(f"episode return, mean of {WINDOW_EPISODES}")
        _count_axis(axes, axis, max(_last_x(curve) for curve in curves))
        _legend(axes)

    return _plot(name, title, draw, size=(8.6, 4.6) if axis == "agent_steps" else (6.4, 4.2))


def throughput_plot(experiments: Sequence[ExperimentSummary]) -> Plot | None:
    """Draw agent steps per second over agent steps; None when no clock ever moved."""
    curves = [throughput(experiment.runs) for experiment in experiments]
    if not any(curve.seeds for curve in curves):
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        _draw_curves(axes, curves, [_label(e) for e in experiments])
        fastest = max(y.max() for curve in curves for _, y in curve.seeds.values())
        axes.set_ylim(0, fastest * 1.1)
        axes.set_ylabel("agent steps per second")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
        _count_axis(axes, "agent_steps", max(_last_x(curve) for curve in curves))
        _legend(axes)

    return _plot("throughput", "Throughput", draw, size=(8.6, 3.4))


def diagnostics_plot(experiments: Sequence[ExperimentSummary]) -> Plot | None:
    """Draw every metric that the runs recorded as one panel each; None when there is none."""
    found = [diagnostics(experiment.runs) for experiment in experiments]
    names = dict.fromkeys(name for curves in found for name in curves)
    none = Curves({}, bootstrap_curve(*common_grid([])))
    panels = {name: [curves.get(name, none) for curves in found] for name in names}
    panels = {name: curves for name, curves in panels.items() if any(c.seeds for c in curves)}
    if not panels:
        return None
    columns = 3
    rows = ceil(len(panels) / columns)

    def draw(figure: Figure) -> None:
        for position, (name, curves) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(rows, columns, position)
            _draw_curves(axes, curves, [_label(e) for e in experiments])
            axes.set_title(_DIAGNOSTIC_TITLES.get(name, name.replace("_", " ")), fontsize=10)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
            axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
            _count_axis(axes, "agent_steps", max(_last_x(curve) for curve in curves))
        if len(experiments) > 1:
            handles, labels = figure.axes[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper left", ncols=3)

    return _plot("diagnostics", "Learner diagnostics", draw, size=(11.0, 2.5 * rows + 0.4))


def _draw_curves(axes: Axes, curves: Sequence[Curves], labels: Sequence[str]) -> None:
    """Draw each seed thin, and the IQM with its band where all seeds have data."""
    for colour, curve, label in zip(_colours(curves), curves, labels, strict=True):
        alone = len(curve.seeds) == 1
        for x, y in curve.seeds.values():
            style = (
                {"linewidth": 1.8, "label": label} if alone else {"linewidth": 0.8, "alpha": 0.4}
            )
            marker = "o" if len(x) == 1 else None
            axes.plot(x, y, color=colour, marker=marker, markersize=4, **style)
        summary = curve.summary
        if not alone and summary.x.size:
            axes.plot(summary.x, summary.value, color=colour, linewidth=2.2, label=label)
            axes.fill_between(
                summary.x, summary.low, summary.high, color=colour, alpha=0.18, linewidth=0
            )


def _draw_evaluations(axes: Axes, experiment: ExperimentSummary, axis: str, colour: str) -> None:
    for seed in experiment.seeds:
        scale = seed.frames / seed.agent_steps if axis == "frames" and seed.agent_steps else 1
        axes.errorbar(
            [evaluation.agent_steps * scale for evaluation in seed.evaluations],
            [evaluation.mean for evaluation in seed.evaluations],
            yerr=[
                evaluation.std if isfinite(evaluation.std) else 0 for evaluation in seed.evaluations
            ],
            fmt="D",
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.8,
            elinewidth=0.9,
            capsize=2,
            color=colour,
            label="evaluation ± standard deviation",
        )


def _count_axis(axes: Axes, axis: str, largest: float) -> None:
    """Label an x axis of counts, or of seconds in the unit that suits the longest run."""
    unit, divisor = _time_unit(largest) if axis == "wall_time_s" else ("", 1.0)
    locator = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10])
    ticks = np.asarray(locator.tick_values(0, max(largest, 1) / divisor)) * divisor
    axes.set_xticks(ticks[ticks >= 0])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value / divisor)))
    axes.set_xlabel(f"{AXES[axis]} ({unit})" if unit else AXES[axis])
    axes.set_xlim(left=0, right=largest * 1.02 if largest > 0 else 1)


def _time_unit(seconds: float) -> tuple[str, float]:
    if seconds >= 2 * 3600:
        return "hours", 3600.0
    return ("minutes", 60.0) if seconds >= 180 else ("seconds", 1.0)


def _last_x(curve: Curves) -> float:
    return max((float(x[-1]) for x, _ in curve.seeds.values()), default=0.0)


def _colours(items: Sequence[object]) -> list[str]:
    """Return a colour each; none comes twice."""
    if len(items) <= len(PALETTE):
        return list(PALETTE[: len(items)])
    return [
        to_hex(colour) for colour in mpl.colormaps["turbo"](np.linspace(0.05, 0.95, len(items)))
    ]


def _label(experiment: ExperimentSummary) -> str:
    seeds = len(experiment.seeds)
    return f"{experiment.label} ({seeds} seed{'s' * (seeds > 1)})"


def _legend(axes: Axes) -> None:
    """Show each label once, above the axes, in room of its own: it never hides or squeezes them."""
    figure = axes.get_figure(root=True)
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    if figure is not None:
        figure.legend(
            list(unique.values()), list(unique), loc="outside upper left", ncols=2, fontsize=9
        )


def _plot(name: str, title: str, draw: Callable[[Figure], None], size: tuple[float, float]) -> Plot:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.draw_without_rendering()  # lays it out, once for both formats
        figure.set_layout_engine("none")
        png, svg = io.BytesIO(), io.BytesIO()
        figure.savefig(png, format="png", dpi=160, facecolor="white")
        figure.savefig(svg, format="svg", metadata={"Date": None})
    return Plot(name, title, png.getvalue(), svg.getvalue())
