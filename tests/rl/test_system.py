"""The supervisor with a recorder in memory: restarts, stops, failures of its parts."""

import time

import pytest

from raylab import runtime
from raylab.errors import RoleDiedError, RunError
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium
from raylab.rl.job import Job, Layout, Start
from raylab.rl.placements import watch
from raylab.rl.schedule import Checkpointing, Evaluating, Until
from raylab.rl.system import MAX_RESTARTS, Supervisor
from tests.waiting import wait_until_gone

LIMIT_S = 100.0

JOB = Job(
    run="test/1",
    env=Gymnasium(id="CartPole-v1"),
    algorithm=PPO(num_envs=2, unroll_length=16, minibatches=1, epochs=1),
    seed=1,
    until=Until(agent_steps=64),
    checkpointing=Checkpointing(every_agent_steps=32),
    evaluation=Evaluating(episodes=0),
    layout=Layout(),
)
DOOMED = Gymnasium(id="tests.rl.doomed:Doomed-v0")


class Memory:
    """A recorder that keeps the newest state, and a list of what it was told."""

    def __init__(self, fails_at="", stops_at="", stop=None):
        self.calls = []
        self._fails_at = fails_at
        self._stops_at, self._stop = stops_at, stop
        self._newest = None

    def _note(self, name):
        self.calls.append(name)
        if name == self._fails_at:
            raise RunError("the disk is full")
        if name == self._stops_at:
            self._stop("enough")

    def begin(self):
        self._note("begin")
        state, progress = self._newest or (None, None)
        return Start(self.calls.count("begin"), state, progress)

    def describe(self, environment, differences):
        assert environment["threads"] == 1
        return list(differences)

    def inexact(self, reason):
        self._note("inexact")

    def record(self, result, tracker):
        self._note(f"record {result.update}")

    def checkpoint(self, state, weight_hash, tracker):
        self._note(f"checkpoint {tracker.update}")
        self._newest = state, tracker.saved()

    def evaluation(self, policy, result, video, tracker):
        self._note(f"evaluation {policy} {tracker.agent_steps}")

    def message(self, text):
        pass

    def beat(self, progress):
        pass

    def finish(self, progress):
        self._note(f"finish {progress.state}")


class Watched(Supervisor):
    """A supervisor that lets the test read its recorder."""

    def __init__(self, job, fails_at="", stops_at=""):
        self.memory = Memory(fails_at, stops_at, self.stop)
        if stops_at:
            watch._SLICE_S = 0.001  # in this process: every wait looks often whether to stop
        super().__init__(job, lambda: self.memory)

    def calls(self):
        return self.memory.calls


@pytest.fixture
def supervise(cluster):
    roles = []

    def start(job, fails_at="", stops_at=""):
        roles.append(
            runtime.actor(Watched, job, fails_at, stops_at, role="supervisor", concurrency=4)
        )
        return roles[-1]

    yield start
    for role in roles:
        role.kill()


def end_of(supervisor):
    """Wait for the run's end; return how it ended and what the recorder was told."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        progress = supervisor.call("progress", timeout_s=LIMIT_S)
        if progress.ended:
            return progress, supervisor.call("calls", timeout_s=LIMIT_S)
        time.sleep(0.02)
    raise TimeoutError("the run did not end")


def test_a_run_is_recorded_in_order(supervise):
    progress, calls = end_of(supervise(JOB))

    assert (progress.state, progress.cause) == ("finished", "trained 64 agent steps")
    assert calls == [
        "begin",
        "record 1",
        "checkpoint 1",
        "record 2",
        "checkpoint 2",
        "finish finished",
    ]


@pytest.mark.slow  # four trainers
@pytest.mark.timeout(200)
def test_a_trainer_that_keeps_dying_is_given_up(supervise):
    # Its 20th step of two environments is in the second update: no checkpoint in between.
    job = Job(**{**vars(JOB), "env": DOOMED, "checkpointing": Checkpointing()})
    progress, calls = end_of(supervise(job))

    assert progress.state == "failed"
    assert isinstance(progress.error, RoleDiedError)
    assert calls.count("begin") == MAX_RESTARTS + 1
    assert calls[-1] == "finish failed"
    assert sum("died during update" in message for message in progress.messages) == MAX_RESTARTS


@pytest.mark.slow
def test_a_stop_ends_after_the_update_with_a_checkpoint(supervise):
    endless = Job(**{**vars(JOB), "until": Until(), "checkpointing": Checkpointing()})
    supervisor = supervise(endless)
    deadline = time.monotonic() + LIMIT_S
    while not supervisor.call("progress", timeout_s=LIMIT_S).update:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    supervisor.call("stop", "enough", timeout_s=LIMIT_S)

    progress, calls = end_of(supervisor)

    assert (progress.state, progress.cause) == ("interrupted", "enough")
    assert progress.update >= 1
    assert calls[-2:] == [f"checkpoint {progress.update}", "finish interrupted"]


@pytest.mark.parametrize(
    "layout",
    [
        Layout(),
        pytest.param(Layout(kind="sync", workers=1, envs_per_worker=2), marks=pytest.mark.slow),
    ],
    ids=lambda layout: layout.kind,
)
def test_a_stop_waits_for_the_games_that_the_next_update_waits_behind(supervise, layout):
    changes = {
        "until": Until(),
        "checkpointing": Checkpointing(),
        "evaluation": Evaluating(episodes=50, every_agent_steps=32, video=False),
        "layout": layout,
    }
    # The first update is recorded when its evaluation and the second update have been begun.
    progress, calls = end_of(supervise(Job(**{**vars(JOB), **changes}), stops_at="record 1"))

    assert (progress.state, progress.cause) == ("interrupted", "enough")
    assert calls == [
        "begin",
        "record 1",
        "evaluation sampled 32",
        "record 2",
        "checkpoint 2",
        "finish interrupted",
    ]
    [told] = progress.messages
    assert "waiting for the end of the games of an evaluation (Ctrl-C again" in told


def test_a_recorder_that_fails_ends_the_run_with_its_reason(supervise):
    progress, calls = end_of(supervise(JOB, "checkpoint 1"))

    assert progress.state == "failed"
    assert progress.cause == "the disk is full"
    assert isinstance(progress.error, RunError)
    assert calls[-1] == "finish failed"


def test_a_supervisor_leaves_when_it_is_released(cluster):
    name = "test-system-release"
    supervisor = runtime.actor(Watched, JOB, role="supervisor", name=name, concurrency=4)
    end_of(supervisor)

    supervisor.call("release", timeout_s=LIMIT_S)

    wait_until_gone(name, LIMIT_S)
