"""The role of a rollout worker that writes for replay: it explores, and keeps nothing that it saw."""

from __future__ import annotations

import time

import numpy as np
import torch

from raylab.rl.algorithms.dqn import DQN
from raylab.rl.envs import Episode
from raylab.rl.replay import Recording, ReplayFragment
from raylab.rl.roles.worker import Collected, Worker
from raylab.rl.trajectory import Arrays

_INDEX = "index"


class ExploringWorker(Worker[DQN]):
    """A :class:`Worker` that collects fragments for replay."""

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
        begun_s = time.perf_counter()
        self._load(version, weights)
        episodes = self._play(agent_steps)
        whole = self._recording.take(self._number, self._index, version)
        self._index += 1
        state: Arrays = {}
        if self._keep_state:
            state = self._state({**self._env.state(), _INDEX: np.array([self._index])})
        return (self._collected(whole, begun_s, episodes), *whole.split(pieces), state)

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

    def _begin(self) -> None:
        self._policy = self._algorithm.make_policy(self._learner.network, self._env.action_space)
        self._index = 0
        self._record_from(self._env.reset())

    def _go_on(self, games: Arrays) -> None:
        self._index = int(games[_INDEX][0])
        self._record_from(
            self._env.restore({name: games[name] for name in games if name != _INDEX})
        )

    def _record_from(self, observations: np.ndarray) -> None:
        self._stored = self._policy.stored(observations)
        self._recording = Recording(self._env.frame_stack, self._stored.numpy())
