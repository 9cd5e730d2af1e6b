"""The role of a rollout worker: collects unrolls of its environments for a learner."""

from __future__ import annotations

import time

from raylab.rl.fragment import Fragment, frames_stacked, pack
from raylab.rl.on_policy import OnPolicyAlgorithm, make_rollout
from raylab.rl.roles.worker import Collected, Worker
from raylab.rl.trajectory import Arrays


class RolloutWorker(Worker[OnPolicyAlgorithm]):
    """A :class:`Worker` that collects unrolls."""

    def collect(self, version: int, weights: Arrays) -> tuple[Collected, Fragment, Arrays]:
        """Play an unroll with the weights of a version.

        Returns:
            What is told of it, the fragment, and the state behind it (empty if it is not kept).

        Raises:
            EnvError: an environment raised.
        """
        begun_s = time.perf_counter()
        self._load(version, weights)
        trajectory = self._rollout.collect(policy_version=version)
        fragment = pack(trajectory, frames_stacked(self._env_config))
        state = self._state(self._rollout.state()) if self._keep_state else {}
        return self._collected(fragment, begun_s, trajectory.episodes), fragment, state

    def _begin(self) -> None:
        algorithm = self._algorithm
        policy = algorithm.make_policy(self._learner.network, self._env.action_space)
        self._rollout = make_rollout(algorithm, self._env, policy, self._generator)

    def _go_on(self, games: Arrays) -> None:
        self._rollout.restore(games)
