"""What the machine is tuned to: measured, kept, read back, and ignored elsewhere."""

import json

import numpy as np
import pytest
import torch
from gymnasium import spaces

from raylab.errors import RaylabError
from raylab.rl import tuning
from raylab.rl.distributions import Categorical
from raylab.rl.envs import Atari, Gymnasium
from raylab.rl.inline import useful_threads
from raylab.rl.networks import ActorCriticHead, NetworkConfig, build_network
from raylab.rl.policy import choose_dtype
from raylab.rl.tuning import Measurement, Tuning


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RAYLAB_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tuning.json"


def measurement(threads, precision, steps_per_s, kind="large images"):
    return Measurement(kind=kind, threads=threads, precision=precision, steps_per_s=steps_per_s)


SLOW = measurement(1, "float32", 100.0)
SAME = measurement(1, "bfloat16", 102.0)
FAST = measurement(2, "bfloat16", 190.0)


IMAGE = spaces.Box(0, 255, (84, 84, 4), np.uint8)


def test_the_fastest_choice_is_the_best():
    assert Tuning("", {}, (SLOW, SAME, FAST)).best("large images") == FAST
    assert Tuning("", {}, (SLOW,)).best("vectors") is None


def test_threads_and_rounding_that_gain_nothing_are_not_chosen():
    hardly = measurement(2, "float32", 104.0)

    assert Tuning("", {}, (hardly, SAME, SLOW)).best("large images") == SLOW


def test_what_was_measured_is_read_back(cache):
    assert tuning.load() is None

    kept = tuning.save([SLOW, FAST])

    assert tuning.load() == kept
    assert tuning.best("large images") == FAST
    assert kept.machine == tuning.identity()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("{", id="cut short"),
        pytest.param("[]", id="another shape"),
        pytest.param('{"date": "", "machine": {}, "measurements": [{"kind": 1}]}', id="unknown"),
    ],
)
def test_a_damaged_file_is_no_tuning(cache, content):
    cache.parent.mkdir()
    cache.write_text(content)

    assert tuning.load() is None


def test_the_tuning_of_another_machine_does_not_count(cache):
    tuning.save([FAST])
    content = json.loads(cache.read_text())
    content["machine"]["cpu"] = "another"
    cache.write_text(json.dumps(content))

    assert tuning.load() is None


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RAYLAB_CACHE_DIR", str(tmp_path / "file"))

    with pytest.raises(RaylabError, match="RAYLAB_CACHE_DIR"):
        tuning.save([FAST])


def test_auto_follows_the_tuning(cache):
    tuning.save([measurement(1, "float32", 200.0), FAST, measurement(2, "float32", 9.0, "vectors")])
    generator = torch.Generator().manual_seed(0)

    assert useful_threads(Atari(game="pong"), cores=8) == 1
    assert useful_threads(Gymnasium(id="CartPole-v1"), cores=8) == 2
    assert useful_threads(Gymnasium(id="CartPole-v1"), cores=1) == 1
    large = build_network(NetworkConfig(), IMAGE, ActorCriticHead(Categorical(3)), generator)
    assert choose_dtype("auto", large) == torch.float32
    assert choose_dtype("bfloat16", large) == torch.bfloat16


def test_every_count_of_threads_up_to_the_cores_is_considered():
    assert tuning.thread_counts(1) == (1,)
    assert tuning.thread_counts(2) == (1, 2)
    assert tuning.thread_counts(6) == (1, 2, 4, 6)


def test_a_choice_is_measured_by_training_in_a_process_of_its_own():
    told = []

    [found] = tuning.measure(["vectors"], [1], seconds=0.2, told=told.append)

    assert (found.kind, found.threads, found.precision) == ("vectors", 1, "float32")
    assert found.steps_per_s > 10
    assert told == [found]
