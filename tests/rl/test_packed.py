"""Packed weights for acting: the same numbers as the network's own, bit by bit."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from raylab.rl.distributions import Categorical
from raylab.rl.networks import ActorCriticHead, NetworkConfig, build_network
from raylab.rl.packed import PackedNatureBody
from raylab.rl.policy import Policy
from raylab.rl.precision import has_fast_bfloat16

needs_bfloat16 = pytest.mark.skipif(
    not has_fast_bfloat16(torch.device("cpu")),
    reason="this processor has no bfloat16 instructions: acting uses the network as it is",
)


def network_for(size, dtype):
    space = spaces.Box(0, 255, (size, size, 4), np.uint8)
    generator = torch.Generator().manual_seed(1)
    network = build_network(NetworkConfig(), space, ActorCriticHead(Categorical(6)), generator)
    for bias in (p for name, p in network.named_parameters() if name.endswith("bias")):
        bias.data.normal_(generator=generator)
    network.body.to(dtype)
    return network


def stored_for(network, count):
    generator = torch.Generator().manual_seed(2)
    return torch.randint(
        0, 256, (count, *network.stored_shape), dtype=torch.uint8, generator=generator
    )


@needs_bfloat16
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [84, 64, 36], ids=lambda size: f"{size}px")
@torch.inference_mode()
def test_packed_weights_give_the_same_bits(size, threads):
    torch.set_num_threads(threads)
    network = network_for(size, torch.bfloat16)
    stored = stored_for(network, 8)
    before = stored.clone()

    packed = PackedNatureBody(network.body, stored.shape)

    features = packed(stored)
    assert features.abs().sum() > 0
    assert torch.equal(features, network.body(stored))
    assert torch.equal(packed(stored), features)
    assert torch.equal(stored, before)


@needs_bfloat16
def test_a_policy_frozen_anew_acts_by_the_new_weights():
    network = network_for(84, torch.bfloat16)
    policy = Policy(network, Categorical(6))
    stored, noise = stored_for(network, 8), torch.rand(8, 6)
    before = policy.act(stored, noise)
    frozen_before = policy.frozen(8).act(stored, noise)

    for weight in network.body.parameters():
        weight.data.mul_(2.0)
    after = policy.act(stored, noise)
    frozen_after = policy.frozen(8).act(stored, noise)

    assert all(map(torch.equal, frozen_before, before))
    assert all(map(torch.equal, frozen_after, after))
    assert not torch.equal(before[2], after[2])


def test_in_float32_the_network_itself_acts():
    network = network_for(84, torch.float32)

    assert network.frozen(8) is network
