"""The matrix of a conformance run: numbers per folder, causes, and every failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tests.conformance.runs import DEFAULT, PARTITIONED, Records
from tests.conformance.suite import FOLDERS

LISTED_FAILURES = 400  # per mode in the Markdown file; the JSON file has all


@dataclass(frozen=True, slots=True)
class Count:
    """The tests of one folder that pandas itself passes, by their outcome here."""

    pandas_passes: int
    native: int
    fallback: int
    failed: int
    skipped: int

    @property
    def passed_share(self) -> float:
        """Share of what pandas passes that passes here."""
        return (self.native + self.fallback) / max(1, self.pandas_passes)

    @property
    def native_share(self) -> float:
        """Share of what pandas passes that passes here without a fallback."""
        return self.native / max(1, self.pandas_passes)


def folder_of(test: str) -> str:
    """The top folder of a node id."""
    return test.partition("/")[0]


def folders_of(records: Records) -> list[str]:
    """The folders of which any test was run."""
    found = {folder_of(test) for test in records}
    return [folder for folder in FOLDERS if folder in found]


def _expected(baseline: Records, records: Records) -> Records:
    """The tests that pandas passes, of the folders that were run."""
    folders = folders_of(records)
    return {
        test: expected
        for test, expected in sorted(baseline.items())
        if expected["outcome"] == "passed" and folder_of(test) in folders
    }


def count(baseline: Records, records: Records) -> dict[str, Count]:
    """Folder -> counts, and their sum as "total"; only folders that were run.

    A test that pandas passes and that is missing here counts as failed: its id or its parameters
    depend on the module, or its file could not be imported.
    """
    outcomes: dict[str, Counter[str]] = {folder: Counter() for folder in FOLDERS}
    for test in _expected(baseline, records):
        record = records.get(test, {"outcome": "failed"})
        outcome = record["outcome"]
        if outcome == "passed":
            outcome = "fallback" if record["fallbacks"] else "native"
        outcomes[folder_of(test)][outcome] += 1
    total: Counter[str] = sum(outcomes.values(), Counter())
    return {
        folder: Count(
            pandas_passes=counter.total(),
            native=counter["native"],
            fallback=counter["fallback"],
            failed=counter["failed"],
            skipped=counter["skipped"],
        )
        for folder, counter in {**outcomes, "total": total}.items()
        if counter
    }


def failures(baseline: Records, records: Records) -> list[dict[str, str]]:
    """Every test that pandas passes and that fails here, with its cause."""
    found = []
    for test in _expected(baseline, records):
        record = records.get(test, {"outcome": "failed", "cause": "missing", "error": ""})
        if record["outcome"] == "failed":
            entry = {"test": test, "cause": record["cause"], "error": record["error"]}
            found.append({**entry, "statement": record.get("statement", "")})
    return found


def to_json(
    versions: Mapping[str, str], baseline: Records, runs: Mapping[str, Records]
) -> dict[str, Any]:
    """The whole result as plain data."""
    return {
        "versions": dict(versions),
        "pandas": dict(Counter(record["outcome"] for record in baseline.values())),
        "modes": {
            mode: {
                "folders": {f: asdict(c) for f, c in count(baseline, records).items()},
                "fallbacks": dict(_operations(records).most_common()),
                "failures": failures(baseline, records),
            }
            for mode, records in runs.items()
        },
    }


def to_markdown(versions: Mapping[str, str], baseline: Records, runs: Mapping[str, Records]) -> str:
    """The matrix for people."""
    installed = ", ".join(f"{name} {version}" for name, version in versions.items())
    lines = [
        "# Conformance with pandas",
        "",
        "Written by `make conformance`; do not edit. pandas' own shipped tests run with",
        "`raylab.frame` in pandas' place, in the tests and in their fixtures. Counted are the",
        f"tests that pandas itself passes in the same harness ({installed}).",
        "",
        "- *native*: passes, and nothing fell back to pandas. At the default threshold small",
        "  frames run on pandas by choice, which is not a fallback: the honest native share is",
        "  that of the second table.",
        "- *fallback*: passes with at least one operation materialised and run by pandas.",
        "- *failed*: fails, is missing or cannot be collected. Every one is in",
        "  [conformance.json](conformance.json), with message and statement.",
    ]
    for mode, records in runs.items():
        found = failures(baseline, records)
        lines += ["", f"## {mode}", "", *_table(count(baseline, records))]
        left_out = [folder for folder in FOLDERS if folder not in folders_of(records)]
        if left_out:
            lines += ["", f"Not run in this mode: {', '.join(left_out)}."]
        lines += ["", "| cause of failure | tests |", "|---|---|"]
        causes = Counter(failure["cause"] for failure in found)
        lines += [f"| {cause} | {number} |" for cause, number in causes.most_common()]
        lines += ["", "| what fell back most often | tests |", "|---|---|"]
        operations = _operations(records).most_common(25)
        lines += [f"| `{operation}` | {number} |" for operation, number in operations]
        lines += ["", f"### Failures: {mode}", ""]
        lines += [f"- `{f['test']}`: {f['cause']}" for f in found[:LISTED_FAILURES]]
        if len(found) > LISTED_FAILURES:
            lines.append(f"- and {len(found) - LISTED_FAILURES} more in conformance.json")
    for mode in (DEFAULT.name, PARTITIONED.name):
        if mode not in runs:
            lines += ["", f"## {mode}", "", "Not run as a whole yet; CI runs a fixed sample"]
            lines += ["(`tests/conformance/sample.json` has its figures and failures)."]
    return "\n".join(lines) + "\n"


def _operations(records: Records) -> Counter[str]:
    """Operation -> number of tests in which it fell back."""
    return Counter(operation for record in records.values() for operation in record["fallbacks"])


def _table(counts: Mapping[str, Count]) -> list[str]:
    header = "| folder | pandas passes | native | fallback | failed | skipped | passes | native |"
    lines = [header, "|---|---|---|---|---|---|---|---|"]
    for folder, c in counts.items():
        shares = f"{c.passed_share:.1%} | {c.native_share:.1%}"
        numbers = f"{c.pandas_passes} | {c.native} | {c.fallback} | {c.failed} | {c.skipped}"
        lines.append(f"| {folder} | {numbers} | {shares} |")
    return lines
