import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from raylab.errors import ConfigError
from raylab.rl.distributions import Categorical, DiagonalGaussian
from raylab.rl.networks import (
    ActorCriticHead,
    MlpNetwork,
    NatureNetwork,
    NetworkConfig,
    SmallImageNetwork,
    build_network,
)

PUBLISHED = NetworkConfig()


class TextbookNature(nn.Module):
    """Mnih et al. 2015 as everybody writes it: NCHW, 8x8 stride 4, 4x4 stride 2, 3x3."""

    def __init__(self, channels=4, actions=6, last=(7, 7), widths=(32, 64, 64)):
        super().__init__()
        first, second, third = widths
        self.body = nn.Module()
        self.body.conv1 = nn.Conv2d(channels, first, 8, stride=4)
        self.body.conv2 = nn.Conv2d(first, second, 4, stride=2)
        self.body.conv3 = nn.Conv2d(second, third, 3, stride=1)
        self.body.linear = nn.Linear(third * last[0] * last[1], 512)
        self.head = nn.Module()
        self.head.policy = nn.Linear(512, actions)
        self.head.value = nn.Linear(512, 1)

    def forward(self, images):
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255.0
        x = torch.relu(self.body.conv1(x))
        x = torch.relu(self.body.conv2(x))
        x = torch.relu(self.body.conv3(x))
        x = torch.relu(self.body.linear(x.flatten(1)))
        return self.head.policy(x), self.head.value(x).squeeze(-1)


class TextbookSmallImage(nn.Module):
    """Young and Tian 2019, NCHW."""

    def __init__(self, channels=4, actions=6):
        super().__init__()
        self.body = nn.Module()
        self.body.conv = nn.Conv2d(channels, 16, 3)
        self.body.linear = nn.Linear(16 * 8 * 8, 128)
        self.head = nn.Module()
        self.head.policy = nn.Linear(128, actions)
        self.head.value = nn.Linear(128, 1)

    def forward(self, images):
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
        x = torch.relu(self.body.conv(x))
        x = torch.relu(self.body.linear(x.flatten(1)))
        return self.head.policy(x), self.head.value(x).squeeze(-1)


def network_for(shape, high=255, seed=3, config=PUBLISHED):
    space = spaces.Box(0, high, shape, np.uint8)
    generator = torch.Generator().manual_seed(seed)
    return build_network(config, space, ActorCriticHead(Categorical(6)), generator)


def images_of(shape, count=5, high=255, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, high, (count, *shape), np.uint8, endpoint=True)


def stored(network, images):
    out = torch.empty((len(images), *network.stored_shape), dtype=network.stored_dtype)
    network.store(images, out)
    return out


def published(network):
    return network.publish({name: p.detach() for name, p in network.named_parameters()})


@pytest.mark.parametrize(
    ("shape", "last"),
    [
        pytest.param((84, 84, 4), (7, 7), id="atari"),
        pytest.param((84, 84, 1), (7, 7), id="one-frame"),
        pytest.param((96, 96, 3), (8, 8), id="odd-blocks"),
        pytest.param((87, 90, 2), (7, 7), id="cropped"),
        pytest.param((36, 36, 4), (1, 1), id="smallest"),
    ],
)
def test_nature_on_blocks_equals_the_textbook(shape, last):
    network = network_for(shape)
    textbook = TextbookNature(shape[2], last=last)
    images = images_of(shape)

    textbook.load_state_dict(published(network))
    parameters, values = network(stored(network, images))
    expected_parameters, expected_values = textbook(images)

    assert isinstance(network, NatureNetwork)
    torch.testing.assert_close(parameters, expected_parameters, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(values, expected_values, rtol=1e-4, atol=1e-5)


def test_channels_of_the_convolutions_are_settable():
    widths, shape = (8, 24, 40), (84, 84, 4)
    network = network_for(shape, config=NetworkConfig(channels=widths))
    textbook = TextbookNature(widths=widths)
    images = images_of(shape)

    textbook.load_state_dict(published(network))
    parameters, _ = network(stored(network, images))
    expected, _ = textbook(images)

    torch.testing.assert_close(parameters, expected, rtol=1e-4, atol=1e-6)


def test_gradients_on_blocks_are_those_of_the_textbook():
    shape = (84, 84, 4)
    network, textbook = network_for(shape), TextbookNature()
    textbook.load_state_dict(published(network))
    images = images_of(shape)

    for model, observations in ((network, stored(network, images)), (textbook, images)):
        parameters, values = model(observations)
        (parameters.square().sum() + values.square().sum()).backward()

    folded = network.publish({name: p.grad for name, p in network.named_parameters()})
    for name, parameter in textbook.named_parameters():
        torch.testing.assert_close(folded[name], parameter.grad, rtol=1e-3, atol=1e-4)


def test_small_images_get_the_network_of_minatar():
    shape = (10, 10, 4)
    network, textbook = network_for(shape, high=1), TextbookSmallImage()
    images = images_of(shape, high=1)

    textbook.load_state_dict(published(network))
    parameters, values = network(stored(network, images))
    expected_parameters, expected_values = textbook(images)

    assert isinstance(network, SmallImageNetwork)
    torch.testing.assert_close(parameters, expected_parameters, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(values, expected_values, rtol=1e-4, atol=1e-5)


def test_vectors_get_separate_towers():
    space = spaces.Box(-1, 1, (3,), np.float32)
    config = NetworkConfig(hidden_sizes=(8, 5), activation="tanh")
    network = build_network(
        config, space, ActorCriticHead(DiagonalGaussian(2)), torch.Generator().manual_seed(0)
    )
    observations = torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
    weights = dict(network.named_parameters())

    def tower(name):
        x = observations
        for layer in (0, 2):
            prefix = f"body.{name}.{layer}"
            x = torch.tanh(x @ weights[f"{prefix}.weight"].T + weights[f"{prefix}.bias"])
        return x @ weights[f"head.{name}.weight"].T + weights[f"head.{name}.bias"]

    parameters, values = network(observations)

    assert isinstance(network, MlpNetwork)
    torch.testing.assert_close(parameters[:, :2], tower("policy"))
    torch.testing.assert_close(values, tower("value").squeeze(1))
    assert parameters[:, 2:].equal(weights["head.log_std"].expand(7, 2))


@pytest.mark.parametrize(
    ("shape", "high"),
    [pytest.param((84, 84, 4), 255, id="nature"), pytest.param((10, 10, 6), 1, id="small")],
)
def test_unpublish_inverts_publish_bit_by_bit(shape, high):
    network = network_for(shape, high)
    parameters = {name: p.detach() for name, p in network.named_parameters()}

    again = network.unpublish(network.publish(parameters))

    assert again.keys() == parameters.keys()
    assert all(again[name].equal(parameters[name]) for name in parameters)


def test_stacked_frames_and_plain_images_are_stored_alike():
    network = network_for((84, 84, 4))
    images = images_of((84, 84, 4))
    as_the_emulator_has_them = np.ascontiguousarray(images.transpose(0, 3, 1, 2))

    from_view = stored(network, as_the_emulator_has_them.transpose(0, 2, 3, 1))
    from_copy = stored(network, images)

    assert from_view.equal(from_copy)
    block = images[2, 4:8, 8:12, 3]  # channel 3 of block (1, 2)
    assert from_copy[2, 1, 2, 48:64].tolist() == block.flatten().tolist()


def test_layers_start_orthogonal_with_the_published_gains():
    network = network_for((84, 84, 4))
    weights = published(network)

    def gain(name):
        rows = weights[name].flatten(1)
        product = rows @ rows.T
        scale = product.diagonal().mean()
        torch.testing.assert_close(product, torch.eye(len(rows)) * scale, rtol=0, atol=1e-5)
        return float(scale.sqrt())

    for name in ("body.conv1.weight", "body.conv2.weight", "body.conv3.weight"):
        assert gain(name) == pytest.approx(2**0.5, rel=1e-4)
    assert gain("body.linear.weight") == pytest.approx(2**0.5, rel=1e-4)
    assert gain("head.policy.weight") == pytest.approx(0.01, rel=1e-4)
    assert gain("head.value.weight") == pytest.approx(1.0, rel=1e-4)
    assert not any(weights[name].any() for name in weights if name.endswith("bias"))


def test_the_same_seed_gives_the_same_network():
    first, again, other = (published(network_for((84, 84, 4), seed=s)) for s in (1, 1, 2))

    assert all(first[name].equal(again[name]) for name in first)
    assert not first["body.linear.weight"].equal(other["body.linear.weight"])


@pytest.mark.parametrize(
    "shape", [pytest.param((30, 30, 3), id="between"), pytest.param((84, 84), id="two-axes")]
)
def test_images_without_a_network_say_what_is_supported(shape):
    with pytest.raises(ConfigError, match="supported are float vectors"):
        network_for(shape)


def test_wrong_network_settings_name_the_field():
    with pytest.raises(ConfigError, match=r"hidden_sizes=\(64, 0\)"):
        NetworkConfig(hidden_sizes=(64, 0))
    with pytest.raises(ConfigError, match="activation='gelu'"):
        NetworkConfig(activation="gelu")
    with pytest.raises(ConfigError, match="features=0"):
        NetworkConfig(features=0)
    with pytest.raises(ConfigError, match=r"channels=\(32, 64\) needs three"):
        NetworkConfig(channels=(32, 64))
