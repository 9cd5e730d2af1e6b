"""The optimiser step: gradients in, better weights out, whole state in and out.

Float32 weights are the truth. With a body in bfloat16, a copy of the network computes: its
gradients are copied to float32, Adam moves the float32 weights, and the copy is refreshed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam

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
        self._weights = [weight.detach() for weight in network.parameters()]
        self._copies = dtype != torch.float32
        if self._copies:
            self.network = copy.deepcopy(network)
            self.network.body.to(dtype)
        self._parameters = list(self.network.parameters())
        self.device = self._weights[0].device
        on_gpu = self.device.type == "cuda"
        self.compute: Callable[[Tensor], Any] = (
            GraphedTraining(self.network) if on_gpu else self.network
        )
        self._gradients = [torch.zeros_like(weight) for weight in self._weights]
        self._moments = {
            name: [torch.zeros_like(weight) for weight in self._weights]
            for name in ("exp_avg", "exp_avg_sq")
        }
        self._steps = [torch.zeros((), device=weight.device) for weight in self._weights]
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
        state: Arrays = {"step": np.array([int(self._steps[0].item())])}
        for moment, tensors in self._moments.items():
            published = self._publish(tensors)
            state |= {f"{moment}.{name}": array for name, array in published.items()}
        return state

    def load_optimizer_state(self, state: Arrays) -> None:
        """Take over what :meth:`optimizer_state` returned.

        Raises:
            ConfigError: the moments are those of another network.
        """
        for steps in self._steps:
            steps.fill_(float(state["step"][0]))
        for moment, tensors in self._moments.items():
            prefix = f"{moment}."
            named = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            self._load(tensors, named)

    def _apply_gradients(self, learning_rate: float) -> Tensor:
        computed = [p.grad for p in self._parameters if p.grad is not None]
        if self._copies:
            torch._foreach_copy_(self._gradients, computed)
            computed = self._gradients
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(computed)))
        adam(
            self._weights,
            computed,
            self._moments["exp_avg"],
            self._moments["exp_avg_sq"],
            [],
            self._steps,
            fused=True,
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
        if self._copies:
            torch._foreach_copy_([p.detach() for p in self._parameters], self._weights)

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


def _check_shape(name: str, tensor: Tensor, arrays: Arrays) -> None:
    given = arrays[name].shape if name in arrays else "nothing"
    if given != tuple(tensor.shape):
        raise ConfigError(
            f"saved weights have {given} for {name!r}, the network has "
            f"{tuple(tensor.shape)}; use the environment and network that saved them."
        )
