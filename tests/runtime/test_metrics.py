"""What roles publish arrives at the Prometheus endpoint; the dashboard draws what is published."""

import json
import re
import socket
import time
import urllib.request
from pathlib import Path

from raylab import runtime
from raylab.runtime import metrics

DASHBOARD = Path("docs/cluster/grafana.json")
LIMIT_S = 60.0
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


def test_a_process_without_ray_publishes_nothing():
    metrics.publish("", "driver", {"frame_fallbacks": 1.0})


def test_the_dashboard_draws_what_is_published():
    text = DASHBOARD.read_text()
    panels = json.loads(text)["panels"]

    drawn = set(re.findall(r"raylab_(\w+)", text))
    assert drawn <= set(metrics.GAUGES), drawn - set(metrics.GAUGES)
    assert set(metrics.GAUGES) <= drawn
    assert all(panel["targets"][0]["expr"] for panel in panels)
