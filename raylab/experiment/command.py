"""The command line of an experiment file: every field is an option, by tyro."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.console import Console
from rich.text import Text

from raylab.errors import ConfigError, RaylabError, debug_wanted
from raylab.experiment.experiment import Experiment


@dataclass(frozen=True, kw_only=True)
class _Command:
    """What an experiment file's command line says."""

    experiment: Annotated[Experiment, tyro.conf.arg(name="")]
    new: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Train from the beginning in a new folder, whatever is there."""


def parse(
    default: Experiment,
    argv: Sequence[str] | None = None,
    *,
    prog: str | None = None,
    flags: bool = True,
) -> tuple[Experiment, bool]:
    """Return the experiment with the command line's overrides, and whether to begin anew.

    Ends the process, with a message that names the option and the near match, on an unknown
    option or a value of the wrong type.

    Args:
        default: what the options override.
        argv: the options; the default is the command line's.
        prog: what help and errors call the program; the default is its file.
        flags: a field of yes or no is ``--x`` or ``--no-x``; else ``--x True`` or ``--x False``.

    Raises:
        ConfigError: a value is out of range.
    """
    command = tyro.cli(
        _Command,
        args=argv,
        prog=prog,
        default=_Command(experiment=default),
        description=f"Train {default.name}. Ctrl-C saves and stops; the same command goes on.",
        config=(tyro.conf.AvoidSubcommands, *(() if flags else (tyro.conf.FlagConversionOff,))),
    )
    return command.experiment, command.new


def run(default: Experiment, argv: Sequence[str] | None = None, *, prog: str | None = None) -> None:
    """Parse and train; end the process with 2 on a mistake, 1 on a failure, 130 on Ctrl-C.

    With ``RAYLAB_DEBUG`` in the environment a failure keeps its traceback.
    """
    errors = Console(stderr=True, highlight=False)
    try:
        experiment, new = parse(default, argv, prog=prog)
        from raylab.experiment.runner import train

        runs = train(experiment, new=new)
    except RaylabError as error:
        if debug_wanted():
            raise
        errors.print(Text(f"error: {error}"), soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except KeyboardInterrupt:
        errors.print("left at once; `raylab resume` goes on from the last checkpoint")
        sys.exit(130)
    if any(run.state == "interrupted" for run in runs):
        sys.exit(130)
