"""cluster.yaml and its alternatives are complete, and a mistake in one is named."""

import copy
from pathlib import Path

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from raylab.cli import main
from raylab.errors import ConfigError
from raylab.runtime import cluster_file
from tests.cluster.nodes import health_of, promised_s

LOCAL = Path("cluster.yaml")
AWS = Path("docs/cluster/aws.yaml")
KUBERAY = Path("docs/cluster/kuberay.yaml")
SHARED = (
    "file_mounts",
    "rsync_exclude",
    "setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)


@pytest.mark.parametrize("path", [LOCAL, AWS], ids=str)
def test_ray_accepts_the_file(path):
    config = cluster_file.read(path)

    validate_config(prepare_config(copy.deepcopy(config)))


def test_the_nodes_of_a_cloud_are_set_up_as_those_of_your_own():
    local, aws = cluster_file.read(LOCAL), cluster_file.read(AWS)

    assert {key: local[key] for key in SHARED} == {key: aws[key] for key in SHARED}


def test_kubernetes_runs_the_pinned_ray():
    pinned = [
        line.removeprefix("ray==")
        for line in Path("constraints.txt").read_text().splitlines()
        if line.startswith("ray==")
    ]

    content = yaml.safe_load(KUBERAY.read_text())

    assert [content["spec"]["rayVersion"]] == pinned
    assert content["spec"]["authOptions"] == {"mode": "token"}
    head = content["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    worker = content["spec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    assert head["env"] == worker["env"]


def test_the_guide_promises_what_the_settings_of_health_checks_give():
    health = health_of(LOCAL)
    content = yaml.safe_load(KUBERAY.read_text())
    head = content["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    variables = {each["name"]: each["value"] for each in head["env"]}

    assert len(health) == 4
    assert health.items() <= variables.items()
    assert f"noticed within {promised_s(health):g} s" in Path("docs/cluster/README.md").read_text()


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("cluster_name", "no cluster_name; it takes any name"),
        ("auth.ssh_user", "no auth.ssh_user.*; it takes the user on every machine"),
        ("provider.head_ip", "no provider.head_ip; it takes name or address"),
        ("provider.worker_ips", r"no provider.worker_ips; it takes a list .* \[\] for none"),
        ("file_mounts", "no file_mounts"),
    ],
)
def test_a_missing_key_is_named_with_what_belongs_there(key, says, tmp_path):
    content = yaml.safe_load(LOCAL.read_text())
    *parents, name = key.split(".")
    around = content
    for parent in parents:
        around = around[parent]
    del around[name]
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump(content))

    with pytest.raises(ConfigError, match=says):
        cluster_file.read(path)


def test_a_misspelt_key_is_shown(tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text(LOCAL.read_text().replace("head_ip:", "head_ips:"))

    with pytest.raises(ConfigError, match="no provider.head_ip, but head_ips"):
        cluster_file.read(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [("a: [", "is no YAML"), ("- 1", "holds no mapping"), (None, "cannot be read")],
)
def test_what_is_no_cluster_file_is_refused(text, says, tmp_path):
    path = tmp_path / "cluster.yaml"
    if text is not None:
        path.write_text(text)

    with pytest.raises(ConfigError, match=says):
        cluster_file.read(path)


def test_the_doctor_says_what_is_left_to_fill_in(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))

    code = main(["doctor", "--cluster", str(LOCAL)])

    said = capsys.readouterr().out
    assert code == 1
    assert "is an example; write the name of a machine of yours" in said
    assert "`ray get-auth-token --generate` makes it" in said
    assert "ssh-keygen" in said
