"""The environment part of an experiment: which game, under which protocol.

A configuration is frozen, checked when it is built, and says the same in every record: the
evaluation protocol decides Atari scores as much as the algorithm does (Machado et al., 2018,
"Revisiting the Arcade Learning Environment").
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from raylab.errors import ConfigError, EnvError

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

JSON = dict[str, Any]
"""A dictionary of what JSON can hold."""

MINATAR_GAMES = ("asterix", "breakout", "freeway", "seaquest", "space_invaders")

# Several players at one console: the emulator has no single-player settings for them.
_MULTIPLAYER_ROMS = frozenset({"combat", "joust", "maze_craze", "warlords"})

_ELSE_PACKAGE = "if a package registers it, write 'package:id', and the package is imported first."


@dataclass(frozen=True, slots=True)
class AtariRules:
    """The choices that an Atari protocol makes."""

    sticky_actions: float
    life_loss_terminates: bool
    full_action_set: bool
    noop_max: int
    fire_reset: bool


ATARI_PROTOCOLS = {
    # Machado et al. (2018): sticky actions give the randomness, so no random no-ops.
    "machado": AtariRules(
        sticky_actions=0.25,
        life_loss_terminates=False,
        full_action_set=True,
        noop_max=0,
        fire_reset=False,
    ),
    # Mnih et al. (2015), as CleanRL, Stable-Baselines3 and most published PPO scores use it.
    "classic": AtariRules(
        sticky_actions=0.0,
        life_loss_terminates=True,
        full_action_set=False,
        noop_max=30,
        fire_reset=True,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Atari:
    """An Atari 2600 game, emulated in C++ by ``ale_py.AtariVectorEnv``.

    Observations are uint8 [screen_size, screen_size, stack], grey, the newest frame last. The
    fields from ``sticky_actions`` to ``fire_reset`` follow ``protocol`` while they are None; with
    ``protocol="custom"`` each must be given.

    Raises:
        ConfigError: for an unknown game or a value out of range.
    """

    game: str
    """Name of the ROM: pong, breakout, beam_rider, ..."""
    protocol: Literal["machado", "classic", "custom"] = "machado"
    """machado: sticky actions, all 18 actions, life loss ignored. classic: no sticky actions, the
    game's own actions, a lost life ends the return, random no-ops and FIRE at the start."""
    sticky_actions: float | None = None
    """Probability that the emulator repeats the previous action instead (per frame)."""
    life_loss_terminates: bool | None = None
    """Whether a lost life cuts the return; the game itself goes on."""
    full_action_set: bool | None = None
    """Whether all 18 joystick actions are offered, or only those that the game uses."""
    noop_max: int | None = None
    """Every game starts with fewer than this many random frames without an action."""
    fire_reset: bool | None = None
    """Whether FIRE is pressed when a game starts (before the no-ops), if the game knows FIRE."""
    frame_skip: int = 4
    """Frames that an action is held; the observation is the maximum over the last two."""
    stack: int = 4
    """Frames in an observation."""
    screen_size: int = 84
    """Height and width of an observation in pixels."""
    max_frames: int = 108_000
    """A game is truncated after so many frames (30 minutes of play)."""

    def __post_init__(self) -> None:
        check_name("game", self.game, _atari_games())
        check_name("protocol", self.protocol, [*ATARI_PROTOCOLS, "custom"])
        if self.protocol == "custom":
            missing = [name for name in _rule_names() if getattr(self, name) is None]
            if missing:
                raise ConfigError(
                    f"protocol='custom' needs a value for {', '.join(missing)}; give each, or "
                    "start from protocol='machado' or 'classic'."
                )
        check_range("sticky_actions", self.rules.sticky_actions, 0.0, 0.999)
        check_range("noop_max", self.rules.noop_max, 0, 10_000)
        check_range("frame_skip", self.frame_skip, 1, 60)
        check_range("stack", self.stack, 1, 64)
        check_range("screen_size", self.screen_size, 16, 210)
        check_range("max_frames", self.max_frames, self.frame_skip, 2**30)

    @property
    def rules(self) -> AtariRules:
        """What the protocol and the explicit fields say together."""
        explicit = {
            name: value for name in _rule_names() if (value := getattr(self, name)) is not None
        }
        if self.protocol == "custom":
            return AtariRules(**explicit)
        return dataclasses.replace(ATARI_PROTOCOLS[self.protocol], **explicit)

    @property
    def frames_per_step(self) -> int:
        """Emulator frames in one agent step."""
        return self.frame_skip

    @property
    def max_episode_steps(self) -> int:
        """Agent steps after which a game is truncated."""
        return math.ceil(self.max_frames / self.frame_skip)

    def record(self) -> JSON:
        """The protocol in full; ``departures`` names the fields that differ from the named one."""
        rules = self.rules
        named = ATARI_PROTOCOLS.get(self.protocol, rules)
        return {
            "backend": "atari",
            "game": self.game,
            "protocol": self.protocol,
            "departures": [n for n in _rule_names() if getattr(rules, n) != getattr(named, n)],
            **dataclasses.asdict(rules),
            "frame_skip": self.frame_skip,
            "frames_per_step": self.frames_per_step,
            "stack": self.stack,
            "screen_size": self.screen_size,
            "max_frames": self.max_frames,
        }

    def evaluation(self) -> Atari:
        """The same game, scored over whole games: a lost life cuts nothing."""
        return dataclasses.replace(self, life_loss_terminates=False)


@dataclass(frozen=True, kw_only=True)
class Gymnasium:
    """Any registered Gymnasium environment, stepped in this process.

    Images (uint8 with two or three axes) are observed as uint8 [H, W, C]; everything else, dicts,
    tuples and discrete observations included, as a flat float32 vector. Actions may be Discrete,
    MultiDiscrete, MultiBinary or Box; those of a Box are clipped to its bounds.

    Raises:
        ConfigError: for an unknown id or a value out of range.
    """

    id: str
    """Registered id: CartPole-v1, or module:Name-v0 to import the module first."""
    kwargs: dict[str, bool | int | float | str] = field(default_factory=dict)
    """Arguments for the environment's constructor."""
    max_episode_steps: int | None = None
    """Time limit in agent steps; None takes the registered one."""
    action_mask: Literal["auto", "info", "none"] = "auto"
    """Where the environment says which of its discrete actions are legal: auto looks for the key
    action_mask in a Dict observation, info takes it from the info. Others are never chosen then."""

    def __post_init__(self) -> None:
        import gymnasium

        if ":" not in self.id and self.id not in gymnasium.registry:
            _register_known_plugins()
            check_name("id", self.id, gymnasium.registry, _ELSE_PACKAGE)
        check_name("action_mask", self.action_mask, ("auto", "info", "none"))
        if self.max_episode_steps is not None:
            check_range("max_episode_steps", self.max_episode_steps, 1, 2**31)

    @property
    def frames_per_step(self) -> int:
        """One: an agent step is a step of the environment."""
        return 1

    def spec(self) -> EnvSpec:
        """What is registered under the id, after its package (if one is named) was imported.

        Raises:
            EnvError: if the package cannot be imported, or registers no such id.
        """
        import gymnasium

        package, _, name = self.id.rpartition(":")
        try:
            if package:
                importlib.import_module(package)
            return gymnasium.spec(name)
        except Exception as error:
            raise EnvError(
                f"{self.id} cannot be found: {type(error).__name__}: {error}; is the package "
                "that registers it installed?"
            ) from error

    def record(self) -> JSON:
        """The id, the arguments and the time limit that holds."""
        return {
            "backend": "gymnasium",
            "id": self.id,
            "kwargs": dict(self.kwargs),
            "max_episode_steps": self.max_episode_steps or self.spec().max_episode_steps,
            "action_mask": self.action_mask,
            "frames_per_step": self.frames_per_step,
        }

    def evaluation(self) -> Gymnasium:
        """Itself: training and evaluation play the same environment."""
        return self


@dataclass(frozen=True, kw_only=True)
class MinAtar:
    """A MinAtar game (Young & Tian, 2019): ten by ten cells, uint8 [10, 10, channels] of 0 or 1.

    Raises:
        ConfigError: for an unknown game or a value out of range.
    """

    game: str
    """asterix, breakout, freeway, seaquest or space_invaders."""
    sticky_actions: float = 0.1
    """Probability that the previous action is repeated instead (the paper's value)."""
    minimal_actions: bool = False
    """Offer only the actions that the game uses; the paper offers all six."""
    difficulty_ramping: bool = True
    """Whether the game gets faster while it is played (the paper's setting)."""
    max_episode_steps: int | None = 10_000
    """Truncate after so many agent steps, so that a policy that never loses ends its game too.
    MinAtar itself has no such limit: None."""

    def __post_init__(self) -> None:
        check_name("game", self.game, MINATAR_GAMES)
        check_range("sticky_actions", self.sticky_actions, 0.0, 0.999)
        if self.max_episode_steps is not None:
            check_range("max_episode_steps", self.max_episode_steps, 1, 2**31)

    @property
    def frames_per_step(self) -> int:
        """One: MinAtar skips no frames."""
        return 1

    def record(self) -> JSON:
        """Every field."""
        fields = dataclasses.asdict(self)
        return {"backend": "minatar", **fields, "frames_per_step": self.frames_per_step}

    def evaluation(self) -> MinAtar:
        """Itself: training and evaluation play the same game."""
        return self


EnvConfig = Atari | Gymnasium | MinAtar
"""The environment of an experiment."""


def check_name(name: str, value: str, known: Iterable[str], otherwise: str = "") -> None:
    """Raise a ConfigError with near matches unless ``value`` is one of ``known``.

    Args:
        name: the field.
        value: what it was given.
        known: what it may be.
        otherwise: what to do if no near match was meant; by default the known names are listed.
    """
    names = sorted(known)
    if value in names:
        return
    near = near_matches(value, names)
    if near:
        hint = f"did you mean {' or '.join(repr(n) for n in near)}?"
    else:
        hint = otherwise or f"known are {', '.join(names)}."
    raise ConfigError(f"{name}={value!r} is unknown; {hint}")


def near_matches(value: str, names: Sequence[str]) -> list[str]:
    """Up to three names that look like ``value``, whatever its case, separators and version."""

    def plain(name: str) -> str:
        name = name.lower().removeprefix("ale/").removesuffix("noframeskip-v4")
        return name.split("-v")[0].replace("_", "").replace("-", "").replace(" ", "")

    by_plain: dict[str, list[str]] = {}
    for name in names:
        by_plain.setdefault(plain(name), []).append(name)
    found = difflib.get_close_matches(plain(value), by_plain, n=3, cutoff=0.7)
    return [by_plain[match][-1] for match in found]


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise a ConfigError unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise ConfigError(f"{name}={value!r} is out of range; give a value from {low} to {high}.")


def _rule_names() -> list[str]:
    return [rule.name for rule in dataclasses.fields(AtariRules)]


def _atari_games() -> list[str]:
    from ale_py import roms

    return [game for game in roms.get_all_rom_ids() if game not in _MULTIPLAYER_ROMS]


def _register_known_plugins() -> None:
    """Make the ids of the installed Atari plugin known, as ``import ale_py`` does."""
    import ale_py
    import gymnasium

    gymnasium.register_envs(ale_py)
