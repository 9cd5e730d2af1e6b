"""What the tests of learning share: one torch thread and seed, so that nothing spins beside the tests."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Compute on one thread, from one seed; trainers may set another number, which ends with the test."""
    torch.manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
