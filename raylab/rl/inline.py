"""Inline placement: environments, policy and learner together in one process."""

from __future__ import annotations

import time

import numpy as np
import torch

from raylab.errors import ConfigError
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.distributions import distribution_of
from raylab.rl.envs import EnvConfig, make
from raylab.rl.networks import build_network, is_large_image
from raylab.rl.policy import Policy, choose_device
from raylab.rl.rollout import Rollout
from raylab.rl.trajectory import State, UpdateResult, hash_arrays

_STREAMS = ("initialization", "acting", "shuffling")  # independent sources of random numbers


class InlineTrainer:
    """Trains a policy: every :meth:`update` is one rollout and the learning from it.

    The same configuration, seed and threads give the same weights, bit by bit, on the same
    machine and versions; so does :meth:`state` restored in another process.

    Args:
        env: which environments.
        algorithm: what to learn by.
        seed: of everything random.
        until_agent_steps: length of the training, to which the learning rate is annealed.
        threads: of torch and of the emulator; None takes torch's current number. Sets torch's
            number for the process.
        device: "auto", "cpu" or "cuda".

    Raises:
        ConfigError: the environment has spaces that no network fits, or a value is out of range.
        EnvError: the environments cannot be made.
    """

    def __init__(
        self,
        env: EnvConfig,
        algorithm: PPO,
        seed: int,
        until_agent_steps: int,
        threads: int | None = None,
        device: str = "auto",
    ) -> None:
        if until_agent_steps < 1:
            raise ConfigError(f"until_agent_steps={until_agent_steps} must be at least 1.")
        if threads is not None and threads < 1:
            raise ConfigError(f"threads={threads} must be at least 1, or None.")
        self._threads = threads or torch.get_num_threads()
        torch.set_num_threads(self._threads)
        self._algorithm = algorithm
        self._until_agent_steps = until_agent_steps
        self._generators = _generators(seed)
        self._env = make(env, algorithm.num_envs, seed, num_threads=self._threads)
        distribution = distribution_of(self._env.action_space)
        network = build_network(
            algorithm.network,
            self._env.observation_space,
            distribution,
            self._generators["initialization"],
        ).to(choose_device(device))
        # On a GPU, kernels that add in any order would make a resume differ in the last bits.
        torch.backends.cudnn.deterministic = True
        self._learner = algorithm.make_learner(network)
        self._algorithm_learner = algorithm.learner_class(
            algorithm, self._learner, distribution, self._generators["shuffling"]
        )
        self._policy = Policy(self._learner.network, distribution)
        self._rollout = Rollout(
            self._env,
            self._policy,
            algorithm.unroll_length,
            self._generators["acting"],
        )
        self._update = 0
        self._agent_steps = 0
        self._simulated_agent_steps = 0

    @property
    def policy(self) -> Policy:
        """The policy that acts; it changes with every update."""
        return self._policy

    @property
    def precision(self) -> str:
        """In which the network's body computes, "float32" or "bfloat16"."""
        return str(self._learner.dtype).removeprefix("torch.")

    @property
    def device(self) -> str:
        """Where the network computes, "cpu" or "cuda"."""
        return self._learner.device.type

    @property
    def agent_steps(self) -> int:
        """Agent steps trained on so far."""
        return self._agent_steps

    def update(self) -> UpdateResult:
        """Collect one unroll and learn from it.

        Raises:
            EnvError: an environment raised.
            TrainingError: a loss is not finite any more.
        """
        start_s = time.perf_counter()
        trajectory = self._rollout.collect(policy_version=self._update)
        collected_s = time.perf_counter()
        self._simulated_agent_steps += trajectory.agent_steps
        learning_rate = self._algorithm.learning_rate_at(self._agent_steps, self._until_agent_steps)
        metrics = self._algorithm_learner.update(trajectory, learning_rate)
        learned_s = time.perf_counter()
        self._update += 1
        self._agent_steps += trajectory.agent_steps
        metrics |= {
            "time/rollout_s": collected_s - start_s,
            "time/learn_s": learned_s - collected_s,
            "steps_per_s": trajectory.agent_steps / (learned_s - start_s),
        }
        return UpdateResult(
            update=self._update,
            agent_steps=self._agent_steps,
            simulated_agent_steps=self._simulated_agent_steps,
            metrics=metrics,
            episodes=trajectory.episodes,
        )

    def state(self) -> State:
        """Return, between two updates, all that it takes to go on exactly from here."""
        return State(
            parts={
                "weights": self._learner.weights(),
                "optimizer": self._learner.optimizer_state(),
                "environments": self._rollout.state(),
                "random": {
                    name: generator.get_state().numpy().copy()
                    for name, generator in self._generators.items()
                },
            },
            meta={
                "update": self._update,
                "agent_steps": self._agent_steps,
                "simulated_agent_steps": self._simulated_agent_steps,
            },
        )

    def restore(self, state: State) -> tuple[int, ...]:
        """Go on from a state, of this or another process.

        Steps that this object simulated beyond the state stay counted as simulated.

        Returns:
            Rows of the environments that did not come back to what was saved, because the
            environment is not a function of its seed and actions on this machine; empty where
            training goes on exactly.

        Raises:
            ConfigError: the weights are those of another network.
            EnvError: the state is of other environments.
        """
        self._learner.load_weights(state.parts["weights"])
        self._learner.load_optimizer_state(state.parts["optimizer"])
        self._rollout.restore(state.parts["environments"])
        for name, generator in self._generators.items():
            generator.set_state(torch.from_numpy(state.parts["random"][name].copy()))
        self._update = int(state.meta["update"])
        self._agent_steps = int(state.meta["agent_steps"])
        self._simulated_agent_steps = max(
            self._simulated_agent_steps, int(state.meta["simulated_agent_steps"])
        )
        return self._env.diverged_rows

    def weight_hash(self) -> str:
        """Return the SHA-256 of the float32 weights: names, shapes and bytes."""
        return hash_arrays(self._learner.weights())

    def close(self) -> None:
        """Free the environments."""
        self._env.close()


def _generators(seed: int) -> dict[str, torch.Generator]:
    sequences = np.random.SeedSequence(seed).spawn(len(_STREAMS))
    return {
        name: torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))
        for name, sequence in zip(_STREAMS, sequences, strict=True)
    }


def useful_threads(env: EnvConfig, cores: int) -> int:
    """Return how many of the free cores a trainer gains from.

    All of them for large images; one for vectors and small images, whose matrices are multiplied
    in less time than threads take to meet.

    Raises:
        EnvError: the environment cannot be made.
    """
    one = make(env, 1, seed=0)
    shape = one.observation_space.shape
    one.close()
    return cores if is_large_image(shape) else 1
