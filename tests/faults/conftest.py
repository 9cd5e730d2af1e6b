"""Fixtures of the fault tests."""

from dataclasses import replace

import pytest
from rich.console import Console

from raylab.experiment import train
from raylab.experiment.progress import Display


@pytest.fixture
def quiet():
    """A display that shows nothing."""
    return Display(Console(quiet=True))


@pytest.fixture(scope="session")
def uninterrupted(cluster, tmp_path_factory):
    """Return the finished run of an experiment that nobody killed."""
    runs = {}

    def get(experiment):
        if experiment.name not in runs:
            folder = tmp_path_factory.mktemp(experiment.name)
            [runs[experiment.name]] = train(
                replace(experiment, runs_dir=str(folder)), display=Display(Console(quiet=True))
            )
        return runs[experiment.name]

    return get
