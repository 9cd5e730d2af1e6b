"""The sum tree draws in proportion to mass, and keeps its sums exact."""

import numpy as np
import pytest
from scipy import stats

from raylab.rl.replay.sum_tree import SumTree


def test_points_lie_in_the_leaves_that_cover_them():
    tree = SumTree(5)
    tree.set(np.array([0, 2, 3]), np.array([1.0, 2.0, 0.5]))

    found = tree.find(np.array([0.0, 0.99, 1.0, 2.99, 3.0, 3.49]))

    assert tree.total == 3.5
    assert found.tolist() == [0, 0, 2, 2, 3, 3]


@pytest.mark.parametrize("size", [1, 63, 64, 65, 5_000, 300_000])
def test_a_tree_of_any_size_agrees_with_running_sums(size):
    rng = np.random.default_rng(size)
    masses = rng.exponential(size=size) * (rng.random(size) < 0.7)
    masses[0] = 1.0
    tree = SumTree(size)
    tree.load(masses)
    ends = np.cumsum(masses)
    points = rng.random(1_000) * tree.total

    found = tree.find(points)

    assert tree.total == pytest.approx(ends[-1], rel=1e-12)
    # Running sums round otherwise: a point at a border may go to either side.
    clear = np.abs(ends[:, None] - points).min(axis=0) > 1e-9 if size <= 5_000 else slice(None, 100)
    assert (found[clear] == np.searchsorted(ends, points, side="right")[clear]).all()


def test_changes_one_by_one_and_at_once_give_the_same_bits():
    rng = np.random.default_rng(0)
    size = 10_000
    changed, loaded = SumTree(size), SumTree(size)
    for _ in range(300):
        changed.set(rng.integers(size, size=32), rng.exponential(size=32))

    loaded.load(changed.masses)

    points = rng.random(5_000) * changed.total
    assert loaded.total == changed.total
    assert (loaded.find(points) == changed.find(points)).all()


def test_the_last_mass_of_a_repeated_leaf_counts():
    tree = SumTree(100)

    tree.set(np.array([7, 7, 99]), np.array([1.0, 3.0, 2.0]))

    assert tree.total == 5.0
    assert tree.masses[7] == 3.0


def test_no_point_finds_a_leaf_without_mass():
    rng = np.random.default_rng(3)
    tree = SumTree(4_096)
    masses = np.where(rng.random(4_096) < 0.01, 10.0 ** rng.uniform(-12, 6, 4_096), 0.0)
    tree.load(masses)

    found = tree.find(np.append(rng.random(20_000) * tree.total, np.nextafter(tree.total, 0.0)))

    assert (tree.masses[found] > 0.0).all()


def test_leaves_are_drawn_in_proportion_to_their_mass():
    masses = np.arange(200, dtype=float)
    tree = SumTree(200)
    tree.load(masses)

    found = tree.find(np.random.default_rng(1).random(200_000) * tree.total)

    counts = np.bincount(found, minlength=200)[1:]
    assert stats.chisquare(counts, masses[1:] / masses.sum() * 200_000).pvalue > 1e-3
