"""The role of a learner: holds a policy's weights and moves them, fragment by fragment."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from raylab.rl.envs import ActionSpace, make
from raylab.rl.fragment import Fragment, merge
from raylab.rl.inline import generators_of, learner_parts, restore_learner
from raylab.rl.on_policy import OnPolicyAlgorithm
from raylab.rl.policy import choose_device
from raylab.rl.roles.learning_role import LearningRole
from raylab.rl.trajectory import Arrays, State, UpdateResult, hash_arrays


class LearnerRole(LearningRole[OnPolicyAlgorithm]):
    """A :class:`LearningRole` that learns from what rollout workers collected."""

    def prepare(self) -> dict[str, Any]:
        """Build network and optimiser; return what a run records of where they are.

        Raises:
            ConfigError: the algorithm does not fit the environment.
            EnvError: the environment cannot be made.
        """
        self._update, self._agent_steps = 0, 0
        torch.set_num_threads(self._threads)
        torch.backends.cudnn.deterministic = True
        self._generators = generators_of(self._seed)
        one = make(self._env, 1, seed=0)
        try:
            network = self._algorithm.make_network(
                one.observation_space, one.action_space, self._generators["initialization"]
            )
            actions = one.action_space
        finally:
            one.close()
        self._learner = self._algorithm.make_learner(network.to(choose_device(self._device)))
        self._begin(actions)
        precision = str(self._learner.dtype).removeprefix("torch.")
        return self._record(precision, self._learner.device.type)

    def restore(self, state: State) -> None:
        """Go on from the weights, the optimiser, the generators and the counters of a state.

        Raises:
            ConfigError: the weights are those of another network.
        """
        restore_learner(self._learner, self._generators, state.parts)
        self._update = int(state.meta["update"])
        self._agent_steps = int(state.meta["agent_steps"])

    def weights(self) -> Arrays:
        """Return the present weights."""
        return self._learner.weights()

    def update(self, *fragments: Fragment) -> tuple[UpdateResult, Arrays]:
        """Learn once from fragments, side by side; return what came of it and the new weights.

        The policy lag of a sample is the number of updates between the weights that acted and
        those that learn from it.

        Raises:
            TrainingError: a loss is not finite any more.
        """
        start_s = time.perf_counter()
        trajectory = merge(fragments)
        rate = self._algorithm.learning_rate_at(self._agent_steps, self._until_agent_steps)
        metrics = self._trajectory_learner.update(trajectory, rate)
        lags = np.array([self._update - fragment.policy_version for fragment in fragments])
        weights = np.array([fragment.agent_steps for fragment in fragments])
        metrics |= {
            "policy_lag/mean": float(np.average(lags, weights=weights)),
            "policy_lag/max": float(lags.max()),
            "time/learn_s": time.perf_counter() - start_s,
        }
        self._update += 1
        self._agent_steps += trajectory.agent_steps
        result = UpdateResult(
            update=self._update,
            agent_steps=self._agent_steps,
            simulated_agent_steps=self._agent_steps,
            metrics=metrics,
            episodes=(),
        )
        return result, self._learner.weights()

    def checkpoint(self) -> tuple[State, str]:
        """Return the learner's part of the run's state, and the hash of its weights."""
        parts = learner_parts(self._learner, self._generators)
        state = State(
            parts=parts,
            meta={
                "update": self._update,
                "agent_steps": self._agent_steps,
                "simulated_agent_steps": self._agent_steps,
            },
        )
        return state, hash_arrays(parts["weights"])

    def _begin(self, actions: ActionSpace) -> None:
        """Make what learns from what is collected, around the learner."""
        policy = self._algorithm.make_policy(self._learner.network, actions)
        self._trajectory_learner = self._algorithm.make_trajectory_learner(
            self._learner, policy.distribution, self._generators["shuffling"]
        )
