"""What roles publish arrives at the Prometheus endpoint; the dashboard draws what is published."""

import json
import re
import socket
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import raylab.frame as pd
from raylab import runtime
from raylab.experiment import Evaluating, Experiment, Placement, Until, train
from raylab.experiment.progress import Display
from raylab.experiment.watching import supervisor_name
from raylab.frame.support import FallbackWarning
from raylab.rl.algorithms.appo import APPO
from raylab.rl.envs import Gymnasium
from raylab.runtime import metrics

DASHBOARD = Path("docs/cluster/grafana.json")
LIMIT_S = 120.0
EXPERIMENT = Experiment(
    name="seen",
    env=Gymnasium(id="CartPole-v1"),
    algorithm=APPO(num_envs=4, unroll_length=16),
    until=Until(agent_steps=10_000_000),
    placement=Placement(kind="async", threads=1, workers=1, envs_per_worker=4),
    evaluation=Evaluating(episodes=0),
    seeds=(0,),
)
RUN_7 = re.compile(r'^(\w+)\{(.*run="pong-1/7".*)$', re.MULTILINE)


class Publisher:
    def publish(self, values):
        metrics.publish("pong-1/7", "supervisor", values)


def scrape():
    import ray

    [node] = [node for node in ray.nodes() if node["Alive"]]
    url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def test_gauges_of_a_role_arrive_with_run_role_and_node(cluster):
    role = runtime.actor(Publisher, role="publisher")
    values = {"agent_steps": 1234.0, "loss/policy": 0.5, "episode_return": float("nan")}
    deadline = time.monotonic() + LIMIT_S
    text = ""
    while not RUN_7.findall(text) and time.monotonic() < deadline:
        role.call("publish", values, timeout_s=LIMIT_S)
        time.sleep(0.2)
        text = scrape()
    role.kill()

    found = dict(RUN_7.findall(text))
    assert {name.removeprefix("ray_") for name in found} == {"raylab_agent_steps", "raylab_metric"}
    tags, value = found["ray_raylab_agent_steps"].split("} ")
    assert float(value) == 1234.0
    assert 'role="supervisor"' in tags
    assert f'node="{socket.gethostname()}"' in tags
    assert 'name="loss/policy"' in found["ray_raylab_metric"]


def test_a_training_and_a_frame_are_seen_while_they_run(cluster, tmp_path):
    pd.DataFrame({"key": [1, 2, 1], "value": [1.0, 2.0, 3.0]}).to_parquet(
        tmp_path / "table.parquet"
    )
    with pd.option_context(
        "raylab.execution", "ray", "raylab.npartitions", 2, "raylab.lazy_threshold_rows", 0
    ):
        frame = pd.read_parquet(tmp_path / "table.parquet")
        len(frame.groupby("key").sum())
        with pytest.warns(FallbackWarning, match="infer_objects"):
            frame.infer_objects()

    with training(replace(EXPERIMENT, runs_dir=str(tmp_path))) as run:
        text = until_seen(
            rf'^ray_raylab_learning_updates{{.*run="{run}"', r"^ray_raylab_frame_bytes_total"
        )

    values = {
        name: float(value)
        for name, tags, value in re.findall(r"^ray_raylab_(\w+){(.*)} (\S+)$", text, re.MULTILINE)
        if f'run="{run}"' in tags or 'role="frame"' in tags
    }
    assert values["agent_steps"] > 0
    assert values["fragment_bytes_total"] > 0
    assert 0 <= values["policy_lag"] <= EXPERIMENT.algorithm.max_policy_lag
    assert values["collecting_fragments"] + values["queued_fragments"] > 0
    assert values["learning_updates"] >= 0
    assert values["frame_bytes_total"] > 0
    assert values["frame_fallbacks_total"] >= 1


@contextmanager
def training(experiment):
    """Trains within; yields the run, and stops it."""
    thread = threading.Thread(
        target=train, args=(experiment,), kwargs={"display": Display(Console(quiet=True))}
    )
    thread.start()
    path = (experiment.folder / "0").resolve()
    try:
        yield f"{path.parent.name}/{path.name}"
    finally:
        supervisor = runtime.find(supervisor_name(experiment, path), "supervisor")
        supervisor.submit("stop", "seen enough")
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def until_seen(*patterns):
    """What is published once all of the patterns are in it."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        text = scrape()
        missing = [each for each in patterns if not re.search(each, text, re.MULTILINE)]
        if not missing:
            return text
        assert time.monotonic() < deadline, missing
        time.sleep(0.2)


def test_a_process_without_ray_publishes_nothing():
    metrics.publish("", "driver", {"frame_fallbacks": 1.0})


def test_the_dashboard_draws_what_is_published():
    text = DASHBOARD.read_text()
    panels = json.loads(text)["panels"]

    drawn = set(re.findall(r"ray_raylab_(\w+)", text))
    counted = {f"{name}_total" for name in metrics.COUNTERS}
    assert drawn == set(metrics.GAUGES) | counted
    assert all(panel["targets"][0]["expr"] for panel in panels)
