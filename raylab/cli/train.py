"""``raylab train``: train what an experiment file or a run's config.json describes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from raylab.cli.parser import VerbParser
from raylab.errors import ConfigError

if TYPE_CHECKING:
    from raylab.experiment.experiment import Experiment

_SHORT = {"--address": "--placement.address"}


def run(arguments: Sequence[str]) -> int:
    """Train; what follows the file overrides its fields."""
    if not arguments or arguments[0].startswith("-"):
        parser = VerbParser(
            "train",
            (
                "raylab train experiments/cartpole_ppo.py",
                "raylab train experiments/pong_ppo.py --algorithm.learning-rate 1e-4",
                "raylab train experiments/pong_ppo.py --seeds 1 2 3 --until.agent-steps 4000000",
                "raylab train experiments/pong_ppo.py --address head.example:6379",
                "raylab train runs/cartpole-ppo-1a2b3c4d/1/config.json --seeds 2",
                "raylab train experiments/pong_ppo.py --help     every field of that experiment",
            ),
        )
        parser.add_argument("file", type=Path, help="an experiment file (.py) or a config.json")
        parser.add_argument("overrides", nargs="*", help="--field value: overrides of its fields")
        parser.parse_args(arguments)
    from raylab.experiment import command

    file, *overrides = arguments
    experiment = load_experiment(Path(file))
    options = [_SHORT.get(part, part) for part in _split(overrides)]
    command.run(experiment, options, prog=f"raylab train {file}")
    return 0


def _split(overrides: Sequence[str]) -> list[str]:
    """Return ``--address=x`` as two arguments, so that the short name is seen."""
    parts = [part.split("=", 1) if part.startswith("--address=") else [part] for part in overrides]
    return [piece for part in parts for piece in part]


def load_experiment(path: Path) -> Experiment:
    """Return the experiment that a Python file defines as ``experiment``, or that JSON describes.

    Raises:
        ConfigError: there is no such file, it cannot be imported, or defines no experiment.
    """
    from raylab.experiment.experiment import Experiment, load_config

    if not path.is_file():
        raise ConfigError(_missing(path))
    if path.suffix == ".json":
        return load_config(path)
    if path.suffix != ".py":
        raise ConfigError(f"{path} is neither an experiment file (.py) nor a config.json.")
    experiment = getattr(_import(path), "experiment", None)
    if not isinstance(experiment, Experiment):
        raise ConfigError(
            f"{path} defines no experiment; it needs `experiment = Experiment(name=..., env=...)`."
        )
    return experiment


def _import(path: Path) -> object:
    """Import a file the way ``python <file>`` does: its folder comes first on the path.

    The same for Ray's workers, which get the folder of ``sys.argv[0]`` where that is on the path.
    """
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} cannot be imported as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    sys.argv[0] = str(path)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{path} cannot be imported: {type(error).__name__}: {error}. "
            f"`raylab --debug train {path}` shows where."
        ) from error
    return module


def _missing(path: Path) -> str:
    if path.is_dir() and (path / "config.json").is_file():
        return f"{path} is a run; `raylab resume {path}` continues it."
    folder = path.parent
    names = [entry.name for entry in folder.glob("*.py")] if folder.is_dir() else []
    near = get_close_matches(path.name, names, n=1)
    if near:
        return f"no file {path}; did you mean {folder / near[0]}?"
    return f"no file {path}; give an experiment file, such as experiments/cartpole_ppo.py."
