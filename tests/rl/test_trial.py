"""A trial with a recorder that writes: what others see of it while it trains."""

from raylab.experiment import Experiment, Placement, Run, Until, files
from raylab.experiment.recorder import RunRecorder
from raylab.experiment.runner import make_job
from raylab.rl.algorithms.ppo import PPO
from raylab.rl.envs import Gymnasium
from raylab.rl.trial import Trial


class Beating(RunRecorder):
    """A recorder that keeps the agent steps at every sign of life."""

    beats: tuple[int, ...] = ()

    def beat(self, progress):
        self.beats += (progress.agent_steps,)
        super().beat(progress)


def test_a_trial_shows_that_it_lives_from_its_first_moment_and_at_every_update(tmp_path):
    experiment = Experiment(
        name="exp",
        env=Gymnasium(id="CartPole-v1"),
        algorithm=PPO(num_envs=2, unroll_length=16, minibatches=1, epochs=1),
        until=Until(agent_steps=20 * 3 * 32),
        placement=Placement(threads=1),
    )
    path = tmp_path / experiment.experiment_id / "1"
    files.make_folder(path)
    files.write_json(path / "config.json", experiment.to_json())
    recorder = Beating(path)

    trial = Trial(make_job(experiment, 1, path), recorder)
    is_alive = Run(path).is_alive
    progress = trial.advance()
    trial.stop("enough")

    assert is_alive
    assert progress.agent_steps == 3 * 32
    assert recorder.beats == (0, 32, 64, 96)
    assert Run(path).state == "interrupted"
