"""A single-file PPO in the manner of CleanRL: one process, float32, nothing tuned.

Written for this comparison from the published description of the algorithm and its details.
The environment is ALE's own vector environment in C++, which is faster than a Python one: what
raylab is compared with here is the usual training loop around it.
"""

import numpy as np
import torch
from ale_py import AtariVectorEnv
from torch import nn
from torch.distributions import Categorical
from window import (
    ANNEALING_STEPS,
    BATCH_SIZE,
    EPOCHS,
    LEARNING_RATE,
    MINIBATCH_SIZE,
    NUM_ENVS,
    UNROLL_LENGTH,
    Window,
    arguments,
)

DISCOUNT, GAE_LAMBDA, CLIP = 0.99, 0.95, 0.1


def layer(module: nn.Module, scale: float = 2**0.5) -> nn.Module:
    nn.init.orthogonal_(module.weight, scale)
    nn.init.zeros_(module.bias)
    return module


class Agent(nn.Module):
    """The Nature CNN with a policy head and a value head."""

    def __init__(self, num_actions: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            layer(nn.Conv2d(4, 32, 8, stride=4)),
            nn.ReLU(),
            layer(nn.Conv2d(32, 64, 4, stride=2)),
            nn.ReLU(),
            layer(nn.Conv2d(64, 64, 3, stride=1)),
            nn.ReLU(),
            nn.Flatten(),
            layer(nn.Linear(64 * 7 * 7, 512)),
            nn.ReLU(),
        )
        self.policy = layer(nn.Linear(512, num_actions), 0.01)
        self.value = layer(nn.Linear(512, 1), 1.0)

    def forward(self, frames: torch.Tensor) -> tuple[Categorical, torch.Tensor]:
        """Frames [B, 4, 84, 84] in 0 to 255 to the action distribution and the values [B]."""
        hidden = self.body(frames / 255.0)
        return Categorical(logits=self.policy(hidden)), self.value(hidden).flatten()


def main() -> None:
    options = arguments()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    envs = AtariVectorEnv("pong", num_envs=NUM_ENVS, num_threads=options.threads)
    agent = Agent(envs.single_action_space.n)
    optimizer = torch.optim.Adam(agent.parameters(), lr=LEARNING_RATE, eps=1e-5)
    window = Window(options.warmup_updates, options.window_s)

    shape = (UNROLL_LENGTH, NUM_ENVS)
    frames = torch.zeros((*shape, 4, 84, 84))
    actions, log_probs, rewards, dones, values, advantages = (torch.zeros(shape) for _ in range(6))
    frames_t = torch.from_numpy(envs.reset(seed=options.seed)[0]).float()
    done_t = torch.zeros(NUM_ENVS)
    updates_done = 0
    finished = False
    while not finished:
        left = 1.0 - updates_done * BATCH_SIZE / ANNEALING_STEPS
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * left

        for t in range(UNROLL_LENGTH):
            frames[t], dones[t] = frames_t, done_t
            with torch.no_grad():
                distribution, values[t] = agent(frames_t)
                action = distribution.sample()
            actions[t], log_probs[t] = action, distribution.log_prob(action)
            observation, reward, terminated, truncated, _ = envs.step(action.numpy())
            rewards[t] = torch.from_numpy(np.asarray(reward, dtype=np.float32))
            frames_t = torch.from_numpy(observation).float()
            done_t = torch.from_numpy(np.logical_or(terminated, truncated)).float()

        with torch.no_grad():
            _, next_value = agent(frames_t)
        next_done, running = done_t, torch.zeros(NUM_ENVS)
        for t in reversed(range(UNROLL_LENGTH)):
            delta = rewards[t] + DISCOUNT * next_value * (1 - next_done) - values[t]
            running = delta + DISCOUNT * GAE_LAMBDA * (1 - next_done) * running
            advantages[t] = running
            next_value, next_done = values[t], dones[t]
        returns = advantages + values

        flat = [x.flatten() for x in (actions, log_probs, values, advantages, returns)]
        flat_frames = frames.flatten(0, 1)
        for _ in range(EPOCHS):
            for rows in torch.randperm(BATCH_SIZE).split(MINIBATCH_SIZE):
                action, old_log_prob, old_value, advantage, target = (x[rows] for x in flat)
                distribution, value = agent(flat_frames[rows])
                ratio = (distribution.log_prob(action) - old_log_prob).exp()
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                clipped = ratio.clamp(1 - CLIP, 1 + CLIP)
                policy_loss = -torch.min(advantage * ratio, advantage * clipped).mean()
                near = old_value + (value - old_value).clamp(-CLIP, CLIP)
                errors = torch.max((value - target) ** 2, (near - target) ** 2)
                entropy = distribution.entropy().mean()
                loss = policy_loss - 0.01 * entropy + 0.5 * 0.5 * errors.mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimizer.step()
        updates_done += 1
        finished = window.update_done()
    envs.close()
    window.print_result()


if __name__ == "__main__":
    main()
