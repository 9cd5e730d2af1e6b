"""The only package that imports ray: connect to a cluster, start roles in it, wait for them.

Importing it is light. :mod:`raylab.runtime.machine` never needs ray; the names below load it on
first use.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raylab.runtime.actors import Ref, Role, actor, find, leave, list_names, wait
    from raylab.runtime.cluster import (
        Cluster,
        check_versions,
        connect,
        disconnect,
        free_cpus,
        is_connected,
        nodes,
    )
    from raylab.runtime.datasets import arrow_references, dataset_of, is_dataset, mapped
    from raylab.runtime.groups import Group, Needs, Room, group_names, lay_out, rooms
    from raylab.runtime.tasks import Flow, get, object_store_bytes, put

__all__ = [
    "Cluster",
    "Flow",
    "Group",
    "Needs",
    "Ref",
    "Role",
    "Room",
    "actor",
    "arrow_references",
    "check_versions",
    "connect",
    "dataset_of",
    "disconnect",
    "find",
    "free_cpus",
    "get",
    "group_names",
    "is_connected",
    "is_dataset",
    "lay_out",
    "leave",
    "list_names",
    "mapped",
    "nodes",
    "object_store_bytes",
    "put",
    "rooms",
    "wait",
]


def _has_auth_token() -> bool:
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return True
    return (Path.home() / ".ray" / "auth_token").is_file()


# Ray reads both settings once, when it is imported. It warns about the coming default of the
# first, which raylab wants. A cluster that ray.init starts asks for the user's token, but a client
# does not show it unless the second says so; a cluster that asks for none does not mind.
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
if _has_auth_token():
    os.environ.setdefault("RAY_AUTH_MODE", "token")

_HOMES = {
    **dict.fromkeys(
        (
            "Cluster",
            "check_versions",
            "connect",
            "disconnect",
            "free_cpus",
            "is_connected",
            "nodes",
        ),
        "cluster",
    ),
    **dict.fromkeys(("Ref", "Role", "actor", "find", "leave", "list_names", "wait"), "actors"),
    **dict.fromkeys(("arrow_references", "dataset_of", "is_dataset", "mapped"), "datasets"),
    **dict.fromkeys(("Group", "Needs", "Room", "group_names", "lay_out", "rooms"), "groups"),
    **dict.fromkeys(("Flow", "get", "object_store_bytes", "put"), "tasks"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
