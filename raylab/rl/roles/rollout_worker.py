"""The role of a rollout worker: some of a run's environments, and a policy that plays in them."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from raylab.rl.envs import EnvConfig, Episode, VectorEnv, make
from raylab.rl.fragment import Fragment, frames_stacked, pack
from raylab.rl.on_policy import OnPolicyAlgorithm, make_rollout
from raylab.rl.trajectory import Arrays
from raylab.runtime import machine

ACTING_STREAM = 1
"""Place of the acting noise among a run's streams of random numbers; see ``InlineTrainer``."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What is told of a fragment; the fragment itself stays in the object store."""

    policy_version: int
    agent_steps: int
    nbytes: int
    collect_s: float
    episodes: tuple[Episode, ...]  # their rows are numbered through the run


def games_and_noise(
    env: EnvConfig, num_envs: int, seed: int, threads: int, number: int
) -> tuple[VectorEnv, torch.Generator]:
    """Return a worker's environments and what its actions are drawn by; both follow its number."""
    torch.set_num_threads(threads)
    sequence = np.random.SeedSequence(seed, spawn_key=(ACTING_STREAM, number))
    word = int(sequence.generate_state(1, np.uint64)[0])
    games = make(env, num_envs, seed, num_threads=threads, first_row=number * num_envs)
    return games, torch.Generator().manual_seed(word >> 1)


class RolloutWorker:
    """Collects unrolls; every method is one call of the supervisor, ``prepare`` the first.

    Args:
        env: the environment.
        algorithm: whose policy plays.
        seed: of the run.
        num_envs: environments of this worker.
        threads: of torch and of the emulator.
        keep_state: return the state of the games with every fragment, so that another worker can
            take over exactly.
    """

    def __init__(
        self,
        env: EnvConfig,
        algorithm: OnPolicyAlgorithm,
        seed: int,
        num_envs: int,
        threads: int,
        keep_state: bool,
    ) -> None:
        self._env_config = env
        self._algorithm = algorithm
        self._seed = seed
        self._num_envs = num_envs
        self._threads = threads
        self._keep_state = keep_state
        self._stack = frames_stacked(env)
        self._version = -1

    def here(self) -> dict[str, Any]:
        """Answer that the process stands, and which it is."""
        return asdict(machine.ProcessId.current())

    def prepare(self, number: int) -> None:
        """Build environments and policy.

        Args:
            number: of the worker, counted over all that the run has had. Its rows and its noise
                follow from it, so no two workers of a run play the same games.

        Raises:
            ConfigError: the algorithm does not fit the environment.
            EnvError: the environments cannot be made.
        """
        algorithm = self._algorithm
        self._first_row = number * self._num_envs
        self._env, self._generator = games_and_noise(
            self._env_config, self._num_envs, self._seed, self._threads, number
        )
        network = algorithm.make_network(
            self._env.observation_space, self._env.action_space, torch.Generator()
        )
        self._learner = algorithm.make_learner(network)  # gives the network its precision
        policy = algorithm.make_policy(self._learner.network, self._env.action_space)
        self._rollout = make_rollout(algorithm, self._env, policy, self._generator)

    def restore(self, state: Arrays) -> list[str]:
        """Take over a state that came with a fragment; return what did not come back exactly."""
        self._rollout.restore({name: state[name] for name in state if name != "acting"})
        self._generator.set_state(torch.from_numpy(state["acting"].copy()))
        first = self._first_row
        return [f"environment {first + row} did not replay" for row in self._env.diverged_rows]

    def collect(self, version: int, weights: Arrays) -> tuple[Collected, Fragment, Arrays]:
        """Play an unroll with the weights of a version.

        Returns:
            What is told of it, the fragment, and the state behind it (empty if it is not kept).

        Raises:
            EnvError: an environment raised.
        """
        start_s = time.perf_counter()
        if version != self._version:
            self._learner.load_weights(weights)
            self._version = version
        trajectory = self._rollout.collect(policy_version=version)
        fragment = pack(trajectory, self._stack)
        state: Arrays = {}
        if self._keep_state:
            state = {**self._rollout.state(), "acting": self._generator.get_state().numpy().copy()}
        first = self._first_row
        collected = Collected(
            policy_version=version,
            agent_steps=fragment.agent_steps,
            nbytes=fragment.nbytes,
            collect_s=time.perf_counter() - start_s,
            episodes=tuple(
                Episode(first + e.row, e.episode_return, e.length_steps, e.length_frames)
                for e in trajectory.episodes
            ),
        )
        return collected, fragment, state
