"""Stores behind a URL: exclusive creation, copies in the right order, and refusals."""

import errno
import json
import threading
import uuid
from dataclasses import asdict, replace

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry, get_filesystem_class
from rich.console import Console

from raylab.errors import ConfigError, RunError, RunExistsError, RunNotFoundError
from raylab.experiment import (
    Checkpointing,
    Evaluating,
    Experiment,
    Placement,
    Run,
    Until,
    files,
    train,
)
from raylab.experiment.progress import Display
from raylab.experiment.recorder import RunRecorder
from raylab.experiment.stores import Mirror, Store, fetch, local_copy
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium
from raylab.runtime.machine import ProcessId

CARTPOLE = Experiment(
    name="cartpole",
    env=Gymnasium(id="CartPole-v1"),
    algorithm=PPO(num_envs=2, unroll_length=16, minibatches=1, epochs=1),
    until=Until(agent_steps=64),
    placement=Placement(threads=1),
    checkpointing=Checkpointing(every_agent_steps=32),
    evaluation=Evaluating(episodes=0),
)


@pytest.fixture(params=["local", "memory", "s3"])
def store(request, tmp_path):
    match request.param:
        case "local":
            return Store(f"local://{tmp_path}/store")
        case "memory":
            return Store(f"memory:///{tmp_path.name}")
        case "s3":
            return Store(f"s3://{request.getfixturevalue('bucket')}/runs")


@pytest.fixture
def bucket(monkeypatch):
    """A bucket of a server on the loopback that speaks S3, conditional creation included."""
    why = "no store on S3 is tried: pip install s3fs 'moto[server]'"
    s3fs = pytest.importorskip("s3fs", reason=why)
    server = pytest.importorskip("moto.server", reason=why).ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        *(("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")),
        *(("AWS_DEFAULT_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", f"http://{host}:{port}")),
    ):
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = uuid.uuid4().hex  # buckets outlive the server
    s3fs.S3FileSystem().mkdir(name)
    yield name
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """A store behind a URL, and a cache of its own for the working copies."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Store(f"local://{tmp_path}/store")


def test_of_many_that_create_a_file_one_does(store):
    created = []
    gate = threading.Barrier(8)

    def create(number):
        gate.wait()
        if store.create_exclusively("run/attempts/0001.json", bytes([number])):
            created.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(created) == 1
    assert store.read("run/attempts/0001.json") == bytes(created)
    store.check()


@pytest.mark.parametrize("url", ["http://host/runs", "ftp://host/runs", "nosuch://x"])
def test_a_backend_without_exclusive_create_is_refused(url):
    with pytest.raises(ConfigError, match=r"no exclusive create, .* s3, gs, az"):
        replace(CARTPOLE, runs_dir=url).folder  # noqa: B018 - read for its error


def test_a_backend_that_is_not_installed_is_refused():
    with pytest.raises(ConfigError, match="gcsfs"):
        Store("gs://bucket/runs")


def test_a_store_that_may_not_be_written_says_what_to_do(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(RunError, match=r"cannot be used .*credentials may read, write and list"):
        Store(f"local://{tmp_path}/file/runs").check()


class Backend(MemoryFileSystem):
    """Refuses to create twice without saying why, and has errors of its own; some backends do."""

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("abfss://", "memory://"))

    def pipe_file(self, path, value, mode="overwrite", **kwargs):
        if mode == "create" and self.exists(path):
            raise OSError(errno.EINVAL, "HTTP 412")
        super().pipe_file(path, value, mode=mode, **kwargs)

    def cat_file(self, path, **kwargs):
        raise BackendError("no route to host")


class BackendError(Exception):
    """No OSError."""


def test_errors_of_a_backend_are_told_and_a_refused_creation_is_none(monkeypatch, tmp_path):
    monkeypatch.setitem(_registry, "abfss", Backend)
    store = Store(f"abfss://{tmp_path.name}")

    store.check()

    with pytest.raises(RunError, match=r"cannot be used \(x: no route to host\); check its name"):
        store.read("x")


def test_a_bucket_that_is_not_there_says_what_to_do(bucket):
    with pytest.raises(RunError, match=r"cannot be used .*credentials may read, write and list"):
        Store("s3://no-such-bucket/runs").check()


def test_a_server_that_is_not_reached_says_what_to_do(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    get_filesystem_class("s3").clear_instance_cache()

    with pytest.raises(RunError, match=r"its list: .*127.0.0.1:1.*; check its name, that it is"):
        Store(f"s3://{bucket}/runs").list()


def test_a_mirror_copies_what_is_new_and_removes_what_is_gone(store, tmp_path):
    folder = tmp_path / "work" / "x-1" / "7"
    (folder / "metrics").mkdir(parents=True)
    (folder / "metrics" / "part-1").write_bytes(b"one")
    (folder / ".half.tmp").write_bytes(b"not yet")
    (folder / "status.json").write_bytes(b"{}")
    mirror = Mirror(store, "x-1/7", folder)

    mirror.push()
    first = store.list()
    (folder / "metrics" / "part-2").write_bytes(b"one and two")
    (folder / "metrics" / "part-1").unlink()
    mirror.push()

    assert first == ["x-1/7/metrics/part-1", "x-1/7/status.json"]
    assert store.list("x-1/7/metrics") == ["x-1/7/metrics/part-2"]
    fetch(store, tmp_path / "elsewhere", without=("metrics",))
    assert [p.name for p in (tmp_path / "elsewhere").rglob("*") if p.is_file()] == ["status.json"]
    with pytest.raises(RunNotFoundError, match="no run in"):
        fetch(store, tmp_path / "elsewhere", below="nothing")


def test_a_copy_is_whole_or_absent(store, tmp_path, monkeypatch):
    weights = tmp_path / "work" / "x-1" / "7" / "weights.safetensors"
    store.write("x-1/7/weights.safetensors", b"all of them")

    def fill_the_disk(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(files, "sync_file", fill_the_disk)
        with pytest.raises(RunError, match=r"weights.safetensors: No space .*free some space"):
            fetch(store, tmp_path / "work")
    assert list(weights.parent.iterdir()) == []

    fetch(store, tmp_path / "work")
    assert weights.read_bytes() == b"all of them"


def test_what_is_being_trained_here_is_not_put_back(store, tmp_path):
    work = tmp_path / "work"
    for seed, process in ((1, ProcessId.current()), (2, replace(ProcessId.current(), pid=0))):
        status = {"state": "running", "process": asdict(process), "updated_at": 0.0}
        files.make_folder(work / "x-1" / str(seed))
        files.write_json(work / "x-1" / str(seed) / "status.json", status)
        store.write(f"x-1/{seed}/status.json", b"earlier")

    fetch(store, work)

    assert json.loads((work / "x-1/1/status.json").read_bytes())["state"] == "running"
    assert (work / "x-1/2/status.json").read_bytes() == b"earlier"  # nobody trains it


def test_a_run_is_kept_in_the_store_and_goes_on_from_it_elsewhere(
    cluster, shared, tmp_path, monkeypatch
):
    display = Display(Console(quiet=True))
    experiment = replace(CARTPOLE, runs_dir=shared.url)
    [run] = train(experiment, display=display)
    assert run.status["agent_steps"] == 64

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
    longer = replace(experiment, until=Until(agent_steps=128))
    [longer_run] = train(longer, display=display)

    assert longer_run.path != run.path
    assert longer_run.status["attempt"] == 2
    assert longer_run.status["agent_steps"] == 128
    copy = local_copy(shared.url)
    kept = Run(copy / experiment.experiment_id / "1")
    assert kept.status == longer_run.status
    assert list(kept.metrics()["update"]) == [1, 2, 3, 4]
    assert kept.latest_checkpoint().record["agent_steps"] == 128


def test_a_later_attempt_from_another_machine_stops_the_earlier_one(shared, tmp_path):
    config = files.to_json(CARTPOLE.to_json())
    shared.write("cartpole-1/1/config.json", config)
    early, late = (
        RunRecorder(tmp_path / machine / "cartpole-1" / "1", store=shared)
        for machine in ("early", "late")
    )

    assert early.begin().attempt == 1
    assert late.begin().attempt == 2
    with pytest.raises(RunExistsError, match="attempt 2 has taken over"):
        early._flush()


def test_what_another_machine_trained_replaces_the_working_copy(store, tmp_path):
    def mirror(machine):
        return Mirror(store, "x-1/7", tmp_path / machine / "x-1" / "7")

    def save(machine, attempt, weights):
        run = mirror(machine)
        run.pull()
        claim = run.folder / "attempts" / f"{attempt:04d}.json"
        for path, content in (
            (claim, b"{}"),
            (run.folder / "checkpoints" / "0064" / "weights.safetensors", weights),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        assert run.claim(attempt, b"{}")
        run.push()
        return run.folder / "checkpoints" / "0064" / "weights.safetensors"

    first = save("first", 1, b"one")
    save("second", 2, b"two")
    mirror("first").pull()

    assert first.read_bytes() == b"two"
