"""CI's sample of pandas' tests must not do worse than its record."""

import json

import pytest

from tests.conformance import ratchet

RECORDED = json.loads(ratchet.RECORD.read_text(encoding="utf-8"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", sorted(RECORDED))
def test_sample_of_pandas_tests_does_not_fall(mode: str) -> None:
    records = ratchet.run(mode)

    assert ratchet.falls(mode, records) == []
