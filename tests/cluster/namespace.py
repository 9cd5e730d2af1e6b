"""Run a script alone in the machine: network, process numbers and Ray's folder of its own.

Ray binds the machine's interface, `ray stop` ends every Ray process that it sees, and `ray start`
leaves an address in a folder that everybody reads. In namespaces of their own none of that meets
the other clusters of the machine; what is left when the script ends is killed with it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
_PREPARE = "ip link set lo up && mkdir -p /tmp/ray && mount -t tmpfs tmpfs /tmp/ray"
_PACKAGES = {
    "ip": "iproute2",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "rsync": "rsync",
    "redis-server": "redis-server",
}
_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def run_alone(script, *arguments, needs=(), timeout_s):
    """Run a Python file of this folder in namespaces of its own; returns what it printed.

    Skips the test, saying why, where a system package or the right to make namespaces is missing;
    fails instead when RAYLAB_REQUIRE_NAMESPACES is set, as in CI.
    """
    if missing := _missing(("ip", *needs)):
        if os.environ.get("RAYLAB_REQUIRE_NAMESPACES"):
            pytest.fail(missing)
        pytest.skip(missing)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "token"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}:{_SYSTEM_PATH}"
    for name in ("RAY_ADDRESS", "RAYLAB_RUNS_DIR"):
        environment.pop(name, None)
    command = [sys.executable, str(ROOT / "tests/cluster" / script), *map(str, arguments)]
    with subprocess.Popen(
        [*_UNSHARE, "bash", "-c", f'{_PREPARE} && exec "$@"', "alone", *command],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()  # and with it all that the script started
            output, _ = process.communicate()
            pytest.fail(f"{script} took more than {timeout_s} s\n{output}")
    assert process.returncode == 0, f"{script} {' '.join(map(str, arguments))}\n{output}"
    return output


def _missing(programs):
    for program in programs:
        if shutil.which(program, path=f"{os.environ['PATH']}:{_SYSTEM_PATH}") is None:
            return f"{program} is missing: apt-get install {_PACKAGES[program]}"
    tried = subprocess.run([*_UNSHARE, "bash", "-c", _PREPARE], capture_output=True, text=True)
    if tried.returncode:
        return f"no namespaces for this user: {tried.stderr.strip()}"
    return ""
