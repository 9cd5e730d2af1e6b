"""Files that are whole or absent."""

import errno
import os

import pytest

from raylab.errors import CorruptDataError, RunError
from raylab.experiment import files


def test_json_comes_back(tmp_path):
    files.write_json(tmp_path / "a.json", {"name": "Ångström", "n": [1, 2.5, None]})

    assert files.read_json(tmp_path / "a.json", "x") == {"name": "Ångström", "n": [1, 2.5, None]}
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"version": 1})

    def fail(temporary):
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RunError, match=r"cannot write .*a\.json: No space left.*free some space"):
        files.write_atomically(path, fail)
    assert files.read_json(path, "x") == {"version": 1}
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize(("content", "says"), [("{", "cannot be read"), ("[1]", "no JSON object")])
def test_json_that_is_none_is_named_with_the_way_out(tmp_path, content, says):
    (tmp_path / "a.json").write_text(content)

    with pytest.raises(CorruptDataError, match=rf"a\.json .*{says}.*; copy it back"):
        files.read_json(tmp_path / "a.json", "copy it back")
    with pytest.raises(CorruptDataError, match=r"b\.json is missing; copy it back"):
        files.read_json(tmp_path / "b.json", "copy it back")


def test_of_many_who_create_one_file_only_the_first_does(tmp_path):
    path = tmp_path / "0001.json"

    won = [files.create_exclusively(path, content) for content in (b"first", b"second", b"third")]

    assert won == [True, False, False]
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["0001.json"]


def test_a_file_system_without_exclusive_creation_is_refused(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)

    with pytest.raises(RunError, match="without hard links.*--runs-dir"):
        files.create_exclusively(tmp_path / "a", b"")
    assert os.listdir(tmp_path) == []


def test_a_folder_without_write_permission_is_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.touch", refuse)  # the tests may run as root, who may all

    with pytest.raises(
        RunError, match=r"cannot write .*runs: Permission denied; give .*permission"
    ):
        files.make_folder(tmp_path / "runs")
