"""Networks: a body for the observations, a head for the algorithm, and the layout of what is stored.

A network owns the way from an environment's observation to its own input: :meth:`Network.store`
writes a batch of observations into a buffer, once, in the layout that makes every later pass cheap.
Weights leave as *published* weights: the names and shapes of the textbook network, whatever layout
the computation uses, so that a checkpoint loads into plain PyTorch modules.
"""

from raylab.rl.networks.actor_critic import ActorCriticHead
from raylab.rl.networks.build import build_network, network_kind
from raylab.rl.networks.large_images import NatureBody, NatureNetwork
from raylab.rl.networks.masked import MaskedNetwork
from raylab.rl.networks.network import (
    HeadConfig,
    ImageSpace,
    Network,
    NetworkConfig,
    initialize,
)
from raylab.rl.networks.small_images import SmallImageNetwork
from raylab.rl.networks.vectors import MlpNetwork

__all__ = [
    "ActorCriticHead",
    "HeadConfig",
    "ImageSpace",
    "MaskedNetwork",
    "MlpNetwork",
    "NatureBody",
    "NatureNetwork",
    "Network",
    "NetworkConfig",
    "SmallImageNetwork",
    "build_network",
    "initialize",
    "network_kind",
]
