"""Roles on a real local cluster: results, names, deaths, limits."""

import contextlib
import os
import signal
import threading
import time

import pytest

from raylab import runtime
from raylab.errors import ActorError, ClusterError, ConfigError, RoleDiedError, RoleTimeoutError
from tests.waiting import wait_until_gone

LIMIT_S = 60.0


class Echo:
    """What a role may do, in small."""

    def __init__(self, greeting="hello"):
        self._greeting = greeting
        self._gate = threading.Event()

    def greet(self, name):
        return f"{self._greeting} {name}"

    def environment(self, name):
        return os.environ.get(name)

    def pid(self):
        return os.getpid()

    def hold(self):
        return self._gate.wait(LIMIT_S)

    def open(self):
        self._gate.set()

    def fail(self):
        raise ZeroDivisionError("of old")

    def refuse(self):
        raise ConfigError("learning_rate=-1 must be positive")

    def leave(self):
        runtime.leave()


@pytest.fixture(scope="module")
def echo(cluster):
    role = runtime.actor(Echo, role="echo of test", concurrency=2, threads=3)
    yield role
    role.kill()


def test_call_returns_the_result(echo):
    assert echo.call("greet", "you", timeout_s=LIMIT_S) == "hello you"


def test_role_computes_with_its_threads(echo):
    assert echo.call("environment", "OMP_NUM_THREADS", timeout_s=LIMIT_S) == "3"
    assert echo.call("environment", "MALLOC_TRIM_THRESHOLD_", timeout_s=LIMIT_S)


def test_wait_returns_what_is_ready_and_keeps_its_limit(echo):
    held, greeted = echo.submit("hold"), echo.submit("greet", "you")

    assert runtime.wait([held, greeted], LIMIT_S) == [greeted]
    assert runtime.wait([held], 0.05) == []

    with pytest.raises(RoleTimeoutError, match=r"echo of test.hold gave no answer within 0.05 s"):
        held.get(0.05)

    echo.submit("open")

    assert held.get(LIMIT_S) is True


def test_an_error_of_raylab_comes_back_as_it_was(echo):
    with pytest.raises(ConfigError, match="learning_rate=-1"):
        echo.call("refuse", timeout_s=LIMIT_S)


def test_another_error_names_role_and_method_and_keeps_its_cause(echo):
    with pytest.raises(ActorError, match=r"echo of test.fail raised ZeroDivisionError") as caught:
        echo.call("fail", timeout_s=LIMIT_S)

    assert "of old" in str(caught.value.__cause__)


def test_a_killed_process_is_a_dead_role(cluster):
    role = runtime.actor(Echo, role="victim", concurrency=2)
    pid = role.call("pid", timeout_s=LIMIT_S)
    held = role.submit("hold")
    os.kill(pid, signal.SIGKILL)

    with pytest.raises(RoleDiedError, match="victim died during hold"):
        held.get(LIMIT_S)


def test_a_name_is_given_once_and_is_free_again_afterwards(cluster):
    name = "test-actors-name"
    first = runtime.actor(Echo, "good day", role="first", name=name, detached=True)

    with pytest.raises(ActorError, match="second is there already"):
        runtime.actor(Echo, role="second", name=name, detached=True)
    found = runtime.find(name, "found")
    assert found.call("greet", "you", timeout_s=LIMIT_S) == "good day you"

    found.submit("leave")
    wait_until_gone(name, LIMIT_S)

    assert runtime.find(name, "found") is None
    with pytest.raises(RoleDiedError):
        first.call("pid", timeout_s=LIMIT_S)


def test_ray_starts_a_role_again_as_often_as_it_may(cluster):
    role = runtime.actor(Echo, role="phoenix", max_restarts=1, near=cluster.node)
    pid = role.call("pid", timeout_s=LIMIT_S)
    held = role.submit("hold")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(RoleDiedError):
        held.get(LIMIT_S)

    again = None
    deadline = time.monotonic() + LIMIT_S
    while again is None and time.monotonic() < deadline:
        with contextlib.suppress(RoleDiedError):  # it says so while it is being started
            again = role.call("pid", timeout_s=LIMIT_S)

    assert again not in (None, pid)

    role.kill()


def test_connecting_twice_joins_the_same_cluster(cluster):
    again = runtime.connect()

    assert again.address == cluster.address
    assert again.cpus == cluster.cpus == 2.0
    assert not again.is_new
    assert runtime.is_connected()


def test_a_cluster_that_does_not_answer_is_named(cluster, monkeypatch):
    from raylab.runtime import cluster as module

    def refuse(**_):
        raise ConnectionError("no route.\nmore")

    monkeypatch.setattr(module.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(module.ray, "init", refuse)

    with pytest.raises(
        ClusterError, match=r"cannot reach the cluster at 10\.0\.0\.1:1: no route\."
    ):
        runtime.connect("10.0.0.1:1")


def test_a_stale_address_of_ray_start_is_not_followed(tmp_path, monkeypatch):
    from raylab.runtime import cluster as module

    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")  # nobody listens there
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))

    assert module.cluster_of_this_machine() is None
