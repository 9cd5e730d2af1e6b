"""raylab's trainer alone on Pong with the shared settings: no Ray, no supervisor, no files."""

from dataclasses import replace

from window import (
    ANNEALING_STEPS,
    EPOCHS,
    LEARNING_RATE,
    MINIBATCHES,
    NUM_ENVS,
    UNROLL_LENGTH,
    Window,
    arguments,
)

from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Atari
from raylab.rl.inline import InlineTrainer


def main() -> None:
    options = arguments()
    algorithm = PPO(
        num_envs=NUM_ENVS,
        unroll_length=UNROLL_LENGTH,
        epochs=EPOCHS,
        minibatches=MINIBATCHES,
        learning_rate=LEARNING_RATE,
    )
    trainer = InlineTrainer(
        Atari(game="pong", protocol="classic"),
        replace(algorithm, precision=options.precision),
        options.seed,
        ANNEALING_STEPS,
        threads=options.threads,
    )
    window = Window(options.warmup_updates, options.window_s)
    done = False
    while not done:
        trainer.update()
        done = window.update_done()
    window.print_result()


if __name__ == "__main__":
    main()
