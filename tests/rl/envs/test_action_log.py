"""The action log keeps exactly what each row did since it was seeded."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from raylab.rl.envs.action_log import ActionLog


@given(
    rows=st.integers(1, 4),
    restarts=st.lists(st.integers(0, 3), max_size=30),
    gaps=st.lists(st.integers(0, 400), min_size=30, max_size=30),
)
def test_rows_agree_with_lists(rows, restarts, gaps):
    log = ActionLog(rows, (), np.dtype(np.uint8))
    expected = [[] for _ in range(rows)]
    rng = np.random.default_rng(0)

    for row, gap in zip(restarts, gaps, strict=False):
        for actions in rng.integers(256, size=(gap, rows)):
            log.append(actions)
            for done, action in zip(expected, actions, strict=True):
                done.append(action)
        log.restart(np.arange(rows) == row)
        if row < rows:
            expected[row].clear()

    copy = ActionLog(rows, (), np.dtype(np.uint8))
    copy.load(log.aligned(), log.steps)
    for one in (log, copy):
        assert one.steps.tolist() == [len(done) for done in expected]
        for row, done in enumerate(expected):
            assert one.of_row(row).tolist() == done


def test_memory_stays_bounded_while_rows_restart():
    log = ActionLog(2, (3,), np.dtype(np.float32))

    for t in range(20_000):
        log.append(np.full((2, 3), t))
        log.restart(np.array([t % 500 == 0, t % 700 == 0]))

    assert len(log.aligned()) <= 700
    assert len(log._actions) <= 4096
    assert log.of_row(0)[-1].tolist() == [19_999.0] * 3
