"""Environments of peers: made once, made anew when the pins change, never half made."""

import subprocess
import zipfile

import pytest

from benchmarks.peers import peer_python, peer_versions


@pytest.fixture
def index(tmp_path, monkeypatch):
    """The only place where pip finds packages; holds toy-peer 1.0."""
    folder = tmp_path / "index"
    folder.mkdir()
    info = "toy_peer-1.0.dist-info"
    with zipfile.ZipFile(folder / "toy_peer-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy_peer.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-peer\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.mark.slow  # pip thrice
def test_environment_is_made_once_and_anew_when_the_pins_change(index, tmp_path):
    venvs = tmp_path / "venvs"
    python = peer_python("toy", ["toy-peer==1.0"], venvs)
    witness = venvs / "toy" / "witness"
    witness.touch()

    assert peer_versions(python, ["toy-peer"]) == {"toy-peer": "1.0"}
    assert peer_python("toy", ["toy-peer==1.0"], venvs) == python
    assert witness.exists()

    with pytest.raises(subprocess.CalledProcessError):  # there is no 2.0
        peer_python("toy", ["toy-peer==2.0"], venvs)
    assert not witness.exists()
    assert not (venvs / "toy" / "requirements.stamp").exists()


def test_a_requirement_without_pin_is_refused(tmp_path):
    with pytest.raises(ValueError, match="write name==version"):
        peer_python("toy", ["torch"], tmp_path)
    assert list(tmp_path.iterdir()) == []
