"""Rollouts: a vector environment and a policy make trajectories."""

from __future__ import annotations

import numpy as np
import torch

from raylab.rl.envs import Episode, Step, VectorEnv
from raylab.rl.laps import lap
from raylab.rl.policy import Policy
from raylab.rl.targets import running_returns
from raylab.rl.trajectory import Arrays, Trajectory

_RUNNING = "running_returns"


class Rollout:
    """Steps environments with a policy into preallocated memory, one unroll a call.

    Args:
        env: the environments; from now on only this object steps them.
        policy: acts; its weights may change between unrolls.
        unroll_length: agent steps of each environment in an unroll.
        generator: on the CPU; source of the noise by which actions are sampled.
        discount: keep running returns, discounted by it; None keeps none.
    """

    def __init__(
        self,
        env: VectorEnv,
        policy: Policy,
        unroll_length: int,
        generator: torch.Generator,
        discount: float | None = None,
    ) -> None:
        self._env = env
        self._policy = policy
        self._generator = generator
        T, N = unroll_length, env.num_envs
        actor, distribution = policy.network, policy.distribution
        # torch aligns its memory, so that kernels give the same bits in every process.
        self._observations = torch.empty((T + 1, N, *actor.stored_shape), dtype=actor.stored_dtype)
        self._actions = torch.empty(
            (T, N, *distribution.action_shape), dtype=distribution.action_dtype
        )
        self._noise = torch.empty((T, N, distribution.num_noise))
        self._log_probs = torch.empty((T, N))
        self._values = torch.empty((T + 1, N))
        self._rewards = np.empty((T, N), np.float32)
        self._terminated = np.empty((T, N), bool)
        self._truncated = np.empty((T, N), bool)
        self._final_values = np.empty((T, N), np.float32)
        self._discount = discount
        self._running = np.zeros(N, np.float32)  # the return of each episode so far, discounted
        # Between unrolls the last row holds the current observations.
        policy.store(env.reset(), self._observations[-1])

    @torch.inference_mode()
    def collect(self, policy_version: int) -> Trajectory:
        """Return the next unroll; its arrays are overwritten by the following call."""
        observations = self._observations
        policy = self._policy.frozen(self._env.num_envs)
        episodes: list[Episode] = []
        starts: list[tuple[int, int]] = []
        policy.distribution.fill_noise(self._noise, self._generator)
        self._final_values.fill(0.0)
        observations[0] = observations[-1]
        for t, noise in enumerate(self._noise):
            actions, log_probs, values = policy.act(observations[t], noise)
            self._actions[t] = actions
            self._log_probs[t] = log_probs
            self._values[t] = values
            lap("act")
            step = self._env.step(actions.numpy())
            lap("env")
            policy.store(step.observations, observations[t + 1])
            self._record(t, step)
            episodes.extend(step.episodes)
            starts.extend((t + 1, episode.row) for episode in step.episodes)
            lap("store")
        self._values[-1] = policy.values(observations[-1])
        lap("act")
        return Trajectory(
            observations=observations.numpy(),
            actions=self._actions.numpy(),
            log_probs=self._log_probs.numpy(),
            values=self._values.numpy(),
            rewards=self._rewards,
            terminated=self._terminated,
            truncated=self._truncated,
            final_values=self._final_values,
            running_returns=self._running_returns(),
            policy_version=policy_version,
            episodes=tuple(episodes),
            starts=tuple(starts),
        )

    def state(self) -> Arrays:
        """Return the state of the environments, in the middle of their episodes."""
        state = self._env.state()
        return state if self._discount is None else state | {_RUNNING: self._running.copy()}

    def restore(self, state: Arrays) -> None:
        """Bring the environments back to a state that :meth:`state` returned."""
        self._policy.store(self._env.restore(state), self._observations[-1])
        if self._discount is not None:
            self._running = state[_RUNNING].copy()

    def _running_returns(self) -> np.ndarray:
        """Of the unroll that was just collected."""
        if self._discount is None:
            return np.zeros((0, len(self._running)), np.float32)
        ends = self._terminated | self._truncated
        returns = running_returns(self._rewards, ends, self._running, self._discount)
        self._running = returns[-1] * ~ends[-1]
        return returns

    def _record(self, t: int, step: Step) -> None:
        self._rewards[t] = step.rewards
        self._terminated[t] = step.terminated
        self._truncated[t] = step.truncated
        if len(step.truncated_rows):
            final = self._policy.values(self._policy.stored(step.final_observations))
            self._final_values[t, step.truncated_rows] = final.numpy()
