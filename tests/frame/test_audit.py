"""The promised operations, one by one: right, and native unless they are known to fall back."""

from __future__ import annotations

import pandas
import pytest

import raylab.frame as pd
from tests.frame.audit import FALLS_BACK, TOPICS, random_frame, verdict

NAMES = [(topic, name) for topic, operations in TOPICS.items() for name in operations]


@pytest.fixture(scope="module")
def table() -> pandas.DataFrame:
    return random_frame(seed=2)


@pytest.mark.parametrize(("topic", "name"), NAMES)
def test_operation_is_right_and_native(
    topic: str, name: str, table: pandas.DataFrame, lazy: None
) -> None:
    pd.set_option("raylab.fallback", "silent")
    pd.set_option("raylab.npartitions", 3)
    pd.set_option("raylab.target_partition_bytes", 1)  # rows move by hash and range

    found = verdict(TOPICS[topic][name], table)

    known = name in FALLS_BACK.get(topic, ())
    assert found.startswith("falls back" if known else "native"), found
