from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces

from raylab.errors import ConfigError
from raylab.rl.distributions import Categorical
from raylab.rl.networks import ActorCriticHead, NetworkConfig, build_network
from raylab.rl.policy import Policy, choose_device, choose_dtype
from raylab.rl.precision import has_fast_bfloat16


def network_for(space):
    return build_network(
        NetworkConfig(), space, ActorCriticHead(Categorical(3)), torch.Generator().manual_seed(0)
    )


VECTOR = spaces.Box(-1, 1, (4,), np.float32)
IMAGE = spaces.Box(0, 255, (84, 84, 4), np.uint8)


def test_acting_gives_actions_log_probabilities_and_values_of_one_pass():
    network = network_for(VECTOR)
    policy = Policy(network, Categorical(3))
    stored = policy.stored(np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32))
    noise = torch.zeros(6, 3)

    actions, log_probs, values = policy.act(stored, noise)

    parameters, expected_values = network(stored)
    expected = torch.log_softmax(parameters, 1).max(1)
    assert actions.equal(expected.indices)
    assert log_probs.equal(expected.values)
    assert values.equal(expected_values)
    assert policy.act_greedily(stored).equal(actions)
    assert policy.values(stored).equal(values)
    assert not values.requires_grad


def test_auto_precision_takes_bfloat16_for_large_images_where_it_is_fast():
    fast = has_fast_bfloat16(torch.device("cpu"))

    assert choose_dtype("auto", network_for(VECTOR)) == torch.float32
    assert choose_dtype("auto", network_for(IMAGE)) == (torch.bfloat16 if fast else torch.float32)
    assert choose_dtype("float32", network_for(IMAGE)) == torch.float32
    assert choose_dtype("bfloat16", network_for(VECTOR)) == torch.bfloat16


def test_fast_bfloat16_is_what_the_processor_says():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next((line.split() for line in lines if line.startswith("flags")), None)
    if flags is None:
        pytest.skip("/proc/cpuinfo lists no flags on this architecture")

    fast = has_fast_bfloat16(torch.device("cpu"))

    assert fast == ("avx512_bf16" in flags or "amx_bf16" in flags)


def test_devices_that_are_not_there_say_what_to_try():
    with pytest.raises(ConfigError, match="device='gpu' is not a device; try auto, cpu or cuda"):
        choose_device("gpu")
    with pytest.raises(ConfigError, match="device='meta' is not supported"):
        choose_device("meta")
    if torch.cuda.is_available():
        pytest.skip("a CUDA device is there, so it cannot be missed")
    with pytest.raises(ConfigError, match="no CUDA device is found"):
        choose_device("cuda")
    assert choose_device("auto") == torch.device("cpu")
