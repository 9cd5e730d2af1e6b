"""PPO balances a pole: 475 of 500 within 100,000 agent steps, in less than a minute."""

from raylab.experiment import Checkpointing, Evaluating, Experiment, Until
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium

experiment = Experiment(
    name="cartpole-ppo",
    env=Gymnasium(id="CartPole-v1"),
    algorithm=PPO(
        unroll_length=32,
        epochs=20,
        minibatches=1,
        learning_rate=1e-3,
        discount=0.98,
        gae_lambda=0.8,
        clip=0.2,
        clip_value_loss=False,
        entropy_coefficient=0.0,
        reward_clipping="none",
    ),
    until=Until(agent_steps=100_000),
    checkpointing=Checkpointing(every_agent_steps=20_000),
    evaluation=Evaluating(episodes=20, greedy=True),
)

if __name__ == "__main__":
    experiment.main()
