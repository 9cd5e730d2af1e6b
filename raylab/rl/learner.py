"""The optimiser step: gradients in, better weights out, whole state in and out.

Float32 weights are the truth. A body in bfloat16 computes with a copy of them: its gradients are
copied to float32, Adam moves the float32 weights, and the copy is refreshed.

Weights, gradients and moments each lie in one piece of memory, over which Adam goes once; what has
their names and shapes are views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from raylab.errors import ConfigError
from raylab.rl.graphs import GraphedTraining
from raylab.rl.laps import lap
from raylab.rl.networks import Network
from raylab.rl.trajectory import Arrays


class Learner:
    """Moves the weights of a network along the gradients of losses, by Adam (Kingma, Ba 2015).

    Args:
        network: float32, on its device; the learner owns it from now on.
        dtype: in which the network's body computes, float32 or bfloat16.
        adam_epsilon: added to the root of the second moment.
        max_gradient_norm: global norm to which gradients are clipped.

    Attributes:
        network: what computes; share it to act with the newest weights.
        compute: the network's forward pass for batches of few different sizes; on a GPU by graphs,
            whose outputs the next call overwrites.
        device: where it computes.
        dtype: in which its body computes.
    """

    def __init__(
        self,
        network: Network,
        *,
        dtype: torch.dtype,
        adam_epsilon: float,
        max_gradient_norm: float,
    ) -> None:
        self.network = network
        self.dtype = dtype
        self._names = [name for name, _ in network.named_parameters()]
        self._parameters = list(network.parameters())
        self.device = self._parameters[0].device
        self._flat_weights, self._weights = _flat_zeros(self._parameters)
        torch._foreach_copy_(self._weights, [p.detach() for p in self._parameters])
        network.body.to(dtype)
        self._flat_copy, copies = _flat_zeros(self._weights, dtype)
        for parameter, weight, copied in zip(self._parameters, self._weights, copies, strict=True):
            parameter.data = weight if parameter.dtype == torch.float32 else copied
        self._refresh_copy()
        on_gpu = self.device.type == "cuda"
        self.compute: Callable[[Tensor], Any] = (
            GraphedTraining(self.network) if on_gpu else self.network
        )
        self._flat_gradients, self._gradients = _flat_zeros(self._weights)
        moments = {name: _flat_zeros(self._weights) for name in ("exp_avg", "exp_avg_sq")}
        self._flat_moments = {name: flat for name, (flat, _) in moments.items()}
        self._moments = {name: views for name, (_, views) in moments.items()}
        self._steps = torch.zeros((), device=self.device)
        self._adam_epsilon = adam_epsilon
        self._max_gradient_norm = max_gradient_norm

    def step(self, loss: Tensor, learning_rate: float) -> Tensor:
        """Descend the gradient of a scalar loss once; return its global norm before clipping."""
        lap("forward")
        loss.backward()
        lap("backward")
        with torch.no_grad():
            norm = self._apply_gradients(learning_rate)
        for parameter in self._parameters:
            parameter.grad = None
        lap("optimize")
        return norm

    def weights(self) -> Arrays:
        """Return a copy of the float32 weights, by textbook names and shapes, and of moments."""
        moments = {name: buffer.cpu().numpy().copy() for name, buffer in self._buffers()}
        return self._publish(self._weights) | moments

    def load_weights(self, weights: Arrays) -> None:
        """Take over weights that :meth:`weights` returned.

        Raises:
            ConfigError: the weights are those of another network.
        """
        self._load(self._weights, weights)
        for name, buffer in self._buffers():
            _check_shape(name, buffer, weights)
            buffer.copy_(torch.from_numpy(weights[name].copy()))
        self._refresh_copy()

    def optimizer_state(self) -> Arrays:
        """Return a copy of Adam's moments, named and shaped like the weights, and its steps."""
        state: Arrays = {"step": np.array([int(self._steps.item())])}
        for moment, tensors in self._moments.items():
            published = self._publish(tensors)
            state |= {f"{moment}.{name}": array for name, array in published.items()}
        return state

    def load_optimizer_state(self, state: Arrays) -> None:
        """Take over what :meth:`optimizer_state` returned.

        Raises:
            ConfigError: the moments are those of another network.
        """
        self._steps.fill_(float(state["step"][0]))
        for moment, tensors in self._moments.items():
            prefix = f"{moment}."
            named = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            self._load(tensors, named)

    def _apply_gradients(self, learning_rate: float) -> Tensor:
        computed = [p.grad for p in self._parameters if p.grad is not None]
        torch._foreach_copy_(self._gradients, computed)
        norm = self._flat_gradients.dot(self._flat_gradients).sqrt()
        self._steps += 1
        torch._fused_adam_(
            [self._flat_weights],
            [self._flat_gradients],
            [self._flat_moments["exp_avg"]],
            [self._flat_moments["exp_avg_sq"]],
            [],
            [self._steps],
            # Clipping: Adam divides gradients by this on its way, which saves a pass over them.
            grad_scale=(norm / self._max_gradient_norm).clamp_(min=1.0),
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=learning_rate,
            weight_decay=0.0,
            eps=self._adam_epsilon,
            maximize=False,
        )
        self._refresh_copy()
        return norm

    def _refresh_copy(self) -> None:
        if self.dtype != torch.float32:
            self._flat_copy.copy_(self._flat_weights)

    def _buffers(self) -> list[tuple[str, Tensor]]:
        """What is saved with the weights and not trained, by name."""
        return list(self.network.named_buffers())

    def _publish(self, tensors: Sequence[Tensor]) -> Arrays:
        published = self.network.publish(dict(zip(self._names, tensors, strict=True)))
        return {
            name: tensor.to("cpu", copy=True, memory_format=torch.contiguous_format).numpy()
            for name, tensor in published.items()
        }

    def _load(self, targets: Sequence[Tensor], arrays: Arrays) -> None:
        own = self.network.publish(dict(zip(self._names, targets, strict=True)))
        for name, tensor in own.items():
            _check_shape(name, tensor, arrays)
        tensors = {name: torch.from_numpy(arrays[name].copy()) for name in own}
        folded = self.network.unpublish(tensors)
        for name, target in zip(self._names, targets, strict=True):
            target.copy_(folded[name])


_ALIGNMENT = 32
"""Each tensor begins at a multiple of so many numbers: 64 bytes and more, as torch aligns memory."""


def _flat_zeros(
    like: Sequence[Tensor], dtype: torch.dtype = torch.float32
) -> tuple[Tensor, list[Tensor]]:
    """Return zeros in one piece of memory, and views of it in the shapes and layouts of tensors."""
    sizes = [-(-tensor.numel() // _ALIGNMENT) * _ALIGNMENT for tensor in like]
    flat = torch.zeros(sum(sizes), dtype=dtype, device=like[0].device)
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    views = [
        flat.as_strided(tensor.shape, tensor.stride(), start)
        for tensor, start in zip(like, starts, strict=True)
    ]
    return flat, views


def _check_shape(name: str, tensor: Tensor, arrays: Arrays) -> None:
    given = arrays[name].shape if name in arrays else "nothing"
    if given != tuple(tensor.shape):
        raise ConfigError(
            f"saved weights have {given} for {name!r}, the network has "
            f"{tuple(tensor.shape)}; use the environment and network that saved them."
        )
