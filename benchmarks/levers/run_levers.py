"""One lever on and off, update by update in turn, in one process: seconds of an update of each.

Both trainers run the same experiment (Pong at the settings of ``benchmarks/ppo/window.py``); the
second is built without the lever. Prints medians over the pairs in which nobody else used more
than 5 % of the machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from benchmarks.interleave import busy_s, own_s
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.blocks import to_channels_last_memory
from raylab.rl.cores import TorchThreads
from raylab.rl.distributions import distribution_of
from raylab.rl.envs import ActionSpace, Atari
from raylab.rl.inline import InlineTrainer
from raylab.rl.networks import ActorCriticHead, Network
from raylab.rl.policy import Policy

MAX_FOREIGN_SHARE: Final = 0.05


class PlainNetwork(Network):
    """The Nature network as it is published, channels last: 8 x 8 / 4, 4 x 4 / 2, 3 x 3."""

    kind = "large images"
    stored_shape = (84, 84, 4)
    stored_dtype = torch.uint8

    def __init__(self, actions: ActionSpace, generator: torch.Generator) -> None:
        super().__init__()
        convolutions = (nn.Conv2d(4, 32, 8, 4), nn.Conv2d(32, 64, 4, 2), nn.Conv2d(64, 64, 3))
        layers = [part for layer in convolutions for part in (layer, nn.ReLU(inplace=True))]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(3136, 512), nn.ReLU())
        to_channels_last_memory(self)
        self.head = ActorCriticHead(distribution_of(actions)).build(512, generator)

    def store(self, observations: np.ndarray, out: Tensor) -> None:
        """Copy, channels last."""
        out.copy_(torch.from_numpy(observations))

    def forward(self, stored: Tensor) -> Any:
        """Scale the pixels, then body and head."""
        dtype = self.body[0].weight.dtype
        features = self.body(stored.to(dtype).permute(0, 3, 1, 2) / 255.0)
        return self.head(features, features)


@dataclass(frozen=True, kw_only=True)
class PlainPPO(PPO):
    """PPO on the network as it is published."""

    def make_network(
        self, observations: spaces.Box, actions: ActionSpace, generator: torch.Generator
    ) -> Network:
        """Return the plain network, whatever the observations."""
        del observations
        return PlainNetwork(actions, generator)


class TwoPassPolicy(Policy):
    """Computes values in a pass of their own, as scripts do that sample and then ask for values."""

    def act(self, stored: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Act, then compute the values again."""
        actions, log_probs, _ = super().act(stored, noise)
        return actions, log_probs, self.values(stored)

    def frozen(self, batch: int) -> Policy:
        """The same with prepared weights."""
        return TwoPassPolicy(self.network, self.distribution, self.network.frozen(batch))


class TwoPassPPO(PPO):
    """PPO with two acting passes."""

    def make_policy(self, network: Network, actions: ActionSpace) -> Policy:
        """Return the policy of two passes."""
        return TwoPassPolicy(network, distribution_of(actions))


class UnpackedPolicy(Policy):
    """Acts by the network as it learns."""

    def frozen(self, batch: int) -> Policy:
        """Nothing is prepared."""
        del batch
        return self


class UnpackedPPO(PPO):
    """PPO without packed weights."""

    def make_policy(self, network: Network, actions: ActionSpace) -> Policy:
        """Return the policy that prepares nothing."""
        return UnpackedPolicy(network, distribution_of(actions))


class RoamingThreads(TorchThreads):
    """Threads that the kernel's scheduler moves as it likes."""

    @contextmanager
    def on_own_cores(self) -> Iterator[None]:
        """Change nothing."""
        yield


def trainer_for(algorithm: PPO, threads: int) -> InlineTrainer:
    """Return what trains on Pong."""
    return InlineTrainer(Atari(game="pong", protocol="classic"), algorithm, 1, 10**7, threads)


def roaming_trainer(threads: int) -> InlineTrainer:
    """Return what trains on Pong with threads, and emulators, that keep to no core."""
    with patch("raylab.rl.envs.atari.one_for_each_core", return_value=False):
        trainer = trainer_for(PPO(), threads)
    trainer._torch_threads = RoamingThreads(threads)
    return trainer


WITHOUT: Final[dict[str, Callable[[int], InlineTrainer]]] = {
    "bfloat16": lambda threads: trainer_for(replace(PPO(), precision="float32"), threads),
    "space-to-depth": lambda threads: trainer_for(PlainPPO(), threads),
    "packed acting": lambda threads: trainer_for(UnpackedPPO(), threads),
    "one acting pass": lambda threads: trainer_for(TwoPassPPO(), threads),
    "cores of their own": roaming_trainer,
}


def main() -> None:
    """Print ``{with_s, without_s, ratio, pairs, disturbed_pairs}``."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--without", choices=WITHOUT, required=True)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    trainers = [
        trainer_for(PPO(), options.threads),
        WITHOUT[options.without](options.threads),
    ]
    for trainer in trainers:  # heats caches and the allocator
        trainer.update()
    undisturbed, disturbed = [], 0
    while len(undisturbed) < options.pairs and disturbed < 3 * options.pairs:
        pair, shares = zip(*(_timed(trainer) for trainer in trainers), strict=True)
        if max(shares) > MAX_FOREIGN_SHARE:
            disturbed += 1
        else:
            undisturbed.append(pair)
    if not undisturbed:
        raise SystemExit(f"all {disturbed} pairs were disturbed; repeat on a quiet machine")
    with_s, without_s = (statistics.median(times) for times in zip(*undisturbed, strict=True))
    result = {
        "with_s": with_s,
        "without_s": without_s,
        "ratio": statistics.median(b / a for a, b in undisturbed),
        "pairs": len(undisturbed),
        "disturbed_pairs": disturbed,
    }
    print(json.dumps(result), flush=True)


def _timed(trainer: InlineTrainer) -> tuple[float, float]:
    """Seconds of an update, and the share of the machine that others used meanwhile."""
    busy, own, start_s = busy_s(), own_s(), time.perf_counter()
    trainer.update()
    elapsed_s = time.perf_counter() - start_s
    foreign_s = busy_s() - busy - (own_s() - own)
    return elapsed_s, foreign_s / (elapsed_s * torch.get_num_threads())


if __name__ == "__main__":
    main()
