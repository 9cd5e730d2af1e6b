"""Action masks: which actions are legal just now, carried as the tail of the observation.

An environment says it by Gymnasium's convention: ``info["action_mask"]``, or a Dict observation
with the key ``action_mask``; 1 is legal. Here the mask follows the flat observation, so it goes
wherever the observation goes: into rollouts, fragments, replay, the true final observation and
the checksum of a restored environment. The network splits it off and applies it
(:mod:`raylab.rl.networks.masked`).
"""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
from gymnasium import spaces

from raylab.errors import ConfigError, EnvError
from raylab.rl.envs.backend import ActionSpace

KEY: Final = "action_mask"
"""Under which an environment gives the mask, in its info or its observation."""


class MaskedBox(spaces.Box):
    """Flat observations [D + A]: what the environment shows, then 1 for every legal action.

    Args:
        shown: space of the observations without the mask; its element type is kept.
        num_choices: A, the length of the mask.
    """

    def __init__(self, shown: spaces.Box, num_choices: int) -> None:
        low = np.concatenate([shown.low.ravel(), np.zeros(num_choices)])
        high = np.concatenate([shown.high.ravel(), np.ones(num_choices)])
        dtype: Any = shown.dtype
        super().__init__(low.astype(dtype), high.astype(dtype), dtype=dtype)
        self.shown = shown
        self.num_choices = num_choices


def mask_length(actions: ActionSpace) -> int:
    """Return the length of a mask: one number an action, for several choices in a row.

    Raises:
        ConfigError: the actions are continuous.
    """
    match actions:
        case spaces.Discrete():
            return int(actions.n)
        case spaces.MultiDiscrete():
            return int(actions.nvec.sum())
        case _:
            raise ConfigError(
                f"the environment masks actions of {actions}; only discrete actions can be masked. "
                f"Give action_mask='none'."
            )


class MaskReader:
    """Takes the mask from what an environment returned.

    Args:
        space: of its observations.
        in_info: the mask is in the info; otherwise it is a part of the observation, a Dict.

    Attributes:
        shown: space of the observations without the mask. A Dict of which one part is left is
            that part, so that an image stays an image.
    """

    def __init__(self, space: spaces.Space[Any], *, in_info: bool) -> None:
        self.shown = space
        self._in_info = in_info
        self._only_key: str | None = None
        if isinstance(space, spaces.Dict) and not in_info:
            others = {key: part for key, part in space.spaces.items() if key != KEY}
            if len(others) == 1:
                ((self._only_key, self.shown),) = others.items()
            else:
                self.shown = spaces.Dict(others)

    def read(self, seen: Any, info: dict[str, Any]) -> tuple[Any, Any]:
        """Return what is shown and the mask, as the environment gave them.

        Raises:
            EnvError: there is none in the info.
        """
        if self._in_info:
            if KEY not in info:
                raise EnvError(
                    f"no {KEY} in info, which has {sorted(info)}; give action_mask='none'."
                )
            return seen, info[KEY]
        others = {key: part for key, part in seen.items() if key != KEY}
        return others if self._only_key is None else others[self._only_key], seen[KEY]


def mask_reader(
    place: Literal["auto", "info", "none"], space: spaces.Space[Any]
) -> MaskReader | None:
    """Return what finds the mask where the configuration says; None if there is no mask."""
    if place == "info":
        return MaskReader(space, in_info=True)
    if place == "auto" and isinstance(space, spaces.Dict) and KEY in space.spaces:
        return MaskReader(space, in_info=False)
    return None


def checked_mask(mask: Any, actions: ActionSpace, *, is_over: bool) -> np.ndarray:
    """Return a mask as bool [A].

    Args:
        mask: as the environment gave it; of several choices an array each, or all in a row.
        actions: the space that it belongs to.
        is_over: the game ended, so nothing will be chosen: a mask without a legal action is then
            none at all.

    Raises:
        EnvError: it has another length, or there is nothing to choose.
    """
    parts = mask if isinstance(mask, tuple | list) else (mask,)
    flat = np.concatenate([np.asarray(part).ravel() for part in parts]) != 0
    if flat.shape != (mask_length(actions),):
        raise EnvError(
            f"{KEY} has {flat.size} numbers; actions of {actions} need {mask_length(actions)}."
        )
    for first, last in _choices(actions):
        if not flat[first:last].any():
            if not is_over:
                raise EnvError(
                    f"{KEY} leaves no legal action ({flat.astype(int).tolist()}) in a game that "
                    f"goes on; end the game, or let one action pass."
                )
            flat[first:last] = True
    return flat


def random_legal_action(
    space: ActionSpace, observations: spaces.Box, observation: np.ndarray
) -> Any:
    """Return a uniformly random action, among the legal ones if the observation says which."""
    if not isinstance(observations, MaskedBox):
        return space.sample()
    mask = observation[-observations.num_choices :].astype(np.int8)
    if isinstance(space, spaces.MultiDiscrete):
        return space.sample(mask=tuple(mask[first:last] for first, last in _choices(space)))
    return space.sample(mask=mask)  # type: ignore[arg-type]


def _choices(actions: ActionSpace) -> list[tuple[int, int]]:
    """Begin and end of each choice in the mask."""
    sizes = actions.nvec.tolist() if isinstance(actions, spaces.MultiDiscrete) else [actions.n]  # type: ignore[union-attr]
    ends = np.cumsum(sizes).tolist()
    return list(zip([0, *ends], ends, strict=False))
