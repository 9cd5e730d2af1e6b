"""Shards of replay draw as one replay of all their transitions would."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from raylab.errors import ConfigError
from raylab.rl.replay import Mass, Recording, ReplayShard, ReplaySpec, assemble, divide

SPEC = ReplaySpec(
    num_envs=2,
    capacity=100,
    stored_shape=(4, 4, 1),
    stored_dtype=np.dtype(np.uint8),
    stack=1,
    num_actions=5,
    n_step=1,
    discount=0.9,
    sign_rewards=False,
    prioritized=True,
)


def record(env, stored, steps, seed):
    """Play and write down; returns the recording."""
    rng = np.random.default_rng(seed)
    recording = Recording(env.frame_stack, stored)
    for _ in range(steps):
        actions = rng.integers(5, size=env.num_envs)
        step = env.step(actions)
        stored = step.observations.copy()
        recording.add(actions, step, stored, step.final_observations)
    return recording


def make_shard(env, seed, steps, spec=SPEC):
    shard = ReplayShard(spec, seed)
    recording = record(env, env.reset().copy(), steps, seed)
    mass = shard.append(recording.take(seed, 0, policy_version=0))
    assert mass == shard.mass()
    return shard


@pytest.fixture
def shards(counting):
    """Three shards of very different fill and mass."""
    found = [make_shard(counting(2, 1), seed, steps) for seed, steps in enumerate((5, 20, 40))]
    rng = np.random.default_rng(9)
    for scale, shard in zip((8.0, 1.0, 2.0), found, strict=True):
        keys = np.unique(shard.sample(3_000).keys)
        assert len(keys) == shard.mass().count
        shard.set_masses(keys, scale * rng.exponential(size=len(keys)))
    return found


def draw(shards, minibatches, batch_size, generator):
    masses = [shard.mass() for shard in shards]
    parts = divide(masses, minibatches, batch_size, generator)
    columns = zip(shards, parts.sum(axis=0).tolist(), strict=True)
    samples = [shard.sample(count) if count else None for shard, count in columns]
    return masses, list(assemble(samples, parts, masses))


def test_sharded_sampling_is_global_sampling(shards):
    generator = torch.Generator().manual_seed(0)
    drawn, expected, total = Counter(), {}, 0
    for _ in range(40):
        masses, minibatches = draw(shards, 16, 32, generator)
        mass = sum(m.mass for m in masses)
        for sample, origins in minibatches:
            names = list(zip(origins.tolist(), sample.keys.tolist(), strict=True))
            drawn.update(names)
            total += len(names)
            expected |= dict(zip(names, sample.masses / mass, strict=True))

    assert total == 40 * 16 * 32
    rare = [name for name in expected if expected[name] * total < 5.0]
    common = [name for name in expected if name not in set(rare)]
    observed = [drawn[name] for name in common] + [total - sum(drawn[n] for n in common)]
    probabilities = [expected[name] for name in common]
    probabilities.append(1.0 - sum(probabilities))
    assert len(common) > 60
    assert stats.chisquare(observed, np.array(probabilities) * total).pvalue > 1e-3
    # Between the shards, too: draws in proportion to the masses that were read.
    by_shard = np.bincount([name[0] for name in drawn.elements()], minlength=3)
    shares = np.array([m.mass for m in masses]) / mass
    assert stats.chisquare(by_shard, shares * total).pvalue > 1e-3


def test_importance_weights_count_all_shards(shards):
    masses, minibatches = draw(shards, 16, 32, torch.Generator().manual_seed(1))

    for sample, origins in minibatches:
        count, mass = sum(m.count for m in masses), sum(m.mass for m in masses)
        weights = (count * sample.masses / mass) ** -0.5
        assert len(sample.keys) == len(origins) == 32
        assert len(set(origins.tolist())) > 1
        assert np.allclose(sample.importance_weights(0.5), weights / weights.max())


def test_errors_find_their_shard_and_transition_again(shards):
    masses, minibatches = draw(shards, 16, 32, torch.Generator().manual_seed(2))
    for sample, origins in minibatches:
        for shard, _ in enumerate(shards):
            keys = sample.keys[origins == shard]
            shards[shard].set_masses(keys, np.full(len(keys), 50.0))

    for shard, before in zip(shards, masses, strict=True):
        assert shard.mass().count == before.count
        assert shard.mass().mass > before.mass


def test_a_lost_shard_leaves_smaller_minibatches_of_the_others(shards):
    masses = [shard.mass() for shard in shards]
    parts = divide(masses, 4, 32, torch.Generator().manual_seed(3))
    samples = [shards[0].sample(parts[:, 0].sum()), None, shards[2].sample(parts[:, 2].sum())]

    minibatches = list(assemble(samples, parts, masses))

    for (sample, origins), part in zip(minibatches, parts, strict=True):
        assert len(sample.keys) == part[0] + part[2]
        assert set(origins.tolist()) <= {0, 2}
        assert sample.drawn_from == masses[0] + masses[2]


def test_a_restored_shard_draws_the_same(counting):
    shard = make_shard(counting(2, 1), 0, 30)
    again = ReplayShard(SPEC, seed=77)

    again.restore(shard.state())

    assert np.array_equal(shard.sample(64).keys, again.sample(64).keys)


def test_uniform_shards_weigh_by_their_counts(counting):
    uniform = replace(SPEC, prioritized=False)
    shards = [make_shard(counting(2, 1), seed, 10 * (seed + 1), uniform) for seed in range(2)]

    masses = [shard.mass() for shard in shards]

    assert [m.mass for m in masses] == [m.count for m in masses]
    parts = divide(masses, 100, 32, torch.Generator().manual_seed(0))
    shares = np.array([m.count for m in masses]) / sum(m.count for m in masses)
    assert stats.chisquare(parts.sum(axis=0), shares * 3_200).pvalue > 1e-3


def test_empty_shards_cannot_be_drawn_from():
    with pytest.raises(ConfigError, match="all shards of replay are empty"):
        divide([Mass(0.0, 0)] * 2, 16, 32, torch.Generator())
