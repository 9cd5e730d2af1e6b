"""The rows of a report's tables, as text: one source for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from raylab.analysis.curves import WINDOW_EPISODES, returns_by_quarter
from raylab.analysis.formats import MISSING, against_random, count, duration, estimate, score
from raylab.analysis.records import Evaluation
from raylab.analysis.summary import ExperimentSummary, SeedSummary, describe_protocol


def experiment_rows(experiment: ExperimentSummary) -> dict[str, str]:
    """Return what is to be said of an experiment: label to text."""
    seeds = experiment.seeds
    return {
        "environment": experiment.environment,
        "protocol": experiment.protocol,
        "algorithm": experiment.algorithm,
        "seeds": f"{len(seeds)} ({_states(seeds)})",
        "agent steps": _span((seed.agent_steps for seed in seeds), count),
        "frames": _span((seed.frames for seed in seeds), count),
        "wall time": _span((seed.wall_time_s for seed in seeds), duration),
        f"return, last {WINDOW_EPISODES}": estimate(experiment.last_return),
        "random policy": score(experiment.random_baseline),
        "against random": against_random(experiment.last_return, experiment.random_baseline),
        "evaluation": _evaluations(experiment),
        "agent steps/s": score(experiment.steps_per_s),
    }


def markdown_table(experiments: Sequence[ExperimentSummary]) -> str:
    """Return what is to be said of experiments, one column each, as a table in Markdown."""
    columns = [{"": experiment.label, **experiment_rows(experiment)} for experiment in experiments]
    lines = [
        "| " + " | ".join([name, *(c[name].replace("|", "\\|") for c in columns)]) + " |"
        for name in columns[0]
    ]
    lines.insert(1, "|---" * (len(columns) + 1) + "|")
    return "\n".join(lines) + "\n"


def seed_rows(seed: SeedSummary) -> dict[str, str]:
    """Return what is to be said of one run: label to text."""
    newest = seed.evaluations[-1] if seed.evaluations else None
    return {
        "seed": seed.run.seed,
        "state": seed.run.state,
        "attempts": str(seed.attempts or MISSING),
        "agent steps": f"{seed.agent_steps:,}",
        "frames": f"{seed.frames:,}",
        "wall time": duration(seed.wall_time_s),
        "episodes": f"{seed.episodes:,}",
        f"return, last {WINDOW_EPISODES}": score(seed.last_return),
        "best": score(seed.best_return),
        "evaluation": evaluation_text(newest) if newest else MISSING,
        "agent steps/s": score(seed.steps_per_s),
    }


def evaluation_rows(experiment: ExperimentSummary) -> list[dict[str, str]]:
    """Return one row an evaluation, the random policy's last."""
    rows = []
    for seed in experiment.seeds:
        random = [seed.random_baseline] if seed.random_baseline else []
        for evaluation in [*seed.evaluations, *random]:
            rows.append(
                {
                    "seed": seed.run.seed,
                    "policy": evaluation.policy,
                    "after agent steps": f"{evaluation.agent_steps:,}",
                    "episodes": str(evaluation.episodes),
                    "mean return": score(evaluation.mean),
                    "standard deviation": score(evaluation.std),
                    "protocol": describe_protocol(evaluation.environment),
                    "file": f"evaluations/{evaluation.file}",
                }
            )
    return rows


def evaluation_text(evaluation: Evaluation) -> str:
    """Say an evaluation with its policy and number of episodes: ``18.2 ± 1.1 (greedy, 20)``."""
    return f"{score(evaluation.mean)} ± {score(evaluation.std)} ({evaluation.policy}, {evaluation.episodes})"


def quarter_rows(experiment: ExperimentSummary) -> list[dict[str, str]]:
    """Return the mean return in each quarter of the training, one row a seed."""
    table = returns_by_quarter(experiment.runs)
    return [
        {"seed": str(seed), **{str(quarter): score(value) for quarter, value in row.items()}}
        for seed, row in table.iterrows()
    ]


def _evaluations(experiment: ExperimentSummary) -> str:
    newest = [seed.evaluations[-1] for seed in experiment.seeds if seed.evaluations]
    if not newest:
        return MISSING
    if len(newest) == 1:
        return evaluation_text(newest[0])
    episodes = sum(evaluation.episodes for evaluation in newest)
    policies = ", ".join(sorted({evaluation.policy for evaluation in newest}))
    return f"{estimate(experiment.evaluation)} ({policies}, {episodes} episodes)"


def _states(seeds: Sequence[SeedSummary]) -> str:
    states: dict[str, int] = {}
    for seed in seeds:
        states[seed.run.state] = states.get(seed.run.state, 0) + 1
    if len(states) == 1:
        return next(iter(states))
    return ", ".join(f"{number} {state}" for state, number in states.items())


def _span(values: Iterable[float], text: Callable[[float], str]) -> str:
    """Write one value when all are written alike, else the smallest to the largest."""
    ordered = sorted(values)
    low, high = text(ordered[0]), text(ordered[-1])
    return low if low == high else f"{low} to {high}"
