"""Roles: Ray actors with a name in plain words, limits on every wait, and raylab's errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ray
import ray.util.scheduling_strategies

from raylab.errors import ActorError, DataLostError, RaylabError, RoleDiedError, RoleTimeoutError
from raylab.runtime import machine
from raylab.runtime.groups import Group


class Ref:
    """The future result of a call; remembers which role and method it belongs to."""

    __slots__ = ("method", "object_ref", "role")

    def __init__(self, object_ref: Any, role: str, method: str) -> None:
        self.object_ref = object_ref
        self.role = role
        self.method = method

    def get(self, timeout_s: float | None = None) -> Any:
        """Wait for the result.

        Raises:
            RaylabError: the method raised it; it comes back as it was.
            ActorError: the method raised something else, which is the cause.
            DataLostError: an argument was lost with its node; the role goes on.
            RoleDiedError: the role's process ended.
            RoleTimeoutError: no result within ``timeout_s``.
        """
        try:
            return ray.get(self.object_ref, timeout=timeout_s)
        except ray.exceptions.GetTimeoutError:
            raise RoleTimeoutError(
                f"{self.role}.{self.method} gave no answer within {timeout_s} s."
            ) from None
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, RaylabError):
                raise cause from None
            if isinstance(cause, ray.exceptions.ObjectLostError):
                raise DataLostError(
                    f"{self.role} could not begin {self.method}, as its data was lost with a node: "
                    f"{_plain(cause)}"
                ) from error
            raise ActorError(f"{self.role}.{self.method} raised {cause!r}") from error
        except (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError) as error:
            raise RoleDiedError(
                f"{self.role} died during {self.method}: {_plain(error)}"
            ) from error
        except ray.exceptions.RayError as error:
            raise ActorError(f"{self.role}.{self.method} failed: {error}") from error


class Role:
    """A running actor. The handle can be sent to other roles."""

    def __init__(self, handle: Any, role: str) -> None:
        self._handle = handle
        self.role = role

    def submit(self, method: str, *args: Any) -> Ref:
        """Call a method without waiting; calls to one role run in the order of submission.

        A :class:`Ref` among the arguments travels as a reference: the method gets its value, which
        never passes through the calling process.
        """
        return self.submit_parts(method, *args, parts=1)[0]

    def submit_parts(self, method: str, *args: Any, parts: int) -> tuple[Ref, ...]:
        """Call a method that returns a tuple of ``parts`` values, each to be fetched on its own.

        The caller owns them: they outlive the role's process, but not the node that stores them.
        """
        values = (arg.object_ref if isinstance(arg, Ref) else arg for arg in args)
        bound = getattr(self._handle, method).options(num_returns=parts)
        returned = bound.remote(*values)
        references = [returned] if parts == 1 else returned
        return tuple(Ref(reference, self.role, method) for reference in references)

    def call(self, method: str, *args: Any, timeout_s: float | None) -> Any:
        """Call a method and wait for its result; raises as :meth:`Ref.get` does."""
        return self.submit(method, *args).get(timeout_s)

    def kill(self) -> None:
        """End the role's process now, for good. What it had not handed out is lost."""
        ray.kill(self._handle, no_restart=True)


def actor(
    cls: type,
    *args: Any,
    role: str,
    name: str | None = None,
    num_cpus: float = 0,
    threads: int = 1,
    detached: bool = False,
    max_restarts: int = 0,
    concurrency: int = 1,
    near: str | None = None,
    place: tuple[Group, int] | None = None,
    num_gpus: float = 0,
    env_vars: Mapping[str, str] | None = None,
) -> Role:
    """Start ``cls(*args)`` in a process of its own; returns at once.

    Args:
        cls: an ordinary class; it need not know Ray.
        args: for its constructor.
        role: what errors call it, like ``"trainer of pong/1"``.
        name: unique name in raylab's namespace; the cluster arbitrates it.
        num_cpus: cores that it occupies; it waits until they are free.
        threads: what numerical libraries in its process may use.
        detached: it outlives the process that starts it.
        max_restarts: how often Ray may start it again, with the same arguments, when it dies.
        concurrency: calls that run at the same time, each in a thread.
        near: id of the node to prefer; others are taken when that is gone.
        place: group and number of the place that was reserved for it.
        num_gpus: accelerators that it occupies and sees.
        env_vars: environment of the process, beside the thread counts.

    Raises:
        ActorError: the name is taken.
    """
    options: dict[str, Any] = {
        "num_cpus": num_cpus,
        "num_gpus": num_gpus,
        "max_restarts": max_restarts,
        "max_concurrency": concurrency,
        "runtime_env": {"env_vars": {**machine.thread_environment(threads), **(env_vars or {})}},
    }
    if name is not None:
        options |= {"name": name, "namespace": machine.NAMESPACE}
    if detached:
        options["lifetime"] = "detached"
    if near is not None:
        options["scheduling_strategy"] = (
            ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(near, soft=True)
        )
    if place is not None:
        group, number = place
        options["scheduling_strategy"] = group.strategy(number)
    try:
        return Role(ray.remote(cls).options(**options).remote(*args), role)
    except ValueError as error:
        raise ActorError(f"{role} is there already: the name {name!r} is taken.") from error


def find(name: str, role: str) -> Role | None:
    """Return the named role, or None when the cluster has none."""
    try:
        return Role(ray.get_actor(name, namespace=machine.NAMESPACE), role)
    except ValueError:
        return None


def list_names() -> list[str]:
    """Return the names of all named roles in raylab's namespace."""
    found = ray.util.list_named_actors(all_namespaces=True)
    return sorted(each["name"] for each in found if each["namespace"] == machine.NAMESPACE)


def leave() -> None:
    """End the calling role's own process, without a restart."""
    ray.kill(ray.get_runtime_context().current_actor, no_restart=True)


def wait(refs: Sequence[Ref], timeout_s: float | None, count: int = 1) -> list[Ref]:
    """Return those of the references that are ready, once ``count`` are or the time is over."""
    by_id = {ref.object_ref: ref for ref in refs}
    ready, _ = ray.wait(list(by_id), num_returns=count, timeout=timeout_s, fetch_local=False)
    return [by_id[object_ref] for object_ref in ready]


def _plain(error: BaseException) -> str:
    """Ray's explanation in one line, without the ids that it lists."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith("\t")]
    return " ".join(line.strip() for line in lines)
