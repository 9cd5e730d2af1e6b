"""RLlib's prioritized replay, the default of its DQN: episodes, segment trees in Python.

What it draws are episodes of one step, which refer to frames and copy none. That is measured first;
then with the arrays of a batch made of them, by the fewest calls of numpy that do it. RLlib leaves that
to the connectors of its learner, which do more.
"""

import warnings

import numpy as np
from window import (
    BATCH_SIZE,
    EPISODE_STEPS,
    IMPORTANCE_EXPONENT,
    PRIORITY_EXPONENT,
    arguments,
    print_result,
    rate,
)

warnings.simplefilter("ignore")

from ray.rllib.env.single_agent_episode import SingleAgentEpisode  # noqa: E402
from ray.rllib.utils.replay_buffers.prioritized_episode_buffer import (  # noqa: E402
    PrioritizedEpisodeReplayBuffer,
)

SHAPE = (84, 84, 4)


def filled(capacity: int, seed: int) -> PrioritizedEpisodeReplayBuffer:
    buffer = PrioritizedEpisodeReplayBuffer(capacity=capacity, alpha=PRIORITY_EXPONENT)
    rng = np.random.default_rng(seed)
    pool = rng.integers(256, size=(64, *SHAPE), dtype=np.uint8)
    for _ in range(capacity // EPISODE_STEPS):
        episode = SingleAgentEpisode(
            observations=[pool[t % 64].copy() for t in range(EPISODE_STEPS + 1)],
            actions=list(rng.integers(6, size=EPISODE_STEPS)),
            rewards=list(rng.integers(-1, 2, EPISODE_STEPS).astype(float)),
            terminated=True,
            len_lookback_buffer=0,
        )
        buffer.add(episode)
    return buffer


def main() -> None:
    options = arguments()
    rng = np.random.default_rng(options.seed)
    buffer = filled(options.capacity, options.seed)

    def draw_and_update() -> None:
        buffer.sample(num_items=BATCH_SIZE, n_step=1, beta=IMPORTANCE_EXPONENT)
        buffer.update_priorities(rng.random(BATCH_SIZE))

    def draw_batch_and_update() -> None:
        episodes = buffer.sample(num_items=BATCH_SIZE, n_step=1, beta=IMPORTANCE_EXPONENT)
        pairs = [episode.get_observations(slice(0, 2)) for episode in episodes]
        np.stack([first for first, _ in pairs])
        np.stack([second for _, second in pairs])
        for column in (
            [episode.get_actions(0) for episode in episodes],
            [episode.get_rewards(0) for episode in episodes],
            [episode.is_terminated for episode in episodes],
            [episode.get_extra_model_outputs("weights", 0) for episode in episodes],
        ):
            np.array(column)
        buffer.update_priorities(rng.random(BATCH_SIZE))

    print_result(
        prioritized_per_s=rate(draw_and_update, options.window_s),
        prioritized_batches_per_s=rate(draw_batch_and_update, options.window_s),
    )


if __name__ == "__main__":
    main()
