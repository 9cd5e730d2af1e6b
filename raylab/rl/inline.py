"""Inline placement: environments, policy and learner together in one process."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import numpy as np
import torch

from raylab.errors import ConfigError
from raylab.rl import laps, tuning
from raylab.rl.agent import Algorithm, Generators, Player
from raylab.rl.cores import TorchThreads
from raylab.rl.envs import EnvConfig, make
from raylab.rl.learner import Learner
from raylab.rl.networks import network_kind
from raylab.rl.policy import choose_device
from raylab.rl.trajectory import Arrays, State, UpdateResult, hash_arrays

_STREAMS = ("initialization", "acting", "shuffling")  # independent sources of random numbers


class InlineTrainer:
    """Trains a policy: every :meth:`update` collects and learns, as the algorithm does.

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
        algorithm: Algorithm,
        seed: int,
        until_agent_steps: int,
        threads: int | None = None,
        device: str = "auto",
    ) -> None:
        if until_agent_steps < 1:
            raise ConfigError(f"until_agent_steps={until_agent_steps} must be at least 1.")
        if threads is not None and threads < 1:
            raise ConfigError(f"threads={threads} must be at least 1, or None.")
        threads = threads or torch.get_num_threads()
        self._torch_threads = TorchThreads(threads)
        self._generators = generators_of(seed)
        self._env = make(env, algorithm.num_envs, seed, num_threads=threads)
        network = algorithm.make_network(
            self._env.observation_space, self._env.action_space, self._generators["initialization"]
        )
        # On a GPU, kernels that add in any order would make a resume differ in the last bits.
        torch.backends.cudnn.deterministic = True
        self._learner = algorithm.make_learner(network.to(choose_device(device)))
        self._agent = algorithm.make_agent(
            self._env, self._learner, self._generators, until_agent_steps
        )
        self._update = 0
        self._agent_steps = 0
        self._simulated_agent_steps = 0

    @property
    def policy(self) -> Player:
        """The policy that acts; it changes with every update."""
        return self._agent.policy

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
        """Collect and learn once.

        Raises:
            EnvError: an environment raised.
            TrainingError: a loss is not finite any more.
        """
        laps.start()
        start_s = time.perf_counter()
        with self._torch_threads.on_own_cores():
            advance = self._agent.advance(self._update, self._agent_steps)
        took_s = time.perf_counter() - start_s
        phases = {f"time/{phase}_s": spent_s for phase, spent_s in laps.seconds().items()}
        self._update += 1
        self._agent_steps += advance.agent_steps
        self._simulated_agent_steps += advance.agent_steps
        return UpdateResult(
            update=self._update,
            agent_steps=self._agent_steps,
            simulated_agent_steps=self._simulated_agent_steps,
            metrics=advance.metrics | phases | {"steps_per_s": advance.agent_steps / took_s},
            episodes=advance.episodes,
        )

    def state(self, replay_limit_bytes: float = math.inf) -> State:
        """Return, between two updates, all that it takes to go on exactly from here.

        Args:
            replay_limit_bytes: leave out a replay that is larger; to go on is then not exact.
        """
        return State(
            parts={
                **learner_parts(self._learner, self._generators),
                **self._agent.parts(replay_limit_bytes),
            },
            meta={
                "update": self._update,
                "agent_steps": self._agent_steps,
                "simulated_agent_steps": self._simulated_agent_steps,
            },
        )

    def restore(self, state: State) -> tuple[str, ...]:
        """Go on from a state, of this or another process.

        Steps that this object simulated beyond the state stay counted as simulated. Without the
        part "environments" new games begin, which no earlier part of the run has played.

        Returns:
            What forbids to go on exactly, as an environment that is not a function of its seed
            and actions on this machine; empty where training goes on exactly.

        Raises:
            ConfigError: the weights are those of another network.
            EnvError: the state is of other environments.
        """
        restore_learner(self._learner, self._generators, state.parts)
        self._update = int(state.meta["update"])
        self._agent_steps = int(state.meta["agent_steps"])
        if "environments" in state.parts:
            reasons = self._agent.restore(state.parts)
        else:
            # A seeding lasts many steps, so none that was played has so large a number.
            self._env.reset(seeding=self._agent_steps)
            reasons = (
                "new games, as the checkpoint's are those of another placement",
                *self._agent.restore({**state.parts, "environments": self._env.state()}),
            )
        self._simulated_agent_steps = max(
            self._simulated_agent_steps, int(state.meta["simulated_agent_steps"])
        )
        return reasons

    def weights(self) -> Arrays:
        """Return a copy of the float32 weights, by textbook names and shapes."""
        return self._learner.weights()

    def weight_hash(self) -> str:
        """Return the SHA-256 of the float32 weights: names, shapes and bytes."""
        return hash_arrays(self._learner.weights())

    def close(self) -> None:
        """Free the environments."""
        self._env.close()


def generators_of(seed: int) -> dict[str, torch.Generator]:
    """Return a run's sources of random numbers, by name."""
    sequences = np.random.SeedSequence(seed).spawn(len(_STREAMS))
    return {
        name: torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))
        for name, sequence in zip(_STREAMS, sequences, strict=True)
    }


def learner_parts(learner: Learner, generators: Generators) -> dict[str, Arrays]:
    """Return what of a state belongs to the learner; it shares no memory with it."""
    return {
        "weights": learner.weights(),
        "optimizer": learner.optimizer_state(),
        "random": {
            name: generator.get_state().numpy().copy() for name, generator in generators.items()
        },
    }


def restore_learner(learner: Learner, generators: Generators, parts: Mapping[str, Arrays]) -> None:
    """Take over what :func:`learner_parts` returned.

    Raises:
        ConfigError: the weights are those of another network.
    """
    learner.load_weights(parts["weights"])
    learner.load_optimizer_state(parts["optimizer"])
    for name, generator in generators.items():
        generator.set_state(torch.from_numpy(parts["random"][name].copy()))


def useful_threads(env: EnvConfig, cores: int) -> int:
    """Return how many of the free cores a trainer gains from.

    As many as were best when the machine was tuned. Where it was not: all of them for large
    images; one for vectors and small images, whose matrices are multiplied in less time than
    threads take to meet.

    Raises:
        EnvError: the environment cannot be made.
    """
    one = make(env, 1, seed=0)
    kind = network_kind(one.observation_space)
    one.close()
    return threads_for(kind, cores)


def threads_for(kind: tuning.Kind, cores: int) -> int:
    """Return how many of the free cores a trainer of this kind of network gains from."""
    tuned = tuning.best(kind)
    if tuned is not None:
        return min(cores, tuned.threads)
    return cores if kind == "large images" else 1
