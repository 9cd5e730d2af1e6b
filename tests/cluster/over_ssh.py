"""`ray up`, `ray submit`, `ray job submit` and `ray down` with cluster.yaml, over a real sshd.

Runs alone (see namespace.py). The "machine" that is reached is this one, with a home folder of its
own in which raylab's environment is already installed: `make install` finds nothing to do. What
runs there is the working tree that `ray up` has sent.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import yaml

from raylab.experiment import list_runs

ROOT = Path(__file__).resolve().parents[2]
SHORT = ("--until.agent-steps", "4000", "--evaluation.episodes", "0")


def main(folder: Path, *also: str) -> None:
    """Start a cluster, train on it in two ways, and end it."""
    home = folder / "home"
    key = make_home(home)
    make_tree(home / "raylab")
    config = write_config(folder, key)
    with sshd(folder, home, key):
        ray(folder, "up", config, "--yes", "--no-config-cache")
        check_submit(folder, config, home)
        if "second" in also:
            check_second_submission(folder, config)
        check_job(folder, home)
        ray(folder, "down", config, "--yes")
    assert not ray_processes(), ray_processes()
    print("all is well")


def check_submit(folder: Path, config: Path, home: Path) -> None:
    """`ray submit` trains to the end; the run is in the store, and records the sent tree."""
    said = ray(folder, "submit", config, "experiments/cartpole_ppo.py", *SHORT)
    assert "finished, trained" in said, said
    [run] = list_runs(home / "runs")
    assert run.state == "finished"
    assert run.status["agent_steps"] >= 4000
    assert run.latest_checkpoint().record["agent_steps"] == run.status["agent_steps"]
    assert not (home / "raylab" / ".git").exists()
    listed = ray(folder, "exec", config, "raylab runs")
    assert run.path.parent.name in listed, listed
    assert "finished" in listed, listed


def check_second_submission(folder: Path, config: Path) -> None:
    """The same again says that it is finished, and trains nothing."""
    said = ray(folder, "submit", config, "experiments/cartpole_ppo.py", *SHORT)
    assert "is finished (trained" in said, said


def check_job(folder: Path, home: Path) -> None:
    """`ray job submit` ships the working directory; another setting is another run."""
    said = ray(
        folder,
        *("job", "submit", "--address", "http://127.0.0.1:8265", "--working-dir", "experiments"),
        *("--", "python", "cartpole_ppo.py", *SHORT, "--algorithm.learning-rate", "5e-4"),
    )
    assert "succeeded" in said, said
    runs = list_runs(home / "runs")
    assert len(runs) == 2, runs
    assert {run.state for run in runs} == {"finished"}


def make_home(home: Path) -> Path:
    """Make the remote user's home with a key to enter by and Ray's token; return the key."""
    (home / ".ray").mkdir(parents=True)
    (home / ".ssh").mkdir()
    key = home / ".ssh" / "id_ed25519"
    check("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    (home / ".profile").touch()
    (home / ".bashrc").touch()
    return key


def make_tree(tree: Path) -> None:
    """Make what `make install` leaves: an environment, newer than what it is made from."""
    programs = tree / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, call in {
        "python": "",
        "ray": " -m ray.scripts.scripts",
        "raylab": " -m raylab.cli",
    }.items():
        script = f'#!/bin/bash\nPYTHONPATH={tree} exec {sys.executable}{call} "$@"\n'
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    stamp = tree / ".venv" / ".installed"
    stamp.touch()
    later = time.time() + 86_400
    os.utime(stamp, (later, later))


def write_config(folder: Path, key: Path) -> Path:
    """Fill in cluster.yaml as its user would; nothing else is changed."""
    config = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    config["cluster_name"] = f"test-{os.getpid()}-{time.time_ns()}"
    config["provider"]["head_ip"] = "127.0.0.1"
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(key)}
    path = folder / "cluster.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


class sshd:  # noqa: N801 - reads like a function
    """A daemon on port 22 of the loopback that lets the key in, into the home folder."""

    def __init__(self, folder: Path, home: Path, key: Path) -> None:
        host_key = folder / "host_key"
        check("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host_key))
        config = folder / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1\nHostKey {host_key}\nAuthorizedKeysFile {key}.pub\n"
            f"StrictModes no\nPermitRootLogin yes\nPidFile none\nUsePAM no\n"
            f"SetEnv HOME={home}\nSubsystem sftp internal-sftp\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        self._command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
        self._log = folder / "sshd.log"

    def __enter__(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=self._log.open("w"))
        deadline = time.monotonic() + 20
        while "listening" not in self._log.read_text():
            assert time.monotonic() < deadline, self._log.read_text()
            assert self._process.poll() is None, self._log.read_text()
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)


def ray(folder: Path, *arguments: object) -> str:
    """Run Ray's command as a user would, at home elsewhere; returns what it said."""
    began = time.monotonic()
    environment = {**os.environ, "HOME": str(folder / "user"), "TMPDIR": str(folder)}
    token = folder / "user" / ".ray" / "auth_token"
    if not token.exists():
        token.parent.mkdir(parents=True)
        token.write_text("a" * 64)
        token.chmod(0o600)
    command = [sys.executable, "-m", "ray.scripts.scripts", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    print(f"ray {arguments[0]}: {time.monotonic() - began:.1f} s", flush=True)
    assert done.returncode == 0, f"ray {' '.join(map(str, arguments))}\n{done.stdout}"
    return done.stdout


def ray_processes() -> list[str]:
    """Names of Ray's daemons that are alive; only those of this namespace are seen."""
    found = subprocess.run(["ps", "-eo", "stat,comm"], capture_output=True, text=True, check=True)
    lines = [line.split(None, 1) for line in found.stdout.splitlines()]
    return [name for stat, name in lines if stat[0] != "Z" and name in ("raylet", "gcs_server")]


def check(*command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
