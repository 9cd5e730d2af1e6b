"""Checkpoints come back bit by bit, or say which file is damaged and what to do."""

import json
import os

import numpy as np
import pytest

from raylab.errors import CorruptDataError, RunError
from raylab.experiment import checkpoint
from raylab.experiment.checkpoint import Checkpoint
from raylab.rl.trajectory import State


def make(agent_steps=1000, value=1.0):
    state = State(
        parts={
            "weights": {
                "body.weight": np.full((3, 2), value, np.float32).T,  # not contiguous
                "scale": np.array(7.5),  # no axis
            },
            "environments": {"actions": np.zeros((0, 4), np.uint8), "over": np.array([True])},
            "random": {"generator": np.arange(5, dtype=np.uint8)},
        },
        meta={"update": 3},
    )
    return Checkpoint(state, {"agent_steps": agent_steps, "weight_hash": "ab"})


def test_a_checkpoint_comes_back_bit_by_bit(tmp_path):
    path = checkpoint.save(tmp_path, make(), covers=[{"name": "part"}])

    loaded = checkpoint.load(path)

    assert path.name == "000000001000"
    assert loaded.record == {"agent_steps": 1000, "weight_hash": "ab"}
    assert loaded.state.meta == {"update": 3}
    assert set(loaded.state.parts) == {"weights", "environments", "random"}
    for part, arrays in make().state.parts.items():
        for name, array in arrays.items():
            again = loaded.state.parts[part][name]
            assert (again.dtype, again.shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(again, array)
    assert json.loads((path / "manifest.json").read_text())["covers"] == [{"name": "part"}]


@pytest.mark.parametrize("name", ["weights.safetensors", "state.json", "manifest.json"])
def test_a_file_cut_short_is_named_with_the_way_out(tmp_path, name):
    path = checkpoint.save(tmp_path, make())
    os.truncate(path / name, (path / name).stat().st_size // 2)

    with pytest.raises(CorruptDataError, match=rf"{name}.*older checkpoint"):
        checkpoint.load(path)


def test_a_changed_byte_is_found(tmp_path):
    path = checkpoint.save(tmp_path, make())
    content = bytearray((path / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (path / "weights.safetensors").write_bytes(content)

    with pytest.raises(CorruptDataError, match=r"weights\.safetensors was changed"):
        checkpoint.load(path)


def test_a_missing_file_is_found(tmp_path):
    path = checkpoint.save(tmp_path, make())
    (path / "random.safetensors").unlink()

    with pytest.raises(CorruptDataError, match=r"random\.safetensors is missing"):
        checkpoint.load(path)


def test_another_format_is_refused(tmp_path):
    path = checkpoint.save(tmp_path, make())
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "format": 2}))

    with pytest.raises(CorruptDataError, match="has format 2, this raylab reads 1"):
        checkpoint.load(path)


def test_a_whole_checkpoint_is_never_overwritten_and_a_damaged_one_is(tmp_path):
    path = checkpoint.save(tmp_path, make(value=1.0))
    checkpoint.save(tmp_path, make(value=2.0))

    assert checkpoint.load(path).state.parts["weights"]["body.weight"][0, 0] == 1.0

    (path / "weights.safetensors").unlink()
    checkpoint.save(tmp_path, make(value=2.0))

    assert checkpoint.load(path).state.parts["weights"]["body.weight"][0, 0] == 2.0


def test_what_a_killed_writer_left_is_no_checkpoint_and_is_removed(tmp_path):
    checkpoint.save(tmp_path, make(1000))
    left = tmp_path / ".000000002000.99999999.tmp"
    left.mkdir()
    (left / "weights.safetensors").write_bytes(b"half")

    assert [path.name for path in checkpoint.list_checkpoints(tmp_path)] == ["000000001000"]

    checkpoint.prune(tmp_path, keep=3)

    assert not left.exists()


def test_only_the_newest_stay(tmp_path):
    for steps in (100, 20, 3000, 400):
        checkpoint.save(tmp_path, make(steps))

    checkpoint.prune(tmp_path, keep=2)

    assert [checkpoint.steps_of(p) for p in checkpoint.list_checkpoints(tmp_path)] == [400, 3000]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "checkpoints").write_text("a file where a folder belongs")

    with pytest.raises(RunError, match=r"cannot write .*checkpoints.*--runs-dir"):
        checkpoint.save(tmp_path / "checkpoints", make())
