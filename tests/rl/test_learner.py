import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from raylab.errors import ConfigError
from raylab.rl.distributions import Categorical
from raylab.rl.learner import Learner
from raylab.rl.networks import ActorCriticHead, NetworkConfig, build_network


def small_network(seed=1, hidden=8):
    space = spaces.Box(-1, 1, (4,), np.float32)
    config = NetworkConfig(hidden_sizes=(hidden,))
    return build_network(
        config, space, ActorCriticHead(Categorical(3)), torch.Generator().manual_seed(seed)
    )


def image_network(seed=1):
    space = spaces.Box(0, 255, (36, 36, 4), np.uint8)
    generator = torch.Generator().manual_seed(seed)
    return build_network(
        NetworkConfig(features=32), space, ActorCriticHead(Categorical(3)), generator
    )


def learner_for(network, dtype=torch.float32, max_gradient_norm=0.5):
    return Learner(network, dtype=dtype, adam_epsilon=1e-5, max_gradient_norm=max_gradient_norm)


def loss_of(network, observations, scale=1.0):
    parameters, values = network(observations)
    return scale * (parameters.square().mean() + (values - 1.0).square().mean())


def vectors(seed, count=16):
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))


def frames(seed, count=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 9, 9, 64), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(
    "scale", [pytest.param(1e-3, id="below-the-norm"), pytest.param(50.0, id="clipped")]
)
def test_fused_steps_are_those_of_clip_grad_norm_and_adam(scale):
    learner, reference = learner_for(small_network()), small_network()
    adam = torch.optim.Adam(reference.parameters(), eps=1e-5, fused=False, foreach=False)

    norms, expected_norms = [], []
    for t, learning_rate in enumerate((1e-2, 5e-3, 1e-3)):
        norms.append(learner.step(loss_of(learner.network, vectors(t), scale), learning_rate))
        adam.zero_grad()
        loss_of(reference, vectors(t), scale).backward()
        expected_norms.append(nn.utils.clip_grad_norm_(reference.parameters(), 0.5))
        adam.param_groups[0]["lr"] = learning_rate
        adam.step()

    torch.testing.assert_close(norms, expected_norms)
    for name, parameter in reference.named_parameters():
        torch.testing.assert_close(
            torch.from_numpy(learner.weights()[name]), parameter.detach(), rtol=1e-5, atol=1e-6
        )


def test_a_bfloat16_copy_computes_and_float32_weights_move():
    learner = learner_for(image_network(), torch.bfloat16)
    before = learner.weights()

    learner.step(loss_of(learner.network, frames(0)), learning_rate=1e-6)

    after = learner.weights()
    computing = dict(learner.network.named_parameters())
    assert computing["body.linear.weight"].dtype == torch.bfloat16
    assert computing["head.value.weight"].dtype == torch.float32
    assert after["body.linear.weight"].dtype == np.float32
    # Steps far below bfloat16's resolution of the weights are not lost.
    moved = np.abs(after["body.linear.weight"] - before["body.linear.weight"])
    assert 0 < moved.max() < 2e-6
    published = learner.network.publish({n: p.detach().float() for n, p in computing.items()})
    for name, weights in published.items():
        rounded = torch.from_numpy(after[name])
        if name.startswith("body"):
            rounded = rounded.bfloat16().float()
        assert weights.equal(rounded), name


def test_bfloat16_gradients_point_where_those_of_float32_do():
    steps = {}
    for dtype in (torch.float32, torch.bfloat16):
        learner = learner_for(image_network(), dtype, max_gradient_norm=1e9)
        norm = learner.step(loss_of(learner.network, frames(0)), learning_rate=1e-3)
        moments = learner.optimizer_state()
        gradient = np.concatenate(
            [moments[n].ravel() for n in sorted(moments) if n.startswith("exp_avg.")]
        )
        steps[dtype] = float(norm), gradient

    (norm, gradient), (norm16, gradient16) = steps.values()
    cosine = gradient @ gradient16 / np.linalg.norm(gradient) / np.linalg.norm(gradient16)
    assert norm16 == pytest.approx(norm, rel=0.02)
    assert cosine > 0.999


@pytest.mark.parametrize(
    "dtype",
    [pytest.param(torch.float32, id="float32"), pytest.param(torch.bfloat16, id="bfloat16")],
)
def test_a_restored_learner_takes_the_same_steps(dtype):
    learner, restored = learner_for(image_network(1), dtype), learner_for(image_network(2), dtype)
    learner.step(loss_of(learner.network, frames(0)), 1e-3)

    restored.load_weights(learner.weights())
    restored.load_optimizer_state(learner.optimizer_state())
    for each in (learner, restored):
        each.step(loss_of(each.network, frames(1)), 1e-3)

    expected, weights = learner.weights(), restored.weights()
    assert weights.keys() == expected.keys()
    assert all(np.array_equal(weights[name], expected[name]) for name in expected)
    assert restored.optimizer_state()["step"].tolist() == [2]


def test_weights_are_copies():
    learner = learner_for(small_network())
    weights = learner.weights()
    kept = {name: array.copy() for name, array in weights.items()}

    learner.step(loss_of(learner.network, vectors(0)), 1e-2)

    assert all(np.array_equal(weights[name], kept[name]) for name in kept)


def test_weights_of_another_network_are_refused_and_nothing_changes():
    learner = learner_for(small_network())
    before = learner.weights()
    wider = learner_for(small_network(seed=2, hidden=9)).weights()

    with pytest.raises(ConfigError, match=r"\(9, 4\) for 'body.policy.0.weight'.*\(8, 4\)"):
        learner.load_weights(wider)
    with pytest.raises(ConfigError, match=r"nothing for 'head.policy.bias'"):
        learner.load_weights({n: a for n, a in before.items() if n != "head.policy.bias"})

    after = learner.weights()
    assert all(np.array_equal(after[name], before[name]) for name in before)
