"""The plot of a TPC-H result: total seconds of each system, and each query against Polars."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.common import Result


def plot(result: Result, path: Path) -> None:
    """Write the plot of a result as an SVG file."""
    seconds: dict[str, dict[str, float]] = {}
    for row in result.rows:
        if row.unit == "s":
            seconds.setdefault(row.system, {})[row.metric] = row.value
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2, 3])

    order = sorted(seconds, key=lambda system: seconds[system]["total"], reverse=True)
    totals = [seconds[system]["total"] for system in order]
    labels = [f"{system} ({len(seconds[system]) - 1} queries)" for system in order]
    colours = ["C1" if system.startswith("raylab") else "C0" for system in order]
    bars = left.barh(labels, totals, color=colours)
    left.bar_label(bars, [f"{total:.2f}" for total in totals], padding=2)
    left.set_xscale("log")
    left.set_xlabel("seconds in total (log scale)")
    left.margins(x=0.2)

    reference = seconds.get("polars", {})
    for system, marker in (("raylab", "o"), ("raylab on ray", "s"), ("duckdb", "x")):
        queries = [q for q in reference if q in seconds.get(system, {}) and q != "total"]
        if queries:
            times = [seconds[system][q] / reference[q] for q in queries]
            right.plot([q.upper() for q in queries], times, marker, label=system)
    right.axhline(1.0, color="grey", linewidth=1)
    right.set_yscale("log")
    right.set_ylabel("time / time of Polars streaming")
    right.tick_params(axis="x", labelrotation=90)
    if right.get_legend_handles_labels()[0]:
        right.legend()
    figure.suptitle(
        f"TPC-H scale factor {result.settings['scale_factor']:g}, "
        f"{result.machine['cores']} cores, medians; {result.date[:10]}, "
        f"{result.commit[:8]}"
    )
    with mpl.rc_context({"svg.hashsalt": result.name}):
        figure.savefig(path, metadata={"Date": None})
