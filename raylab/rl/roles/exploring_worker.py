"""The role of a rollout worker that writes for replay: it explores, and keeps nothing that it saw."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from raylab.rl.algorithms.dqn import DQN
from raylab.rl.envs import EnvConfig, Episode
from raylab.rl.replay import Recording, ReplayFragment
from raylab.rl.roles.rollout_worker import Collected, games_and_noise
from raylab.rl.trajectory import Arrays
from raylab.runtime import machine


class ExploringWorker:
    """Collects fragments for replay; every method is one call of the supervisor.

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
        algorithm: DQN,
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
        self._number, self._index = number, 0
        self._first_row = number * self._num_envs
        self._env, self._generator = games_and_noise(
            self._env_config, self._num_envs, self._seed, self._threads, number
        )
        network = algorithm.make_network(
            self._env.observation_space, self._env.action_space, torch.Generator()
        )
        self._learner = algorithm.make_learner(network)  # gives the network its precision
        self._policy = algorithm.make_policy(self._learner.network, self._env.action_space)
        self._begin(self._env.reset())

    def restore(self, state: Arrays) -> list[str]:
        """Take over a state that came with a fragment; return what did not come back exactly."""
        self._generator.set_state(torch.from_numpy(state["acting"].copy()))
        self._index = int(state["index"][0])
        games = {name: state[name] for name in state if name not in ("acting", "index")}
        self._begin(self._env.restore(games))
        first = self._first_row
        return [f"environment {first + row} did not replay" for row in self._env.diverged_rows]

    def collect(
        self, version: int, weights: Arrays, agent_steps: int, pieces: int
    ) -> tuple[Collected | ReplayFragment | Arrays, ...]:
        """Play an unroll with the weights of a version.

        Args:
            version: learner updates before.
            weights: of that version.
            agent_steps: of the run so far; exploration follows from them.
            pieces: into how many fragments to cut it, by environments.

        Returns:
            What is told of it, the fragments, and the state behind it (empty if it is not kept).

        Raises:
            EnvError: an environment raised.
        """
        start_s = time.perf_counter()
        if version != self._version:
            self._learner.load_weights(weights)
            self._version = version
        episodes = self._play(agent_steps)
        whole = self._recording.take(self._number, self._index, version)
        self._index += 1
        state: Arrays = {}
        if self._keep_state:
            state = {
                **self._env.state(),
                "acting": self._generator.get_state().numpy().copy(),
                "index": np.array([self._index]),
            }
        collected = Collected(
            policy_version=version,
            agent_steps=whole.agent_steps,
            nbytes=whole.nbytes,
            collect_s=time.perf_counter() - start_s,
            episodes=tuple(replace(e, row=self._first_row + e.row) for e in episodes),
        )
        return (collected, *whole.split(pieces), state)

    def _play(self, agent_steps: int) -> list[Episode]:
        algorithm, policy = self._algorithm, self._policy
        episodes: list[Episode] = []
        shape = (algorithm.unroll_length, 2, self._num_envs)
        for noise in torch.rand(shape, generator=self._generator):
            actions = policy.act(self._stored, noise, algorithm.epsilon_at(agent_steps))
            step = self._env.step(actions)
            policy.network.store(step.observations, self._stored)
            final = policy.stored(step.final_observations)
            self._recording.add(actions, step, self._stored.numpy(), final.numpy())
            episodes.extend(step.episodes)
            agent_steps += algorithm.num_envs  # those of all workers together
        return episodes

    def _begin(self, observations: np.ndarray) -> None:
        self._stored = self._policy.stored(observations)
        self._recording = Recording(self._env.frame_stack, self._stored.numpy())
