"""Networks of masked environments: what a network computes, without the illegal actions.

Huang and Ontañón 2022, "A Closer Look at Invalid Action Masking in Policy Gradient Algorithms":
replacing the logits of illegal actions by a large negative constant is a function of the state
like any other, so the policy gradient stays right, and theirs is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from raylab.rl.networks.network import Network

LEAST: Final = torch.finfo(torch.float32).min
"""Logit or value of an illegal action. Finite, so that 0 * log(0) in an entropy is 0, not NaN."""

_INNER: Final = "inner."


class MaskedNetwork(Network):
    """A network on observations whose tail is an action mask (see :mod:`raylab.rl.envs.masks`).

    Stored is one flat row: what the inner network stores, then the mask, in the same type.

    Args:
        inner: computes from what is shown; its first output has a column an action.
        shown_shape: of an observation without the mask.
        num_choices: length of the mask.
    """

    def __init__(self, inner: Network, shown_shape: tuple[int, ...], num_choices: int) -> None:
        super().__init__()
        self.inner = inner
        self.moments = inner.moments
        self.kind = inner.kind
        self.stored_dtype = inner.stored_dtype
        self.stored_shape = (int(np.prod(inner.stored_shape)) + num_choices,)
        self._shown_shape = shown_shape
        self._num_choices = num_choices

    @property
    def body(self) -> torch.nn.Module:  # type: ignore[override]
        """The inner network's."""
        return self.inner.body

    @property
    def head(self) -> torch.nn.Module:  # type: ignore[override]
        """The inner network's."""
        return self.inner.head

    def store(self, observations: np.ndarray, out: Tensor) -> None:
        """Store what is shown as the inner network does, and the mask as it is."""
        shown, mask = np.split(observations, [-self._num_choices], axis=1)
        inner = torch.empty((len(shown), *self.inner.stored_shape), dtype=self.stored_dtype)
        self.inner.store(shown.reshape(-1, *self._shown_shape), inner)
        out[:, : -self._num_choices] = inner.flatten(1)
        out[:, -self._num_choices :] = torch.from_numpy(np.ascontiguousarray(mask))

    def normalize(self, *, observations: bool, rewards: bool) -> None:
        """Keep moments of what is shown, and not of masks."""
        self.inner.normalize(observations=observations, rewards=rewards)

    def observe(self, stored: np.ndarray) -> None:
        """Let the moments see what is shown."""
        self.inner.observe(stored[..., : -self._num_choices])

    def forward(self, stored: Tensor) -> Any:
        """What the inner network computes, with the least number for every illegal action."""
        return self._masked(self.inner, stored)

    def frozen(self, batch: int) -> Callable[[Tensor], Any]:
        """The inner network frozen, and the mask."""
        frozen = self.inner.frozen(batch)
        return lambda stored: self._masked(frozen, stored)

    def legal(self, stored: Tensor) -> Tensor:
        """The mask, bool [B, A]."""
        return stored[:, -self._num_choices :] != 0

    def publish(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The textbook weights of the inner network, under its names."""
        return self.inner.publish({k.removeprefix(_INNER): v for k, v in tensors.items()})

    def unpublish(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Invert :meth:`publish`."""
        return {_INNER + name: tensor for name, tensor in self.inner.unpublish(tensors).items()}

    def _masked(self, compute: Callable[[Tensor], Any], stored: Tensor) -> Any:
        shown = stored[:, : -self._num_choices].unflatten(1, self.inner.stored_shape)
        outputs, illegal = compute(shown), ~self.legal(stored)
        if isinstance(outputs, tuple):
            first, *others = outputs
            return (first.masked_fill(illegal, LEAST), *others)
        return outputs.masked_fill(illegal, LEAST)
