"""A fixed sample of pandas' tests that CI runs, and the record that it must not fall below.

``sample.json`` holds for each mode the files, the tests among them that pandas passes and that
fail here, and how many pass in total and natively. A test that newly fails, or fewer passes than
recorded, is a fall. After an improvement: ``python -m tests.conformance
--ratchet default partitioned ray``.

Every function is run with every third of its parameter sets only, with every twelfth where a test
costs more, with every sixteenth on Ray: most of what is left out differs in nothing that raylab looks
at. `make conformance` runs all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.conformance.runs import DEFAULT, ON_RAY, PARTITIONED, Mode, Records, run_suite

RECORD = Path(__file__).with_name("sample.json")
FILES = (
    "frame/methods/test_assign.py",
    "frame/methods/test_clip.py",
    "frame/methods/test_drop_duplicates.py",
    "frame/methods/test_dropna.py",
    "frame/methods/test_isin.py",
    "frame/methods/test_rename.py",
    "frame/methods/test_reset_index.py",
    "frame/methods/test_sort_values.py",
    "frame/methods/test_to_csv.py",
    "frame/indexing/test_getitem.py",
    "frame/indexing/test_setitem.py",
    "groupby/aggregate/test_aggregate.py",
    "groupby/methods/test_size.py",
    "groupby/methods/test_value_counts.py",
    "indexing/test_scalar.py",
    "resample/test_timedelta.py",
    "reshape/concat/test_concat.py",
    "reshape/merge/test_merge.py",
    "reshape/test_melt.py",
    "series/accessors/test_dt_accessor.py",
    "series/methods/test_fillna.py",
    "series/methods/test_isin.py",
    "series/methods/test_map.py",
    "series/methods/test_value_counts.py",
    "series/test_reductions.py",
    "strings/test_case_justify.py",
    "window/test_groupby.py",
)
RAY_FILES = (
    "frame/methods/test_nlargest.py",
    "groupby/methods/test_size.py",
    "reshape/test_melt.py",
)
MODES: dict[str, tuple[Mode, tuple[str, ...]]] = {
    "default": (replace(DEFAULT, every=3), FILES),
    "partitioned": (replace(PARTITIONED, every=12), FILES),
    "ray": (replace(ON_RAY, every=16), RAY_FILES),
}


def run(name: str) -> Records:
    """Run the sample in one mode of ``MODES``."""
    mode, files = MODES[name]
    if name == "ray":  # one cluster
        return run_suite(mode, [list(files)])
    return run_suite(mode, [list(files[0::2]), list(files[1::2])])


def summary(records: Records) -> dict[str, Any]:
    """The part of a run that is recorded."""
    passed = [record for record in records.values() if record["outcome"] == "passed"]
    failed = {t: r["cause"] for t, r in sorted(records.items()) if r["outcome"] == "failed"}
    native = sum(1 for record in passed if not record["fallbacks"])
    return {"passed": len(passed), "native": native, "failed": failed}


def falls(name: str, records: Records) -> list[str]:
    """What is worse than the record, as sentences; empty when nothing is."""
    recorded = json.loads(RECORD.read_text(encoding="utf-8"))[name]
    now = summary(records)
    found = [
        f"{test} fails ({cause}): {records[test]['error']}"
        for test, cause in now["failed"].items()
        if test not in recorded["failed"]
    ]
    found += [
        f"{now[kind]} tests are {kind}, {recorded[kind]} were"
        for kind in ("passed", "native")
        if now[kind] < recorded[kind]
    ]
    return found


def renew(names: Sequence[str]) -> None:
    """Write the record of the given modes anew, from what the sample does now."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    record |= {name: summary(run(name)) for name in names}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
