"""Score a run's policy in games of its own, and keep the result in the run's folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from raylab.experiment import files
from raylab.experiment.files import Json
from raylab.experiment.run import Run
from raylab.rl.envs import EnvConfig
from raylab.rl.evaluate import Evaluation, evaluate, load_policy
from raylab.rl.roles.evaluator import VIDEO_STEPS, evaluation_seed, video_speed
from raylab.rl.video import encode_mp4


def evaluate_run(
    run: Run,
    *,
    episodes: int = 20,
    greedy: bool = True,
    video: bool = False,
    seed: int | None = None,
    checkpoint: int | None = None,
    threads: int = 1,
) -> Json:
    """Play whole games with the policy of a run, in this process.

    Args:
        run: trained or being trained.
        episodes: number of games.
        greedy: take the most probable action; otherwise sample, as training does.
        video: record the first game as mp4.
        seed: of the games; the default follows from the run's, far from those of training.
        checkpoint: agent steps of the one to load; the default is the newest that is whole.
        threads: of the emulator and of torch.

    Returns:
        What was written to ``evaluations/``, with ``file`` and, if recorded, ``video``.

    Raises:
        RunNotFoundError: the run has no (such) checkpoint.
        CorruptDataError: it is damaged, or none is whole.
        ConfigError: ``episodes`` is below 1.
    """
    import torch

    torch.set_num_threads(threads)
    experiment = run.experiment
    saved = run.latest_checkpoint() if checkpoint is None else run.checkpoint_at(checkpoint)
    policy = load_policy(experiment.env, experiment.algorithm, saved.state.parts["weights"])
    seed = evaluation_seed(experiment.seeds[0]) if seed is None else seed
    result = evaluate(
        experiment.env,
        policy,
        episodes=episodes,
        seed=seed,
        greedy=greedy,
        video_steps=VIDEO_STEPS if video else 0,
        threads=threads,
    )
    kind = "greedy" if greedy else "sampled"
    return write_evaluation(
        run.path,
        experiment.env,
        kind,
        result,
        encode_mp4(result.frames, video_speed(experiment.env)) if result.frames else None,
        agent_steps=saved.record["agent_steps"],
        seed=seed,
        weight_hash=saved.record["weight_hash"],
        name=f"{kind}-{episodes}-games-seed-{seed}",
    )


def write_evaluation(
    path: Path,
    env: EnvConfig,
    policy: str,
    result: Evaluation,
    video: bytes | None,
    *,
    agent_steps: int,
    seed: int,
    weight_hash: str | None,
    name: str | None = None,
) -> Json:
    """Write a result into a run's folder and return it; raises RunError.

    Args:
        path: the run's folder.
        env: the environment that was trained; the record is that of its evaluation protocol.
        policy: "random", "greedy" or "sampled".
        result: the games.
        video: mp4, if any.
        agent_steps: trained by the policy.
        seed: of the games.
        weight_hash: of the policy; None for the random one.
        name: of the files, after the agent steps; the default is the policy.
    """
    stem = f"{agent_steps:012d}-{name or policy}"
    content: Json = {
        "agent_steps": agent_steps,
        "policy": policy,
        "episodes": len(result.returns),
        "mean": result.mean,
        "std": result.std,
        "returns": list(result.returns),
        "lengths_steps": list(result.lengths_steps),
        "lengths_frames": list(result.lengths_frames),
        "seed": seed,
        "environment": env.evaluation().record(),
        "weight_hash": weight_hash,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if video is not None:
        target = path / "videos" / f"{stem}.mp4"
        files.make_folder(target.parent)
        files.write_bytes(target, video)
        content["video"] = str(target.relative_to(path))
    target = path / "evaluations" / f"{stem}.json"
    files.make_folder(target.parent)
    files.write_json(target, content)
    return {**content, "file": str(target)}
