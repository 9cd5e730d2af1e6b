"""Pure functions as Ray tasks: what they return stays in the object store and moves by reference."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ray

from raylab.errors import ClusterError

_RETRIES = 5
"""How often a task is run again whose worker died, or whose result was lost with a node."""


class Flow:
    """Submits tasks, and holds back while too many bytes are in flight.

    The caller owns what tasks return. A task whose worker dies is run again, so it must be a pure
    function; what is lost with a node is computed again from what is left. What was submitted and
    is not wanted any more runs to its end: a cancellation that meets a task which is just ending
    takes this whole process down (seen with ray 2.60; github.com/ray-project/ray/issues/54846).

    Args:
        limit_bytes: of the tasks that are not finished; one task may always run.
        env_vars: environment of the processes that run them.
    """

    def __init__(self, limit_bytes: int, env_vars: Mapping[str, str]) -> None:
        self._limit_bytes = limit_bytes
        self._env_vars = dict(env_vars)
        self._running: dict[Any, int] = {}

    def submit(
        self,
        function: Callable[..., Sequence[Any]],
        *args: Any,
        returns: int,
        nbytes: int,
        label: str,
    ) -> list[Any]:
        """Start a task; blocks while the bytes in flight are over the limit.

        Args:
            function: gives a sequence of ``returns`` values; its module can be imported anywhere.
            args: references among them are replaced by their values.
            returns: the number of references that come back.
            nbytes: an estimate of what the task reads and makes.
            label: what the cluster's tools call it.
        """
        self._wait_below(self._limit_bytes - nbytes)
        options = {
            "num_returns": returns,
            "max_retries": _RETRIES,
            "name": label,
            "runtime_env": {"env_vars": self._env_vars},
        }
        if returns == 1:
            references = [_remote(_only).options(**options).remote(function, *args)]
        else:
            references = list(_remote(function).options(**options).remote(*args))
        self._running[references[-1]] = nbytes
        return references

    @property
    def pending(self) -> int:
        """Tasks that are not known to be done."""
        return len(self._running)

    def _wait_below(self, limit_bytes: int) -> None:
        while self._running and sum(self._running.values()) > limit_bytes:
            done, _ = ray.wait(list(self._running), num_returns=1, fetch_local=False)
            for reference in done:
                del self._running[reference]


def _only(function: Callable[..., Sequence[Any]], *args: Any) -> Any:
    """The only value of a sequence: ray does not unpack a single one."""
    (value,) = function(*args)
    return value


@functools.cache
def _remote(function: Callable[..., Any]) -> Any:
    return ray.remote(function)


def put(value: Any) -> Any:
    """Store a value of this process; it lives as long as its reference and this process."""
    return ray.put(value)


def get(reference: Any, label: str) -> Any:
    """Wait for a value.

    Args:
        reference: of a stored value or of what a task returns.
        label: of the task, for the error.

    Raises:
        Exception: what the task raised, as it was.
        ClusterError: its workers died again and again, or it cannot be computed any more.
    """
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause: BaseException = error
        while isinstance(cause, ray.exceptions.RayTaskError):  # of a task that this one needed
            cause = cause.cause
        if isinstance(cause, ray.exceptions.RayError):
            raise _lost(label, cause) from error
        raise cause from error
    except ray.exceptions.RayError as error:
        raise _lost(label, error) from error


def _lost(label: str, error: BaseException) -> ClusterError:
    return ClusterError(f"{label} could not be computed on the cluster: {error}")


def object_store_bytes() -> int:
    """Shared memory of all nodes of the cluster."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # ray
    return int(resources.get("object_store_memory", 0))
