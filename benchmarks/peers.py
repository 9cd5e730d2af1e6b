"""Peers in virtual environments of their own, so that their pins never meet raylab's.

An environment is ``.venvs/<name>``. It is made anew when the requirements or the Python change,
recognised by a stamp that is written last: an interrupted installation is repeated.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import ROOT

VENVS = ROOT / ".venvs"


def peer_python(name: str, requirements: Sequence[str], folder: Path = VENVS) -> Path:
    """The interpreter of the peer's environment, which is made first where needed.

    Args:
        name: folder of the environment below ``.venvs``.
        requirements: what pip installs, each with a pinned version.
        folder: where the environments live.

    Raises:
        ValueError: a requirement has no pin: its figures could not be repeated.
        subprocess.CalledProcessError: pip failed; its own message is on standard error.
    """
    for requirement in requirements:
        if "==" not in requirement:
            raise ValueError(
                f"{requirement!r} of peer {name!r} is not pinned; write name==version."
            )
    environment = folder / name
    python = environment / "bin" / "python"
    stamp = environment / "requirements.stamp"
    wanted = "\n".join([sys.version, *sorted(requirements)])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two benchmarks may want the same peer at once
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return python
        print(f"Installing {name} into {environment}", file=sys.stderr)
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def peer_versions(python: Path, distributions: Sequence[str]) -> dict[str, str]:
    """The versions of distributions installed in a peer's environment."""
    program = (
        "import importlib.metadata as m, sys\n"
        "print(*(m.version(name) for name in sys.argv[1:]), sep='\\n')"
    )
    command = [str(python), "-c", program, *distributions]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return dict(zip(distributions, lines, strict=True))
