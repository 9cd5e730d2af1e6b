"""The ``raylab`` command: one module a verb, imported only when that verb is called.

The help text of the command itself needs neither Ray nor torch nor pandas, so that it is there at
once. Errors that raylab raises on purpose print as one message; ``--debug`` (or RAYLAB_DEBUG=1)
shows where they came from.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

from raylab import __version__
from raylab.errors import ConfigError, RaylabError, RunNotFoundError, debug_wanted

VERBS = {
    "train": "train an experiment file, or again from a run's config.json",
    "resume": "continue a run from its newest checkpoint",
    "attach": "watch a run that is being trained, here or on a cluster",
    "sweep": "many settings and seeds of an experiment, side by side",
    "top": "a live view of a cluster and of what it trains",
    "evaluate": "play whole episodes with a trained agent, and film one",
    "report": "learning curves, tables and one HTML page of runs",
    "runs": "list the runs with their state and last score",
    "profile": "train for some seconds, and show where the time goes",
    "doctor": "what this machine offers, and what raylab would choose",
}

_HELP = """\
usage: raylab <verb> [arguments]

Train reinforcement-learning agents on Ray and analyse their runs.

verbs:
{verbs}

options:
  -h, --help  this text; `raylab <verb> --help` for a verb
  --version   the version
  --debug     show the traceback of an error (also RAYLAB_DEBUG=1)

examples:
  raylab doctor
  raylab train experiments/cartpole_ppo.py
  raylab train experiments/pong_ppo.py --algorithm.learning-rate 1e-4 --seeds 1 2 3
  raylab train experiments/pong_ppo.py --help      every field of that experiment
  raylab runs
  raylab report runs/cartpole-ppo-1a2b3c4d
  raylab evaluate runs/cartpole-ppo-1a2b3c4d/1 --episodes 20 --video
  raylab profile experiments/pong_ppo.py
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code.

    0 is success, 1 a failure, 2 a wrong argument or configuration, 130 an interruption.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "--debug" in arguments:
        os.environ["RAYLAB_DEBUG"] = "1"
    try:
        try:
            return _run([argument for argument in arguments if argument != "--debug"])
        finally:
            sys.stdout.flush()
    except RaylabError as error:
        if debug_wanted():
            raise
        print(f"raylab: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError | RunNotFoundError) else 1
    except KeyboardInterrupt:
        print("raylab: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `raylab runs | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def help_text() -> str:
    """Return the help of the command itself."""
    return _HELP.format(verbs="\n".join(f"  {verb:<10}{text}" for verb, text in VERBS.items()))


def _run(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(help_text(), end="")
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"raylab {__version__}")
        return 0
    verb = arguments[0]
    if verb not in VERBS:
        near = get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean `raylab {near[0]}`?" if near else f"there are {', '.join(VERBS)}."
        raise ConfigError(f"unknown verb {verb!r}; {hint}")
    code: int = import_module(f"raylab.cli.{verb}").run(arguments[1:])
    return code
