"""Look at a cluster.yaml before `ray up` does: what it lacks, and what to write there."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml

from raylab.errors import ConfigError

_SSH_S: Final = 5.0
_NEEDED: Final = {
    "cluster_name": "any name, like raylab",
    "provider.type": "local for machines of your own, or aws, gcp, azure",
    "auth.ssh_user": "the user on every machine",
    "file_mounts": "~/raylab: . and ~/.ray/auth_token: ~/.ray/auth_token",
    "setup_commands": "the commands of raylab's own cluster.yaml",
    "head_start_ray_commands": "the commands of raylab's own cluster.yaml",
}
_NEEDED_LOCALLY: Final = {
    "provider.head_ip": "name or address of the first machine",
    "provider.worker_ips": "a list of the other machines, [] for none",
    "auth.ssh_private_key": "a key that lets you in without a password",
}


@dataclass(frozen=True)
class Remark:
    """One thing that was looked at; ``advice`` is empty when all is well."""

    what: str
    seen: str
    advice: str = ""


def read(path: Path) -> dict[str, Any]:
    """Read a cluster.yaml.

    Raises:
        ConfigError: it is missing or no YAML, or lacks a key; names it and what belongs there.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no mapping; begin with a copy of raylab's cluster.yaml.")
    needed = dict(_NEEDED)
    if _at(content, "provider.type") == "local":
        needed |= _NEEDED_LOCALLY
    for key, meaning in needed.items():
        if _at(content, key) is None:
            raise ConfigError(f"{path} has no {key}{_near(content, key)}; it takes {meaning}.")
    return content


def remarks(path: Path) -> Iterator[Remark]:
    """Look at what the file names: machines, key, token; raises ConfigError as :func:`read`."""
    content = read(path)
    kind = content["provider"]["type"]
    yield Remark("file", f"{path}: cluster {content['cluster_name']}, provider {kind}")
    if key := _at(content, "auth.ssh_private_key"):
        there = Path(key).expanduser().is_file()
        yield Remark(
            "ssh key", str(key), "" if there else f"no such file; `ssh-keygen -f {key}` makes it"
        )
    token = content["file_mounts"].get("~/.ray/auth_token")
    if token is None:
        advice = "add ~/.ray/auth_token: ~/.ray/auth_token to file_mounts"
        yield Remark("token", "is not sent to the nodes", advice)
    else:
        there = Path(token).expanduser().is_file()
        yield Remark(
            "token", str(token), "" if there else "`ray get-auth-token --generate` makes it"
        )
    if kind == "local":
        for host in (content["provider"]["head_ip"], *content["provider"]["worker_ips"]):
            yield _reach(str(host))


def _reach(host: str) -> Remark:
    if host.endswith(".example"):
        return Remark("machine", host, "is an example; write the name of a machine of yours")
    try:
        socket.create_connection((host, 22), timeout=_SSH_S).close()
    except OSError as error:
        advice = f"port 22 does not answer ({error}); check the name and that sshd runs there"
        return Remark("machine", host, advice)
    return Remark("machine", f"{host} answers on port 22")


def _at(content: Mapping[str, Any], key: str) -> Any:
    value: Any = content
    for part in key.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _near(content: Mapping[str, Any], key: str) -> str:
    parent, _, name = key.rpartition(".")
    around = _at(content, parent) if parent else content
    names = [str(each) for each in around] if isinstance(around, Mapping) else []
    near = get_close_matches(name, names, n=1)
    return f", but {near[0]}" if near else ""
