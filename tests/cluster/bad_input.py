"""What a user sees who mistakes token or version; runs alone (namespace.py)."""

import os
import subprocess
import sys
from pathlib import Path

from tests.cluster.nodes import TOKEN, Nodes

ROOT = Path(__file__).resolve().parents[2]


def main(folder: Path) -> None:
    """Start one node, and make every mistake."""
    nodes = Nodes(folder, 1, redis=False)
    said = train(folder, nodes.address, "c" * 64)
    assert "does not accept this token" in said, said
    assert "~/.ray/auth_token" in said, said

    other = folder / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("import raylab; raylab.__version__ = '99.0'\n")
    said = train(folder, nodes.address, TOKEN, path=other)
    assert "raylab is 99.0 here and " in said, said
    assert "`ray up cluster.yaml`" in said, said
    print("all is well")


def train(folder: Path, address: str, token: str, path: Path | None = None) -> str:
    """Try to train; returns what was said; it must fail, without a traceback."""
    environment = {**os.environ, "RAY_AUTH_TOKEN": token, "HOME": str(folder)}
    if path is not None:
        environment["PYTHONPATH"] = f"{path}:{environment['PYTHONPATH']}"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "raylab.cli", "train", "experiments/cartpole_ppo.py"),
            *("--until.agent-steps", "256", "--runs-dir", str(folder / "runs")),
            *("--address", address),
        ],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
    )
    assert done.returncode in (1, 2), done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
