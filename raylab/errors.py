"""The one exception tree of raylab.

::

    RaylabError
    ├── ConfigError            a field of an experiment or option has a wrong value
    ├── EnvError              an environment cannot be made, or raised while stepping
    ├── TrainingError          learning went wrong: a loss is not a finite number any more
    ├── RunError               a run directory cannot be used
    │   ├── RunExistsError     the run is there already and is being trained
    │   ├── RunNotFoundError   no run at that path or with that id
    │   └── CorruptDataError   a checkpoint or a metrics part fails its length or hash
    ├── ActorError             a remote role failed; names the role and keeps the cause
    │   ├── RoleDiedError      the process of a remote role ended; it can be started again
    │   ├── RoleTimeoutError   a remote role did not answer within its limit
    │   └── DataLostError      what a call was given was lost with its node; the role lives
    ├── ClusterError           Ray cannot be reached or started
    └── FrameError             raylab.frame cannot give the answer
        ├── SourceChangedError a scanned file changed between the scan and its use
        ├── FallbackError      an operation is not native and fallback is refused
        ├── MemoryBudgetError  a fallback would exceed the memory budget
        └── ExecutionError     a kernel or a Python function failed; names the partition
"""

from __future__ import annotations

import os


def debug_wanted() -> bool:
    """Whether errors show where they come from: RAYLAB_DEBUG is set, and not to 0."""
    return os.environ.get("RAYLAB_DEBUG", "") not in ("", "0")


class RaylabError(Exception):
    """Base of every error that raylab raises on purpose."""


class ConfigError(RaylabError, ValueError):
    """A configuration field has a wrong value; the message names field, value and way out."""


class EnvError(RaylabError):
    """An environment cannot be made, or raised while it was stepped."""


class TrainingError(RaylabError):
    """Learning went wrong: a loss or a gradient is not a finite number any more."""


class RunError(RaylabError):
    """A run directory cannot be used."""


class RunExistsError(RunError):
    """The run exists and another process trains it."""


class RunNotFoundError(RunError):
    """No run is found under the given path or id."""


class CorruptDataError(RunError):
    """A checkpoint or a metrics part fails its recorded length or hash."""


class ActorError(RaylabError):
    """A remote role failed; the message names the role, ``__cause__`` keeps the reason."""


class RoleDiedError(ActorError):
    """The process of a remote role ended before it answered; a new one can take its place."""


class RoleTimeoutError(ActorError, TimeoutError):
    """A remote role did not answer within its limit."""


class DataLostError(ActorError):
    """An argument of a call was lost with the node that stored it; the role itself goes on."""


class ClusterError(RaylabError):
    """Ray cannot be reached or started."""


class FrameError(RaylabError):
    """raylab.frame cannot give the answer."""


class SourceChangedError(FrameError):
    """A scanned file is not the one that was scanned: it was changed or removed since."""


class FallbackError(FrameError):
    """An operation is not native and ``pd.options.raylab.fallback`` is ``"raise"``."""


class MemoryBudgetError(FrameError, MemoryError):
    """A fallback to pandas would need more memory than the budget allows."""


class ExecutionError(FrameError):
    """A kernel or a user's function failed; the message names the node and the partition."""
